"""Every compiled model parses and transpiles to Spark, with unsupported constructs raised."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

# Functions that DuckDB has, Spark has not, and sqlglot passes through unchanged: they belong in macros/platform.
UNKNOWN_TO_SPARK = {
    "strptime", "list_value", "list_aggregate", "list_filter", "list_transform", "list_distinct", "struct_pack",
    "regexp_matches", "regexp_split_to_array", "epoch_ms", "epoch_us", "epoch_ns", "to_timestamp_ms", "read_parquet",
    "read_csv", "read_json", "sha256", "json_extract_string", "string_split", "date_part_ms", "gen_random_uuid", "hash",
}  # fmt: skip


def portability_problem(sql: str) -> str | None:
    """Why a statement in DuckDB's dialect cannot run on Spark, or None."""
    if re.search(r",\s*from\b", sql):
        return "a comma before `from`, which DuckDB reads and Spark does not"
    try:
        (tree,) = sqlglot.parse(sql, read="duckdb")
        assert tree is not None
        tree.sql(dialect="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except SqlglotError as error:
        return str(error)
    foreign = sorted({f.name.lower() for f in tree.find_all(exp.Anonymous)} & UNKNOWN_TO_SPARK)
    return f"functions unknown to Spark: {foreign}" if foreign else None


def test_every_model_transpiles_to_spark(models: dict[str, Any]) -> None:
    problems = {}
    for node in models.values():
        if node["language"] == "sql":
            problem = portability_problem(node["compiled_code"])
            if problem:
                problems[node["name"]] = problem
    assert problems == {}


@pytest.mark.parametrize(
    "sql",
    [
        "select list_aggregate(a, 'sum') as b from t",
        "select epoch_us(a) as b, regexp_split_to_array(a, ',') as c from t",
        "select a from t where",
        "select a, b, from t",
    ],
)
def test_an_unportable_model_is_seen(sql: str) -> None:
    assert portability_problem(sql) is not None
