"""Casts lose nothing in silence: what DuckDB would round, shift or make infinite becomes a refusal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pytest

from ingestion.statements import cast_to, json_record, literal, quote, widens

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
