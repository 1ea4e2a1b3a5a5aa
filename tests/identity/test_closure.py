"""Clustering: refused joins, ties, and independence of the order of the pairs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from identity.closure import (
    BARRED_WEIGHT,
    MOST_MEMBERS,
    REFUSING_WEIGHT,
    Numbers,
    Pairs,
    Weights,
    cluster,
)


def close(
    edges: list[tuple[int, int, float]],
    against: set[tuple[int, int]] = frozenset(),
    size: int = 12,
    weights: Mapping[tuple[int, int], float] = MappingProxyType({}),
) -> list[int]:
    """Clusters of these edges. The pairs of `against` are clear evidence against a join; `weights` has other
    weights."""

    def weigh(a: Numbers, b: Numbers) -> Weights:
        pairs = zip(np.minimum(a, b).tolist(), np.maximum(a, b).tolist(), strict=True)
        return np.array([REFUSING_WEIGHT - 1 if pair in against else weights.get(pair, 0.0) for pair in pairs])

    a, b, weight = zip(*edges, strict=True) if edges else ((), (), ())
    pairs = Pairs(np.array(a, np.int64), np.array(b, np.int64), np.array(weight, np.float64))
    return cluster(pairs, size, weigh).tolist()


def test_a_chain_without_contradiction_is_one() -> None:
    assert close([(1, 2, 5.0), (2, 3, 5.0), (3, 4, 5.0)])[1:5] == [1, 1, 1, 1]


def test_a_chain_between_contradicting_records_breaks_at_its_weaker_edge() -> None:
    assert close([(1, 2, 9.0), (2, 3, 5.0)], {(1, 3)})[1:4] == [1, 1, 3]


def test_a_record_that_matches_two_contradicting_ones_equally_joins_neither() -> None:
    assert close([(1, 2, 5.0), (2, 3, 5.0)], {(1, 3)})[1:4] == [1, 2, 3]


def test_groups_are_kept_apart_by_their_worst_pair() -> None:
    edges = [(1, 2, 9.0), (3, 4, 9.0), (2, 3, 5.0)]
    assert close(edges, {(1, 4)})[1:5] == [1, 1, 3, 3]
    assert close(edges)[1:5] == [1, 1, 1, 1]


def test_one_badly_written_record_does_not_split_its_person() -> None:
    edges = [(1, 2, 9.0), (2, 3, 8.0), (1, 3, 8.0), (3, 4, 6.0), (2, 4, 6.0)]
    weighed = {(a, b): weight for a, b, weight in edges}
    assert close(edges, {(1, 4)}, weights=weighed)[1:5] == [1, 1, 1, 1], "twelve bits for it outweigh eleven against"
    assert close(edges, {(1, 4)}, weights=weighed | {(2, 4): 5.0})[1:5] == [1, 1, 1, 4], "eleven do not"
    assert close(edges, {(1, 4), (2, 4)}, weights=weighed)[1:5] == [1, 1, 1, 4], "nor does one pair two"


def test_one_certain_pair_does_not_outweigh_two_that_contradict_it() -> None:
    edges = [(1, 2, 9.0), (2, 3, 100.0)]
    assert close([*edges, (3, 4, 9.0)], {(1, 3), (1, 4)}, weights={(2, 3): 100.0})[1:5] == [1, 2, 2, 2]


def test_nothing_outweighs_a_pair_that_is_barred() -> None:
    edges = [(a, b, 60.0 - 4 * a - b) for a in range(1, 5) for b in range(a + 1, 6)]
    weighed = {(a, b): weight for a, b, weight in edges}
    assert close(edges[:-1], weights=weighed | {(4, 5): REFUSING_WEIGHT - 1})[1:6] == [1, 1, 1, 1, 1]
    apart = close(edges[:-1], weights=weighed | {(4, 5): BARRED_WEIGHT})
    assert apart[4] != apart[5]


def test_a_huge_chain_loses_its_weakest_edges() -> None:
    size = MOST_MEMBERS * 3
    labels = close([(n, n + 1, float(n % 7)) for n in range(1, size)], size=size + 1)
    assert max(np.bincount(labels)) <= MOST_MEMBERS


PAIRS = st.lists(
    st.tuples(st.integers(0, 11), st.integers(0, 11), st.sampled_from([1.0, 3.0, 6.0])).filter(lambda p: p[0] < p[1]),
    max_size=20,
    unique_by=lambda p: p[:2],
)


@given(PAIRS, st.data())
def test_any_order_gives_the_same_and_no_contradiction_is_joined(
    edges: list[tuple[int, int, float]], data: st.DataObject
) -> None:
    every = [(a, b) for a in range(12) for b in range(a + 1, 12)]
    against = set(data.draw(st.lists(st.sampled_from(every), max_size=8)))
    edges = [edge for edge in edges if edge[:2] not in against]
    labels = close(edges, against)
    assert labels == close(data.draw(st.permutations(edges)), against)
    assert all(labels[a] != labels[b] for a, b in against)
    assert all(labels[label] == label for label in labels)
