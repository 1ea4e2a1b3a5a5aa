"""The model of person records: how likely it is that two records are one person, given how they compare.

Two records are one person, two persons of one household, two namesakes, or two unrelated persons. For each of these
kinds the model has the share of such pairs, and the probability of each level of each comparison. They are learned by
expectation maximisation over the candidate pairs, among all pairs of records; the shipped probabilities
(comparisons.py) count like `PRIOR_PAIRS` pairs. The weight of a pair is the odds, in bits, that it is one person, so
that probabilities are calibrated as far as the levels are independent within a kind.

The household explains pairs that agree on family name, home and phone, but whose given names or birth dates differ:
without it, training takes households for persons. The namesake explains an e-mail name that is built from the name.
Add here: how a model is trained, stored and applied. Keep out: its comparisons (comparisons.py).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from identity.blocking import large_blocks
from identity.closure import Numbers
from identity.comparisons import ONLY_OF_GROUPS, Comparison, chosen
from identity.groups import Groups

TRAINED_FROM = 500
"""With fewer records only the shares of the kinds are learned: such files have too few duplicates for more."""

PRIOR_PAIRS = 100.0
"""How many pairs the shipped probabilities of a comparison count for."""

NAMESAKES = 1e-4
"""The shipped share of pairs with the same name in all pairs of persons."""

SAMPLED_PAIRS = 500_000
"""Random pairs, from which follows how often unrelated persons agree."""

KEPT_DIGITS = 6
"""Significant digits of a stored probability. The last digits of sums depend on the order of rows and on threads."""

_COLUMNS = (
    "first_name", "middle_name", "last_name", "generation", "birth_date", "email", "phone", "national_id", "street",
    "postal_code", "city", "company", "occupation",
)  # fmt: skip
_RECORDS_OF_A_COMMON_VALUE = 20  # values of fewer records are not stored in a model: they identify persons
_MOST_SOURCES = 20
_EXPECTED_DUPLICATES = 0.2  # pairs of one person per record, where training starts
MOST_ITERATIONS = 100
CONVERGED = 1e-4

# If a learned model says that so many matches differ in a comparison, it has learned something else than persons.
_MOST_DIFFERENT = {"given": 0.3, "family": 0.5, "generation": 0.3, "birth": 0.4, "national": 0.4}

RELATED = ("same", "household", "namesake")
KINDS = (*RELATED, "unrelated")

Array = NDArray[np.float64]
Levels = NDArray[np.int64]  # pairs x comparisons: the number of the level, -1 if a value is missing


@dataclass(frozen=True)
class Model:
    """A model of the records that it was learned from.

    `probabilities`: by comparison and kind, of each level, the last being disagreement. `shares`: of the kinds in all
    pairs of records; the rest are unrelated. `frequencies`: by column, the share of records that have a value, only for
    values of many records; the empty value stands for all others. `left_out`: blocks that were too large. `sources`:
    the share of the records, by source. `group_probabilities`, `group_shares`: of pairs of groups (group_model.py);
    empty if exact evidence joins no records. `is_trained`: whether the probabilities were learned; `note` says why not.
    """

    columns: tuple[str, ...]
    probabilities: dict[str, dict[str, list[float]]]
    shares: dict[str, float]
    frequencies: dict[str, dict[str, float]]
    left_out: list[int]
    sources: dict[str, float]
    group_probabilities: dict[str, dict[str, list[float]]]
    group_shares: dict[str, float]
    is_trained: bool
    note: str = ""

    @property
    def version(self) -> str:
        """Short name of this model."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    @property
    def prior_weight(self) -> float:
        """The weight, in bits, of two records of which nothing is known."""
        return math.log2(self.shares["same"] / (1 - self.shares["same"]))

    @cached_property
    def of_groups(self) -> Model:
        """The model of pairs of groups that exact evidence does not join."""
        if not self.group_probabilities:
            return self
        return replace(self, probabilities=self.group_probabilities, shares=self.group_shares)

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """The comparisons of these columns."""
        made = chosen(set(self.columns), self.sources)
        return [*made, *ONLY_OF_GROUPS] if self.probabilities.keys() > {one.name for one in made} else made

    def of_kind(self, kind: str) -> list[Array]:
        """The probabilities of the levels in pairs of a kind, by comparison."""
        return [np.array(self.probabilities[comparison.name][kind]) for comparison in self.comparisons]

    def to_json(self) -> str:
        """The model as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Model:
        """A stored model. Raises ValueError, TypeError or KeyError for any other text."""
        kept = json.loads(text)
        return cls(**{**kept, "columns": tuple(kept["columns"])})


def filled_columns(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The columns of `people` with values: those that a model of these records can use."""
    counts = connection.execute(f"select {', '.join(f'count({column})' for column in _COLUMNS)} from people").fetchall()
    return tuple(column for column, count in zip(_COLUMNS, counts[0], strict=True) if count)


