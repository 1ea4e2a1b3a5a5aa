"""Finds exports (in dbt's manifest) and destinations (folders of exports/destinations/).

Add here: nothing for a new export or destination. Keep out: lists of names.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

from exports import destinations
from exports.destination import Destination
from exports.errors import SpecError, UnknownExportError
from exports.settings import Settings
from exports.spec import ExportSpec, parse_node


def destination_names() -> tuple[str, ...]:
    """Names of the destinations: the folders of exports/destinations/. Imports none of them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(destinations.__path__) if module.ispkg))


def open_destination(name: str, settings: Settings) -> Destination:
    """The destination of a name, bound to the settings; does not touch network or disk.

    Raises SpecError for a name that no folder provides.
    """
    if name not in destination_names():
        raise SpecError(f"no destination {name!r}; known: {', '.join(destination_names())}")
    module = importlib.import_module(f"exports.destinations.{name}.destination")
    destination: Destination = module.create(settings)
    return destination


def load_exports(manifest_path: Path) -> dict[str, ExportSpec]:
    """All declared exports by name, in order of name.

    Raises SpecError if the manifest is absent or unreadable, or a declaration is invalid.
    """
    try:
        manifest: dict[str, Any] = json.loads(manifest_path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"{manifest_path} is absent: run `merganser build` (or `dbt parse`) first") from None
    except (OSError, ValueError) as error:
        raise SpecError(
            f"{manifest_path} cannot be read ({type(error).__name__}): run `merganser build` again"
        ) from None
    known = destination_names()
    nodes = [
        node
        for node in manifest.get("nodes", {}).values()
        if node.get("resource_type") == "model" and "export" in (node.get("config", {}).get("meta") or {})
    ]
    return {spec.name: spec for spec in sorted((parse_node(node, known) for node in nodes), key=lambda spec: spec.name)}


def find_export(manifest_path: Path, name: str) -> ExportSpec:
    """One declared export. Raises UnknownExportError with the existing names."""
    exports = load_exports(manifest_path)
    if name not in exports:
        raise UnknownExportError(f"no export {name!r}; declared: {', '.join(exports) or 'none'}", code="unknown_export")
    return exports[name]
