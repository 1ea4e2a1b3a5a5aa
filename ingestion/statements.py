"""SQL expressions: quoted identifiers, casts without silent loss, records as JSON.

Add here when statements of ingestion share an expression. Keep out: executing anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingestion.spec import PLAIN, Dialect, EntitySpec

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_WIDE_INTEGERS = ("UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM")
_FLOATS = ("FLOAT", "DOUBLE")
_TIMESTAMPS = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S")
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_ID = re.compile(r"(?:.+_)?v?id|.*(?:user|account|customer|contact|company|member|client|person|order|product)_?id")
_FLOAT = r"[1-9]\d*(?:\.0+|\.\d+[eE][+]?\d{1,2}|[eE][+]\d{1,2})"
_LARGEST_EXACT_DOUBLE = 2**53  # IEEE 754 binary64: whole numbers up to here are exact


def quote(*parts: str) -> str:
    """An identifier, or several joined by dots, each in double quotes."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """A text literal, for places without parameters: views, and the options of table functions."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Cast:
    """A cast to a declared type: the expression, and whether it may turn a value into null."""

    expression: str
    may_fail: bool


def cast_to(declared: str, given: str, value: str, dialect: Dialect = PLAIN) -> Cast:
    """Casts `value`, an expression of DuckDB's type `given`, to a declared type; values that do not fit become null.

    Uses DuckDB's own casts except where they lose something silently (measured on DuckDB 2.0): text to timestamp drops
    the offset, so it is cast to timestamptz first (the session is in UTC); text or a fraction to bigint rounds, so only
    whole numbers are accepted; a decimal is rounded to its scale, so only values that fit are accepted; infinity is
    refused. A whole double becomes the text of a whole number, because data frames with gaps write identifiers as
    doubles. `dialect`: how values are written as text.
    """
    given = given.upper()
    if given == "JSON":
        given = "VARCHAR"
    nested = given.endswith("]") or given.startswith(("STRUCT", "MAP", "UNION", "LIST"))
    if nested:
        return cast_to(declared, "VARCHAR", f"cast(to_json({value}) as varchar)", dialect)
    if given == "BLOB":
        value, given = f"try(decode({value}))", "VARCHAR"
        inner = cast_to(declared, given, value, dialect)
        return Cast(inner.expression, may_fail=True)
    if declared == "varchar":
        return _cast_to_text(given, value)
    if declared == "json":
        return Cast(f"try_cast({value} as json)" if given == "VARCHAR" else f"to_json({value})", given == "VARCHAR")
    if given == declared.upper() and not (declared == "timestamp" and dialect.time_zone):
        return Cast(value, may_fail=False)
    decimal = _DECIMAL.fullmatch(declared.upper())
    if given == "VARCHAR" and (decimal or declared in ("bigint", "double")):
        value = _plain_number(value, dialect)
    if decimal:
        return _cast_to_decimal(given, value, int(decimal[1]), int(decimal[2]))
    if declared == "bigint":
        return _cast_to_whole_number(given, value)
    if declared == "double":
        if given == "VARCHAR":
            number = f"try_cast({value} as double)"
            return Cast(f"case when isfinite({number}) then {number} end", may_fail=True)
        numeric = given in (*_INTEGERS, *_WIDE_INTEGERS, *_FLOATS) or given.startswith("DECIMAL")
        return Cast(f"try_cast({value} as double)", may_fail=not numeric)
    if declared == "timestamp":
        return _cast_to_timestamp(given, value, dialect)
    if declared == "date" and given == "VARCHAR" and dialect.date_format:
        iso = rf"case when regexp_full_match({value}, '\d{{4}}-\d\d-\d\d') then try_cast({value} as date) end"
        tried = [f"cast(try_strptime({value}, {literal(text)}) as date)" for text in dialect.date_format]
        return Cast(f"coalesce({', '.join([*tried, iso])})", may_fail=True)
    if declared == "boolean" and given == "VARCHAR":
        return _cast_to_boolean(value, dialect)
    return Cast(f"try_cast({value} as {declared})", may_fail=True)


def cast_of_column(entity: EntitySpec, name: str, given: str, value: str) -> Cast:
    """Casts a column as `cast_to` does. In text, too, an id that is written as a float becomes the text of a whole
    number: 123.0, 1.23e5. A text such as 12e4 stays, because it may be hexadecimal.

    An id is the key of the entity, whatever its name, and a column named as an id: `id`, `<thing>_id`, `userid`.
    """
    declared, dialect = entity.columns[name].type, entity.dialect_of(name)
    cast = cast_to(declared, given, value, dialect)
    if (
        declared != "varchar"
        or given.upper() not in ("VARCHAR", "JSON")
        or not (entity.key == (name,) or _ID.fullmatch(name))
    ):
        return cast
    text, number = cast.expression, f"try_cast({cast.expression} as double)"
    whole = f"{number} = floor({number}) and abs({number}) < {_LARGEST_EXACT_DOUBLE}"
    return Cast(
        f"case when not regexp_full_match({text}, {literal(_FLOAT)}) then {text}"
        f" when ends_with(rtrim({text}, '0'), '.') then rtrim(rtrim({text}, '0'), '.')"
        f" when {whole} then cast(cast({number} as bigint) as varchar) else {text} end",
        may_fail=False,
    )


