"""Diagnosis: if every record of a file is refused, the file was misread; finds the likely cause and what to declare.

Such a file stays in place, so that it lands once the declaration is corrected. Only the names of fields and the shapes
of values are examined; a message never quotes a value.

Add here when another mistake can be recognised in a file. Keep out: the rules of records (readers/).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb

from ingestion.errors import UnreadableFileError
from ingestion.files import LandingFile, open_bytes, printable, text_encoding
from ingestion.loads import EXTRACTED_FILE, Target
from ingestion.readers.columns import match_columns
from ingestion.spec import EntitySpec

_DELIMITERS = {",": ",", ";": ";", "\t": "\\t", "|": "|"}
_START_BYTES = 65_536
_HEADER_ROWS = 30  # the header is searched in the first lines
_ENOUGH = 3  # refused records that are reported even without a known cause; two need a cause
_SAMPLE = 1_000

# Shapes of values that another declaration would accept: a regular expression and what to declare.
_NUMBERS = (
    (
        r"[+-]?\d*\.\d+",
        'have more decimals than the type, or points between thousands: declare a finer scale, or `decimal: ","`',
    ),
    (r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?|[+-]?\d+,\d+", 'have a decimal comma: declare `decimal: ","`'),
    (r"[+-]?\d{1,3}(,\d{2,3})*,\d{3}(\.\d+)?", 'have commas between thousands: declare `thousands: ","`'),
    (
        r"[+-]?\d{1,3}([ \u00a0\u202f\u2019']\d{3})*([.,]\d+)?",
        "have separated thousands: declare `thousands`, and `decimal`",
    ),
    (r"[+-]?\d+", "exceed the declared type"),
    (r"\D{0,4}\d[\d.,' ]*\D{0,4}", "have a currency sign or a unit beside the number: remove it"),
)
_MOMENTS = (
    (r"\d{1,2}\.\d{1,2}\.\d{2,4}.*", "are written as day.month.year: declare `date_format` or `timestamp_format`"),
    (r"\d{1,2}/\d{1,2}/\d{2,4}.*", "are written with slashes: declare `date_format` or `timestamp_format`"),
    (
        r"\d{1,2}-\d{1,2}-\d{4}.*|.*\d{1,2}[-. ]+[^\W\d]{3,}[-., ]+\d{2,4}.*|.*[^\W\d]{3,}\.? \d{1,2},? \d{4}.*|\d{8}",
        "are not ISO 8601: declare `date_format` or `timestamp_format`",
    ),
    (
        r"\d{9,16}(\.\d+)?",
        "look like seconds since 1970: declare bigint, and convert them in staging",
    ),
)
_WORDS = ((r"\w{1,12}", "are words: declare `true_values` and `false_values`"),)
_NOTHING = (
    (r"(?i)null|none|nil|n/?a|nan|-+|\\N|#N/A|k\.? ?a\.?|\(not set\)", "stand for null: declare `null_values`"),
)


@dataclass(frozen=True)
class _Refused:
    """The refused records of a file without valid ones: how many, and how many break which rule of which field."""

    count: int
    rules: dict[tuple[str | None, str], int]


def refuse_bad_files(connection: duckdb.DuckDBPyConnection, target: Target, files: Sequence[LandingFile]) -> None:
    """Raises UnreadableFileError for staged files without a valid record, with the likely cause for each.

    One or two refused records without a known cause go to quarantine: a single record stops nothing. So do the records
    of an extraction, whose format is not declared.
    """
    refused = _refused(connection, [file.name for file in files])
    errors = []
    for file in files:
        if file.name not in refused or re.match(EXTRACTED_FILE, file.name):
            continue
        cause = _cause(connection, target, file, refused[file.name])
        if cause:
            message = (
                f"{printable(file.name)}: every record is refused: {cause}. Nothing of it landed; correct it and run"
                " again."
            )
            errors.append(UnreadableFileError(message, file.name))
    if errors:
        raise UnreadableFileError.of_all(errors)


def _refused(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> dict[str, _Refused]:
    """The files that have only refused records, by name."""
    broken = 'select _file, "$problems"[1].field as field, "$problems"[1].rule as rule from incoming'
    rows = connection.execute(
        "select _file, field, rule, count(*) from (select _file, _field as field, _rule as rule from rejected"
        f' union all {broken} where "$problems" is not null) group by all'
    ).fetchall()
    found: dict[str, dict[tuple[str | None, str], int]] = {}
    for name, field, rule, count in rows:
        found.setdefault(name, {})[field, rule] = count
    suspects = [name for name in names if name in found]
    if not suspects:
        return {}
    good = connection.execute(
        'select distinct _file from incoming where "$problems" is null and list_contains(?, _file)', [suspects]
    ).fetchall()
    some_good = {name for (name,) in good}
    return {name: _Refused(sum(found[name].values()), found[name]) for name in suspects if name not in some_good}


def _cause(connection: duckdb.DuckDBPyConnection, target: Target, file: LandingFile, refused: _Refused) -> str | None:
    """Why every record of a file is refused, and what to do; None if the records themselves may be wrong."""
    (field, rule), most = max(refused.rules.items(), key=lambda item: item[1])
    entity = target.entity
    is_asked_for = rule == "missing_column" and field is not None and field not in entity.required_columns()
    if is_asked_for or rule in ("new_column", "expiry"):
        return None  # the declaration refuses such records on purpose
    if rule == "missing_column":
        if file.format == "ndjson" and refused.count < (_ENOUGH if _has_some(connection, entity, file) else 2):
            return None  # each line has its own field names
        return _cause_of_missing(target, file, field)
    if rule == "encoding" and refused.count > 1:
        return "its bytes are not UTF-8: declare `encoding`, such as windows-1252 or latin-1"
    if rule == "malformed" and file.format in ("csv", "tsv"):
        seen = _seen_in_text(target, file)
        return seen or (_general(refused, "malformed", None) if refused.count > 1 else None)
    if rule == "type" and field is not None and most > 1 and most == refused.count:
        seen = _cause_of_type(connection, entity, file, field)
        if seen:
            return seen
    return _general(refused, rule, field)


def _has_some(connection: duckdb.DuckDBPyConnection, entity: EntitySpec, file: LandingFile) -> bool:
    """Whether refused records have any of the declared columns."""
    rows = connection.execute("select json_keys(_record) from rejected where _file = ? limit 2", [file.name]).fetchall()
    return any(label is not None for (keys,) in rows for label in match_columns(entity, keys).values())


def _general(refused: _Refused, rule: str, field: str | None) -> str | None:
    if refused.count < _ENOUGH:
        return None
    where = f" of {field}" if field else ""
    return (
        f"all {refused.count} break a rule, most of them `{rule}`{where}. Is it this entity's file, and does the"
        " declaration say its delimiter, encoding, header and formats"
    )


def _cause_of_missing(target: Target, file: LandingFile, field: str | None) -> str:
    lacks = f"it lacks the required column {field}" if field else "it has none of the declared columns"
    if file.format in ("csv", "tsv"):
        return f"{lacks}; {_seen_in_text(target, file) or 'is it the file of this entity'}"
    if file.format == "excel":
        return f"{lacks}; is the table in another sheet (`sheet`), or its header in another row (`header_row`)"
    if file.format == "ndjson":
        return f"{lacks}; is it the file of this entity, or are its records nested in another object"
    return f"{lacks}; is it the file of this entity"


def _seen_in_text(target: Target, file: LandingFile) -> str | None:
    """How a CSV file should have been read, judged by its first lines."""
    entity = target.entity
    encoding = text_encoding(file, entity.encoding) or "utf-8-sig"
    with open_bytes(file.path) as stream:
        start = stream.read(_START_BYTES)
    if b"\0" in start and not encoding.startswith("utf-16"):
        return "it holds NUL bytes, as text in UTF-16 does: declare `encoding: utf-16-le`"
    lines = start.decode(encoding, errors="replace").splitlines(keepends=True)[:_HEADER_ROWS]
    used = "\t" if file.format == "tsv" else entity.delimiter
    place = (entity.header_row or 1) - 1
    if _is_header(entity, _split("".join(lines[place:]), used, entity.quote)):
        return None
    for number in (place, *(number for number in range(len(lines)) if number != place)):
        for delimiter, written in sorted(_DELIMITERS.items(), key=lambda item: item[0] != used):
            names = _split("".join(lines[number:]), delimiter, entity.quote)
            if not _is_header(entity, names) or (delimiter != used and len(names) < 2):
                continue
            row = f"`header_row: {number + 1}`"
            if delimiter == used:
                return f"its header is in line {number + 1}: declare {row}"
            cause = f'its delimiter is {written!r}: declare `delimiter: "{written}"`'
            return cause if number == place else f"{cause} and {row}"
    for other, spec in target.source.entities.items():
        if other != target.name and _is_header(spec, _split("".join(lines), spec.delimiter, spec.quote)):
            return f"its columns are those of {target.source.source}.{other}; is it in the wrong folder"
    for delimiter, written in _DELIMITERS.items():
        if len(_split("".join(lines), delimiter, entity.quote)) == len(entity.columns) > 1:
            also = "" if delimiter == used else f' and `delimiter: "{written}"`'
            return f"it has as many columns as are declared, but not their names: declare `header: optional`{also}"
    return None


def _split(text: str, delimiter: str, mark: str) -> list[str]:
    """The first row of a text."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if mark else csv.QUOTE_NONE
    try:
        return next(csv.reader(io.StringIO(text), delimiter=delimiter, quotechar=mark or None, quoting=quoting), [])
    except csv.Error:
        return []


