"""Persons of a warehouse, run after run: new and changed records are weighed against all the rest, what was weighed
before keeps its weight, and the closure is taken anew over all of it.

A weight depends on two records and a model that was kept with its surroundings, and on nothing that came since: so a
run over what changed ends where a run from nothing ends. What exact identifiers join stands together, and is joined
with others as a whole or not at all.
Add here: what a run keeps for the next one. Keep out: how a pair is weighed (model.py), how groups come about
(closure.py), tables of the warehouse (dbt's models hand them in).
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from identity import blocking, people
from identity.blocking import KEYS, block, huge_blocks, number_blocks
from identity.closure import (
    BARRED_WEIGHT,
    MOST_MEMBERS,
    REFUSING_WEIGHT,
    Numbers,
    Pairs,
    Weights,
    cluster,
)
from identity.comparisons import COMPARISONS
from identity.components import connected_components
from identity.model import Model, score, train, with_surroundings

AGAINST_BITS = -5.0
"""Bits of evidence, beside what is known of any two records, below which a pair may speak against being one person:
records that exact identifiers brought together may have little in common with a third one, and that says nothing."""

_NOBODY: dict[str, int] = {"email": 10**9, "phone": 10**9}  # who shares one was told apart before

Nicknames = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Fixed:
    """What is certain before any model is asked: pairs of numbers that exact evidence joins, and pairs that a person
    keeps apart. The numbers are of any identifiers; persons are some of them."""

    joined_a: Numbers
    joined_b: Numbers
    apart_a: Numbers
    apart_b: Numbers


@dataclass(frozen=True)
class Thresholds:
    """Bits from which a pair joins, and from which it is a question for a person."""

    joining: float
    reviewed: float

    @classmethod
    def of_percent(cls, joining: float, reviewed: float) -> Thresholds:
        """From probabilities in percent, above 0 and below 100."""
        return cls(math.log2(joining / (100 - joining)), math.log2(reviewed / (100 - reviewed)))


@dataclass(frozen=True)
class Kept:
    """What the last run left: its pairs (as `Judged` has them), what they were weighed by, and the numbers of the
    persons that are new or changed since."""

    pairs: pa.Table
    basis: str
    changed: Numbers


@dataclass(frozen=True)
class Judged:
    """Pairs with person_no_a < person_no_b, weight, verdict and reason, and what they were weighed by.

    match: they join. held: likely enough, and a guard of the closure refused (contradicted, limit, override, contested,
    crowded). question: between the thresholds. known: exact identifiers join them. guard: weighed for the closure only.
    """

    pairs: pa.Table
    basis: str
    model: Model
    weighed: int


def signature() -> str:
    """Short name of the comparisons: a model of others is trained anew."""
    return _short(repr(COMPARISONS))


def learn(persons: pa.Table, nicknames: Nicknames) -> Model:
    """A model of these persons with its surroundings; the shipped one where they are too few to learn from."""
    with _opened(persons, nicknames) as connection:
        return _trained(connection)


def judge(
    persons: pa.Table,
    model: Model | None,
    *,
    nicknames: Nicknames,
    fixed: Fixed,
    thresholds: Thresholds,
    kept: Kept | None = None,
) -> Judged:
    """Which persons are one. `persons` has person_no, columns of `people.COLUMNS`, and exclusive_no: two persons of the
    same exclusive_no are never one (null: no such rule). No model: the one that these persons give."""
    nicknames = sorted(nicknames)
    with _opened(persons, nicknames) as connection:
        if model is None:
            model = _trained(connection)
        left_out = model.surroundings.left_out if model.surroundings else []
        weighed_by = [model.version, thresholds.reviewed, nicknames, KEYS, blocking.MOST_IN_BLOCK, people.SELECT]

        def basis_of(huge: list[int]) -> str:
            return _short(json.dumps([*weighed_by, huge]))

        _hand_over(connection, "new_people", person_no=kept.changed if kept else np.empty(0, np.int64))
        huge = _number_blocks(connection, left_out, had_huge=kept is None or kept.basis != basis_of([]))
        basis = basis_of(huge)
        if kept and kept.basis != basis:
            kept = None
        weighed = block(connection, [*left_out, *huge], only_new=kept is not None)
        score(connection, model, "candidates", "scored")
        _take_up(connection, kept.pairs if kept else None, thresholds.reviewed)
        groups = _Groups.of(connection, persons, fixed)
        closure = _Closure(connection, model, groups)
        verdicts = closure.judged(thresholds.joining)
        return Judged(verdicts, basis, model, weighed)


@contextmanager
def _opened(persons: pa.Table, nicknames: Nicknames) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own, in memory, with these persons in one spelling."""
    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as connection:
        connection.execute("set memory_limit = '2GB'")
        connection.execute(f"set temp_directory = '{spill}'")
        connection.execute("set enable_progress_bar = false")
        connection.execute("set preserve_insertion_order = false")  # one key's blocks beside the other's
        people.prepare(connection, persons, nicknames=nicknames, blocked_emails=(), most_persons=_NOBODY)
        yield connection