def _cast_to_text(given: str, value: str) -> Cast:
    if given in _FLOATS:
        whole = f"{value} = floor({value}) and abs({value}) < {_LARGEST_EXACT_DOUBLE}"
        text = f"case when {whole} then cast(cast({value} as bigint) as varchar) else cast({value} as varchar) end"
        return Cast(text, may_fail=False)
    return Cast(value if given == "VARCHAR" else f"cast({value} as varchar)", may_fail=False)


def _plain_number(value: str, dialect: Dialect) -> str:
    """An expression: a number of this dialect in plain form; null if its marks are in wrong places."""
    if dialect.decimal in (None, ".") and dialect.thousands is None:
        return value
    mark, point = dialect.decimal or ".", re.escape(dialect.decimal or ".")
    whole, plain = r"\d*", f"replace({value}, {literal(mark)}, '.')"
    if dialect.thousands is not None:
        spaces = "[ \u00a0\u202f]" if dialect.thousands in " \u00a0\u202f" else None
        separator = spaces or re.escape(dialect.thousands)
        whole = rf"(?:\d{{1,3}}(?:{separator}\d{{2,3}})*{separator}\d{{3}}|\d*)"  # 1.234.567, in India 12,34,567
        plain = f"replace(regexp_replace({value}, {literal(separator)}, '', 'g'), {literal(mark)}, '.')"
    shape = literal(rf"[+-]?{whole}(?:{point}\d*)?(?:[eE][+-]?\d+)?")
    return f"(case when regexp_full_match({value}, {shape}) then {plain} end)"


def _cast_to_decimal(given: str, value: str, width: int, scale: int) -> Cast:
    """Accepts values that fit the scale, and binary floats that represent such a decimal: 0.30000000000000004 is 0.3.

    A float represents a decimal if it is at most four units in the last place away from it (a few additions), and the
    difference is at least four digits behind the scale: 1.234 never becomes 1.23. It has at most 17 significant digits:
    more were not written by a binary float. See decision 0016.
    """
    number = f"try_cast({value} as decimal({width},{scale}))"
    if given == "FLOAT":  # by its shortest text: as a double it gets more digits
        return _cast_to_decimal("VARCHAR", f"cast({value} as varchar)", width, scale)
    if given == "DOUBLE":
        return Cast(f"case when {_is_noise(value, number, scale)} then {number} end", may_fail=True)
    narrower = _DECIMAL.fullmatch(given)
    if narrower:
        if int(narrower[2]) <= scale:
            return Cast(number, may_fail=int(narrower[1]) - int(narrower[2]) > width - scale)
        return Cast(f"case when try_cast({number} as {given}) = {value} then {number} end", may_fail=True)
    if given != "VARCHAR":
        return Cast(number, may_fail=True)
    # `like` is faster than the regular expression for common numbers. Two characters after the point cannot be a
    # negative exponent.
    shapes = [f"{value} like '%.{'_' * digits}'" for digits in (2, 1) if digits <= scale]
    quick = f" when {' or '.join(shapes)} then {number}" if shapes else ""
    plain = literal(rf"[+-]?\d*(\.\d{{0,{scale}}}0*)?")
    digits = f"length(regexp_replace({value}, '^[+-]?[0.]*|[.]|[eE].*$', '', 'g'))"
    careful = f"{digits} <= 17 and {_is_noise(f'try_cast({value} as double)', number, scale)}"
    return Cast(
        f"case{quick} when regexp_full_match({value}, {plain}) then {number} when {careful} then {number} end",
        may_fail=True,
    )


def _is_noise(double: str, number: str, scale: int) -> str:
    """A condition: the double differs from the decimal number only by errors of binary arithmetic."""
    difference = f"abs({double} - cast({number} as double))"
    return f"({difference} <= abs({double}) * {2**-50!r} and {difference} < 1e-{scale + 4})"


def _cast_to_boolean(value: str, dialect: Dialect) -> Cast:
    plain = f"try_cast({value} as boolean)"
    words = ((dialect.true_values, "true"), (dialect.false_values, "false"))
    cases = "".join(f" when {is_one_of(value, some)} then {meaning}" for some, meaning in words if some)
    return Cast(f"case{cases} else {plain} end" if cases else plain, may_fail=True)


def is_one_of(value: str, words: Sequence[str]) -> str:
    """A condition: a text is one of these words, ignoring case and surrounding spaces."""
    return f"lower(trim({value})) in ({', '.join(literal(word.strip().lower()) for word in words)})"