def train(connection: duckdb.DuckDBPyConnection) -> Model:
    """Learns a model of `people` from the pairs in `candidates`, and keeps which blocks of `block_keys` were too large.

    The result does not depend on the order of rows. With few records, or if the learned probabilities are not those of
    persons, they are the shipped ones.
    """
    columns = filled_columns(connection)
    people = int(connection.execute("select count(*) from people").fetchall()[0][0])
    is_large = people >= TRAINED_FROM
    sources = _sources(connection) if is_large else {}
    comparisons = chosen(set(columns), sources)
    if not comparisons:
        return Model(columns, {}, dict.fromkeys(RELATED, 0.1), {}, [], {}, {}, {}, False, "no columns to compare")
    weight = sample_candidates(connection)
    compare(connection, comparisons, "training_pairs")
    candidates, counts = _patterns(connection, comparisons)
    _sample_random_pairs(connection)
    compare(connection, comparisons, "random_pairs")
    training = _Training(
        comparisons,
        pairs=people * (people - 1) / 2,
        candidates=(candidates, counts * weight),
        random=_patterns(connection, comparisons),
        expected=_EXPECTED_DUPLICATES * people,
    )
    note = training.learn() if is_large else f"fewer than {TRAINED_FROM} records"
    if note:
        training.start()
        training.learn(only_shares=True, unrelated=is_large)
        if not is_large:
            training.moderate()
    probabilities, shares = training.result()
    return Model(
        columns=columns,
        probabilities=probabilities,
        shares=shares,
        frequencies=_frequencies(connection, comparisons) if is_large else {},
        left_out=large_blocks(connection) if is_large else [],
        sources=sources,
        group_probabilities={},
        group_shares={},
        is_trained=not note,
        note=note,
    )


