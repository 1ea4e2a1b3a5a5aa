"""Fixtures of the warehouse tests: an empty workbench for each, for which dbt parses the project once.

Add here: fixtures. Keep out: what a workbench can do (workbench.py).
"""

from __future__ import annotations

import pytest

from runtime.building import parsed_manifest
from runtime.home import Home
from tests.warehouse.workbench import AS_OF, Workbench


@pytest.fixture(scope="session")
def _bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """The one workbench of a process, on the project as it is. What is in it is left over: empty it first."""
    home = Home(tmp_path_factory.mktemp("workbench"), AS_OF)
    return Workbench(home, parsed_manifest(home))


@pytest.fixture
def workbench(_bench: Workbench) -> Workbench:
    """The workbench, empty."""
    _bench.empty()
    return _bench