def _cast_to_whole_number(given: str, value: str) -> Cast:
    if given in _INTEGERS:
        return Cast(f"cast({value} as bigint)", may_fail=False)
    if given == "VARCHAR":
        whole = rf"regexp_full_match({value}, '[+-]?\d+(\.0+)?')"
        return Cast(f"case when {whole} then try_cast({value} as bigint) end", may_fail=True)
    if given in _FLOATS or given.startswith("DECIMAL"):
        return Cast(f"case when {value} = floor({value}) then try_cast({value} as bigint) end", may_fail=True)
    return Cast(f"try_cast({value} as bigint)", may_fail=True)


def _cast_to_timestamp(given: str, value: str, dialect: Dialect) -> Cast:
    def in_utc(naive: str) -> str:
        return f"cast(timezone({literal(dialect.time_zone)}, {naive}) as timestamp)" if dialect.time_zone else naive

    if given in _TIMESTAMPS or given == "DATE":
        return Cast(in_utc(f"cast({value} as timestamp)"), may_fail=False)
    if given == "TIMESTAMP WITH TIME ZONE":
        return Cast(f"cast({value} as timestamp)", may_fail=False)
    # Spreadsheets and some exports write an hour without its leading zero; the second attempt adds it.
    padded = rf"regexp_replace({value}, '^(\d+-\d+-\d+[T ])(\d:)', '\10\2')"
    moment = f"coalesce(try_cast({value} as timestamptz), try_cast({padded} as timestamptz))"
    careful = f"case when isfinite({moment}) then cast({moment} as timestamp) end"
    if given != "VARCHAR":
        return Cast(careful, may_fail=True)
    # Most values are ISO 8601 in UTC: without an offset the plain cast is enough, and three times faster. `like` for
    # the two common lengths is four times faster than the regular expression.
    whole = f"{value} like '____-__-__ __:__:__' or {value} like '____-__-__T__:__:__Z'"
    plain = rf"({whole} or regexp_full_match({value}, '\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{{1,6}})?Z?'))"
    expression = f"case when {plain} then try_cast({value} as timestamp) else {careful} end"
    if dialect.time_zone:
        naive = literal(r"\d{4}-\d\d?-\d\d?([T ]\d\d?:\d\d(:\d\d([.,]\d+)?)?)?")
        local = in_utc(f"try_cast({padded} as timestamp)")
        expression = f"case when regexp_full_match({value}, {naive}) then {local} else {expression} end"
    formats = (*dialect.timestamp_format, *dialect.date_format)
    if formats:
        tried = []
        for text in formats:
            parsed = f"try_strptime({value}, {literal(text)})"
            tried.append(f"cast({parsed} as timestamp)" if re.search("%[zZ]", text) else in_utc(parsed))
        iso = literal(
            r"\d{4}-\d\d-\d\d([T ].*)?"
        )  # DuckDB accepts other formats, which could be confused with a declared one
        expression = f"case when regexp_full_match({value}, {iso}) then {expression} end"
        expression = f"coalesce({', '.join([*tried, expression])})"
    return Cast(expression, may_fail=True)


def file_path(path: Path) -> str:
    """The path of one file, escaped for functions that accept patterns."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def trimmed(value: str) -> str:
    """An expression: a text without surrounding spaces, or null if it is empty. The test is cheaper than trim."""
    return (
        f"case when {value} like ' %' or {value} like '% ' or {value} = '' then nullif(trim({value}), '')"
        f" else {value} end"
    )


def widens(landed: str, declared: str) -> bool:
    """Whether a raw column of DuckDB's type `landed` can become `declared` without changing any value."""
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
    """An expression: (name, expression) pairs as the text of a JSON object without nulls, or null if all are null.

    Nulls are left out so that a vendor's new, empty column does not make a new version of every record.
    """
    parts = []
    for name, value in fields:
        prefix = literal(json.dumps(name, ensure_ascii=False) + ":")
        parts.append(f"case when {value} is not null then {prefix} || cast(to_json({value}) as varchar) end")
    if not parts:
        return "cast(null as varchar)"
    return f"nullif('{{' || concat_ws(',', {', '.join(parts)}) || '}}', '{{}}')"


def key_hash(entity: EntitySpec, alias: str = "") -> str:
    """An expression: a 64 bit hash of the identifying columns. Records with equal hashes must be compared."""
    prefix = f"{quote(alias)}." if alias else ""
    names = [f"{prefix}{quote(name)}" for name in identity_columns(entity)]
    return f"hash({', '.join(names)})"


def content_columns(entity: EntitySpec) -> tuple[str, ...]:
    """Columns that decide whether two records of one key are equal. Without a key, also the payload."""
    compared = [name for name, column in entity.columns.items() if column.compared]
    return (*compared, "_extra") if entity.key else (*compared, "_extra", "_payload")


def identity_columns(entity: EntitySpec) -> Sequence[str]:
    """Columns that identify records: the key, or without one the whole content."""
    return entity.key or content_columns(entity)


def same(columns: Iterable[str], left: str, right: str) -> str:
    """A condition: two aliases have equal values in all columns; nulls are equal."""
    return " and ".join(f"{left}.{quote(name)} is not distinct from {right}.{quote(name)}" for name in columns)
