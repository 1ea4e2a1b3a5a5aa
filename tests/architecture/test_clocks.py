"""A model whose rows depend on the time says so in its config: a build leaves out what has not changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runtime.changes import Changes
from runtime.home import PROJECT_ROOT, Home

UNITS = {"minute", "hour", "day", "month", "year"}


def clock_problems(manifest: dict[str, Any]) -> list[str]:
    """Models that read the time and declare no clock, or the reverse; clocks that name what they cannot read."""
    changes = Changes(Home(Path("none")), PROJECT_ROOT, manifest, "2026-06-30", {}, {}, {})
    nodes = {key: node for key, node in changes.nodes.items() if node["resource_type"] == "model"}
    problems = []
    for node in nodes.values():
        name, declared = node["name"], (node["config"].get("meta") or {}).get("clock")
        if changes.reads_the_time(node) is not (declared is not None):
            problems.append(f"{name} {'declares a clock' if declared is not None else 'declares no clock'}")
        for entry in declared if isinstance(declared, list) else []:
            if set(entry) - {"relation", "column", "shift", "unit"} or entry.get("unit", "day") not in UNITS:
                problems.append(f"{name}: {entry}")
            if entry.get("relation", name) not in {name, *ancestors(nodes, node)}:
                problems.append(f"{name} is not built from {entry['relation']}")
        if not isinstance(declared, list) and declared not in (None, "always", "daily"):
            problems.append(f"{name}: {declared}")
    return problems


def ancestors(nodes: dict[str, Any], node: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for key in node["depends_on"]["nodes"]:
        if key in nodes and nodes[key]["name"] not in found:
            found |= {nodes[key]["name"], *ancestors(nodes, nodes[key])}
    return found


def test_every_model_that_reads_the_time_declares_its_clock(manifest: dict[str, Any]) -> None:
    assert clock_problems(manifest) == []
    declared = [node for node in manifest["nodes"].values() if "clock" in (node["config"].get("meta") or {})]
    assert len(declared) >= 20


def test_a_wrong_clock_is_seen() -> None:
    def model(name: str, code: str, *parents: str, macros: tuple[str, ...] = (), **meta: Any) -> dict[str, Any]:
        return {
            "name": name,
            "resource_type": "model",
            "raw_code": code,
            "config": {"meta": meta, "materialized": "table"},
            "depends_on": {"nodes": list(parents), "macros": list(macros)},
        }

    def macro(code: str, *used: str) -> dict[str, Any]:
        return {"macro_sql": code, "package_name": "merganser", "depends_on": {"macros": list(used)}}

    column = {"column": "expires_at"}
    manifest = {
        "macros": {
            "as_of": macro("{{ run_started_at }}"),
            "gate": macro("expires_at > {{ as_of() }}", "as_of"),
        },
        "nodes": {
            "hidden": model("hidden", "select {{ gate() }}", macros=("gate",)),
            "system": model("system", "select now()"),
            "comment": model("comment", "select 1 {# now() #} -- as_of()"),
            "needless": model("needless", "select 1", clock=[column]),
            "right": model("right", "{{ as_of() }}", "needless", clock=[{**column, "relation": "needless"}, column]),
            "below": model("below", "{{ as_of() }}", "right", clock=[{**column, "relation": "needless", "shift": -1}]),
            "stranger": model("stranger", "{{ as_of() }}", clock=[{**column, "relation": "needless"}]),
            "misspelt": model("misspelt", "{{ as_of() }}", clock=[{**column, "units": "day"}]),
            "odd": model("odd", "{{ as_of() }}", clock="hourly"),
            "always": model("always", "{{ as_of() }}", clock="always"),
        },
    }
    assert clock_problems(manifest) == [
        "hidden declares no clock",
        "system declares no clock",
        "needless declares a clock",
        "stranger is not built from needless",
        "misspelt: {'column': 'expires_at', 'units': 'day'}",
        "odd: hourly",
    ]
