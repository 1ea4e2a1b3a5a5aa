"""Pieces of SQL: quoted identifiers, casts with no silent loss, records as JSON.

Add here when a statement of room 1 needs an expression that is not plain. Keep out: executing anything.
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


def cast_to(declared: str, given: str, value: str, dialect: Dialect = PLAIN) -> Cast:
    """Casts `value`, an expression of DuckDB's type `given`, to a declared type; what does not fit becomes null.

    DuckDB's own casts are kept but where they lose something in silence (measured on DuckDB 2.0): text to timestamp
    drops the offset, so it goes through timestamptz (the session is in UTC); text or a fraction to bigint rounds, so
    only whole numbers pass; a decimal is rounded to its scale, so only what fits passes; infinity is no time and no
    amount. A whole double becomes the text of a whole number: a dataframe with gaps writes identifiers that way.
    `dialect`: how text stands for values.
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


def _cast_to_text(given: str, value: str) -> Cast:
    if given in _FLOATS:
        whole = f"{value} = floor({value}) and abs({value}) < {_LARGEST_EXACT_DOUBLE}"
        text = f"case when {whole} then cast(cast({value} as bigint) as varchar) else cast({value} as varchar) end"
        return Cast(text, may_fail=False)
    return Cast(value if given == "VARCHAR" else f"cast({value} as varchar)", may_fail=False)


def _plain_number(value: str, dialect: Dialect) -> str:
    """An expression: a number of this dialect as the engine reads it; null where its marks stand in wrong places."""
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
    """What fits the scale, and a binary float that stands for such a decimal: 0.1 + 0.2 is 0.30000000000000004.

    A float stands for a decimal when it is at most four units in the last place away from it (a few additions), and
    the difference lies four digits behind the scale: 1.234 never becomes 1.23. No more than 17 significant digits: what
    has more was not written by a binary float. See decision 0016.
    """
    number = f"try_cast({value} as decimal({width},{scale}))"
    if given == "FLOAT":  # by its shortest text: as a double it has digits that nobody wrote
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
    # The commonest shapes match quicker than the regular expression; two characters behind a point hold no exponent
    # that is negative.
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
    """A condition: the double is the decimal number, but for what binary arithmetic did to its last digits."""
    difference = f"abs({double} - cast({number} as double))"
    return f"({difference} <= abs({double}) * {2**-50!r} and {difference} < 1e-{scale + 4})"


def _cast_to_boolean(value: str, dialect: Dialect) -> Cast:
    plain = f"try_cast({value} as boolean)"
    words = ((dialect.true_values, "true"), (dialect.false_values, "false"))
    said = "".join(f" when {is_one_of(value, some)} then {meaning}" for some, meaning in words if some)
    return Cast(f"case{said} else {plain} end" if said else plain, may_fail=True)


def is_one_of(value: str, words: Sequence[str]) -> str:
    """A condition: a text is one of these words, in any case, spaces around it aside."""
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
        iso = literal(r"\d{4}-\d\d-\d\d([T ].*)?")  # other shapes of the engine could be taken for a declared one
        expression = f"case when regexp_full_match({value}, {iso}) then {expression} end"
        expression = f"coalesce({', '.join([*tried, expression])})"
    return Cast(expression, may_fail=True)


def file_path(path: Path) -> str:
    """The path of one file, for functions that take patterns too: no character of it is one of a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


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
