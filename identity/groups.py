"""Groups of person records that exact evidence joins before a model compares any of them.

Add here: what follows from exact evidence. Keep out: weights (model.py) and clusters (closure.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from identity.closure import Numbers
from identity.components import connected_components


@dataclass(frozen=True)
class Fixed:
    """Pairs that need no model: pairs that exact evidence joins, and pairs that a decision keeps apart. The numbers are
    of identifiers of any type; persons are some of them."""

    joined_a: Numbers
    joined_b: Numbers
    apart_a: Numbers
    apart_b: Numbers


_NOBODY = np.empty(0, np.int64)
NOTHING_FIXED = Fixed(_NOBODY, _NOBODY, _NOBODY, _NOBODY)


@dataclass(frozen=True)
class Groups:
    """Persons in the order of their numbers, each with its group by exact evidence (0 .. size - 1); the members of each
    group; and pairs of groups that a decision keeps apart."""

    numbers: Numbers
    of_person: Numbers
    exclusive: Numbers
    members: Numbers
    starts: Numbers
    counts: Numbers
    apart: frozenset[tuple[int, int]]

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, persons: pa.Table, fixed: Fixed) -> Groups:
        """The groups of the records in `people`. `persons` has person_no, and exclusive_no if there is such a rule."""
        numbers = np.asarray(
            connection.execute("select person_no from people order by 1").fetchnumpy()["person_no"], np.int64
        )
        ends = [numbers, fixed.joined_a, fixed.joined_b, fixed.apart_a, fixed.apart_b]
        nodes = np.unique(np.concatenate(ends)).astype(np.int64)
        place = [np.searchsorted(nodes, numbers_of) for numbers_of in ends]
        labels = connected_components(place[1], place[2], len(nodes))
        found, of_person = np.unique(labels[place[0]], return_inverse=True)
        apart = np.stack([labels[place[3]], labels[place[4]]])
        apart = apart[:, np.isin(apart[0], found) & np.isin(apart[1], found) & (apart[0] != apart[1])]
        sides = np.sort(np.searchsorted(found, apart), axis=0)
        exclusive = np.full(len(numbers), -1, np.int64)
        if "exclusive_no" in persons.column_names:
            order = np.argsort(np.asarray(persons["person_no"], np.int64), kind="stable")
            exclusive[:] = np.asarray(persons["exclusive_no"].fill_null(-1), np.int64)[order]
        counts = np.bincount(of_person, minlength=len(found))
        return cls(
            numbers=numbers,
            of_person=of_person,
            exclusive=exclusive,
            members=np.argsort(of_person, kind="stable"),
            starts=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64),
            counts=counts,
            apart=frozenset(zip(sides[0].tolist(), sides[1].tolist(), strict=True)),
        )

    @property
    def size(self) -> int:
        """How many groups there are."""
        return len(self.counts)

    def across(self, a: Numbers, b: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """All pairs of persons across pairs of groups: indexes of the two persons, and of the pair of groups."""
        pairs = self.counts[a] * self.counts[b]
        of_pair = np.repeat(np.arange(len(a)), pairs)
        step = np.arange(len(of_pair)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
        width = self.counts[b][of_pair]
        first = self.members[self.starts[a][of_pair] + step // width]
        second = self.members[self.starts[b][of_pair] + step % width]
        return first, second, of_pair
