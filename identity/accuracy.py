"""The accuracy of clusters against the truth: over pairs of records, and over records (B-cubed).

Add here: a measure. Keep out: where the truth comes from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """Precision, recall and their harmonic mean. Without answers precision is 1; without truth recall is 1."""

    precision: float
    recall: float
    f1: float


def _rates(precision: float, recall: float) -> Rates:
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Rates(round(precision, 6), round(recall, 6), round(f1, 6))


def pairwise(
    clusters: Sequence[Hashable], entities: Sequence[Hashable], sources: Sequence[Hashable] | None = None
) -> Rates:
    """Over all pairs of records: in one cluster, and of one person. With sources, only pairs across sources."""

    def pairs(*labels: Sequence[Hashable]) -> int:
        within = _pairs(Counter(zip(*labels, strict=True)).values())
        return within - _pairs(Counter(zip(*labels, sources, strict=True)).values()) if sources is not None else within

    right, said, true = pairs(clusters, entities), pairs(clusters), pairs(entities)
    return _rates(right / said if said else 1.0, right / true if true else 1.0)


def bcubed(clusters: Sequence[Hashable], entities: Sequence[Hashable]) -> Rates:
    """Over records: the share of its cluster that is its person, and the share of its person in its cluster."""
    sizes, people = Counter(clusters), Counter(entities)
    together = Counter(zip(clusters, entities, strict=True))
    records = len(clusters)
    if not records:
        return _rates(1.0, 1.0)
    precision = sum(count * count / sizes[cluster] for (cluster, _), count in together.items()) / records
    recall = sum(count * count / people[entity] for (_, entity), count in together.items()) / records
    return _rates(precision, recall)


def exact_clusters(clusters: Sequence[Hashable], entities: Sequence[Hashable]) -> int:
    """The number of persons whose records form exactly one cluster."""
    sizes, people = Counter(clusters), Counter(entities)
    together = Counter(zip(clusters, entities, strict=True))
    return sum(count == sizes[cluster] == people[entity] for (cluster, entity), count in together.items())


def _pairs(counts: Iterable[int]) -> int:
    return sum(count * (count - 1) // 2 for count in counts)