class _Training:
    """Expectation maximisation. `candidates` and `random` are patterns of levels with their numbers of pairs."""

    def __init__(
        self,
        comparisons: Sequence[Comparison],
        *,
        pairs: float,
        candidates: tuple[Levels, Array],
        random: tuple[Levels, Array],
        expected: float,
    ) -> None:
        self._comparisons, self._pairs = comparisons, max(pairs, 1.0)
        self._expected_share = min(max(expected, 1.0) / self._pairs, 0.1)
        self._candidates, self._random = candidates, random
        self._shipped = {kind: [c.probabilities(kind) for c in comparisons] for kind in KINDS}
        self.start()

    def start(self) -> None:
        """Starts from the shipped probabilities."""
        share = self._expected_share
        self._shares = {"same": share, "household": share, "namesake": min(share / 10, NAMESAKES)}
        self._levels = dict(self._shipped)

    def learn(self, *, only_shares: bool = False, unrelated: bool = True) -> str:
        """Iterates until nothing changes. Returns why the result is not a model of persons; empty if it is one.

        With `only_shares` the probabilities stay, except for those of unrelated persons if `unrelated`.
        """
        for _ in range(MOST_ITERATIONS):
            before, share = self._levels["same"], self._shares["same"]
            if unrelated:
                self._learn_unrelated()
            self._learn_kinds(only_shares=only_shares)
            moved = max(
                (float(np.abs(a - b).max()) for a, b in zip(before, self._levels["same"], strict=True)), default=0.0
            )
            if moved < CONVERGED and abs(self._shares["same"] / share - 1) < CONVERGED * 10:
                break
        for comparison, levels in zip(self._comparisons, self._levels["same"], strict=True):
            if levels[-1] > _MOST_DIFFERENT.get(comparison.name, 1.0):
                return f"{comparison.name} differs in {levels[-1]:.0%} of the pairs that were learned as one person"
        return ""

    def moderate(self) -> None:
        """Takes the middle, in bits, of the learned and the expected share of duplicates: few records tell little."""
        self._shares["same"] = math.sqrt(self._shares["same"] * self._expected_share)

    def result(self) -> tuple[dict[str, dict[str, list[float]]], dict[str, float]]:
        """The probabilities by comparison and kind, and the shares of the kinds."""
        probabilities = {
            comparison.name: {kind: [kept(p) for p in self._levels[kind][place]] for kind in KINDS}
            for place, comparison in enumerate(self._comparisons)
        }
        return probabilities, {kind: kept(share) for kind, share in self._shares.items()}

    def _learn_unrelated(self) -> None:
        patterns, counts = self._random
        weights = counts * self._posteriors(patterns)["unrelated"]
        self._levels["unrelated"] = self._updated("unrelated", patterns, weights)
        # Namesakes are unrelated persons except for their names and what is made from these.
        self._levels["namesake"] = [
            shipped if comparison.of_namesakes else unrelated
            for comparison, shipped, unrelated in zip(
                self._comparisons, self._shipped["namesake"], self._levels["unrelated"], strict=True
            )
        ]

    def _learn_kinds(self, *, only_shares: bool) -> None:
        patterns, counts = self._candidates
        posteriors = self._posteriors(patterns)
        if not only_shares:
            self._levels["same"] = self._updated("same", patterns, counts * posteriors["same"])
            learned = self._updated("household", patterns, counts * posteriors["household"], strength=4)
            # The given names and birth dates of a household agree at most as often as the shipped ones: otherwise the
            # household would learn what one person is.
            self._levels["household"] = [
                at_most(levels, shipped) if comparison.is_personal else levels
                for comparison, levels, shipped in zip(
                    self._comparisons, learned, self._shipped["household"], strict=True
                )
            ]
        for kind in self._shares:
            if kind != "namesake" or not only_shares:
                self._shares[kind] = min(max(float((counts * posteriors[kind]).sum()), 1.0) / self._pairs, 0.1)

    def _updated(self, kind: str, patterns: Levels, weights: Array, strength: float = 1) -> list[Array]:
        updated = []
        for place, shipped in enumerate(self._shipped[kind]):
            known = patterns[:, place] >= 0
            counted = np.bincount(patterns[known, place], weights=weights[known], minlength=len(shipped))
            trusted = PRIOR_PAIRS * strength
            updated.append((counted + trusted * shipped) / (counted.sum() + trusted))
        return updated

    def _posteriors(self, patterns: Levels) -> dict[str, Array]:
        shares = {**self._shares, "unrelated": 1 - sum(self._shares.values())}
        logs = {kind: math.log(share) + log_likelihood(patterns, self._levels[kind]) for kind, share in shares.items()}
        whole = np.logaddexp.reduce(list(logs.values()), axis=0)
        return {kind: np.exp(log - whole) for kind, log in logs.items()}


def score(connection: duckdb.DuckDBPyConnection, model: Model, pairs: str, scored: str) -> None:
    """Creates the table `scored` (person_no_a, person_no_b, weight in bits) from the table `pairs`.

    If unrelated persons agree on a value, a rare value is less likely than a common one: its frequency counts.
    """
    comparisons = model.comparisons
    if not comparisons:
        connection.execute(f"create or replace table {scored} as select *, -1.0::double as weight from {pairs}")
        return
    compare(connection, comparisons, pairs, model)
    patterns, _ = _patterns(connection, comparisons)
    shares = model.shares
    connection.register(
        "patterns",
        pa.table(
            {
                **{level_name(one): patterns[:, place] for place, one in enumerate(comparisons)},
                "same": math.log(shares["same"]) + log_likelihood(patterns, model.of_kind("same")),
                "related": np.logaddexp(
                    math.log(shares["household"]) + log_likelihood(patterns, model.of_kind("household")),
                    math.log(shares["namesake"]) + log_likelihood(patterns, model.of_kind("namesake")),
                ),
                "unrelated": math.log(1 - sum(shares.values())) + log_likelihood(patterns, model.of_kind("unrelated")),
            }
        ),
    )
    # ln(e^x + e^y) is the greater one plus ln(1 + e^-|x - y|), which does not underflow.
    connection.execute(f"""
        create or replace table {scored} as
        select
            person_no_a,
            person_no_b,
            (
                same - greatest(related, unrelated + rarity) - ln(1 + exp(-abs(related - unrelated - rarity)))
            ) / ln(2) as weight
        from compared
        inner join patterns using ({", ".join(level_name(one) for one in comparisons)})
    """)
    connection.unregister("patterns")