def _trained(connection: duckdb.DuckDBPyConnection) -> Model:
    number_blocks(connection)
    return with_surroundings(connection, train(connection))


def _number_blocks(connection: duckdb.DuckDBPyConnection, left_out: list[int], *, had_huge: bool) -> list[int]:
    """Make `block_keys`, and return the blocks that are huge beside those that are left out anyway. Where there was
    none in the last run, only new persons can have made one: their blocks are enough."""
    if not had_huge:
        number_blocks(connection, only_new=True)
        if not huge_blocks(connection, left_out):
            return []
    number_blocks(connection)
    return huge_blocks(connection, left_out)


def _hand_over(connection: duckdb.DuckDBPyConnection, table: str, **columns: Numbers) -> None:
    connection.register("handed", pa.table(columns))
    connection.execute(f"create or replace table {table} as select * from handed")
    connection.unregister("handed")


def _take_up(connection: duckdb.DuckDBPyConnection, kept: pa.Table | None, reviewed: float) -> None:
    """Make `weights` of every pair that has one, and `evidence` of those that count, from `scored` and what was kept of
    persons that are still there and as they were."""
    empty = pa.table({"person_no_a": [0], "person_no_b": [0], "weight": [0.0], "verdict": [""]}).slice(0, 0)
    connection.register("handed", kept if kept is not None else empty)
    connection.execute("""
        create or replace table kept_pairs as
        select person_no_a, person_no_b, weight, verdict <> 'guard' as is_evidence
        from handed
        where
            person_no_a in (select person_no from people) and person_no_b in (select person_no from people)
            and person_no_a not in (from new_people) and person_no_b not in (from new_people)
    """)
    connection.unregister("handed")
    connection.execute(
        "create or replace table weights as from scored union all select * exclude (is_evidence) from kept_pairs"
    )
    connection.execute(f"""
        create or replace table evidence as
        select person_no_a, person_no_b, weight from scored where weight >= {reviewed}
        union all
        select person_no_a, person_no_b, weight from kept_pairs where is_evidence
    """)


