"""Clusters scored pairs into persons: joins the strongest pairs first and refuses joins of contradicting records.

Pairs are correct far more often than chains of pairs: a record without a given name matches both husband and wife.
So a join of two groups is refused if one pair across them is clear evidence against it and the sum of all pairs across
them is too. A single badly written record does not split its person.
Add here: a rule about groups. Keep out: the weight of a pair (model.py).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from identity.components import connected_components

REFUSING_WEIGHT = -10.0
"""Below so many bits a pair is clear evidence against the join of two groups: a thousand to one."""

MOST_BITS = 15.0
"""The most that a pair counts, for or against, in the sum of the pairs across two groups."""

BARRED_WEIGHT = -1000.0
"""The weight of a pair that a rule or a decision keeps apart: nothing outweighs it."""

TIED_BITS = 1.0
"""If two contradicting records match a third one and their weights differ by less, it joins neither."""

MOST_MEMBERS = 100
"""Components of more records lose their weakest pairs before all their pairs are weighed."""

Numbers = NDArray[np.int64]
Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Scored pairs as arrays: a < b."""

    a: Numbers
    b: Numbers
    weight: Weights

    def where(self, kept: NDArray[np.bool_]) -> Pairs:
        """The pairs for which `kept` is true."""
        return Pairs(self.a[kept], self.b[kept], self.weight[kept])


def cluster(edges: Pairs, size: int, weigh: Callable[[Numbers, Numbers], Weights], *, weighed_from: int = 3) -> Numbers:
    """The cluster of each number below `size`: the smallest of its members.

    `edges` are the pairs that would join. `weigh` returns the weights of other pairs; it is called once, for all pairs
    inside components of at least `weighed_from` members (two single records have no pair besides their edge).
    """
    edges = _loosened(edges, size)
    labels = connected_components(edges.a, edges.b, size)
    inside_a, inside_b = _pairs_inside(labels, weighed_from)
    if not len(inside_a):
        return labels
    weights = weigh(inside_a, inside_b)
    against = weights < REFUSING_WEIGHT
    disputed = np.unique(labels[inside_a[against]])
    in_dispute = np.isin(labels, disputed)
    kept = edges.where(in_dispute[edges.a])
    answer = labels.copy()
    inside = Pairs(inside_a, inside_b, weights).where(in_dispute[inside_a])
    for number, root in _agglomerated(kept, inside).items():
        answer[number] = root
    return answer


def _loosened(edges: Pairs, size: int) -> Pairs:
    """The edges without the weakest ones of components with too many members."""
    while len(edges.a):
        labels = connected_components(edges.a, edges.b, size)
        members = np.bincount(labels, minlength=size)
        large = members[labels[edges.a]] > MOST_MEMBERS
        if not large.any():
            break
        floor = np.zeros(size)
        floor[:] = np.inf
        np.minimum.at(floor, labels[edges.a[large]], edges.weight[large])
        edges = edges.where(~large | (edges.weight > floor[labels[edges.a]] + 1))
    return edges


def _pairs_inside(labels: Numbers, smallest: int) -> tuple[Numbers, Numbers]:
    """All pairs inside components of at least `smallest` members."""
    order = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    firsts, seconds = [], []
    for count in np.unique(counts[counts >= smallest]):
        rows = order[starts[counts == count][:, None] + np.arange(count)]
        left, right = np.triu_indices(count, 1)
        firsts.append(rows[:, left].ravel())
        seconds.append(rows[:, right].ravel())
    if not firsts:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(firsts), np.concatenate(seconds)


def _agglomerated(edges: Pairs, inside: Pairs) -> dict[int, int]:
    """Joins groups in descending weight; returns the smallest member of each member's group. `inside`: all pairs."""
    against: dict[int, set[int]] = defaultdict(set)
    across: dict[int, dict[int, float]] = defaultdict(dict)  # by two groups: the sum of the pairs across them
    disputes: dict[int, set[int]] = defaultdict(
        set
    )  # groups with a pair across them that is clear evidence against a join
    for a, b, weight in zip(inside.a.tolist(), inside.b.tolist(), inside.weight.tolist(), strict=True):
        bits = -math.inf if weight <= BARRED_WEIGHT else max(-MOST_BITS, min(MOST_BITS, weight))
        across[a][b] = across[b][a] = bits
        if weight < REFUSING_WEIGHT:
            for one, other in ((a, b), (b, a)):
                against[one].add(other)
                disputes[one].add(other)
    claims: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for a, b, weight in zip(edges.a.tolist(), edges.b.tolist(), edges.weight.tolist(), strict=True):
        claims[a].append((b, weight))
        claims[b].append((a, weight))

    def is_tied(claimed: int, by: int, weight: float) -> bool:
        return any(
            rival in against[by] and rivals > weight - TIED_BITS and group[rival] != group[claimed]
            for rival, rivals in claims[claimed]
        )

    group: dict[int, int] = {}
    members: dict[int, list[int]] = {}
    for number in np.unique(np.concatenate([edges.a, edges.b])).tolist():
        group[number], members[number] = number, [number]
    for place in np.lexsort((edges.b, edges.a, -edges.weight)).tolist():
        a, b, weight = int(edges.a[place]), int(edges.b[place]), float(edges.weight[place])
        first, second = sorted((group[a], group[b]))
        if first == second or (second in disputes[first] and across[first][second] <= 0):
            continue
        if is_tied(a, b, weight) or is_tied(b, a, weight):
            continue
        for member in members[second]:
            group[member] = first
        members[first] += members.pop(second)
        for other, bits in across.pop(second).items():
            del across[other][second]
            if other != first:
                across[first][other] = across[other][first] = across[first][other] + bits
        for other in disputes.pop(second, set()):
            disputes[other].remove(second)
            if other != first:
                disputes[first].add(other)
                disputes[other].add(first)
    return group
