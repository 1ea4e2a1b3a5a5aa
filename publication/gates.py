"""Gates: the declared thresholds of how far a build may differ from the last publication.

Add here: another setting of a gate. Keep out: the comparison (comparison.py), the values (gates.yml, and each
model's `config.meta.gates`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from runtime.errors import MerganserError

GATES_FILE = Path(__file__).with_name("gates.yml")
NOT_READABLE = "last_publication"
_SETTINGS = {"at_most", "beyond", "columns", "reason", "disabled"}


@dataclass(frozen=True)
class Gate:
    """The threshold of one gate on one table. `at_most`: the largest share or factor that passes; `beyond`: the
    number of rows up to which it never trips."""

    name: str
    at_most: float
    beyond: int
    columns: tuple[str, ...] = ()
    reason: str = ""
    disabled: bool = False

    def trips(self, share: float, rows: float) -> bool:
        """True if a share is too large, and not only because of a few rows."""
        return not self.disabled and share > self.at_most and rows > self.beyond


def layer_gates(layer: str) -> dict[str, Gate]:
    """The default gates of a layer by name."""
    return {name: _gate(name, settings, GATES_FILE.name) for name, settings in _declared()[layer].items()}


def gates_of(model: Mapping[str, Any], layer: str) -> dict[str, Gate]:
    """The gates of a dbt model: those of its layer, with the changes of its `config.meta.gates`.

    Raises MerganserError for an unknown gate, and for a value without a reason.
    """
    defaults = _declared()[layer]
    own = model["config"].get("meta", {}).get("gates", {})
    unknown = sorted(set(own) - set(defaults))
    if unknown:
        raise MerganserError(
            f"{model['name']}: there is no gate {', '.join(unknown)}.",
            f"Gates of {layer}: {', '.join(sorted(defaults))}.",
        )
    for name, settings in own.items():
        if not settings.get("reason"):
            raise MerganserError(f"{model['name']}: the gate {name} gives no reason.", "Write `reason:` beside it.")
    return {name: _gate(name, {**values, **own.get(name, {})}, model["name"]) for name, values in defaults.items()}


def gate_names() -> set[str]:
    """The names of all gates."""
    return {name for gates in _declared().values() for name in gates} | {NOT_READABLE}


def gate_ids(manifest: Mapping[str, Any]) -> set[str]:
    """The ids of all gates of all tables."""
    layers, ids = _declared(), {f"serving.{NOT_READABLE}"}
    for node in [*manifest["nodes"].values(), *manifest["sources"].values()]:
        name = node.get("identifier") or node.get("alias") or node["name"]
        if node["resource_type"] == "source":
            layer = "raw"
        elif node["resource_type"] == "model":
            layer = "marts" if name.startswith("fct_") else node["schema"]
        else:
            continue
        ids |= {f"{node['schema']}.{name}.{gate}" for gate in layers.get(layer, ())}
        if name == "dim_consents":
            ids |= {f"{node['schema']}.{name}.{gate}" for gate in layers["consent"]}
    return ids


def _declared() -> dict[str, dict[str, dict[str, Any]]]:
    layers: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(GATES_FILE.read_text())["layers"]
    return layers


def _gate(name: str, settings: Mapping[str, Any], where: str) -> Gate:
    unknown = sorted(set(settings) - _SETTINGS)
    if unknown:
        raise MerganserError(
            f"{where}, gate {name}: {', '.join(unknown)} is not known.", f"Known: {', '.join(sorted(_SETTINGS))}."
        )
    return Gate(
        name,
        float(settings.get("at_most", 0)),
        int(settings.get("beyond", 0)),
        tuple(settings.get("columns", ())),
        str(settings.get("reason", "")),
        bool(settings.get("disabled", False)),
    )
