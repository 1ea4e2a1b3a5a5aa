"""Incremental matching in a warehouse: pairs with a new or changed record are scored, other pairs keep their scores,
and everything is re-clustered.

A score depends on two records and on a stored model with its context, and on no later data: so an incremental run has
the same result as a full one. Persons that exact identifiers join form a group, which is joined with others as a whole
or not at all.
Add here: what a run stores for the next one. Keep out: how a pair is scored (model.py), how groups are clustered
(closure.py), tables of the warehouse (dbt's models pass them in).
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from identity import blocking, people
from identity.blocking import KEYS, block, huge_blocks, large_blocks, number_blocks
from identity.closure import (
    BARRED_WEIGHT,
    MOST_BITS,
    MOST_MEMBERS,
    REFUSING_WEIGHT,
    Numbers,
    Pairs,
    Weights,
    cluster,
)
from identity.comparisons import COMPARISONS, ONLY_OF_GROUPS
from identity.components import connected_components
from identity.group_model import learn_groups, weigh_groups
from identity.groups import NOTHING_FIXED, Fixed, Groups
from identity.model import Model, register, score, train

LEAST_EVIDENCE = 2.0
"""A pair that moves the prior by fewer bits is no evidence: two records may have little in common to compare."""

_NO_SHARING_LIMIT = {"email": 10**9, "phone": 10**9}  # the warehouse has already excluded shared identifiers

Nicknames = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Thresholds:
    """Pairs of at least `joining` bits join; those of at least `reviewed` bits are questions for a reviewer."""

    joining: float
    reviewed: float

    @classmethod
    def of_percent(cls, joining: float, reviewed: float) -> Thresholds:
        """Thresholds from probabilities in percent, above 0 and below 100."""
        return cls(math.log2(joining / (100 - joining)), math.log2(reviewed / (100 - reviewed)))

    @property
    def match_percent(self) -> float:
        """The probability from which pairs join, in percent."""
        return round(100 / (1 + 2**-self.joining), 3)


@dataclass(frozen=True)
class Kept:
    """The result of the last run: its pairs (as in `Judged`), the basis of their weights, and the numbers of the
    persons that are new or changed since."""

    pairs: pa.Table
    basis: str
    changed: Numbers


@dataclass(frozen=True)
class Judged:
    """Pairs with person_no_a < person_no_b, weight, weight_of_groups, verdict and reason, and the basis of weights.

    `weight_of_groups` is that of their two groups by exact identifiers; the verdict follows from it.

    Verdicts. match: they join. held: likely enough, but clustering refused the join (contradicted, limit, override,
    contested, crowded). question: between the thresholds. unlikely: below both, because of what other records of the
    two groups say. known: exact identifiers join them. guard: scored only for clustering.
    """

    pairs: pa.Table
    basis: str
    model: Model
    weighed: int


def signature() -> str:
    """Short name of the comparisons: a model with other comparisons is trained again."""
    return _short(repr((COMPARISONS, ONLY_OF_GROUPS)))


def learn(persons: pa.Table, nicknames: Nicknames, fixed: Fixed = NOTHING_FIXED) -> Model:
    """A model of these persons with its context; the shipped model if they are too few for training."""
    with opened(persons, nicknames) as connection:
        return learn_people(connection, Groups.of(connection, persons, fixed))


def judge(
    connection: duckdb.DuckDBPyConnection,
    persons: pa.Table,
    model: Model | None,
    *,
    nicknames: Nicknames,
    fixed: Fixed,
    thresholds: Thresholds,
    kept: Kept | None = None,
) -> Judged:
    """Matches the persons of an `opened` database. `persons` has person_no and exclusive_no: two persons with the same
    exclusive_no are never one (null: no such rule). Without `model`, trains one on these persons. Leaves the compared
    pairs in `candidates`."""
    is_numbered = model is None
    groups = Groups.of(connection, persons, fixed)
    if model is None:
        model = learn_people(connection, groups)
    weighed_by = [model.version, thresholds.reviewed, sorted(nicknames), KEYS, blocking.MOST_IN_BLOCK, people.SELECT]

    def basis_of(huge: list[int]) -> str:
        return _short(json.dumps([*weighed_by, huge]))

    register(connection, "new_people", person_no=kept.changed if kept else np.empty(0, np.int64))
    if not is_numbered:
        _number_blocks(connection, model.left_out, had_huge=kept is None or kept.basis != basis_of([]))
    huge = huge_blocks(connection, model.left_out)
    basis = basis_of(huge)
    if kept and kept.basis != basis:
        kept = None
    weighed = block(connection, [*model.left_out, *huge], only_new=kept is not None)
    score(connection, model, "candidates", "scored")
    _combine_scores(connection, kept.pairs if kept else None, thresholds.reviewed)
    closure = _Closure(connection, model, groups)
    return Judged(closure.judged(thresholds), basis, model, weighed)


@contextmanager
def opened(
    persons: pa.Table,
    nicknames: Nicknames,
    *,
    blocked_emails: Iterable[str] = (),
    most_persons: Mapping[str, int] = _NO_SHARING_LIMIT,
    memory: str = "2GB",
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database with these persons, normalised (`people.prepare`)."""
    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as connection:
        connection.execute(f"set memory_limit = '{memory}'")
        connection.execute(f"set temp_directory = '{spill}'")
        connection.execute("set enable_progress_bar = false")
        connection.execute("set preserve_insertion_order = false")  # so that DuckDB reads the keys in parallel
        people.prepare(
            connection, persons, nicknames=nicknames, blocked_emails=blocked_emails, most_persons=most_persons
        )
        yield connection


