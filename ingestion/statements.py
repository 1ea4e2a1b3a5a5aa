"""Pieces of SQL: quoted identifiers, casts with no silent loss, records as JSON.

Add here when a statement of room 1 needs an expression that is not plain. Keep out: executing anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingestion.spec import EntitySpec

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_WIDE_INTEGERS = ("UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM")
_FLOATS = ("FLOAT", "DOUBLE")
_TIMESTAMPS = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S")
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_LARGEST_EXACT_DOUBLE = 2**53  # IEEE 754 binary64: whole numbers up to here have one text


def quote(*parts: str) -> str:
    """An identifier, or several joined by dots, each in double quotes."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """A text as a literal, for the places that take no parameter: a view's text and the options of a table function."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Cast:
    """An input made into a declared type: the expression, and whether it may turn a value into null."""

    expression: str
    may_fail: bool


def cast_to(declared: str, given: str, value: str) -> Cast:
    """Casts `value`, an expression of DuckDB's type `given`, to a declared type; what does not fit becomes null.

    DuckDB's own casts are kept but where they lose something in silence (measured on DuckDB 2.0): text to timestamp
    drops the offset, so it goes through timestamptz (the session is in UTC); text or a fraction to bigint rounds, so
    only whole numbers pass; infinity is no time and no amount. A whole double becomes the text of a whole number: a
    dataframe with gaps writes identifiers that way.
    """
    given = given.upper()
    if given == "JSON":
        given = "VARCHAR"
    nested = given.endswith("]") or given.startswith(("STRUCT", "MAP", "UNION", "LIST"))
    if nested:
        return cast_to(declared, "VARCHAR", f"cast(to_json({value}) as varchar)")
    if given == "BLOB":
        value, given = f"try(decode({value}))", "VARCHAR"
        inner = cast_to(declared, given, value)
        return Cast(inner.expression, may_fail=True)
    if declared == "varchar":
        return _cast_to_text(given, value)
    if declared == "json":
        return Cast(f"try_cast({value} as json)" if given == "VARCHAR" else f"to_json({value})", given == "VARCHAR")
    if given == declared.upper():
        return Cast(value, may_fail=False)
    if declared == "bigint":
        return _cast_to_whole_number(given, value)
    if declared == "double":
        if given == "VARCHAR":
            number = f"try_cast({value} as double)"
            return Cast(f"case when isfinite({number}) then {number} end", may_fail=True)
        numeric = given in (*_INTEGERS, *_WIDE_INTEGERS, *_FLOATS) or given.startswith("DECIMAL")
        return Cast(f"try_cast({value} as double)", may_fail=not numeric)
    if declared == "timestamp":
        return _cast_to_timestamp(given, value)
    return Cast(f"try_cast({value} as {declared})", may_fail=True)


def _cast_to_text(given: str, value: str) -> Cast:
    if given in _FLOATS:
        whole = f"{value} = floor({value}) and abs({value}) < {_LARGEST_EXACT_DOUBLE}"
        text = f"case when {whole} then cast(cast({value} as bigint) as varchar) else cast({value} as varchar) end"
        return Cast(text, may_fail=False)
    return Cast(value if given == "VARCHAR" else f"cast({value} as varchar)", may_fail=False)


def _cast_to_whole_number(given: str, value: str) -> Cast:
    if given in _INTEGERS:
        return Cast(f"cast({value} as bigint)", may_fail=False)
    if given == "VARCHAR":
        whole = rf"regexp_full_match({value}, '[+-]?\d+(\.0+)?')"
        return Cast(f"case when {whole} then try_cast({value} as bigint) end", may_fail=True)
    if given in _FLOATS or given.startswith("DECIMAL"):
        return Cast(f"case when {value} = floor({value}) then try_cast({value} as bigint) end", may_fail=True)
    return Cast(f"try_cast({value} as bigint)", may_fail=True)


