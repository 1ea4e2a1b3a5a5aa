"""Every compiled model parses and transpiles to Spark; unsupported constructs raise; no type is specific to DuckDB."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

# Functions of DuckDB that Spark lacks and sqlglot does not change: they belong in macros/platform.
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


def test_every_model_and_test_transpiles_to_spark(manifest: dict[str, Any]) -> None:
    problems = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] in ("model", "test") and node["language"] == "sql":
            problem = portability_problem(node["compiled_code"])
            if problem:
                problems[node["name"]] = problem
    assert problems == {}


def unsized_varchars(nodes: dict[str, Any]) -> list[str]:
    """Nodes that name a varchar without a length, which Spark refuses: a text is `string`, in SQL dbt.type_string()."""
    wrong = []
    for node in nodes.values():
        declared = [column.get("data_type") or "" for column in node["columns"].values()]
        declared += (node["config"].get("column_types") or {}).values()
        typed = [f"as {kind}" for kind in declared] + [node["raw_code"] if node.get("language") == "sql" else ""]
        if any(re.search(r"(\bas\s+|::)varchar\b(?!\s*\()", text, re.IGNORECASE) for text in typed):
            wrong.append(node["name"])
    return sorted(wrong)


def test_no_varchar_is_without_a_length(manifest: dict[str, Any]) -> None:
    assert unsized_varchars(manifest["nodes"]) == []


def test_a_varchar_without_a_length_is_seen() -> None:
    def node(name: str, sql: str, kind: str, **config: Any) -> dict[str, Any]:
        column = {"name": "a", "data_type": kind}
        return {"name": name, "language": "sql", "raw_code": sql, "columns": {"a": column}, "config": config}

    nodes = {
        "cast": node("cast", "select cast(null as varchar) as a", "string"),
        "contract": node("contract", "select a from t", "VARCHAR"),
        "seed": node("seed", "", "", column_types={"a": "varchar"}),
        "sized": node("sized", "select cast(a as varchar(10)) as a from t", "string"),
    }
    assert unsized_varchars(nodes) == ["cast", "contract", "seed"]


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
