"""The rules that dbt's tests declare about models: those of `keeps_rules` one by one, and dbt's own tests.

Add here: another kind of rule of `keeps_rules`. Keep out: what happens where one is broken (data_rules.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from publication.waivers import rule_id

KEYS = ("unique", "is_unique_together")


@dataclass(frozen=True)
class DbtRule:
    """One rule about a model. `test`: the name of its dbt test; `kind`: not_null, unique, ...; `where`: SQL of the rows
    that it is about, empty for all; `details`: the accepted values, or the parent of a relationship.

    `is_contract`: one broken row stops the build. `tolerated_share`: the share of rows that may break a data rule.
    """

    model: str
    table: str
    test: str
    kind: str
    columns: tuple[str, ...]
    where: str = ""
    details: tuple[Any, ...] = ()
    is_contract: bool = True
    tolerated_share: float = 1.0

    @property
    def name(self) -> str:
        """Its name in messages, as `not_null: customer_id`."""
        return f"{self.kind}: {', '.join(self.columns)}"

    @property
    def id(self) -> str:
        """Its id, as waivers use it."""
        return rule_id(self.table, self.name)

    @property
    def says(self) -> str:
        """The rule in words."""
        columns, details = ", ".join(self.columns), ", ".join(str(value) for value in self.details)
        return {
            "not_null": f"{columns} is always filled",
            "unique": f"{columns} is there once",
            "is_unique_together": f"{columns} is there once",
            "accepted_values": f"{columns} is one of {details}",
            "relationships": f"{columns} is in {details}",
        }.get(self.kind, f"{self.kind} of {columns}")


def dbt_rules(manifest: Mapping[str, Any]) -> list[DbtRule]:
    """All rules about models in dbt's manifest."""
    nodes = manifest["nodes"]
    found = []
    for test in nodes.values():
        model = nodes.get(test.get("attached_node") or "")
        if test["resource_type"] != "test" or not model or model["resource_type"] != "model":
            continue
        config = test.get("config", {})
        for kind, columns, where, details in _declared(test):
            found.append(
                DbtRule(
                    model=test["attached_node"],
                    table=relation_of(model),
                    test=test["name"],
                    kind=kind,
                    columns=columns,
                    where=" and ".join(f"({text})" for text in (config.get("where"), where) if text),
                    details=details,
                    is_contract=str(config.get("severity", "error")).lower() != "warn",
                    tolerated_share=float(config.get("meta", {}).get("tolerated_share", 1.0)),
                )
            )
    return found


def relation_of(model: Mapping[str, Any]) -> str:
    """`schema.name` of a dbt model."""
    return f"{model['schema']}.{model.get('alias') or model['name']}"


def _declared(test: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...], str, tuple[Any, ...]]]:
    """Kind, columns, where and details of each rule of a test."""
    name, given = test["test_metadata"]["name"], test["test_metadata"]["kwargs"]
    if name != "keeps_rules":
        column = test.get("column_name") or given.get("column_name")
        columns = (str(column),) if column else tuple(given.get("columns", ()))
        yield name, columns, "", tuple(given.get("values", ())) or ((given["to"],) if "to" in given else ())
        return
    for argument, kind in (("not_null", "not_null"), ("live", "is_live")):
        for entry in given.get(argument, ()):
            columns, where = _columns_and_where(entry)
            for column in [columns] if isinstance(columns, str) else columns:
                yield kind, (column,), where, ()
    for entry in given.get("unique", ()):
        columns, where = _columns_and_where(entry)
        one = isinstance(columns, str)
        yield ("unique", (columns,), where, ()) if one else ("is_unique_together", tuple(columns), where, ())
    for column, values in given.get("accepted_values", {}).items():
        yield "accepted_values", (column,), "", tuple(values)
    for column in given.get("between", {}):
        yield "is_between", (column,), "", ()
    for column, entry in given.get("relationships", {}).items():
        to, where = (entry["to"], entry.get("where", "")) if isinstance(entry, Mapping) else (entry, "")
        yield "relationships", (column,), where, (to,)


def _columns_and_where(entry: Any) -> tuple[Any, str]:
    return (entry["columns"], entry.get("where", "")) if isinstance(entry, Mapping) else (entry, "")