def _is_header(entity: EntitySpec, names: Sequence[str]) -> bool:
    matched = match_columns(entity, names)
    found = [name for name, label in matched.items() if label is not None]
    return bool(found) and all(matched[name] is not None for name in entity.required_columns())


def _cause_of_type(
    connection: duckdb.DuckDBPyConnection, entity: EntitySpec, file: LandingFile, field: str
) -> str | None:
    """What the refused values of a field have in common. Only their shapes are used."""
    kind = entity.columns[field].type
    records = connection.execute(
        'select "$record" from incoming where _file = ? and "$problems" is not null limit ?', [file.name, _SAMPLE]
    ).fetchall()
    texts = []
    for (record,) in records:
        values = json.loads(record)
        label = match_columns(entity, list(values))[field]
        if label is None:
            return None
        texts.append(str(values[label]).strip())
    shapes: tuple[tuple[str, str], ...] = _NUMBERS if kind.startswith(("decimal", "bigint", "double")) else ()
    shapes = _MOMENTS if kind in ("date", "timestamp") else shapes
    shapes = _WORDS if kind == "boolean" else shapes
    for shape, cause in (*_NOTHING, *shapes):
        if all(re.fullmatch(shape, text) for text in texts):
            return f"the values of {field} {cause}"
    return None
