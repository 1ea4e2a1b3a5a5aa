"""The measures of clusters against hand-made cases and against their definitions, pair by pair and record by record."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.accuracy import bcubed, exact_clusters, pairwise

LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from("ab")), min_size=1, max_size=14)


def test_one_wrong_join_and_one_missed() -> None:
    clusters, entities = [1, 1, 1, 2], ["x", "x", "y", "y"]
    assert pairwise(clusters, entities).precision == pytest.approx(1 / 3, abs=1e-5)
    assert pairwise(clusters, entities).recall == 0.5
    assert bcubed(clusters, entities).precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4, abs=1e-5)
    assert bcubed(clusters, entities).recall == 0.75
    assert exact_clusters(clusters, entities) == 0


def test_the_truth_itself_is_perfect() -> None:
    labels = ["x", "x", "y", "z"]
    assert pairwise(labels, labels).f1 == bcubed(labels, labels).f1 == 1.0
    assert exact_clusters(labels, labels) == 3


def test_without_joins_precision_is_1_and_recall_is_0() -> None:
    rates = pairwise([1, 2], ["x", "x"])
    assert (rates.precision, rates.recall, rates.f1) == (1.0, 0.0, 0.0)


def test_with_links_only_pairs_of_one_source_do_not_count() -> None:
    rates = pairwise([1, 1, 1], ["x", "x", "y"], ["a", "b", "a"])
    assert (rates.precision, rates.recall) == (0.5, 1.0)


@given(LABELS)
def test_pairwise_rates_follow_their_definition(rows: list[tuple[int, int, str]]) -> None:
    clusters, entities, sources = ([row[place] for row in rows] for place in range(3))
    for only in (None, sources):
        pairs = [(i, j) for i, j in combinations(range(len(rows)), 2) if only is None or only[i] != only[j]]
        said = {pair for pair in pairs if clusters[pair[0]] == clusters[pair[1]]}
        true = {pair for pair in pairs if entities[pair[0]] == entities[pair[1]]}
        rates = pairwise(clusters, entities, only)
        assert rates.precision == pytest.approx(len(said & true) / len(said) if said else 1.0, abs=1e-5)
        assert rates.recall == pytest.approx(len(said & true) / len(true) if true else 1.0, abs=1e-5)


@given(LABELS)
def test_bcubed_rates_follow_their_definition(rows: list[tuple[int, int, str]]) -> None:
    clusters, entities = [row[0] for row in rows], [row[1] for row in rows]
    everyone = range(len(rows))
    precisions, recalls = [], []
    for i in everyone:
        mine = {j for j in everyone if clusters[j] == clusters[i]}
        same = {j for j in everyone if entities[j] == entities[i]}
        precisions.append(len(mine & same) / len(mine))
        recalls.append(len(mine & same) / len(same))
    rates = bcubed(clusters, entities)
    assert rates.precision == pytest.approx(sum(precisions) / len(rows), abs=1e-5)
    assert rates.recall == pytest.approx(sum(recalls) / len(rows), abs=1e-5)
