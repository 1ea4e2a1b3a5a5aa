"""The one home that several rooms' tests look at: a small demo, really built, once per run of the tests.

Add here: what more than one folder needs and is dear to make. Keep out: what one folder needs (its own conftest.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.home import Home, open_home
from tests.command import DEMO_CUSTOMERS, DEMO_SEED, copy_of, merganser


@pytest.fixture(scope="session")
def _demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    home = tmp_path_factory.mktemp("demo") / "home"
    return home, merganser("demo", "--customers", DEMO_CUSTOMERS, "--seed", DEMO_SEED, "--home", home)


@pytest.fixture(scope="session")
def demo_report(_demo: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    """What `merganser demo --json` answered."""
    return _demo[1]


@pytest.fixture(scope="session")
def demo_home(_demo: tuple[Path, dict[str, Any]]) -> Home:
    """The home that `merganser demo` built: not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MERGANSER_AS_OF", raising=False)
        return open_home(_demo[0])


@pytest.fixture
def copied_home(demo_home: Home, tmp_path: Path) -> Home:
    """A copy of the demo's home, for tests that change something in it."""
    return copy_of(demo_home, tmp_path / "copy")
