"""Fixtures of the warehouse tests: each test gets an empty workbench, and dbt parses the project once.

Add here: fixtures. Keep out: the methods of a workbench (workbench.py).
"""

from __future__ import annotations

import pytest

from runtime.building import parsed_manifest
from runtime.home import Home
from tests.warehouse.workbench import AS_OF, Workbench


@pytest.fixture(scope="session")
def _bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """The only workbench of a process, on the unchanged project. Empty it first: an earlier test may have used it."""
    home = Home(tmp_path_factory.mktemp("workbench"), AS_OF)
    return Workbench(home, parsed_manifest(home))


@pytest.fixture
def workbench(_bench: Workbench) -> Workbench:
    """The empty workbench."""
    _bench.empty()
    return _bench