def _cast_to_timestamp(given: str, value: str) -> Cast:
    if given in _TIMESTAMPS or given == "DATE":
        return Cast(f"cast({value} as timestamp)", may_fail=False)
    if given == "TIMESTAMP WITH TIME ZONE":
        return Cast(f"cast({value} as timestamp)", may_fail=False)
    # An hour without its leading zero, as spreadsheets and some exports write it, is read on the second try.
    padded = rf"regexp_replace({value}, '^(\d+-\d+-\d+[T ])(\d:)', '\10\2')"
    moment = f"coalesce(try_cast({value} as timestamptz), try_cast({padded} as timestamptz))"
    careful = f"case when isfinite({moment}) then cast({moment} as timestamp) end"
    if given != "VARCHAR":
        return Cast(careful, may_fail=True)
    # ISO 8601 in UTC, as nearly all is: no offset to be lost, so the plain cast, which takes a third of the time. To
    # match the two commonest lengths takes a quarter of what the regular expression does.
    whole = f"{value} like '____-__-__ __:__:__' or {value} like '____-__-__T__:__:__Z'"
    plain = rf"({whole} or regexp_full_match({value}, '\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{{1,6}})?Z?'))"
    return Cast(f"case when {plain} then try_cast({value} as timestamp) else {careful} end", may_fail=True)


def trimmed(value: str) -> str:
    """An expression: a text without spaces around it, or null where nothing is left. The test is cheaper than trim."""
    return (
        f"case when {value} like ' %' or {value} like '% ' or {value} = '' then nullif(trim({value}), '')"
        f" else {value} end"
    )


def widens(landed: str, declared: str) -> bool:
    """Whether a raw column of DuckDB's type `landed` can become `declared` with every landed value kept as it is."""
    landed, wanted = landed.upper(), declared.upper()
    if wanted in {landed, "VARCHAR"}:
        return True
    if (landed, wanted) == ("DATE", "TIMESTAMP"):
        return True
    new = _DECIMAL.fullmatch(wanted)
    if new is None:
        return False
    old = _DECIMAL.fullmatch(landed)
    width, scale = int(new[1]), int(new[2])
    if old is not None:
        return scale >= int(old[2]) and width - scale >= int(old[1]) - int(old[2])
    return landed == "BIGINT" and width - scale >= 19


def json_record(fields: Iterable[tuple[str, str]]) -> str:
    """An expression: (name, expression) pairs as the text of a JSON object without nulls, or null when all are.

    Nulls are left out so that a vendor's new empty column does not make every record a new version.
    """
    parts = []
    for name, value in fields:
        prefix = literal(json.dumps(name, ensure_ascii=False) + ":")
        parts.append(f"case when {value} is not null then {prefix} || cast(to_json({value}) as varchar) end")
    if not parts:
        return "cast(null as varchar)"
    return f"nullif('{{' || concat_ws(',', {', '.join(parts)}) || '}}', '{{}}')"


def key_hash(entity: EntitySpec, alias: str = "") -> str:
    """An expression: 64 bits of the columns that tell records apart. Equal hashes are candidates, compared whole."""
    prefix = f"{quote(alias)}." if alias else ""
    names = [f"{prefix}{quote(name)}" for name in identity_columns(entity)]
    return f"hash({', '.join(names)})"


def content_columns(entity: EntitySpec) -> tuple[str, ...]:
    """Columns that make two records of one key the same or not. Without a key the payload is content too."""
    compared = [name for name, column in entity.columns.items() if column.compared]
    return (*compared, "_extra") if entity.key else (*compared, "_extra", "_payload")


def identity_columns(entity: EntitySpec) -> Sequence[str]:
    """Columns that tell records apart: the key, or without one all of the content."""
    return entity.key or content_columns(entity)


def same(columns: Iterable[str], left: str, right: str) -> str:
    """A condition: two aliases hold equal values, nulls equal, in all columns."""
    return " and ".join(f"{left}.{quote(name)} is not distinct from {right}.{quote(name)}" for name in columns)