def weights(model: Model, levels: Levels, rarity: Array) -> Array:
    """The weights of pairs in bits."""
    shares = {**model.shares, "unrelated": 1 - sum(model.shares.values())}
    logs = {kind: math.log(share) + log_likelihood(levels, model.of_kind(kind)) for kind, share in shares.items()}
    others = np.logaddexp(np.logaddexp(logs["household"], logs["namesake"]), logs["unrelated"] + rarity)
    bits: Array = (logs["same"] - others) / math.log(2)
    return bits


def compare(
    connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], pairs: str, model: Model | None = None
) -> None:
    """Creates `compared`: the pairs with the level of each comparison, and with a model the `rarity` of the values on
    which they agree, as the logarithm of a share to its average."""
    rarities = ["0"]
    joined = ""
    if model and model.frequencies:
        _number_rarities(connection, model)
        joined = "inner join rarities on a.person_no = rarities.person_no"
        rarities = [
            f"if({level_name(one)} = {place}, rarities.{level.frequency_of} - {math.log(share)}, 0)"
            for one in comparisons
            for place, (level, share) in enumerate(
                zip(one.agreeing, model.probabilities.get(one.name, {}).get("unrelated", ()), strict=False)
            )
            if level.frequency_of in model.frequencies
        ]
    connection.execute(f"""
        create or replace table compared as
        select
            person_no_a,
            person_no_b,
            {", ".join(f"{one.level('a', 'b')} as {level_name(one)}" for one in comparisons)},
            {" + ".join(rarities)} as rarity
        from {pairs}
        inner join people as a on person_no_a = a.person_no
        inner join people as b on person_no_b = b.person_no
        {joined}
    """)


