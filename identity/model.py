"""The model that Splink trains, stored as JSON, and the weights that it gives to pairs.

Add here: how it is trained, stored and applied. Keep out: its comparisons (comparisons.py).
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.internals.exceptions import EMTrainingException

from identity.blocking import large_blocks
from identity.comparisons import chosen, given_names_agree

TRAINED_FROM = 500
"""With fewer records no model is trained: they have too few duplicates."""

LEAST_PROBABILITY = 1e-5
"""The lowest probability: nothing is impossible because the records do not show it."""

KEPT_DIGITS = 6
"""Significant digits of a stored probability, a millionth of a bit. Splink draws its samples by the records' numbers,
but the last digits of its sums of fractions depend on the order of rows and on threads."""

DOUBT = 30.0
"""Bits subtracted from pairs with different given names, birth dates or generations if training is not reliable."""

_COLUMNS = (
    "first_name", "middle_name", "last_name", "generation", "birth_date", "email", "phone", "national_id", "street",
    "postal_code", "city", "company", "occupation",
)  # fmt: skip
MOST_CERTAIN = 20
"""A nearly certain value of more records is a placeholder."""

_CERTAIN = (
    ("national_id",), ("email",), ("first_name", "last_name", "birth_date"), ("first_name", "last_name", "street"),
    ("first_name", "last_name", "phone"),
)  # fmt: skip
_TRAINING_BLOCKS = (
    ("first_name", "last_name"), ("birth_date",), ("email",), ("national_id",), ("phone",), ("street", "house_number"),
)  # fmt: skip
_MOST_ITERATIONS = 10
_MOST_TRAINING_PAIRS = 1_000_000
_RECALL_OF_CERTAIN = 0.8
_RECORDS_OF_A_COMMON_VALUE = 20  # values of fewer records are not stored in a model


@dataclass(frozen=True)
class Surroundings:
    """The context of a model: what scores take from all other records, as of its training. With it a pair has the same
    score whatever arrives later, so scores can be kept.

    `frequencies`: the share of records by value, for columns whose rare values are stronger evidence. Only values of
    many records, which identify nobody; the empty value stands for all others. `left_out`: blocks that were too large.
    """

    frequencies: dict[str, dict[str, float]]
    left_out: list[int]


@dataclass(frozen=True)
class Model:
    """Splink's settings with their probabilities, the columns they need, and whether they were trained."""

    settings: dict[str, Any]
    columns: tuple[str, ...]
    is_trained: bool
    surroundings: Surroundings | None = None  # none: frequencies are those of the given records

    @property
    def version(self) -> str:
        """Short name of these probabilities."""
        content = [self.settings, *([asdict(self.surroundings)] if self.surroundings else [])]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def prior_weight(self) -> float:
        """The weight of two records without any comparison."""
        prior = float(self.settings["probability_two_random_records_match"])
        return math.log2(prior / (1 - prior))

    def to_json(self) -> str:
        """The model as JSON."""
        kept = {"settings": self.settings, "columns": list(self.columns), "is_trained": self.is_trained}
        if self.surroundings:
            kept["surroundings"] = asdict(self.surroundings)
        return json.dumps(kept, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Model:
        """A stored model."""
        kept = json.loads(text)
        around = kept.get("surroundings")
        return cls(
            kept["settings"],
            tuple(kept["columns"]),
            bool(kept["is_trained"]),
            Surroundings(around["frequencies"], around["left_out"]) if around else None,
        )


def filled_columns(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The columns of `people` with values: those that a model of these records can use."""
    counts = connection.execute(f"select {', '.join(f'count({column})' for column in _COLUMNS)} from people").fetchall()
    return tuple(column for column, count in zip(_COLUMNS, counts[0], strict=True) if count)


def train(connection: duckdb.DuckDBPyConnection) -> Model:
    """Trains a model on `people`, independent of their order; for too few records, the shipped model."""
    columns = filled_columns(connection)
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[comparison.for_splink() for comparison in chosen(set(columns))],
        blocking_rules_to_generate_predictions=[],
        unique_id_column_name="person_no",
        retain_matching_columns=False,
        probability_two_random_records_match=_prior(connection, columns),
        linker_uid="people",
        max_iterations=_MOST_ITERATIONS,
    )
    people = int(connection.execute("select count(*) from people").fetchall()[0][0])
    with _quiet():
        _, linker = _open(connection, settings)
        if people >= TRAINED_FROM:
            linker.training.estimate_u_using_random_sampling(max_pairs=_MOST_TRAINING_PAIRS, seed=1)
            for block in _TRAINING_BLOCKS:
                if set(block) - {"house_number"} <= set(columns):
                    linker = _learned(connection, linker, block)
        kept = json.loads(json.dumps(linker.misc.save_model_to_json()))
    for comparison in kept["comparisons"]:
        for level in comparison["comparison_levels"]:
            for name, least in (("m_probability", LEAST_PROBABILITY), ("u_probability", 0.0)):
                if level.get(name) is not None:
                    level[name] = _kept(max(level[name], least))
    return Model(kept, columns, people >= TRAINED_FROM)


def with_surroundings(connection: duckdb.DuckDBPyConnection, model: Model) -> Model:
    """The model with its context: frequencies of `people` and excluded blocks of `block_keys`."""
    usual = {
        level["tf_adjustment_column"]: float(level["u_probability"])
        for comparison in model.settings["comparisons"]
        for level in comparison["comparison_levels"]
        if level.get("tf_adjustment_column")
    }
    if not model.is_trained:  # too few records to know how rare a value is
        return replace(model, surroundings=Surroundings({column: {"": u} for column, u in usual.items()}, []))
    frequencies: dict[str, dict[str, float]] = {}
    for column in sorted(usual):
        counted = connection.execute(f"""
            with counted as (select {column} as value, count(*) as records from people group by 1 having value <> '')
            select
                case when records >= {_RECORDS_OF_A_COMMON_VALUE} then value else '' end as value,
                avg(records) / (select sum(records) from counted) as share
            from counted
            group by 1
            order by 1
        """).fetchall()
        frequencies[column] = {value: round(share, 9) for value, share in counted}
        frequencies[column].setdefault("", usual[column])
    return replace(model, surroundings=Surroundings(frequencies, large_blocks(connection)))


def score(connection: duckdb.DuckDBPyConnection, model: Model, pairs: str, scored: str) -> None:
    """Creates the table `scored` (person_no_a, person_no_b, weight in bits) from the table `pairs`.

    A family shares its name, home, phone and often its mailbox, and twins their birth date; training learns how much
    that means. An untrained model, and one that is stored for a warehouse, penalises pairs whose given names, birth
    dates or generations differ: if families outnumber duplicates, training takes households for persons.
    """
    if not model.settings["comparisons"]:
        connection.execute(f"create or replace table {scored} as select *, -1.0::double as weight from {pairs}")
        return
    with _quiet():
        connection.execute(f"""
            create or replace table registered_pairs as
            select person_no_a as join_key_l, person_no_b as join_key_r, '0' as match_key from {pairs}
        """)
        api, linker = _open(connection, model.settings)
        if model.surroundings:
            _register_frequencies(connection, api, linker, model.surroundings)
        linker.table_management.register_blocked_pairs_for_predict(api.register("registered_pairs"))
        predicted = linker.inference.predict()
    doubted = (
        "false"
        if model.is_trained and model.surroundings is None
        else f"""
            coalesce(a.generation <> b.generation, false)
            or (
                not {given_names_agree("a.", "b.")}
                or coalesce(damerau_levenshtein(a.birth_date, b.birth_date) > 2, false)
            )
            and coalesce(damerau_levenshtein(a.national_id, b.national_id) > 1, true)
        """
    )
    connection.execute(f"""
        create or replace table {scored} as
        with pairs as (
            select
                least(person_no_l, person_no_r) as person_no_a,
                greatest(person_no_l, person_no_r) as person_no_b,
                match_weight as weight
            from {predicted.physical_name}
        )
        select
            pairs.person_no_a,
            pairs.person_no_b,
            if({doubted}, pairs.weight - {DOUBT}, pairs.weight) as weight
        from pairs
        inner join people as a on pairs.person_no_a = a.person_no
        inner join people as b on pairs.person_no_b = b.person_no
    """)
    predicted.drop_table_from_database_and_remove_from_cache()


def with_found_prior(connection: duckdb.DuckDBPyConnection, model: Model) -> Model:
    """The model with its prior set to the matches found in `scored`, whose weights change with it.

    Training estimates the prior from pairs that agree on something nearly certain, which are few if records are badly
    written. In a warehouse that cautious prior stays.
    """
    [(found, people)] = connection.execute(
        "select sum(1 / (1 + power(2, -weight))), (select count(*) from people) from scored"
    ).fetchall()
    if not found:
        return model
    settings = {**model.settings, "probability_two_random_records_match": _share_of_pairs(found, people)}
    with_prior = replace(model, settings=settings)
    connection.execute("update scored set weight = weight + ?", [with_prior.prior_weight - model.prior_weight])
    return with_prior


def _register_frequencies(
    connection: duckdb.DuckDBPyConnection, api: DuckDBAPI, linker: Linker, surroundings: Surroundings
) -> None:
    """Gives Splink the stored frequencies, so that it does not count."""
    for column, shares in surroundings.frequencies.items():
        connection.register("shares", pa.table({"value": list(shares), "share": list(shares.values())}))
        connection.execute(
            f"""
            create or replace table shares_of_{column} as
            select known.value as {column}, coalesce(shares.share, ?) as tf_{column}
            from (select distinct {column} as value from people where {column} is not null) as known
            left join shares on known.value = shares.value
            """,
            [shares[""]],
        )
        connection.unregister("shares")
        linker.table_management.register_term_frequency_lookup(api.register(f"shares_of_{column}"), column)


def _open(connection: duckdb.DuckDBPyConnection, settings: Any) -> tuple[DuckDBAPI, Linker]:
    api = DuckDBAPI(connection)
    return api, Linker(api.register("people"), settings, log_level=None, validate_settings=False)


def _learned(connection: duckdb.DuckDBPyConnection, linker: Linker, block: tuple[str, ...]) -> Linker:
    """The model after one session of expectation maximisation.

    A session that learns nothing, or makes a level impossible, is undone.
    """
    before = json.loads(json.dumps(linker.misc.save_model_to_json()))
    try:
        linker.training.estimate_parameters_using_expectation_maximisation(
            block_on(*block), max_pairs=_MOST_TRAINING_PAIRS
        )
    except (EMTrainingException, ValueError):
        return _open(connection, before)[1]
    return linker


def _prior(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> float:
    """The probability that two records are one person, from pairs that agree on something nearly certain."""
    keys = [key for key in _CERTAIN if set(key) <= set(columns)]
    blocks = [
        f"select person_no, hash({number}, {', '.join(key)}) as block from people"
        f" where {' and '.join(f'{column} is not null' for column in key)}"
        for number, key in enumerate(keys)
    ]
    people = int(connection.execute("select count(*) from people").fetchall()[0][0])
    certain = 0
    if blocks:
        counted = connection.execute(f"""
            with keys as ({" union all ".join(blocks)}),
            kept as (select * from keys qualify count(*) over (partition by block) <= {MOST_CERTAIN})
            select count(*) from (
                select distinct a.person_no, b.person_no
                from kept as a inner join kept as b on a.block = b.block and a.person_no < b.person_no
            )
        """).fetchall()
        certain = int(counted[0][0])
    return _share_of_pairs(max(certain, 1) / _RECALL_OF_CERTAIN, people)


def _share_of_pairs(found: float, people: int) -> float:
    """The share of `found` pairs in all pairs of `people` records, capped below even odds."""
    return _kept(min(0.1, found / max(people * (people - 1) / 2, 1)))


def _kept(probability: float) -> float:
    return float(f"{probability:.{KEPT_DIGITS}g}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses Splink's progress in warnings and logs."""
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
