"""A home directory per test."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.settings import Settings
from tests.ingestion.landing_zone import Landing


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Landing:
    """A fresh home."""
    monkeypatch.delenv("MERGANSER_MEMORY", raising=False)
    return Landing(Settings.from_home(tmp_path / "home"))
