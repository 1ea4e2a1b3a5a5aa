"""Fixtures of the warehouse tests: an empty workbench for each, in one directory, so that dbt's partial parse holds.

Add here: fixtures. Keep out: what a workbench can do (workbench.py).
"""

from __future__ import annotations

import pytest

from orchestration.lib.home import Home
from tests.warehouse.workbench import AS_OF, Workbench


@pytest.fixture(scope="session")
def _parsed_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("workbench"), AS_OF)


@pytest.fixture
def workbench(_parsed_home: Home) -> Workbench:
    """An empty home; the same directory every time, so that dbt's partial parse holds."""
    bench = Workbench(_parsed_home)
    bench.empty()
    return bench
