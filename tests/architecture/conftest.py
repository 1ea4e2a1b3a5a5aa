"""The input of the architecture tests: dbt's manifest of the project, compiled once against an empty warehouse.

Add here: fixtures that several architecture tests read. Keep out: rules (each is in the test that checks it).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runtime.home import Home
from tests.command import dbt

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """dbt's manifest with compiled code, from an empty home: the project compiles without tables in the warehouse."""
    place = tmp_path_factory.mktemp("architecture-home")
    dbt(place, "compile")
    loaded: dict[str, Any] = json.loads(Home(place).manifest.read_text())
    return loaded


@pytest.fixture(scope="session")
def models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Models by unique id."""
    return {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
