"""Casts lose nothing silently: values that DuckDB would round, shift or make infinite are refused."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.spec import EntitySpec
from ingestion.statements import cast_of_column, cast_to, json_record, literal, quote, widens

REFUSED = None


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("set TimeZone = 'UTC'")
    return made


@pytest.mark.parametrize(
    ("declared", "given", "value", "expected"),
    [
        ("bigint", "VARCHAR", "'12'", 12),
        ("bigint", "VARCHAR", "'-12.0'", -12),
        ("bigint", "VARCHAR", "'1.5'", REFUSED),
        ("bigint", "VARCHAR", "'1e3'", REFUSED),
        ("bigint", "VARCHAR", "'0x1F'", REFUSED),
        ("bigint", "VARCHAR", "'1_000'", REFUSED),
        ("bigint", "VARCHAR", "'99999999999999999999'", REFUSED),
        ("bigint", "DOUBLE", "5.0::double", 5),
        ("bigint", "DOUBLE", "5.5::double", REFUSED),
        ("bigint", "DOUBLE", "'nan'::double", REFUSED),
        ("bigint", "UBIGINT", "18446744073709551615::ubigint", REFUSED),
        ("bigint", "INTEGER", "5::integer", 5),
        ("double", "VARCHAR", "'1e3'", 1000.0),
        ("double", "VARCHAR", "'inf'", REFUSED),
        ("double", "VARCHAR", "'nan'", REFUSED),
        ("varchar", "DOUBLE", "123.0::double", "123"),
        ("varchar", "DOUBLE", "1.5::double", "1.5"),
        ("varchar", "BIGINT", "7::bigint", "7"),
        ("varchar", "BLOB", "'caf\\xC3\\xA9'::blob", "café"),
        ("varchar", "BLOB", "'caf\\xE9'::blob", REFUSED),
        ("varchar", "STRUCT(a INTEGER)", "{'a': 1}", '{"a":1}'),
        ("json", "VARCHAR", "'{\"a\": 1}'", '{"a": 1}'),
        ("json", "VARCHAR", "'{broken'", REFUSED),
        ("json", "INTEGER[]", "[1, 2]", "[1,2]"),
        ("boolean", "VARCHAR", "'true'", True),
        ("boolean", "VARCHAR", "'maybe'", REFUSED),
        ("date", "VARCHAR", "'2026-02-30'", REFUSED),
        ("timestamp", "VARCHAR", "'2026-01-01T10:00:00+02:00'", datetime.fromisoformat("2026-01-01T08:00:00")),
        ("timestamp", "VARCHAR", "'2026-01-01T10:00:00.5Z'", datetime.fromisoformat("2026-01-01T10:00:00.500000")),
        ("timestamp", "VARCHAR", "'2026-01-01 10:00:00'", datetime.fromisoformat("2026-01-01T10:00:00")),
        ("timestamp", "VARCHAR", "'2026-01-01'", datetime.fromisoformat("2026-01-01T00:00:00")),
        ("timestamp", "VARCHAR", "'2026-01-01 2:20:51'", datetime.fromisoformat("2026-01-01T02:20:51")),
        ("timestamp", "VARCHAR", "'2026-01-01 2'", REFUSED),
        ("timestamp", "VARCHAR", "'infinity'", REFUSED),
        ("timestamp", "DATE", "date '2026-01-01'", datetime.fromisoformat("2026-01-01T00:00:00")),
        (
            "timestamp",
            "TIMESTAMP WITH TIME ZONE",
            "timestamptz '2026-01-01 10:00:00+02'",
            datetime.fromisoformat("2026-01-01T08:00:00"),
        ),
    ],
)
def test_what_a_value_becomes(
    connection: duckdb.DuckDBPyConnection, declared: str, given: str, value: str, expected: Any
) -> None:
    cast = cast_to(declared, given, "value")
    [(found,)] = connection.execute(
        f"select {cast.expression} from (select cast({value} as {given}) as value)"
    ).fetchall()
    assert found == expected
    assert cast.may_fail or found is not None


@pytest.mark.parametrize(
    ("landed", "declared", "does"),
    [
        ("BIGINT", "bigint", True),
        ("DECIMAL(18,2)", "varchar", True),
        ("DATE", "timestamp", True),
        ("DECIMAL(18,2)", "decimal(20,4)", True),
        ("DECIMAL(18,2)", "decimal(18,4)", False),
        ("DECIMAL(18,2)", "decimal(18,1)", False),
        ("BIGINT", "decimal(18,2)", False),
        ("BIGINT", "decimal(21,2)", True),
        ("BIGINT", "double", False),
        ("VARCHAR", "bigint", False),
        ("TIMESTAMP", "date", False),
    ],
)
def test_which_types_may_widen(landed: str, declared: str, does: bool) -> None:
    assert widens(landed, declared) is does


def test_names_and_texts_are_quoted(connection: duckdb.DuckDBPyConnection) -> None:
    assert quote("a", 'b"c') == '"a"."b""c"'
    hostile = "'; drop table x; --"
    assert connection.execute(f"select {literal(hostile)}").fetchall() == [(hostile,)]


def test_records_become_json_without_nulls(connection: duckdb.DuckDBPyConnection) -> None:
    record = json_record([('a"\n\\', "'x\"'"), ("b", "null"), ("c", "1.50::decimal(18,2)"), ("d", "'{}'::json")])
    assert connection.execute(f"select {record}").fetchall() == [('{"a\\"\\n\\\\":"x\\"","c":1.50,"d":{}}',)]
    assert connection.execute(f"select {json_record([('a', 'null')])}").fetchall() == [(None,)]
    assert connection.execute(f"select {json_record([])}").fetchall() == [(None,)]


def as_decimal(connection: duckdb.DuckDBPyConnection, declared: str, given: str, value: Any) -> Any:
    cast = cast_to(declared, given, "value").expression
    return connection.execute(f"select {cast} from (select cast(? as {given}) as value)", [value]).fetchall()[0][0]


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("1.234", None),
        ("1.230", "1.23"),
        ("1.2300000000000000000000000000", "1.23"),
        ("1.2300000000000000000000000001", None),
        ("-0.005", None),
        ("1e-3", None),
        ("1E+2", "100"),
        ("1.5e-1", "0.15"),
        ("100e-1", "10"),
        ("1e-30", None),
        ("0.30000000000000004", "0.30"),
        ("19.990000000000002", "19.99"),
        ("1.9990000000000002e+01", "19.99"),
        ("0.1999", None),
        ("0.289999999999", None),
        ("12345678901234.5678", None),
        ("9999999999999999.99", "9999999999999999.99"),
        ("10000000000000000", None),
        ("1e400", None),
        (".5", "0.5"),
        ("5.", "5"),
        ("+7", "7"),
        ("", None),
        ("1.2.3", None),
    ],
)
def test_text_becomes_a_decimal_only_when_it_fits(
    connection: duckdb.DuckDBPyConnection, value: str, becomes: str | None
) -> None:
    found = as_decimal(connection, "decimal(18,2)", "VARCHAR", value)
    assert found == (None if becomes is None else Decimal(becomes))


@pytest.mark.parametrize(
    ("kind", "value", "becomes"),
    [
        ("DOUBLE", 0.1 + 0.2, "0.30"),
        ("DOUBLE", 1.1 * 3, "3.30"),
        ("DOUBLE", 1.234, None),
        ("DOUBLE", 1e300, None),
        ("DOUBLE", float("inf"), None),
        ("FLOAT", 19.99, "19.99"),
        ("FLOAT", 1.234, None),
        ("DECIMAL(38,10)", Decimal("1.23"), "1.23"),
        ("DECIMAL(38,10)", Decimal("1.2300000001"), None),
        ("DECIMAL(38,2)", Decimal("1" * 36), None),
        ("DECIMAL(9,1)", Decimal("1.5"), "1.5"),
        ("BIGINT", 10**17, None),
        ("HUGEINT", 5, "5"),
    ],
)
def test_numbers_become_a_decimal_only_when_they_fit(
    connection: duckdb.DuckDBPyConnection, kind: str, value: Any, becomes: str | None
) -> None:
    found = as_decimal(connection, "decimal(18,2)", kind, value)
    assert found == (None if becomes is None else Decimal(becomes))


@settings(max_examples=300)
@given(
    digits=st.integers(0, 10**20),
    places=st.integers(0, 12),
    exponent=st.integers(-8, 8),
    width=st.sampled_from([(18, 2), (38, 0), (30, 12), (9, 4), (5, 5)]),
)
def test_a_decimal_is_the_very_number_or_nothing(
    digits: int, places: int, exponent: int, width: tuple[int, int]
) -> None:
    """Plain text lands exactly when it fits. With an exponent it may be refused though it fits, and is never rounded
    but for the noise of a binary float, of which the last of 17 digits are."""
    size, scale = width
    plain = f"{Decimal(digits).scaleb(-places):f}"
    with duckdb.connect() as connection, localcontext(prec=60):  # 28 digits, the default, are fewer than these have
        found = as_decimal(connection, f"decimal({size},{scale})", "VARCHAR", plain)
        value = Decimal(plain)
        fits = value == round(value, scale) and abs(value) < Decimal(10) ** (size - scale)
        is_noise = found is not None and abs(found - value) <= abs(value) * Decimal(2) ** -50
        assert found == value if fits else found is None or is_noise
        found = as_decimal(connection, f"decimal({size},{scale})", "VARCHAR", f"{plain}e{exponent}")
        value = value.scaleb(exponent)
        assert found is None or abs(found - value) <= abs(value) * Decimal(2) ** -50


def one_column(name: str, key: str) -> EntitySpec:
    """An entity with a text column beside its key."""
    return EntitySpec.model_validate(
        {
            "files": "a/b/*",
            "mode": "merge",
            "key": [key],
            "columns": {key: {"type": "varchar"}, name: {"type": "varchar"}},
        }
    )


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        ("id", "123.0", "123"),
        ("user_id", "1200.000", "1200"),
        ("user_id", "1.23e5", "123000"),
        ("user_id", "1.23E+5", "123000"),
        ("user_id", "1e+05", "100000"),
        ("user_id", "6100000000001.0", "6100000000001"),
        ("user_id", "12e4", "12e4"),  # may be hexadecimal
        ("user_id", "1.5", "1.5"),
        ("user_id", "1.23e1", "1.23e1"),
        ("user_id", "0.0", "0.0"),
        ("user_id", "007.0", "007.0"),
        ("user_id", "1.5e30", "1.5e30"),  # not exact
        ("user_id", "ann@shop.example", "ann@shop.example"),
        ("user_id", None, None),
        ("userid", "1.23E+10", "12300000000"),
        ("associatedcompanyid", "123.0", "123"),
        ("tr_orderid", "1001.0", "1001"),
        ("canonical_vid", "123.0", "123"),
        ("kundennummer", "123.0", "123"),  # the key of a custom source
        ("version", "123.0", "123.0"),
        ("paid", "123.0", "123.0"),
        ("is_valid", "1.0", "1.0"),
    ],
)
def test_an_id_written_as_a_float_is_a_whole_number(
    connection: duckdb.DuckDBPyConnection, column: str, text: str | None, expected: str | None
) -> None:
    """As a double in Parquet is. A text that is no id, or not surely a number, stays."""
    entity = one_column(column, key="kundennummer")
    for given_type in ("VARCHAR", "JSON"):
        cast = cast_of_column(entity, column, given_type, "value").expression
        assert connection.execute(f"select {cast} from (select ?::varchar as value)", [text]).fetchone() == (expected,)


@pytest.mark.parametrize("key", [["version", "line"], ["line"]])
def test_a_text_that_is_no_key_of_its_own_stays(connection: duckdb.DuckDBPyConnection, key: list[str]) -> None:
    """The failing twin of the key above: a part of a key may be a version, a size or a code."""
    columns = {"version": {"type": "varchar"}, "line": {"type": "varchar"}}
    entity = EntitySpec.model_validate({"files": "a/b/*", "mode": "merge", "key": key, "columns": columns})
    cast = cast_of_column(entity, "version", "VARCHAR", "value").expression
    assert connection.execute(f"select {cast} from (select '1.0' as value)").fetchone() == ("1.0",)
