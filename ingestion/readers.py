"""From files to records: text, workbooks and Parquet become one relation, `incoming`; what cannot be read, `rejected`.

`incoming` has the declared columns in their types, _extra, _file, _row, and for a record that breaks a rule $problems
(a list of field and rule) and $record (its text). Text is parsed once into a temporary table; Parquet stays a view, so
that a load of good records costs what DuckDB's own insert costs; lines of JSON that are hoped to be good go in as they
are parsed (`streams`). Everything here lives in temporary tables: a failure leaves nothing behind.

Add here when a format or a rule of fields is added. Keep out: raw tables and their keys (landing.py).
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa

from ingestion.errors import SchemaChangedError, UnreadableFileError
from ingestion.excel import read_sheet
from ingestion.fields import Seen, merged
from ingestion.files import (
    MAX_RECORD_BYTES,
    LandingFile,
    TextSpan,
    csv_header,
    has_content,
    has_giant_line,
    is_packed,
    printable,
    read_spans,
    text_encoding,
    with_one_line_end,
    write_as_utf_8,
    write_without_giant_lines,
)
from ingestion.settings import Settings
from ingestion.spec import EntitySpec, normalise_name
from ingestion.statements import cast_to, file_path, is_one_of, json_record, literal, quote, trimmed

QUARANTINE_ID = "_quarantine_id"  # in a replayed record: the one in quarantine that it is
PAYLOAD, PAGE, COMPLETE = "_payload", "_page", "_complete"  # columns of a file that brings records as JSON text
MAX_FIELDS = 2_000  # of a record; wider ones cost memory in every record of their file (and Excel has 16,384)
MAX_DEPTH = 500  # of JSON within JSON; parsers that others read it with end at some hundreds
_BYTES_PER_FIELD = 5_000_000  # of memory for a field that nobody declared, in lines of JSON; where that is too little,
# fields go by map, which takes a third of the speed
_BYTES_PER_COLUMN = 400_000  # of memory, for each column of Parquet that is read
_TOLD_OF_A_RECORD = 10_000  # characters of a refused record that the parser tells
_WIDE_BYTES = 4_000_000  # of large records, as much is read at a time
_VECTOR_ROWS = 2_048  # of DuckDB
_NEVER = "\x01"  # delimiter for reading whole lines: a control character, which JSON text must escape (RFC 8259, 7)

_LINES = f"header=false, delim={literal(_NEVER)}, quote='', escape=''"  # read_csv takes a text line by line

_Result = TypeVar("_Result")

_PROBLEMS = "struct(field varchar, rule varchar)[]"
_REJECTED_COLUMNS = (
    "_file varchar, _row bigint, _page bigint, _field varchar, _rule varchar, _message varchar, _record varchar"
)


_REASONS = {
    "MISSING COLUMNS": "fewer fields than the header",
    "TOO MANY COLUMNS": "more fields than the header",
    "UNQUOTED VALUE": "a quote that is never closed, or text behind a closing one",
    "LINE SIZE OVER MAXIMUM": f"longer than {MAX_RECORD_BYTES} bytes",
    "INVALID ENCODING": "bytes that are not UTF-8",
}


@dataclass(frozen=True)
class Incoming:
    """What was staged.

    `may_have_problems`: a record can break a rule at all. `has_scopes`: `scopes` names scopes that came whole.
    `is_cut_short`: a text file ends in the middle of a record. `fields`: what the records had. `streams`: instead of
    `incoming`, the selects of files that are hoped to have no broken record.
    """

    warnings: tuple[str, ...]
    may_have_problems: bool
    has_scopes: bool
    is_cut_short: bool
    fields: Mapping[str, Seen]
    streams: tuple[Stream, ...] = ()


@dataclass(frozen=True)
class Stream:
    """A file of text that is read as it is inserted: a select of the columns, _extra, _payload and _file, in its order.

    The select raises duckdb.InvalidInputException at the first record that breaks a rule. `count`: its records.
    """

    select: str
    count: int


@dataclass(frozen=True)
class _Input:
    """A field of a file: the expression that reads it, its DuckDB type, and its name in the file."""

    expression: str
    type: str
    label: str


@dataclass(frozen=True)
class _Relation:
    """Where records are read from, with expressions for their file and number, and their fields."""

    source: str
    file: str
    row: str
    inputs: tuple[_Input, ...]
    is_text: bool
    payload: str | None = None  # the record whole, where it is JSON that is read by pointers
    page: str | None = None
    is_numbered: bool = True  # false: a record's number is its place in what is read
    text: str | None = None  # the record as text, and
    others: str | None = None  # its undeclared fields as a JSON object, where they are too many to be inputs


@dataclass
class _Plan:
    """The selects that `incoming` is the union of, and what was noticed on the way.

    `named_fields`: as many undeclared fields of JSON may be columns by name.
    """

    named_fields: int
    selects: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    may_have_problems: bool = False
    has_scopes: bool = False
    fields: list[Mapping[str, Seen]] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    giants: list[LandingFile] = field(default_factory=list)  # files with a line that is far too long


def stage(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    entity: EntitySpec,
    files: Sequence[LandingFile],
    *,
    hopes_for_good: bool = False,
) -> Incoming:
    """Makes `incoming` and `rejected` of the records in these files.

    Beside them: `scopes`, which came whole, and `replays`, which records of quarantine these are. `hopes_for_good`:
    where every file is plain lines of JSON, there are `streams` instead, which no record may disappoint. Raises
    UnreadableFileError, and SchemaChangedError where the entity's policy is to fail.
    """
    named_fields = settings.memory_bytes // _BYTES_PER_FIELD
    plan = _Plan(named_fields)
    has_records = _for_each(files, has_content)
    filled = [file for file, has in zip(files, has_records, strict=True) if has]
    texts = [file for file in filled if file.format in ("csv", "tsv", "ndjson")]
    are_giant = _for_each(texts, lambda file: has_giant_line(file, settings.memory_bytes))
    plan.giants = [file for file, is_giant in zip(texts, are_giant, strict=True) if is_giant]
    plan.warnings += [f"{file.name}: the file is empty." for file in files if file not in filled]
    may_stream = hopes_for_good and filled and not plan.giants
    if may_stream and all(file.format == "ndjson" and not file.is_replay for file in filled):
        streams = _Plan(named_fields)
        if all(_stage_objects(connection, entity, file, streams, streams=True) for file in filled):
            warnings = tuple(plan.warnings)
            return Incoming(warnings, False, False, False, merged(streams.fields), tuple(streams.streams))
    clear_stage(connection)
    connection.execute(f"create temp table rejected ({_REJECTED_COLUMNS})")
    connection.execute("create temp table replays (_file varchar, _row bigint, _quarantine_id varchar)")
    connection.execute(f"create temp table typed as {_no_record(entity)}")
    text = [file for file in filled if file.format != "parquet"]
    _for_each(text, lambda file: _stage_text(connection, settings, entity, file, plan))
    parquet = [file for file in filled if file.format == "parquet"]
    for relation in _parquet_relations(connection, settings, parquet):
        if any(column.label == PAYLOAD for column in relation.inputs):
            _stage_payloads(connection, entity, _payloads_of(relation), plan)
        else:
            _add(connection, entity, relation, plan)
    selects = plan.selects
    if not selects or connection.execute("from typed limit 1").fetchall():
        selects = ["select * from typed", *selects]
    connection.execute(f"create temp view incoming as {' union all '.join(selects)}")
    if plan.may_have_problems and entity.policy.type_changes == "fail":
        _fail_on_types(connection)
    is_cut_short = any(_is_cut_short(connection, file) for file in text)
    return Incoming(tuple(plan.warnings), plan.may_have_problems, plan.has_scopes, is_cut_short, merged(plan.fields))


def _for_each(files: Sequence[LandingFile], action: Callable[[LandingFile], _Result]) -> list[_Result]:
    """What the action returns for each file. Raises UnreadableFileError for all the files that it raises it for."""
    results, errors = [], []
    for file in files:
        try:
            results.append(action(file))
        except UnreadableFileError as error:
            errors.append(error)
    if errors:
        raise UnreadableFileError.of_all(errors)
    return results


def _stage_text(
    connection: duckdb.DuckDBPyConnection, settings: Settings, entity: EntitySpec, file: LandingFile, plan: _Plan
) -> None:
    """Stages a text file or a workbook. Raises UnreadableFileError; then something of the file may be staged."""
    try:
        with in_order(connection):
            if file.format == "excel":
                _stage_sheet(connection, settings, entity, file, plan)
                return
            with _in_utf_8(settings, entity, file, is_giant=file in plan.giants) as path:
                if file.format == "ndjson":
                    _stage_ndjson(connection, settings, entity, file, plan, path=path)
                else:
                    _stage_csv(connection, settings, entity, file, plan, path=path)
    except duckdb.OutOfMemoryException as error:
        raise UnreadableFileError(_needs_memory(file, settings), file) from error
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        if _is_full(error):
            raise
        raise UnreadableFileError(_unreadable(file), file) from error
    finally:
        for table in ("lines", "text_rejects", "text_scans"):
            connection.execute(f"drop table if exists {table}")


def _needs_memory(file: LandingFile, settings: Settings) -> str:
    return (
        f"{printable(file.name)}: to read it takes more than MERGANSER_MEMORY ({settings.memory}) allows; raise it, or"
        " cut the file into parts."
    )


def _is_full(error: duckdb.Error) -> bool:
    return any(text in str(error) for text in ("Could not write", "No space left"))


def clear_stage(connection: duckdb.DuckDBPyConnection) -> None:
    """Drops every temporary view and table of the connection."""
    found = connection.execute(
        "select view_name, 'view' from duckdb_views() where temporary and not internal"
        " union all select table_name, 'table' from duckdb_tables() where temporary order by 2 desc"
    ).fetchall()
    for name, kind in found:
        connection.execute(f"drop {kind} {quote('temp', 'main', name)}")


@contextmanager
def in_order(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Records of text files are numbered as they come out of the parser: within here it keeps their order."""
    connection.execute("set preserve_insertion_order = true")
    try:
        yield
    finally:
        connection.execute("set preserve_insertion_order = false")


