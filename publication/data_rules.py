"""Data rules: rows that break one are counted, and only too large a share of them stops the publication.

Such a rule is one of a dbt test of severity warn (with its share in `config.meta.tolerated_share`), or the share of a
fact's records that are set aside (marts.fct_records_set_aside; `config.meta.set_aside_share` of the fact).
Add here: another kind of data rule. Keep out: contracts (expectations.yml), comparisons with the last publication.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from publication.dbt_rules import KEYS, DbtRule, dbt_rules, relation_of
from publication.waivers import rule_id

if TYPE_CHECKING:
    import duckdb

    from runtime.building import BuildReport

SET_ASIDE = "marts.fct_records_set_aside"
TOLERATED_ROWS = 10  # a few broken rows stop nothing, whatever their share of a small table
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
        return self.broken_count <= max(TOLERATED_ROWS, self.tolerated_share * self.row_count)


def warned_rules(
    connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], build: BuildReport
) -> list[CountedRule]:
    """The rules of dbt tests of severity warn that were broken in this build."""
    by_test: dict[str, list[DbtRule]] = {}
    for rule in dbt_rules(manifest):
        by_test.setdefault(rule.test, []).append(rule)
    found = []
    for warning in build.warnings:
        rules = by_test.get(warning.name, [])
        broken = [rule for rule in rules if (rule.kind, ", ".join(rule.columns)) == (warning.rule, warning.columns)]
        if broken:  # the test counted the rows itself
            [rule] = broken
            rows, broken_by = warning.row_count, warning.broken_rows
        elif len(rules) == 1:
            [rule] = rules
            counted = connection.execute(f"select count(*) from {rule.table} where {rule.where or 'true'}").fetchone()
            rows, broken_by = int(counted[0]) if counted else 0, _broken_by(rule)
        elif rules:  # which of its rules is broken could not be read: none is tolerated
            rule, rows, broken_by = replace(rules[0], kind=rules[0].test, columns=(), tolerated_share=0.0), 0, ""
        else:
            continue
        found.append(
            CountedRule(
                table=rule.table,
                rule=rule.name,
                says=rule.says,
                broken_count=warning.broken_count,
                row_count=rows,
                tolerated_share=rule.tolerated_share,
                broken_by=broken_by,
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
    """The ids of all data rules: those of dbt tests of severity warn, and what is set aside of each fact."""
    ids = [rule.id for rule in dbt_rules(manifest) if not rule.is_contract]
    models = (node for node in manifest["nodes"].values() if node["resource_type"] == "model")
    return ids + [
        rule_id(relation_of(model), "records_set_aside") for model in models if model["name"].startswith("fct_")
    ]


def _set_aside() -> str:
    return f"select fact, is_waiting, sum(record_count) from {SET_ASIDE} group by 1, 2 order by 1, 2"


def _broken_by(rule: DbtRule) -> str:
    """The rows that break a rule of a test of dbt's own, which says only how many there are."""
    where, columns = rule.where or "true", ", ".join(rule.columns)
    if rule.kind == "not_null":
        return f"select * from {rule.table} where ({where}) and {columns} is null"
    if rule.kind in KEYS:
        return f"select * from {rule.table} where {where} qualify count(*) over (partition by {columns}) > 1"
    if rule.kind == "accepted_values":
        values = ", ".join("'" + str(value).replace("'", "''") + "'" for value in rule.details)
        return f"select * from {rule.table} where ({where}) and {columns} not in ({values})"
    return ""
