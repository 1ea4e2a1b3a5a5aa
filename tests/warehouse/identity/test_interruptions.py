"""A build that stopped after any model of identity: the next build gives the same result as an undisturbed one.

Add here: another kind of interruption. Keep out: a crash inside the materialization (test_graphs.py).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import pytest

from runtime.home import PROJECT_ROOT
from tests.warehouse.identity.chance import random_stories
from tests.warehouse.identity.telling import Teller, apply_decision, break_off, build_identity, land_batch
from tests.warehouse.workbench import Workbench

MODELS = sorted(path.stem for path in (PROJECT_ROOT / "dbt_project/models/intermediate/identity").glob("*.sql"))


@pytest.mark.skipif(not os.environ.get("TORTURE"), reason="skipped: minutes; test_stories.py breaks off three builds")
def test_a_build_that_broke_off_is_repaired_by_the_next(workbench: Workbench, tmp_path: Path) -> None:
    """Random stories: one batch is built, the other three land with their decisions, and their builds stop early."""
    stories = random_stories(11, 40)
    tellers = [Teller(number) for number in range(1, len(stories) + 1)]
    before = build_identity(workbench, land_batch(workbench, tellers, stories, 0), with_seeds=True)
    decisions = [decision for batch in (1, 2, 3) for decision in land_batch(workbench, tellers, stories, batch)]
    with duckdb.connect(str(workbench.home.warehouse)) as connection:
        for teller, line in decisions:
            apply_decision(connection, teller, line)
    landed = shutil.copy(workbench.home.warehouse, tmp_path / "landed.duckdb")
    undisturbed = build_identity(workbench, [], with_seeds=False)
    assert len(undisturbed.changes) > len(before.changes) + 20
    for model in MODELS:
        shutil.copy(landed, workbench.home.warehouse)
        break_off(workbench, model)
        assert build_identity(workbench, [], with_seeds=False) == undisturbed, model