def _no_record(entity: EntitySpec) -> str:
    columns = [f"cast(null as {column.type}) as {quote(name)}" for name, column in entity.columns.items()]
    meta = [
        "cast(null as json) as _extra",
        "cast(null as json) as _payload",
        "cast(null as varchar) as _file",
        "cast(null as bigint) as _row",
        'cast(null as bigint) as "$page"',
        f'cast(null as {_PROBLEMS}) as "$problems"',
        'cast(null as varchar) as "$record"',
    ]
    return f"select {', '.join([*columns, *meta])} where false"


def _fail_on_types(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute(
        'select problem.field, count(*) from (select unnest("$problems") as problem from incoming)'
        " where problem.rule = 'type' group by 1 order by 1"
    ).fetchall()
    if found:
        told = ", ".join(f"{column} ({count})" for column, count in found)
        raise SchemaChangedError(f"records hold values that are not of the declared type, in {told}; declare another.")


def _is_cut_short(connection: duckdb.DuckDBPyConnection, file: LandingFile) -> bool:
    """Whether a text file ends without a line end, in a record that could not be read."""
    if is_packed(file.path) or file.format == "excel":
        return False  # a packed file that is cut short cannot be read at all
    with file.path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        if stream.read(1) in (b"\n", b"\r"):
            return False
    [(refused, read)] = connection.execute(
        "select (select max(_row) from rejected where _file = $file),"
        " (select max(_row) from typed where _file = $file)",
        {"file": file.name},
    ).fetchall()
    return refused is not None and refused > (read or 0)


def _unreadable(file: LandingFile) -> str:
    # DuckDB's own message is left out: it may quote a record.
    return f"{file.name}: cannot be read as {file.format}; is the file complete, and is that its format?"


# --- text: parsed once, into temporary tables


@contextmanager
def _in_utf_8(settings: Settings, entity: EntitySpec, file: LandingFile, *, is_giant: bool) -> Iterator[Path]:
    """The path of a text file in UTF-8: its own, or that of a copy."""
    encoding = None if file.is_replay else text_encoding(file, entity.encoding)
    if encoding is None and not is_giant:
        yield file.path
        return
    with _copy(settings) as copy, _copy(settings) as cut:
        if encoding is not None:
            write_as_utf_8(file, encoding, copy)
        if is_giant:
            write_without_giant_lines(file.path if encoding is None else copy, cut, _quote_of(entity, file))
        yield cut if is_giant else copy


@contextmanager
def _copy(settings: Settings) -> Iterator[Path]:
    """The path of a copy, which is gone afterwards."""
    spill = settings.home / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    copy = spill / f"{secrets.token_hex(8)}.txt"
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _quote_of(entity: EntitySpec, file: LandingFile) -> str:
    is_plain = file.format == "ndjson" or (file.format == "tsv" and "quote" not in entity.model_fields_set)
    return "" if is_plain else entity.quote


def _stage_csv(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    entity: EntitySpec,
    file: LandingFile,
    plan: _Plan,
    *,
    path: Path,
) -> None:
    # A tab-separated file knows no quotes (IANA text/tab-separated-values): a quote there is a character like others.
    delimiter, mark = "\t" if file.format == "tsv" else entity.delimiter, _quote_of(entity, file)
    names, header_lines = csv_header(file, path, delimiter, mark, entity.header_row)
    _refuse_wide(file, len(names))
    if not names:
        plan.warnings.append(f"{file.name}: the file is empty.")
        return
    named = match_columns(entity, names)
    if entity.header == "optional" and any(named[column] is None for column in entity.required_columns()):
        names, header_lines = list(entity.columns)[: len(names)], 0
    fields = [f"${index}" for index in range(len(names))]
    options = f"skip={max(header_lines - 1, 0)}, header={header_lines > 0}, delim={literal(delimiter)}"
    options += f", quote={literal(mark)}, escape={literal(mark)}"
    count = _read_text(connection, settings, file, path, fields=fields, options=options, header_lines=header_lines)
    if count == 0:
        plan.warnings.append(f"{file.name}: the file has a header and no record.")
    source = "lines" if len(fields) > 1 else '(select * from lines where "$0" is not null)'  # a blank line is no record
    labels = _told_apart(names)
    inputs = tuple(_Input(quote(name), "VARCHAR", label) for name, label in zip(fields, labels, strict=True))
    _add(connection, entity, _Relation(source, literal(file.name), "_row", inputs, is_text=True), plan)


def _refuse_wide(file: LandingFile, count: int) -> None:
    if count > MAX_FIELDS:
        raise UnreadableFileError(
            f"{printable(file.name)}: has {count} columns, and at most {MAX_FIELDS} are read; leave out what is not"
            " needed, or write the others as one column of JSON.",
            file,
        )


def _stage_sheet(
    connection: duckdb.DuckDBPyConnection, settings: Settings, entity: EntitySpec, file: LandingFile, plan: _Plan
) -> None:
    sheet = read_sheet(file, entity.sheet, entity.header_row, settings.memory_bytes)
    _refuse_wide(file, len(sheet.header))
    labels = _told_apart(sheet.header)
    named = {label: name for name, label in match_columns(entity, labels).items()}
    marks = [_decimal_mark(entity, named.get(label)) for label in labels]
    fields = [f"${index}" for index in range(len(sheet.header))]
    listed = ", ".join(f"{quote(name)} varchar" for name in fields)
    connection.execute(f"create temp table lines (_row bigint{', ' * bool(fields)}{listed})")
    for batch in sheet.batches(marks):
        connection.register("batch", batch)
        connection.execute("insert into lines from batch")
        connection.unregister("batch")
    plan.warnings.extend(f"{file.name}: {warning}" for warning in sheet.warnings)
    inputs = tuple(_Input(quote(name), "VARCHAR", label) for name, label in zip(fields, labels, strict=True))
    _add(connection, entity, _Relation("lines", literal(file.name), "_row", inputs, is_text=True), plan)


def _told_apart(names: Sequence[str]) -> list[str]:
    """The names of a header; one that comes again gets the number of its column."""
    seen: set[str] = set()
    labels = []
    for number, name in enumerate(names, start=1):
        labels.append(f"{name}_{number}" if name in seen else name)
        seen.update((name, labels[-1]))
    return labels


def _decimal_mark(entity: EntitySpec, column: str | None) -> str:
    """The decimal mark of numbers that fill a column. A typed number is written with it, to be read as text is."""
    is_number = column is not None and entity.columns[column].type.startswith(("decimal", "bigint", "double"))
    return (entity.dialect_of(column).decimal or ".") if column is not None and is_number else "."


def _stage_ndjson(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    entity: EntitySpec,
    file: LandingFile,
    plan: _Plan,
    *,
    path: Path,
) -> None:
    if path == file.path and not file.is_replay and _stage_objects(connection, entity, file, plan):
        return
    _read_text(connection, settings, file, path, fields=["line"], options=_LINES, header_lines=0)
    connection.execute("delete from lines where line is null or trim(line, chr(9) || chr(13) || ' ') = ''")
    keys = _keys(connection, _parts_of_lines(connection), [""])
    if keys.total == 0:
        plan.warnings.append(f"{file.name}: the file has no record.")
    if keys.has_broken:
        _refuse_lines(connection, file, "malformed", "not a JSON object", _BROKEN)
    if keys.has_giant:
        _refuse_lines(connection, file, "too_large", f"more than {MAX_FIELDS} fields", _WIDE)
        _refuse_deep(connection, file)
        keys = _keys(connection, _parts_of_lines(connection), [""])
    names = sorted(keys.counts[0])
    if file.is_replay and QUARANTINE_ID in names:
        names.remove(QUARANTINE_ID)
        connection.execute(
            f"insert into replays select ?, _row, json_extract_string(line, {literal(_pointer(QUARANTINE_ID))})"
            " from lines",
            [file.name],
        )
    if PAYLOAD in names:
        wrapped = f"json_extract_string(line, {_pointers(_pointer(key) for key in (PAYLOAD, PAGE, COMPLETE))})"
        parts = "wrapped[1] as line, try_cast(wrapped[2] as bigint) as _page"
        parts += ", coalesce(wrapped[3] = 'true', false) as _complete"
        rows = f"select {literal(file.name)} as _file, _row, {wrapped} as wrapped from lines"
        _stage_payloads(connection, entity, f"(select _file, _row, {parts} from ({rows}))", plan)
    else:
        matched = match_columns(entity, names)
        types = {key: entity.columns[name].type for name, key in matched.items() if key is not None}
        text, others = None, None
        lines = ["lines"]
        if len(names) - len(types) > plan.named_fields:
            names = sorted(types)
            text, others = "line", _other_fields(names)
            lines = _parts_of_lines(connection)
        filled = {key: name for name, key in matched.items()}
        fields = [_Field(key, _pointer(key), types.get(key), _decimal_mark(entity, filled.get(key))) for key in names]
        seen = {key: Seen(keys.counts[0][key] >= keys.total) for key in names}
        for part in lines:
            source, inputs = _document(part, fields)
            relation = _Relation(source, literal(file.name), "_row", inputs, is_text=True, text=text, others=others)
            _add(connection, entity, relation, plan, matched=matched, seen=seen)


def _parts_of_lines(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The relation `lines`, where records are large in parts of some megabytes: what the engine makes of the fields of
    a record takes many times that, and it takes two thousand records at a time."""
    [(count, size)] = connection.execute("select count(*), coalesce(sum(strlen(line)), 0) from lines").fetchall()
    if size < _WIDE_BYTES or size / count < _WIDE_BYTES / _VECTOR_ROWS:
        return ["lines"]
    rows = connection.execute(
        "select min(_row), max(_row) from (select _row, sum(strlen(line)) over (order by _row) as reached from lines)"
        f" group by reached // {_WIDE_BYTES} order by 1"
    ).fetchall()
    return [f"(select * from lines where _row between {first} and {last})" for first, last in rows]


def _refuse_lines(
    connection: duckdb.DuckDBPyConnection, file: LandingFile, rule: str, message: str, condition: str
) -> None:
    """Moves lines from `lines` to `rejected`."""
    connection.execute(
        f"insert into rejected select ?, _row, null, null, ?, 'line ' || _row || ': ' || ?, line from lines"
        f" where {condition}",
        [file.name, rule, message],
    )
    connection.execute(f"delete from lines where {condition}")


def _refuse_deep(connection: duckdb.DuckDBPyConnection, file: LandingFile) -> None:
    """Refuses lines that nest too deep. Candidates have many brackets; how they stand is counted one by one."""
    candidates = connection.execute(f"select _row, line from lines where {_MANY_BRACKETS}")
    deep = []
    while rows := candidates.fetchmany(100):
        deep += [row for row, line in rows if _depth(line) > MAX_DEPTH]
    if deep:
        numbers = ", ".join(map(str, deep))
        _refuse_lines(connection, file, "too_large", f"nested deeper than {MAX_DEPTH}", f"_row in ({numbers})")


def _depth(text: str) -> int:
    """How deep JSON text is nested."""
    depth, deepest = 0, 0
    for found in _BRACKETS.finditer(text):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in "]}":
            depth -= 1
    return deepest


def _other_fields(declared: Sequence[str]) -> str:
    """An expression: the fields of `line` but these, as the text of a JSON object."""
    name = "coalesce(nullif(regexp_replace(lower(trim(entry.key)), '[^a-z0-9_]+', '_', 'g'), ''), 'column')"
    texts = ", ".join(literal(text) for text in declared)
    fields = "map_entries(cast(cast(line as json) as map(varchar, json)))"
    kept = f"list_filter({fields}, lambda entry: entry.value is not null and entry.key not in ({texts}))"
    parts = f"list_transform({kept}, lambda entry: cast(to_json({name}) as varchar) || ':' || entry.value)"
    return f"nullif('{{' || array_to_string(list_sort({parts}), ',') || '}}', '{{}}')"


def _stage_objects(
    connection: duckdb.DuckDBPyConnection,
    entity: EntitySpec,
    file: LandingFile,
    plan: _Plan,
    *,
    streams: bool = False,
) -> bool:
    """Stages a file in which every line is a plain JSON object, by DuckDB's own reader of JSON: quickly, in parallel.

    Returns False, and has staged nothing, for any other file. `streams`: as a stream.
    """
    if any(_decimal_mark(entity, name) != "." for name in entity.columns):
        return False  # it does not tell a number of JSON from a text
    given = f"{literal(file_path(file.path))}, maximum_object_size={MAX_RECORD_BYTES}, {_compression(file.path)}"
    try:
        keys = _keys(connection, [f"(select json as line from read_ndjson_objects({given}))"], [""], is_clean=True)
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.OutOfMemoryException):
        return False
    names = sorted(keys.counts[0])
    if keys.has_giant or len(names) - len(entity.columns) > plan.named_fields:
        return False
    told_apart = len({name.lower() for name in names}) == len(names)
    if keys.total == 0 or keys.has_broken or keys.has_twice or not told_apart or PAYLOAD in names or "" in names:
        return False
    matched = match_columns(entity, names)
    must = entity.columns if entity.policy.missing_columns == "quarantine" else entity.required_columns()
    if any(matched[name] is None for name in must) or not any(matched.values()):
        return False
    types = {key: entity.columns[name].type for name, key in matched.items() if key is not None}
    columns, inputs = [], []
    for name in names:
        is_document = types.get(name) in (None, "json")
        columns.append(f"{literal(name)}: {literal('JSON' if is_document else 'VARCHAR')}")
        # JSON within a text is unpacked, as everywhere; what nobody declared stays as it is.
        packed = f"coalesce(try_cast(json_extract_string({quote(name)}, '$') as json), {quote(name)})"
        expression = packed if types.get(name) == "json" else quote(name)
        inputs.append(_Input(expression, "JSON" if is_document else "VARCHAR", name))
    objects = f"read_json({given}, format='newline_delimited', columns={{{', '.join(columns)}}})"
    relation = _Relation(objects, literal(file.name), "null", tuple(inputs), is_text=True, is_numbered=False)
    seen = {key: Seen(count >= keys.total) for key, count in keys.counts[0].items()}
    try:
        _add(connection, entity, relation, plan, matched=matched, seen=seen, streamed=keys.total if streams else None)
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.OutOfMemoryException):
        plan.fields.pop()
        return False
    return True


@dataclass(frozen=True)
class _Field:
    """A field to read from a document: its name, the pointer to it, and the declared type that it shall become.

    `mark`: the decimal mark that a number gets.
    """

    label: str
    pointer: str
    type: str | None
    mark: str = "."


def _document(source: str, fields: Sequence[_Field]) -> tuple[str, tuple[_Input, ...]]:
    """Reads fields from the JSON text `line` of a relation, all in one pass; what nobody declared stays JSON."""
    as_text = [field.pointer for field in fields if field.type is not None]
    as_json = [field.pointer for field in fields if field.type in (None, "json")]
    inputs = []
    for wanted in fields:
        text = f"texts[{as_text.index(wanted.pointer) + 1}]" if wanted.type else None
        if text and wanted.mark != ".":
            is_text = f"json_type(line, {literal(wanted.pointer)}) = 'VARCHAR'"
            text = f"(case when {is_text} then {text} else replace({text}, '.', {literal(wanted.mark)}) end)"
        document = (
            f"nullif(documents[{as_json.index(wanted.pointer) + 1}], 'null')" if wanted.pointer in as_json else None
        )
        # JSON within a text is unpacked, so that "{}" and {} are one.
        packed = f"coalesce(try_cast({text} as json), {document})" if text and document else text or document
        inputs.append(_Input(str(packed), "JSON" if document else "VARCHAR", wanted.label))
    texts = f"json_extract_string(line, {_pointers(as_text)}) as texts"
    documents = f"json_extract(line, {_pointers(as_json)}) as documents"
    return f"(select *, {texts}, {documents} from {source})", tuple(inputs)


@dataclass(frozen=True)
class _Keys:
    """What keys the objects of a relation have: for each parent, how many records have which key."""

    total: int
    counts: list[dict[str, int]]
    has_giant: bool  # an object may have too many fields, or nest too deep
    has_broken: bool  # something is no object, or an empty one
    has_twice: bool  # an object has a key of the root twice


_WIDE = f"len(json_keys(line)) > {MAX_FIELDS}"
# What nests so deep has that many brackets, and a closing one for each; to ask for the length first is cheap.
_MANY_BRACKETS = (
    f"strlen(line) > {2 * MAX_DEPTH} and strlen(line) - strlen(replace(replace(line, '{{', ''), '[', '')) > {MAX_DEPTH}"
)
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_BROKEN = "coalesce(try(json_type(line)), '') <> 'OBJECT'"


def _keys(
    connection: duckdb.DuckDBPyConnection, sources: Sequence[str], parents: Sequence[str], *, is_clean: bool = False
) -> _Keys:
    """Counts the keys of the JSON text `line`, at the pointers of these parents; the first is the root.

    `sources`: the parts of a relation. `is_clean`: raises for what is no JSON, which is quicker than to try.
    """
    found = f"json_keys(line, {_pointers(parents)})"
    # Grouped as one text: lists of texts are hashed far more slowly.
    columns = f"to_json({found if is_clean else f'try({found})'}) as keys, {_MANY_BRACKETS} as is_deep, count(*) as n"
    connection.execute("create or replace temp table key_lists (keys varchar[][], is_deep boolean, n bigint)")
    for source in sources:
        texts = f"select {columns} from (select cast(line as varchar) as line from {source}) group by all"
        connection.execute(f"insert into key_lists select cast(keys as varchar[][]), is_deep, n from ({texts})")
    [(total, giant, broken, twice)] = connection.execute(
        f"select coalesce(sum(n), 0), coalesce(bool_or(is_deep or len(keys[1]) > {MAX_FIELDS}), false),"
        " coalesce(bool_or(keys is null or len(keys[1]) = 0), false),"
        " coalesce(bool_or(len(keys[1]) > len(list_distinct(keys[1]))), false) from key_lists"
    ).fetchall()
    counts: list[dict[str, int]] = [{} for _ in parents]
    counted = connection.execute(
        f"select place, key, sum(n) from (select place, n, unnest(keys[place]) as key from key_lists,"
        f" (select unnest(range(1, {len(parents) + 1})) as place)) group by all"
    )
    while rows := counted.fetchmany(10_000):
        for place, key, count in rows:
            counts[place - 1][key] = int(count)
    connection.execute("drop table key_lists")
    return _Keys(int(total), counts, giant, broken, twice)


def _pointer(key: str) -> str:
    """The JSON pointer (RFC 6901) to a top-level key. Keys that differ in case alone stay apart."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _pointers(pointers: Iterable[str]) -> str:
    return "[" + ", ".join(literal(pointer) for pointer in pointers) + "]::varchar[]"


def _read_text(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    file: LandingFile,
    path: Path,
    *,
    fields: Sequence[str],
    options: str,
    header_lines: int,
) -> int:
    """Reads a text file into `lines`, with _row, and what the parser refuses into `rejected`; returns how many."""
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in fields)
    statement = (
        "create temp table lines as select *, row_number() over () as _row"
        f" from read_csv(?, auto_detect=false, columns={{{columns}}}, {options}, max_line_size={MAX_RECORD_BYTES},"
        f" buffer_size={2 * MAX_RECORD_BYTES}, {_compression(path)}, store_rejects=true,"
        f" rejects_table='text_rejects', rejects_scan='text_scans')"
    )
    try:
        connection.execute(statement, [file_path(path)])
        return _take_rejects(connection, file, path, header_lines)
    except duckdb.InvalidInputException:
        # The parser wants one kind of line end throughout; a file put together from several systems has two.
        connection.execute("drop table if exists text_rejects")
        connection.execute("drop table if exists text_scans")
        with _copy(settings) as copy:
            with_one_line_end(path, copy)
            connection.execute(statement.replace(_compression(path), _compression(copy)), [str(copy)])
            return _take_rejects(connection, file, copy, header_lines)


def _compression(path: Path) -> str:
    """The option of the engine's readers that says how a file is packed, which they would guess by its name."""
    return f"compression={literal('gzip' if is_packed(path) else 'none')}"


def _take_rejects(connection: duckdb.DuckDBPyConnection, file: LandingFile, path: Path, header_lines: int) -> int:
    """Moves what the parser refused to `rejected`, numbers the others around it, and returns how many there are."""
    found = connection.execute(
        "select line, min(line_byte_position), list(cast(error_type as varchar) order by byte_position),"
        " first(csv_line) from text_rejects group by line order by 2"
    ).fetchall()
    connection.execute("drop table text_rejects")
    connection.execute("drop table text_scans")
    rows, messages, records, rules, spans = [], [], [], [], []
    # An open quote swallows lines. The parser tells so many characters of them; of more than its buffer holds, nothing.
    is_unquoted, swallows = [], []
    unpacked = path.stat().st_size * (5 if is_packed(path) else 1)  # of a packed file about
    far_from_end = unpacked - 2 * MAX_RECORD_BYTES
    for line, position, kinds, text in found:
        body = text.lstrip("\r\n")
        rows.append(line - header_lines)
        rules.append("encoding" if "INVALID ENCODING" in kinds else "malformed")
        kind = "INVALID ENCODING" if "INVALID ENCODING" in kinds else kinds[0]
        messages.append(_REASONS.get(kind, "not a record of this format"))
        is_unquoted.append("UNQUOTED VALUE" in kinds)
        swallows.append(is_unquoted[-1] and len(text) >= _TOLD_OF_A_RECORD and "\n" in body)
        spans.append(TextSpan(position - 1 + len(text) - len(body), body.rstrip("\r\n").count("\n") + 1))
    for index, (line, text) in enumerate(read_spans(path, spans)):
        if swallows[index] or (text.count('"') % 2 and is_unquoted[index] and spans[index].first_byte < far_from_end):
            raise UnreadableFileError(
                f"{printable(file.name)}: a quote that opens in line {line} is not closed for long, so that it swallows"
                ' the lines behind it; correct it, or declare `quote: ""` where quotes are characters like others.',
                file,
            )
        messages[index] = f"line {line}: {messages[index]}"
        records.append(text)
    if rows:
        refused = pa.table({"row": rows, "rule": rules, "message": messages, "record": records})
        connection.register("refused", refused)
        connection.execute(
            "insert into rejected select ?, row, null, null, rule, message, record from refused", [file.name]
        )
        connection.execute(_renumbered())
        connection.unregister("refused")
        connection.execute("drop table lines")
        connection.execute("alter table numbered rename to lines")
    count = connection.execute("select count(*) from lines").fetchall()[0][0]
    return int(count) + len(rows)


def _renumbered() -> str:
    """The n-th good record comes behind as many refused ones as have fewer than n good ones before them."""
    return (
        "create temp table numbered as select lines.* replace (lines._row + coalesce(passed.refused_count, 0) as _row)"
        " from lines asof left join ("
        "select row - nth as good_count, max(nth) as refused_count"
        " from (select row, row_number() over (order by row) as nth from refused) group by 1"
        ") as passed on lines._row > passed.good_count order by lines._row"
    )


# --- payloads: records as an API gave them, read by pointers


def _payloads_of(relation: _Relation) -> str:
    """The records of Parquet files that bring payloads, as (_file, _row, line, _page, _complete)."""
    types = {column.label: column.type for column in relation.inputs}
    line = f"try(decode({PAYLOAD}))" if types[PAYLOAD] == "BLOB" else f"cast({PAYLOAD} as varchar)"
    page = f"try_cast({PAGE} as bigint)" if PAGE in types else "cast(null as bigint)"
    complete = f"coalesce(try_cast({COMPLETE} as boolean), false)" if COMPLETE in types else "false"
    columns = f"{relation.file} as _file, {relation.row} as _row, {line} as line, {page} as _page"
    return f"(select {columns}, {complete} as _complete from {relation.source})"


def _stage_payloads(connection: duckdb.DuckDBPyConnection, entity: EntitySpec, source: str, plan: _Plan) -> None:
    """Stages records that are JSON text each. A row that is no record names a scope that came whole."""
    if entity.complete_within:
        plan.has_scopes = _stage_scopes(connection, entity, source) or plan.has_scopes
    records = f"(select * from {source} where not _complete)"
    pointers = {
        name: column.path or _pointer(column.from_ or name)
        for name, column in entity.columns.items()
        if column.value is None
    }
    parents = ["", *sorted({_parent(pointer) for pointer in pointers.values()} - {""})]
    keys = _keys(connection, [records], parents)
    if keys.has_broken:
        connection.execute(
            "insert into rejected select _file, _row, coalesce(_page, 0), null, 'malformed',"
            " coalesce('page ' || _page || ': ', '') || 'not a JSON object', line"
            f" from {records} where {_BROKEN}"
        )
        records = f"(select * from {records} where not ({_BROKEN}))"
    found = {
        parent + _pointer(key): Seen(count >= keys.total)
        for parent, counts in zip(parents, keys.counts, strict=True)
        for key, count in counts.items()
    }
    declared = {name: pointer for name, pointer in pointers.items() if pointer in found}
    undeclared = [
        pointer for pointer in found if not any(f"{known}/".startswith(f"{pointer}/") for known in pointers.values())
    ]
    seen = {name: found[pointer] for name, pointer in declared.items()}
    seen |= {_unescaped(pointer): found[pointer] for pointer in undeclared}
    # A required column is asked of each record; nobody says that a page of an API has to hold it.
    required = entity.required_columns()
    read = [name for name in pointers if name in declared or name in required]
    fields = [_Field(name, pointers[name], entity.columns[name].type, _decimal_mark(entity, name)) for name in read]
    if entity.policy.new_columns in ("quarantine", "fail"):
        fields += [_Field(_unescaped(pointer), pointer, None) for pointer in undeclared]
    documents, inputs = _document(records, fields)
    relation = _Relation(documents, "_file", "_row", inputs, is_text=True, payload="line", page="coalesce(_page, 0)")
    matched = {name: name if name in read else None for name in entity.columns}
    _add(connection, entity, relation, plan, matched=matched, seen=seen)


def _stage_scopes(connection: duckdb.DuckDBPyConnection, entity: EntitySpec, source: str) -> bool:
    """Puts the scopes that came whole into `scopes`; returns whether there are any."""
    columns = []
    for name in entity.complete_within:
        given = f"json_extract_string(line, {literal(_pointer(name))})"
        columns.append(f"{cast_to(entity.columns[name].type, 'VARCHAR', given).expression} as {quote(name)}")
    scopes = f"select distinct {', '.join(columns)} from {source} where _complete"
    connection.execute(f"create temp table if not exists scopes as {scopes} limit 0")
    connection.execute(f"insert into scopes {scopes}")
    return bool(connection.execute("from scopes limit 1").fetchall())


def _parent(pointer: str) -> str:
    return pointer.rpartition("/")[0]


def _unescaped(pointer: str) -> str:
    """A pointer as people read it: without the slash in front."""
    return pointer[1:].replace("~1", "/").replace("~0", "~")


# --- Parquet: read in place


def _parquet_relations(
    connection: duckdb.DuckDBPyConnection, settings: Settings, files: Sequence[LandingFile]
) -> Iterator[_Relation]:
    """One relation per set of files with equal columns; where the name of a file cannot be computed, one per file."""

    def columns_of(file: LandingFile) -> tuple[tuple[str, str], ...]:
        try:
            described = connection.execute(
                "describe select * from read_parquet(?, hive_partitioning=false)", [file_path(file.path)]
            ).fetchall()
        except duckdb.Error as error:
            raise UnreadableFileError(_unreadable(file), file) from error
        _refuse_wide(file, len(described))
        if len(described) * _BYTES_PER_COLUMN > settings.memory_bytes:
            raise UnreadableFileError(_needs_memory(file, settings), file)
        return tuple((name, kind) for name, kind, *_ in described)

    groups: dict[tuple[tuple[str, str], ...], list[LandingFile]] = {}
    for file, columns in zip(files, _for_each(files, columns_of), strict=True):
        groups.setdefault(columns, []).append(file)
    prefix = len(str(settings.landing_dir)) + 1
    for columns, members in groups.items():
        names = {name.lower() for name, _ in columns}
        inputs = tuple(_Input(quote(name), kind, name) for name, kind in columns)
        row = "row_number() over ()" if "file_row_number" in names else "file_row_number + 1"
        inside = all(file.path.is_relative_to(settings.landing_dir) for file in members)
        if inside and len(members) > 1 and not names & {"filename", "file_row_number"}:
            paths = ", ".join(literal(file_path(file.path)) for file in members)
            source = f"read_parquet([{paths}], hive_partitioning=false)"
            yield _Relation(source, f"substr(filename, {prefix + 1})", row, inputs, is_text=False)
        else:
            for file in members:
                source = f"read_parquet({literal(file_path(file.path))}, hive_partitioning=false)"
                yield _Relation(source, literal(file.name), row, inputs, is_text=False)


# --- fields to declared columns


def _add(
    connection: duckdb.DuckDBPyConnection,
    entity: EntitySpec,
    relation: _Relation,
    plan: _Plan,
    *,
    matched: Mapping[str, str | None] | None = None,
    seen: Mapping[str, Seen] | None = None,
    streamed: int | None = None,
) -> None:
    """Adds a relation's records to `incoming`, or all of them to `rejected` when it lacks a column it must have.

    `matched`: which field fills each column; `seen`: what the records have. Both are plain where fields have names.
    `streamed`: how many records there are, of a relation that becomes a stream.
    """
    matched = matched or match_columns(entity, [column.label for column in relation.inputs])
    used = {label: name for name, label in matched.items() if label is not None}
    if seen is None:
        types = {column.label: None if relation.is_text else column.type for column in relation.inputs}
        seen = {label: Seen(True, kind) for label, kind in types.items()}
    if not relation.payload:
        seen = {used.get(label) or normalise_name(label): field for label, field in seen.items()}
    plan.fields.append(seen)
    undeclared = [column.label for column in relation.inputs if column.label not in used]
    if relation.others:
        undeclared = [f"more than {plan.named_fields} fields"]
    lacking = [name for name in entity.required_columns() if matched[name] is None]
    missing = [name for name, label in matched.items() if label is None and entity.columns[name].value is None]
    if entity.policy.missing_columns == "quarantine":
        lacking = missing
    if entity.policy.missing_columns == "fail" and missing:
        raise SchemaChangedError(f"{_place(connection, relation)} lacks the declared {', '.join(missing)}.")
    if entity.policy.new_columns == "fail" and undeclared:
        raise SchemaChangedError(
            f"{_place(connection, relation)} brings {', '.join(sorted(undeclared))}, which nobody declared."
        )
    if lacking or not used:
        connection.execute(*_refuse_all(relation, lacking))
        return
    conditions = _conditions(entity, relation, matched)
    if relation.others and entity.policy.new_columns == "quarantine":
        conditions.append(("an undeclared field", "new_column", f"{quote('+')} is not null"))
    elif entity.policy.new_columns == "quarantine":
        conditions += [(label, "new_column", f"{quote(f'+{label}')} is not null") for label in undeclared]
    plan.may_have_problems = plan.may_have_problems or bool(conditions)
    select = _typed_select(entity, relation, matched, conditions)
    if streamed is not None:
        columns = ", ".join(quote(name) for name in (*entity.columns, "_extra", "_payload", "_file"))
        good = "case when \"$problems\" is null then true else error('a record breaks a rule') end"
        plan.streams.append(Stream(f"select {columns} from ({select}) where {good}", streamed))
    elif not relation.is_numbered:
        table = quote(f"objects {len(plan.selects)}")
        connection.execute(f"create temp table {table} as {select}")
        plan.selects.append(f"select * replace (rowid + 1 as _row) from {table}")
    elif relation.is_text:
        connection.execute(f"insert into typed {select}")
    else:
        plan.selects.append(select)


def _place(connection: duckdb.DuckDBPyConnection, relation: _Relation) -> str:
    """One of the files that a relation reads, for a message."""
    found = connection.execute(f"select {relation.file} from {relation.source} limit 1").fetchall()
    return str(found[0][0]) if found else "the file"


def match_columns(entity: EntitySpec, labels: Sequence[str]) -> dict[str, str | None]:
    """For each declared column the field that fills it: of its very name, else of its name in snake case."""
    free = list(dict.fromkeys(labels))
    matched: dict[str, str | None] = dict.fromkeys(entity.columns)
    for how in (str, normalise_name):
        for name, column in entity.columns.items():
            if column.value is not None:
                continue
            wanted = column.from_ or name
            found = next((label for label in free if how(label) == how(wanted)), None)
            if matched[name] is None and found is not None:
                matched[name] = found
                free.remove(found)
    return matched


def _refuse_all(relation: _Relation, lacking: Sequence[str]) -> tuple[str, list[str | None]]:
    """Every record of a file that lacks a required column, or every declared one, goes to quarantine."""
    if lacking:
        message = f"the file lacks the required column {', '.join(lacking)}"
    else:
        message = "the file has none of the declared columns; is it this entity's, and is the delimiter right?"
    record = (
        relation.text
        or relation.payload
        or json_record([(column.label, column.expression) for column in relation.inputs])
    )
    fields = f"{relation.file}, {relation.row}, {relation.page or 'null'}, ?, 'missing_column', ?, {record}"
    return f"insert into rejected select {fields} from {relation.source}", [lacking[0] if lacking else None, message]


def _conditions(
    entity: EntitySpec, relation: _Relation, matched: Mapping[str, str | None]
) -> list[tuple[str, str, str]]:
    """(field, rule, condition) for what a record of this relation can break; conditions see $<column> and <column>."""
    types = {column.label: column.type for column in relation.inputs}
    required = entity.required_columns()
    conditions = []
    for name, column in entity.columns.items():
        label = matched[name]
        if label is None:
            continue
        given, typed = quote(f"${name}"), quote(name)
        if name in required:
            empty = f" or {given} = ''" if column.type == "varchar" and types[label] == "VARCHAR" else ""
            conditions.append((name, "required", f"({given} is null{empty})"))
        tolerated = entity.policy.type_changes in ("evolve", "ignore") and name not in required
        if cast_to(column.type, types[label], given, entity.dialect_of(name)).may_fail and not tolerated:
            rule = "encoding" if types[label] == "BLOB" else "type"
            conditions.append((name, rule, f"({given} is not null and {typed} is null)"))
    if expires := entity.expires:
        longest = f"{quote(expires.after)} + interval {expires.months} month"
        conditions.append((expires.column, "expiry", f"({quote(expires.column)} > {longest})"))
    return conditions


def _typed_select(
    entity: EntitySpec,
    relation: _Relation,
    matched: Mapping[str, str | None],
    conditions: Sequence[tuple[str, str, str]],
) -> str:
    inputs = {column.label: column for column in relation.inputs}
    required = entity.required_columns()
    given, typed, record, misfits = [], [], [], []
    for name, column in entity.columns.items():
        label = matched[name]
        if label is None:
            value = literal(column.value) if column.value is not None else "null"
            typed.append(f"cast({value} as {column.type}) as {quote(name)}")
            continue
        expression = inputs[label].expression
        if relation.is_text and column.type != "varchar" and inputs[label].type == "VARCHAR":
            expression = trimmed(expression)
        dialect = entity.dialect_of(name)
        if dialect.null_values and inputs[label].type == "VARCHAR":
            expression = f"case when not {is_one_of(expression, dialect.null_values)} then {expression} end"
        inner = quote(f"${name}")
        given.append(f"{expression} as {inner}")
        cast = cast_to(column.type, inputs[label].type, inner, dialect)
        typed.append(f"{cast.expression} as {quote(name)}")
        record.append((label, inner))
        if cast.may_fail and name not in required and entity.policy.type_changes == "evolve":
            misfits.append((name, f"case when {quote(name)} is null then {inner} end"))
    used = set(matched.values())
    undeclared = sorted(_extra_names(inputs[label] for label in inputs if label not in used))
    given.extend(f"{expression} as {quote(f'+{label}')}" for _, label, expression in undeclared)
    others = [(name, quote(f"+{label}")) for name, label, _ in undeclared]
    kept = [] if entity.policy.new_columns == "ignore" else others
    extra = "null" if relation.payload else json_record([*kept, *misfits])
    if relation.others:
        given.append(f"{relation.others} as {quote('+')}")
        merged_extra = f"coalesce(left({quote('+')}, -1) || ',' || substr({extra}, 2), {quote('+')}, {extra})"
        extra = extra if entity.policy.new_columns == "ignore" else merged_extra
    if relation.text:
        given.append(f"{relation.text} as {quote('$line')}")
    given.append(f"cast({relation.payload or 'null'} as json) as _payload")
    given.extend([f"{relation.file} as _file", f"{relation.row} as _row"])
    given.append(f'cast({relation.page or "null"} as bigint) as "$page"')
    text = "cast(_payload as varchar)" if relation.payload else json_record([*record, *others])
    text = quote("$line") if relation.text else text
    columns = ", ".join(quote(name) for name in entity.columns)
    return (
        f'select {columns}, _extra, _payload, _file, _row, "$page", {_problem_columns(conditions, text)}'
        f" from (select *, cast({extra} as json) as _extra from (select *, {', '.join(typed)}"
        f" from (select {', '.join(given)} from {relation.source})))"
    )


def _extra_names(undeclared: Iterator[_Input]) -> Iterator[tuple[str, str, str]]:
    """Name in snake case, label, expression; of two that would share a name, the field of that very name has it."""
    columns = list(undeclared)
    taken = {column.label for column in columns}
    for column in columns:
        name = normalise_name(column.label)
        yield (column.label if name in taken else name), column.label, column.expression
        taken.add(name)


def _problem_columns(conditions: Sequence[tuple[str, str, str]], record: str) -> str:
    if not conditions:
        return f'cast(null as {_PROBLEMS}) as "$problems", cast(null as varchar) as "$record"'
    broken = " or ".join(condition for _, _, condition in conditions)
    each = ", ".join(
        f"case when {condition} then {{'field': {literal(name)}, 'rule': {literal(rule)}}} end"
        for name, rule, condition in conditions
    )
    return (
        f'case when {broken} then list_filter([{each}], lambda problem: problem is not null) end as "$problems",'
        f' case when {broken} then {record} end as "$record"'
    )