@dataclass(frozen=True)
class _Groups:
    """Persons in the order of their numbers, each with the group that exact evidence puts it in (0 .. size - 1), and
    the members of each group; pairs of groups that a person keeps apart."""

    numbers: Numbers
    of_person: Numbers
    exclusive: Numbers
    members: Numbers
    starts: Numbers
    counts: Numbers
    apart: frozenset[tuple[int, int]]

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, persons: pa.Table, fixed: Fixed) -> _Groups:
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
        return len(self.counts)

    def across(self, a: Numbers, b: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """All pairs of persons across pairs of groups: places of the two persons, and of the pair of groups."""
        pairs = self.counts[a] * self.counts[b]
        of_pair = np.repeat(np.arange(len(a)), pairs)
        step = np.arange(len(of_pair)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
        width = self.counts[b][of_pair]
        first = self.members[self.starts[a][of_pair] + step // width]
        second = self.members[self.starts[b][of_pair] + step % width]
        return first, second, of_pair


class _Closure:
    """The closure over groups, and why it refused what it refused."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, model: Model, groups: _Groups) -> None:
        self._connection, self._model, self._groups = connection, model, groups
        self._asked = connection.sql("select person_no_a, person_no_b, weight from weights limit 0").to_arrow_table()
        self._refusals: list[tuple[int, int, str]] = []

    def judged(self, joining: float) -> pa.Table:
        groups = self._groups
        found = self._connection.execute("from evidence order by person_no_a, person_no_b").fetchnumpy()
        a = groups.of_person[np.searchsorted(groups.numbers, found["person_no_a"])]
        b = groups.of_person[np.searchsorted(groups.numbers, found["person_no_b"])]
        weight = np.asarray(found["weight"], np.float64)
        joins = (weight >= joining) & (a != b)
        edges = _strongest(np.minimum(a, b)[joins], np.maximum(a, b)[joins], weight[joins], groups.size)
        labels = cluster(edges, groups.size, self._weigh, looked_at_from=2)
        reasons = {
            (min(labels[one], labels[two]), max(labels[one], labels[two])): reason
            for one, two, reason in reversed(self._refusals)
        }
        whole = connected_components(edges.a, edges.b, groups.size)
        crowded = np.bincount(whole, minlength=groups.size)[whole] > MOST_MEMBERS
        verdicts, told = [], []
        for one, two, is_joining in zip(a.tolist(), b.tolist(), joins.tolist(), strict=True):
            left, right = sorted((int(labels[one]), int(labels[two])))
            verdict, reason = "question", None
            if one == two:
                verdict = "known"
            elif is_joining and left == right:
                verdict = "match"
            elif is_joining:
                verdict = "held"
                reason = reasons.get((left, right)) or ("crowded" if crowded[one] else "contested")
            verdicts.append(verdict)
            told.append(reason)
        self._connection.register("judged", pa.table({
            "person_no_a": found["person_no_a"], "person_no_b": found["person_no_b"], "weight": weight,
            "verdict": pa.array(verdicts, pa.string()), "reason": pa.array(told, pa.string()),
        }))  # fmt: skip
        self._connection.register("asked", self._asked)
        return self._connection.sql("""
            select * from judged
            union all
            select person_no_a, person_no_b, weight, 'guard', null
            from asked anti join evidence using (person_no_a, person_no_b)
            order by 1, 2
        """).to_arrow_table()

    def _weigh(self, a: Numbers, b: Numbers) -> Weights:
        """What speaks against two groups being one: the worst of all pairs across them, if any speaks against it.

        What speaks for it is not told: in a warehouse a pair that speaks clearly against two groups is not outweighed.
        """
        groups = self._groups
        first, second, of_pair = groups.across(a, b)
        self._asked = self._weighed(groups.numbers[first], groups.numbers[second])
        weight = np.asarray(self._asked["weight"], np.float64)
        against = np.where(weight - self._model.prior_weight < AGAINST_BITS, weight, 0.0)
        is_exclusive = (groups.exclusive[first] == groups.exclusive[second]) & (groups.exclusive[first] >= 0)
        worst = np.zeros(len(a))
        np.minimum.at(worst, of_pair, np.minimum(against, 0.0))
        limited = np.zeros(len(a), np.bool_)
        limited[of_pair[is_exclusive]] = True
        keys = zip(np.minimum(a, b).tolist(), np.maximum(a, b).tolist(), strict=True)
        decided = np.array([key in groups.apart for key in keys], np.bool_)
        worst[limited | decided] = BARRED_WEIGHT
        for reason, refused in (("override", decided), ("limit", limited), ("contradicted", worst < REFUSING_WEIGHT)):
            self._refusals += [
                (one, two, reason) for one, two in zip(a[refused].tolist(), b[refused].tolist(), strict=True)
            ]
        return worst

    def _weighed(self, a: Numbers, b: Numbers) -> pa.Table:
        """Pairs with their weights, in their order; those that nobody compared yet are weighed now."""
        _hand_over(
            self._connection, "asked_pairs",
            place=np.arange(len(a)), person_no_a=np.minimum(a, b), person_no_b=np.maximum(a, b),
        )  # fmt: skip
        self._connection.execute("""
            create or replace table missing_pairs as
            select person_no_a, person_no_b from asked_pairs anti join weights using (person_no_a, person_no_b)
        """)
        score(self._connection, self._model, "missing_pairs", "scored_now")
        return self._connection.sql("""
            select person_no_a, person_no_b, weight
            from asked_pairs
            inner join (from weights union all from scored_now) as known using (person_no_a, person_no_b)
            order by place
        """).to_arrow_table()


def _strongest(a: Numbers, b: Numbers, weight: Weights, size: int) -> Pairs:
    """One edge for each pair of groups: the strongest."""
    key, place = np.unique(a * size + b, return_inverse=True)
    best = np.full(len(key), -np.inf)
    np.maximum.at(best, place, weight)
    return Pairs(key // size if size else key, key % size if size else key, best)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
