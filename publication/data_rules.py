"""Data rules: rows that break one are counted, and only too large a share of them stops the publication.

Such a rule is a dbt test of severity warn (with its share in `config.meta.tolerated_share`), or the share of a
fact's records that are set aside (marts.fct_records_set_aside; `config.meta.set_aside_share` of the fact).
Add here: another kind of data rule. Keep out: contracts (expectations.yml), comparisons with the last publication.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from publication.expectations import TOLERATED_ROWS, tolerated_share
from publication.waivers import rule_id

if TYPE_CHECKING:
    import duckdb

    from runtime.building import BuildReport

SET_ASIDE = "marts.fct_records_set_aside"
SET_ASIDE_SHARE = 0.05  # of a fact's records, if its YAML declares none


@dataclass(frozen=True)
class CountedRule:
    """The result of one data rule: `broken_count` of `row_count` rows break it, `tolerated_share` of them may.

    `broken_by` selects the rows that break it; empty if they cannot be found afterwards.
    """

    table: str
    rule: str
    says: str
    broken_count: int
    row_count: int
    tolerated_share: float
    broken_by: str = ""

    @property
    def holds(self) -> bool:
        """True if no more rows break it than are tolerated."""
        return is_tolerated(self.broken_count, self.row_count, self.tolerated_share)


def is_tolerated(broken: int, rows: int, share: float) -> bool:
    """True if so many rows may break a rule: a few always, beyond that the share."""
    return broken <= max(TOLERATED_ROWS, share * rows)


def warned_rules(
    connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], build: BuildReport, audited: set[str]
) -> list[CountedRule]:
    """The dbt tests of severity warn that failed in this build, except on tables that the audit itself reads."""
    tests = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "test"}
    found = []
    for warning in build.warnings:
        test = tests.get(warning.name)
        model = manifest["nodes"].get((test or {}).get("attached_node") or "")
        if test is None or model is None:
            continue
        table = relation_of(model)
        if table in audited and not test["config"]["where"]:
            continue
        where = test["config"]["where"] or "true"
        rows = connection.execute(f"select count(*) from {table} where {where}").fetchone()
        found.append(
            CountedRule(
                table=table,
                rule=f"{test['test_metadata']['name']}: {_columns(test)}",
                says=_says(test),
                broken_count=warning.broken_count,
                row_count=int(rows[0]) if rows else 0,
                tolerated_share=tolerated_share(test) if "tolerated_share" in test["config"]["meta"] else 1.0,
                broken_by=_broken_by(test, table, where),
            )
        )
    return found


def set_aside_rules(connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any]) -> list[CountedRule]:
    """One rule per fact with records that are set aside. Those that wait for another record stop nothing."""
    by_name = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    rules = []
    for fact, waiting, count in connection.execute(_set_aside()).fetchall():
        node = by_name.get(fact)
        table = relation_of(node) if node else f"marts.{fact}"
        kept = connection.execute(f"select count(*) from {table}").fetchone()
        share = (
            1.0
            if waiting
            else float((node or {"config": {}})["config"].get("meta", {}).get("set_aside_share", SET_ASIDE_SHARE))
        )
        rules.append(
            CountedRule(
                table=table,
                rule="waiting_records" if waiting else "records_set_aside",
                says="Records that wait for another one (an order, a look-up)"
                if waiting
                else "Records that lack what the fact needs are set aside",
                broken_count=int(count),
                row_count=int(count) + (int(kept[0]) if kept else 0),
                tolerated_share=share,
                broken_by=f"select * from {SET_ASIDE} where fact = '{fact}' and {'' if waiting else 'not '}is_waiting",
            )
        )
    return rules


def data_rule_ids(manifest: Mapping[str, Any]) -> list[str]:
    """The ids of all data rules: dbt tests of severity warn, and what is set aside of each fact."""
    nodes = manifest["nodes"]
    ids = [
        rule_id(relation_of(nodes[test["attached_node"]]), f"{test['test_metadata']['name']}: {_columns(test)}")
        for test in nodes.values()
        if test["resource_type"] == "test"
        and test["config"]["severity"].lower() == "warn"
        and nodes.get(test.get("attached_node") or "", {}).get("resource_type") == "model"
    ]
    facts = [node for node in nodes.values() if node["resource_type"] == "model" and node["name"].startswith("fct_")]
    return ids + [rule_id(relation_of(fact), "records_set_aside") for fact in facts]


def relation_of(model: Mapping[str, Any]) -> str:
    """`schema.name` of a dbt model."""
    return f"{model['schema']}.{model.get('alias') or model['name']}"


def _set_aside() -> str:
    return f"select fact, is_waiting, sum(record_count) from {SET_ASIDE} group by 1, 2 order by 1, 2"


def _columns(test: Mapping[str, Any]) -> str:
    given = test["test_metadata"]["kwargs"]
    return str(test.get("column_name") or ", ".join(given.get("columns", ())))


def _says(test: Mapping[str, Any]) -> str:
    given, columns = test["test_metadata"]["kwargs"], _columns(test)
    return {
        "not_null": f"{columns} is always filled",
        "unique": f"{columns} is there once",
        "is_unique_together": f"{columns} is there once",
        "accepted_values": f"{columns} is one of {', '.join(str(value) for value in given.get('values', ()))}",
        "relationships": f"{columns} is in {given.get('to', '')}",
    }.get(test["test_metadata"]["name"], f"{test['test_metadata']['name']} of {columns}")


def _broken_by(test: Mapping[str, Any], table: str, where: str) -> str:
    given, name, column = test["test_metadata"]["kwargs"], test["test_metadata"]["name"], _columns(test)
    if name == "not_null":
        return f"select * from {table} where ({where}) and {column} is null"
    if name in ("unique", "is_unique_together"):
        return f"select * from {table} where {where} qualify count(*) over (partition by {column}) > 1"
    if name == "accepted_values":
        values = ", ".join("'" + str(value).replace("'", "''") + "'" for value in given["values"])
        return f"select * from {table} where ({where}) and {column} not in ({values})"
    return ""
