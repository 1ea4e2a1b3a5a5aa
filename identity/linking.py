"""Matches person records of a file: the steps of an evaluation.

Add here: a step. Keep out: how a step works (the other modules), matching in a warehouse (kept_scores.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa

from identity.blocking import block, large_blocks, number_blocks
from identity.closure import (
    BARRED_WEIGHT,
    JOINING_WEIGHT,
    JOINING_WEIGHT_UNTRAINED,
    Numbers,
    Pairs,
    Weights,
    cluster,
)
from identity.comparisons import given_names_agree
from identity.model import MOST_CERTAIN, Model, filled_columns, score, train, with_found_prior
from identity.people import prepare

CERTAIN_WEIGHT = 100.0
"""The weight of a pair that an identifier joins: higher than any weight of the model."""

REVIEWED_BITS = 10.0
"""Pairs up to so many bits below the joining weight are questions for a reviewer."""

_OF_ONE_SOURCE = """
    (select source from people where person_no = person_no_a)
    is not distinct from (select source from people where person_no = person_no_b)
"""
_IDENTIFIERS = ("national_id", "email", "phone")  # the most certain first


@dataclass(frozen=True)
class Rules:
    """Rules about identifiers and names, from the project's seeds."""

    most_persons: Mapping[str, int]
    blocked_emails: Iterable[str] = ()
    nicknames: Iterable[tuple[str, str]] = ()
    uses_model: bool = True
    links_only: bool = False  # no source has duplicates: two of its records are never one person


@dataclass(frozen=True)
class Linked:
    """The result: the cluster of each record, and how it was found.

    `pairs`: record_id_a, record_id_b and weight of pairs that may be one person; `compared`: all pairs that were
    compared.
    """

    clusters: dict[str, int]
    pairs: pa.Table
    compared: pa.Table
    model: Model | None = field(default=None)


def link(records: pa.Table, rules: Rules, *, model: Model | None = None, memory: str = "2GB") -> Linked:
    """Matches records: by certain identifiers and by the model, clustered together.

    Uses `model` if its columns are those of the records; else trains one.
    """
    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as connection:
        connection.execute(f"set memory_limit = '{memory}'")
        connection.execute(f"set temp_directory = '{spill}'")
        connection.execute("set enable_progress_bar = false")
        size = 1 + prepare(
            connection,
            records,
            nicknames=rules.nicknames,
            blocked_emails=rules.blocked_emails,
            most_persons=rules.most_persons,
        )
        number_blocks(connection)
        block(connection, large_blocks(connection))
        if rules.links_only:
            connection.execute(f"delete from candidates where {_OF_ONE_SOURCE}")
        is_kept = model is not None and model.columns == filled_columns(connection)
        model = model if model is not None and is_kept else train(connection)
        score(connection, model, "candidates", "scored")
        if model.is_trained and not is_kept:
            model = with_found_prior(connection, model)
        joining = JOINING_WEIGHT if model.is_trained else JOINING_WEIGHT_UNTRAINED
        certain = _certain_pairs(connection, across_sources=rules.links_only)
        likely = _fetched(connection, f"select * from scored where weight >= {joining}")
        chosen = _strongest(certain, likely) if rules.uses_model else certain

        sources = connection.execute("select dense_rank() over (order by source) as n from people order by person_no")
        source = np.concatenate([[0], sources.fetchnumpy()["n"]])

        def weigh(a: Numbers, b: Numbers) -> Weights:
            weights = _weigh(connection, model, a, b)
            return np.where(source[a] == source[b], BARRED_WEIGHT, weights) if rules.links_only else weights

        labels = cluster(chosen, size, weigh)
        names = connection.execute("select record_id from people order by person_no").fetchall()
        return Linked(
            {record_id: int(labels[number]) for number, (record_id,) in enumerate(names, start=1)},
            _named(connection, f"scored where weight >= {joining - REVIEWED_BITS}"),
            _named(connection, "candidates"),
            model,
        )


def _certain_pairs(connection: duckdb.DuckDBPyConnection, *, across_sources: bool) -> Pairs:
    """Pairs that share an identifier of few records, and whose given names could be one person's."""
    parts = " union ".join(
        f"""
        select a.person_no as person_no_a, b.person_no as person_no_b, {CERTAIN_WEIGHT - place}::double as weight
        from people as a
        inner join people as b on a.{identifier} = b.{identifier} and a.person_no < b.person_no
        where
            {given_names_agree("a.", "b.")}
            {"and a.source is distinct from b.source" if across_sources else ""}
            and coalesce(a.generation = b.generation, true)
            and a.{identifier} in (
                select {identifier} from people group by 1 having count(*) <= {MOST_CERTAIN}
            )
        """
        for place, identifier in enumerate(_IDENTIFIERS)
    )
    return _fetched(connection, f"select person_no_a, person_no_b, max(weight) as weight from ({parts}) group by 1, 2")


def _weigh(connection: duckdb.DuckDBPyConnection, model: Model, a: Numbers, b: Numbers) -> Weights:
    """Weights of pairs in their order; scores those that have none."""
    asked = pa.table({"place": np.arange(len(a)), "person_no_a": np.minimum(a, b), "person_no_b": np.maximum(a, b)})
    connection.register("asked", asked)
    connection.execute("create or replace table asked_pairs as select * from asked")
    connection.unregister("asked")
    connection.execute("""
        create or replace table missing_pairs as
        select person_no_a, person_no_b from asked_pairs anti join scored using (person_no_a, person_no_b)
    """)
    score(connection, model, "missing_pairs", "scored_now")
    found = connection.execute("""
        select weight
        from asked_pairs
        left join (from scored union all from scored_now) as weights using (person_no_a, person_no_b)
        order by place
    """).fetchnumpy()
    return np.asarray(found["weight"], dtype=np.float64)


def _fetched(connection: duckdb.DuckDBPyConnection, query: str) -> Pairs:
    found = connection.execute(query).fetchnumpy()
    return Pairs(
        np.asarray(found["person_no_a"], dtype=np.int64),
        np.asarray(found["person_no_b"], dtype=np.int64),
        np.asarray(found["weight"], dtype=np.float64),
    )


def _strongest(certain: Pairs, likely: Pairs) -> Pairs:
    """Both kinds of pairs. A pair may be in it twice: its stronger weight counts first."""
    return Pairs(
        np.concatenate([certain.a, likely.a]),
        np.concatenate([certain.b, likely.b]),
        np.concatenate([certain.weight, likely.weight]),
    )


def _named(connection: duckdb.DuckDBPyConnection, pairs: str) -> pa.Table:
    return connection.sql(f"""
        select a.record_id as record_id_a, b.record_id as record_id_b, pairs.* exclude (person_no_a, person_no_b)
        from (from {pairs}) as pairs
        inner join people as a on pairs.person_no_a = a.person_no
        inner join people as b on pairs.person_no_b = b.person_no
    """).to_arrow_table()