def learn_people(connection: duckdb.DuckDBPyConnection, groups: Groups | None = None) -> Model:
    """A model of the persons in the table `people`, of which exact evidence joins the groups. Leaves all blocks in
    `block_keys`."""
    number_blocks(connection)
    block(connection, large_blocks(connection))
    model = train(connection)
    return model if groups is None else learn_groups(connection, model, groups)


def _number_blocks(connection: duckdb.DuckDBPyConnection, left_out: list[int], *, had_huge: bool) -> None:
    """Creates `block_keys`. If the last run had no huge blocks beside those of `left_out`, only new persons can have
    caused one, so their blocks are enough unless one is."""
    if not had_huge:
        number_blocks(connection, only_new=True)
        if not huge_blocks(connection, left_out):
            return
    number_blocks(connection)


def _combine_scores(connection: duckdb.DuckDBPyConnection, kept: pa.Table | None, reviewed: float) -> None:
    """Creates `weights` (all pairs with a weight) and `evidence` (those that count), from `scored` and from the kept
    pairs of persons that still exist unchanged."""
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


class _Closure:
    """Clusters groups and records why joins were refused."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, model: Model, groups: Groups) -> None:
        self._connection, self._model, self._groups = connection, model, groups
        self._asked = connection.sql("select person_no_a, person_no_b, weight from weights limit 0").to_arrow_table()
        self._refusals: list[tuple[int, int, str]] = []

    def judged(self, thresholds: Thresholds) -> pa.Table:
        groups = self._groups
        found = self._connection.execute("from evidence order by person_no_a, person_no_b").fetchnumpy()
        a = groups.of_person[np.searchsorted(groups.numbers, found["person_no_a"])]
        b = groups.of_person[np.searchsorted(groups.numbers, found["person_no_b"])]
        weight = np.asarray(found["weight"], np.float64)
        of_groups = self._of_groups(a, b, weight)
        joins = (of_groups >= thresholds.joining) & (a != b)
        edges = _strongest(np.minimum(a, b)[joins], np.maximum(a, b)[joins], of_groups[joins], groups.size)
        labels = cluster(edges, groups.size, self._weigh, weighed_from=2)
        reasons = {
            (min(labels[one], labels[two]), max(labels[one], labels[two])): reason
            for one, two, reason in reversed(self._refusals)
        }
        whole = connected_components(edges.a, edges.b, groups.size)
        crowded = np.bincount(whole, minlength=groups.size)[whole] > MOST_MEMBERS
        verdicts, refusals = [], []
        asked = (of_groups >= thresholds.reviewed).tolist()
        for one, two, is_joining, is_asked in zip(a.tolist(), b.tolist(), joins.tolist(), asked, strict=True):
            left, right = sorted((int(labels[one]), int(labels[two])))
            verdict, reason = "question" if is_asked else "unlikely", None
            if one == two:
                verdict = "known"
            elif is_joining and left == right:
                verdict = "match"
            elif is_joining:
                verdict = "held"
                reason = reasons.get((left, right)) or ("crowded" if crowded[one] else "contested")
            verdicts.append(verdict)
            refusals.append(reason)
        self._connection.register("judged", pa.table({
            "person_no_a": found["person_no_a"], "person_no_b": found["person_no_b"], "weight": weight,
            "weight_of_groups": of_groups,
            "verdict": pa.array(verdicts, pa.string()), "reason": pa.array(refusals, pa.string()),
        }))  # fmt: skip
        self._connection.register("asked", self._asked)
        return self._connection.sql("""
            select * from judged
            union all
            select person_no_a, person_no_b, weight, weight, 'guard', null
            from asked anti join evidence using (person_no_a, person_no_b)
            order by 1, 2
        """).to_arrow_table()

    def _of_groups(self, a: Numbers, b: Numbers, weight: Weights) -> Weights:
        """The weights of the pairs of groups that pairs of persons belong to."""
        size = self._groups.size
        answer = weight.copy()
        key, place = np.unique(np.minimum(a, b)[a != b] * size + np.maximum(a, b)[a != b], return_inverse=True)
        one, other = key // max(size, 1), key % max(size, 1)
        weights = weigh_groups(self._connection, self._model, self._groups, one, other)
        answer[a != b] = weights[place]
        return answer

    def _weigh(self, a: Numbers, b: Numbers) -> Weights:
        """The evidence for and against the join of two groups: the sum of all pairs of persons across them. Where it is
        against, the strongest evidence against counts."""
        groups = self._groups
        first, second, of_pair = groups.across(a, b)
        self._asked = self._weighed(groups.numbers[first], groups.numbers[second])
        weight = np.asarray(self._asked["weight"], np.float64)
        counted = np.where(np.abs(weight - self._model.prior_weight) < LEAST_EVIDENCE, 0.0, weight)
        evidence: Weights = np.bincount(
            of_pair, weights=np.clip(counted, -MOST_BITS, MOST_BITS), minlength=len(a)
        ).astype(np.float64)
        worst = np.zeros(len(a))
        np.minimum.at(worst, of_pair, counted)
        evidence = np.where(evidence <= 0, np.minimum(evidence, worst), evidence)
        is_exclusive = (groups.exclusive[first] == groups.exclusive[second]) & (groups.exclusive[first] >= 0)
        limited = np.zeros(len(a), np.bool_)
        limited[of_pair[is_exclusive]] = True
        keys = zip(np.minimum(a, b).tolist(), np.maximum(a, b).tolist(), strict=True)
        decided = np.array([key in groups.apart for key in keys], np.bool_)
        evidence[limited | decided] = BARRED_WEIGHT
        for reason, refused in (
            ("override", decided),
            ("limit", limited),
            ("contradicted", evidence < REFUSING_WEIGHT),
        ):
            self._refusals += [
                (one, two, reason) for one, two in zip(a[refused].tolist(), b[refused].tolist(), strict=True)
            ]
        return evidence

    def _weighed(self, a: Numbers, b: Numbers) -> pa.Table:
        """Pairs with their weights, in their order; scores those that have none."""
        register(
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
    """The strongest edge of each pair of groups."""
    key, place = np.unique(a * size + b, return_inverse=True)
    best = np.full(len(key), -np.inf)
    np.maximum.at(best, place, weight)
    return Pairs(key // size if size else key, key % size if size else key, best)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
