"""The demo business as files, small, written once for all vendors' tests.

Add here: what more than one vendor's tests need. Keep out: servers (../servers).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.synthetic import WorldConfig, write_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its landing files: not to be changed."""
    place = tmp_path_factory.mktemp("world")
    write_world(WorldConfig(customers=120, history_days=120), place / "landing", place / "truth")
    return place / "landing"