def _number_rarities(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Creates `rarities`: by person, the logarithm of the share of each value that has a frequency."""
    columns, joins = [], []
    for column, shares in model.frequencies.items():
        table = f"shares_of_{column}"
        connection.register("shares", pa.table({"value": list(shares), "share": list(shares.values())}))
        connection.execute(f"create or replace table {table} as select value, ln(share) as share from shares")
        connection.unregister("shares")
        columns.append(f"coalesce({table}.share, {math.log(shares[''])}) as {column}")
        joins.append(f"left join {table} on people.{column} = {table}.value")
    connection.execute(
        f"create or replace table rarities as select people.person_no, {', '.join(columns)}"
        f" from people {' '.join(joins)}"
    )


def _patterns(connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison]) -> tuple[Levels, Array]:
    """The distinct rows of levels in `compared`, in order, and how often each occurs."""
    names = [level_name(one) for one in comparisons]
    found = connection.execute(
        f"select {', '.join(names)}, count(*) as pairs from compared group by all order by all"
    ).fetchnumpy()
    return np.stack([np.asarray(found[name], np.int64) for name in names], axis=1), np.asarray(found["pairs"], float)


def level_name(comparison: Comparison) -> str:
    return f"level_of_{comparison.name}"


def sample_candidates(connection: duckdb.DuckDBPyConnection, groups: Groups | None = None) -> float:
    """Creates `training_pairs` from `candidates`, and returns how many candidates each stands for. With `groups`, of
    two groups either all candidates or none."""
    candidates = int(connection.execute("select count(*) from candidates").fetchall()[0][0])
    one_in = max(candidates // SAMPLED_PAIRS, 1)
    numbers = "person_no_a", "person_no_b"
    source = "candidates"
    if groups is not None:
        register(connection, "group_of", person_no=groups.numbers, group_no=groups.of_person)
        source += (
            " inner join group_of as a on person_no_a = a.person_no inner join group_of as b on person_no_b ="
            " b.person_no"
        )
        numbers = "least(a.group_no, b.group_no)", "greatest(a.group_no, b.group_no)"
    connection.execute(
        f"create or replace temp table training_pairs as select person_no_a, person_no_b from {source}"
        f" where md5_number_lower(concat({numbers[0]}, ':', {numbers[1]})) % {one_in} = 0"
        + " and a.group_no <> b.group_no"
        * (groups is not None)
    )
    if groups is not None:
        return float(one_in)
    sampled = int(connection.execute("select count(*) from training_pairs").fetchall()[0][0])
    return candidates / sampled if sampled else 1.0


def register(connection: duckdb.DuckDBPyConnection, table: str, **columns: Numbers) -> None:
    """Creates a temporary table of these columns."""
    connection.register("handed", pa.table(columns))
    connection.execute(f"create or replace temp table {table} as select * from handed")
    connection.unregister("handed")


def _sample_random_pairs(connection: duckdb.DuckDBPyConnection) -> None:
    """Creates `random_pairs`: all pairs, or a sample that depends on the number of people only."""
    numbers = connection.execute("select person_no from people order by 1").fetchnumpy()["person_no"]
    size = len(numbers)
    if size * (size - 1) // 2 <= SAMPLED_PAIRS:
        a, b = np.triu_indices(size, 1)
    else:
        chance = np.random.default_rng(1)
        a, b = chance.integers(0, size, SAMPLED_PAIRS), chance.integers(0, size, SAMPLED_PAIRS)
        a, b = a[a != b], b[a != b]
    connection.register("sampled", pa.table({"person_no_a": numbers[a], "person_no_b": numbers[b]}))
    connection.execute("create or replace temp table random_pairs as from sampled")
    connection.unregister("sampled")


def _sources(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """The share of the records, by source, of the largest sources; none if all records have one source."""
    found = connection.execute(f"""
        select source, count(*) / (select count(source) from people) as share
        from people
        where source is not null
        group by 1
        having count(*) >= {_RECORDS_OF_A_COMMON_VALUE}
        order by 2 desc, 1
        limit {_MOST_SOURCES}
    """).fetchall()
    shares = {source: kept(share) for source, share in found}
    return shares if max(shares.values(), default=1.0) < 1 else {}


def _frequencies(
    connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison]
) -> dict[str, dict[str, float]]:
    """By column, the chance that another record has a value, of values of many records; of all others the average."""
    columns = {level.frequency_of for one in comparisons for level in one.agreeing if level.frequency_of}
    frequencies = {}
    for column in sorted(columns):
        # The two records that are compared do not count: in a file of many duplicates they are most of a rare value's.
        found = connection.execute(f"""
            with counted as (
                select {column} as value, count(*) as records from people where {column} is not null group by 1
            ),
            labelled as (
                select if(records >= {_RECORDS_OF_A_COMMON_VALUE}, value, '') as label, records from counted
            )
            select
                label,
                coalesce(sum(records * (records - 1) * (records - 1.5)) / nullif(sum(records * (records - 1)), 0), 0.5)
                    / (select sum(records) from counted) as share
            from labelled
            group by 1
            order by 1
        """).fetchall()
        frequencies[column] = {label: kept(share) for label, share in found}
        frequencies[column].setdefault("", min(frequencies[column].values(), default=1.0))
    return frequencies


def log_likelihood(patterns: Levels, probabilities: Sequence[Array]) -> Array:
    """The logarithm of the probability of each pattern; missing values count nothing."""
    total = np.zeros(len(patterns))
    for place, levels in enumerate(probabilities):
        known = patterns[:, place] >= 0
        total[known] += np.log(levels)[patterns[known, place]]
    return total


def at_most(levels: Array, most: Array) -> Array:
    """The levels with agreements that are at most as likely as given; the rest is disagreement."""
    agreeing = np.minimum(levels[:-1], most[:-1])
    return np.append(agreeing, 1 - agreeing.sum())


def kept(probability: float) -> float:
    return float(f"{probability:.{KEPT_DIGITS}g}")
