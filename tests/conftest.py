"""The demo home that several folders of tests share, built once per test run.

Add here: expensive fixtures of more than one folder, and the order of folders. Keep out: fixtures of one folder (its
own conftest.py).
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from runtime.home import Home, open_home
from tests.command import DEMO_CUSTOMERS, DEMO_SEED, copy_of, merganser

# No deadline: the speed of a property test means nothing if three processes share two cores.
settings.register_profile("merganser", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("merganser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folder with the most and smallest files comes last, so that no worker ends with a long file alone."""
    items.sort(key=lambda item: "ingestion" in item.path.parts)


@pytest.fixture(scope="session")
def _demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Built by the first process that needs it; each process has its own copy."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent  # each worker has a directory in that of the run
    built, answer = Home(place / "demo_built"), place / "demo_built.json"
    with answer.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer.exists():
            report = merganser("demo", "--customers", DEMO_CUSTOMERS, "--seed", DEMO_SEED, "--home", built.path)
            answer.write_text(json.dumps(report))
    return copy_of(built, tmp_path_factory.mktemp("demo") / "home").path, json.loads(answer.read_text())


@pytest.fixture(scope="session")
def demo_report(_demo: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    """The report of `merganser demo --json`."""
    return _demo[1]


@pytest.fixture(scope="session")
def demo_home(_demo: tuple[Path, dict[str, Any]]) -> Home:
    """The home that `merganser demo` built. Do not change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MERGANSER_AS_OF", raising=False)
        return open_home(_demo[0])


@pytest.fixture
def copied_home(demo_home: Home, tmp_path: Path) -> Home:
    """A copy of the demo's home, for tests that change it."""
    return copy_of(demo_home, tmp_path / "copy")
