"""The small public sets of the scoreboard, with a minimum accuracy for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scoreboard import SETS, convert
from identity.evaluation import Configuration, evaluate

LEAST = {
    "fake_1000": (0.99, 0.9),
    "febrl1": (0.999, 0.99),
    "febrl3": (0.995, 0.995),
    "senzing_truthset": (0.95, 0.65),
}


@pytest.mark.skipif(not SETS.is_dir(), reason="skipped: needs ../shared/data/eval")
@pytest.mark.parametrize("name", LEAST)
def test_precision_and_recall_hold(tmp_path: Path, name: str) -> None:
    records, truth = convert(name, tmp_path)
    found = evaluate(records, truth, mapping={}, configuration=Configuration())
    assert found.pairwise.precision >= LEAST[name][0]
    assert found.pairwise.recall >= LEAST[name][1]
    assert found.largest_cluster <= max(10, found.largest_entity)
