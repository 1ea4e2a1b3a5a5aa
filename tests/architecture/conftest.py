"""What the architecture tests look at: dbt's manifest of the project, compiled once against an empty warehouse.

Add here: fixtures that more than one architecture test reads. Keep out: rules (each stands in the test that checks it).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """dbt's manifest with compiled code, made in an empty home: the project compiles with no table in the warehouse."""
    home = tmp_path_factory.mktemp("architecture-home")
    environment = {
        **os.environ,
        "MERGANSER_HOME": str(home),
        "MERGANSER_AS_OF": "2026-06-30T00:00:00",
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
        "DO_NOT_TRACK": "1",
    }
    dbt = [sys.executable, "-c", "import sys; from dbt.cli.main import cli; sys.argv[0] = 'dbt'; cli()"]
    done = subprocess.run(
        [*dbt, "compile", "--quiet"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (
        f"dbt compile failed on an empty warehouse:\n{done.stdout[-4000:]}{done.stderr[-2000:]}"
    )
    loaded: dict[str, Any] = json.loads((home / "target" / "manifest.json").read_text())
    return loaded


@pytest.fixture(scope="session")
def models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Models by unique id."""
    return {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
