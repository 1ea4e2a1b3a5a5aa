"""Matches person records of a file as a warehouse matches its persons: `identity.kept_scores` with exact identifiers.

Add here: what a file needs that a warehouse has from its identity graph. Keep out: how pairs are scored and clustered
(kept_scores.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.closure import Numbers
from identity.components import connected_components
from identity.exact import exact_pairs
from identity.groups import Fixed
from identity.kept_scores import Judged, Thresholds, judge, opened
from identity.model import Model, filled_columns


@dataclass(frozen=True)
class Rules:
    """Rules about identifiers, names and thresholds, from the project's seeds and variables."""

    most_persons: Mapping[str, int]
    thresholds: Thresholds
    blocked_emails: Iterable[str] = ()
    nicknames: Iterable[tuple[str, str]] = ()
    uses_model: bool = True
    links_only: bool = False  # no source has duplicates: two of its records are never one person


@dataclass(frozen=True)
class Linked:
    """The result: the cluster of each record, and how it was found.

    `compared`: record_id_a and record_id_b of all pairs that were compared. `model` is None where none is used.
    """

    clusters: dict[str, int]
    compared: pa.Table
    model: Model | None = None


def link(records: pa.Table, rules: Rules, *, model: Model | None = None, memory: str = "2GB") -> Linked:
    """Matches records: by exact identifiers and by the model, clustered together.

    Uses `model` if its columns are those of the records; else trains one.
    """
    with opened(
        records,
        rules.nicknames,
        blocked_emails=rules.blocked_emails,
        most_persons=rules.most_persons,
        memory=memory,
    ) as connection:
        size = 1 + records.num_rows
        exact = exact_pairs(connection, records, nicknames=rules.nicknames, links_only=rules.links_only)
        judged = _judged(connection, rules, model, exact) if rules.uses_model else None
        joins = [exact] if judged is None else [exact, _matches(judged)]
        labels = connected_components(
            np.concatenate([a for a, _ in joins]), np.concatenate([b for _, b in joins]), size
        )
        names = connection.execute("select record_id from people order by person_no").fetchall()
        return Linked(
            {record_id: int(labels[number]) for number, (record_id,) in enumerate(names, start=1)},
            _named(connection, "candidates" if judged else "(select 0 as person_no_a, 0 as person_no_b)"),
            judged.model if judged else None,
        )


def _judged(
    connection: duckdb.DuckDBPyConnection, rules: Rules, model: Model | None, exact: tuple[Numbers, Numbers]
) -> Judged:
    nobody = np.empty(0, np.int64)
    persons = connection.sql(
        "select person_no, dense_rank() over (order by source) as exclusive_no from people"
        if rules.links_only
        else "select person_no, cast(null as bigint) as exclusive_no from people"
    ).to_arrow_table()
    return judge(
        connection,
        persons,
        model if model is not None and model.columns == filled_columns(connection) else None,
        nicknames=rules.nicknames,
        fixed=Fixed(*exact, nobody, nobody),
        thresholds=rules.thresholds,
    )


def _matches(judged: Judged) -> tuple[Numbers, Numbers]:
    matches = judged.pairs.filter(pc.field("verdict") == "match")
    return np.asarray(matches["person_no_a"], np.int64), np.asarray(matches["person_no_b"], np.int64)


def _named(connection: duckdb.DuckDBPyConnection, pairs: str) -> pa.Table:
    return connection.sql(f"""
        select a.record_id as record_id_a, b.record_id as record_id_b
        from {pairs} as pairs
        inner join people as a on pairs.person_no_a = a.person_no
        inner join people as b on pairs.person_no_b = b.person_no
    """).to_arrow_table()
