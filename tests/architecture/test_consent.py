"""Deliveries depend on this: sources declare which entities contain consent, and every shipped sync has a guard."""

from __future__ import annotations

import re
from typing import Any

from ingestion.registry import SHIPPED_SOURCES, read_source

DECISIONS = "int_consent__decisions"
# Read together with consent records, but without decisions of their own.
DECIDES_NOTHING = {"salesforce.account": "the company's name and address of a contact"}


def entities_of_decisions(manifest: dict[str, Any]) -> set[str]:
    """`source.entity` of every raw table that consent decisions are read from: through staging and models of consent,
    not through lookups, which read the same tables for other values.
    """
    nodes = {**manifest["nodes"], **manifest["sources"]}
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [key for key, node in manifest["nodes"].items() if node["name"] == DECISIONS]
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        node = nodes[key]
        if node["resource_type"] == "source":
            if node["schema"].startswith("raw_") and node["schema"] not in ("raw_ops", "raw_quarantine"):
                found.add(f"{node['schema'].removeprefix('raw_')}.{node['name']}")
        elif node["resource_type"] == "model" and _is_followed(node):
            waiting += node["depends_on"]["nodes"]
    return found


def _is_followed(node: dict[str, Any]) -> bool:
    name = node["name"]
    return re.match(r"stg_|base_|cnf_\w+__consents|int_consent__", name) is not None and "_lookups__" not in name


def declared_entities() -> set[str]:
    sources = [read_source(path) for path in sorted(SHIPPED_SOURCES.glob("*/source.yml"))]
    return {
        f"{source.source}.{name}"
        for source in sources
        for name, entity in source.entities.items()
        if entity.bears_consent
    }


def test_every_entity_that_decisions_are_read_from_is_declared(manifest: dict[str, Any]) -> None:
    """Otherwise its decisions land without a delivery noticing. More may be declared: that only refuses more."""
    read = entities_of_decisions(manifest)
    assert len(read) >= 9
    assert read - declared_entities() == set(DECIDES_NOTHING)


def test_an_undeclared_entity_is_seen() -> None:
    def node(name: str, kind: str, *parents: str, schema: str = "") -> dict[str, Any]:
        return {"name": name, "resource_type": kind, "depends_on": {"nodes": list(parents)}, "schema": schema}

    manifest = {
        "nodes": {
            "d": node(DECISIONS, "model", "i", "lookup"),
            "i": node("int_consent__words", "model", "s"),
            "s": node("stg_quiz__answers", "model", "answers"),
            "lookup": node("stg_lookups__country_spellings", "model", "orders"),
        },
        "sources": {
            "answers": node("answer", "source", schema="raw_quiz"),
            "orders": node("order", "source", schema="raw_quiz"),
        },
    }
    assert entities_of_decisions(manifest) == {"quiz.answer"}
    assert entities_of_decisions(manifest) - declared_entities() == {"quiz.answer"}


def unguarded(models: dict[str, Any]) -> list[str]:
    """Syncs whose guard can never stop a removal."""
    wrong = []
    for node in models.values():
        export = (node["config"].get("meta") or {}).get("export")
        if export is not None and not (export.get("guard") or {}).get("max_removed_share", 1.0) <= 0.5:
            wrong.append(node["name"])
    return sorted(wrong)


def test_every_shipped_sync_has_a_guard_on_removals(models: dict[str, Any]) -> None:
    assert unguarded(models) == []


def test_a_sync_without_a_guard_is_seen() -> None:
    def sync(name: str, **export: Any) -> dict[str, Any]:
        return {"name": name, "config": {"meta": {"export": export}}}

    models = {
        "a": sync("exp_a__all", guard={"max_removed_share": 1.0}),
        "b": sync("exp_b__none"),
        "c": sync("exp_c__half", guard={"max_removed_share": 0.5}),
    }
    assert unguarded(models) == ["exp_a__all", "exp_b__none"]
