"""Computes what must be sent so that the destination holds the export's records: set operations between the export and
the ledger.

Add here when: another kind of difference is sent. Keep out: sending, state, anything that loops over rows in Python.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb

from exports.reader import WITHHELD, quote, quote_text, relation
from exports.spec import ExportSpec

UNCERTAIN = "uncertain"
"""The row hash of a record that may have been delivered: no real hash equals it, so the next plan updates or removes
the record.
"""


@dataclass(frozen=True)
class Difference:
    """Counts of records by action."""

    records: int
    delivered: int
    adds: int
    updates: int
    removes: int
    unchanged: int
    held: int
    retracts: int
    reasserted: int
    decided_removes: int

    @property
    def operations(self) -> int:
        return self.adds + self.updates + self.removes


def compute_current(connection: duckdb.DuckDBPyConnection, spec: ExportSpec) -> None:
    """Fills the temporary table `current_rows`: key, customer, row hash and removal fields of every row of the
    export, except those of customers in `unconsented` (reader.py).

    The row hash covers the names and values of all declared columns and the normaliser's version: a change of any
    sends the record.
    """
    values = ", ".join(f"cast({quote(name)} as varchar)" for name in spec.column_names)
    shape = quote_text(f"{spec.normaliser_version}:{','.join(spec.column_names)}")
    fields = ", ".join(f"{quote_text(name)}, cast({quote(name)} as varchar)" for name in spec.removal_fields)
    removal = f"cast(json_object({fields}) as varchar)" if fields else "cast(null as varchar)"
    connection.execute(
        f"""
        create or replace temporary table current_rows as
        select
            cast({quote(spec.key)} as varchar) as record_key,
            cast(customer_id as varchar) as customer_id,
            sha256(concat({shape}, cast(json_array({values}) as varchar))) as row_hash,
            {removal} as removal_fields
        from {relation(spec)}
        where customer_id is not null
            and cast(customer_id as varchar) not in (select customer_id from unconsented where customer_id is not null)
        """
    )


def compute_operations(connection: duckdb.DuckDBPyConnection, spec: ExportSpec, *, retry_held: bool) -> Difference:
    """Fills the temporary table `operations` (action, record_key, ...) from `current_rows` and the ledger, and counts
    it.

    `retry_held`: also send records that the destination rejected before and that have not changed since.

    A destination that removes by identifiers also drops other records with these identifiers: a record that stays and
    shares an identifier with a removed or retracted one is sent again after the removal (counted as an update, and as
    reasserted).
    """
    parameters = {
        "export": spec.name,
        "destination": spec.destination,
        "mirror": spec.mode == "mirror",
        "held": retry_held,
    }
    connection.execute(
        """
        create or replace temporary table comparison as
        with delivered as (
            select record_key, customer_id, row_hash, removal_fields
            from ledger.delivered_records
            where export = $export and destination = $destination
        ),

        held as (
            select record_key, row_hash
            from ledger.held_records
            where export = $export and destination = $destination and not $held
        )

        select
            coalesce(now.record_key, before.record_key) as record_key,
            coalesce(now.customer_id, before.customer_id) as customer_id,
            now.row_hash as row_hash,
            before.row_hash as delivered_hash,
            now.removal_fields as removal_fields,
            before.removal_fields as delivered_fields,
            case
                when now.record_key is null and $mirror then 'remove'
                when now.record_key is null then 'left'
                when now.row_hash = before.row_hash then 'unchanged'
                when held.record_key is not null then 'held'
                when before.record_key is null then 'add'
                else 'update'
            end as verdict
        from current_rows as now
        full join delivered as before on before.record_key = now.record_key
        left join held on held.record_key = now.record_key and held.row_hash = now.row_hash
        """,
        parameters,
    )
    connection.execute(
        """
        create or replace temporary table operations as
        select
            'remove' as action, record_key, customer_id, delivered_hash as row_hash,
            delivered_fields as removal_fields
        from comparison
        where verdict = 'remove'
        union all
        select 'retract', record_key, customer_id, delivered_hash, delivered_fields
        from comparison
        where verdict = 'update' and $mirror and delivered_fields is not null
            and delivered_fields is distinct from removal_fields
        union all
        select verdict, record_key, customer_id, row_hash, removal_fields
        from comparison
        where verdict in ('add', 'update')
        """,
        {"mirror": parameters["mirror"]},
    )
    reasserted = _reassert_shared_identifiers(connection, spec)
    _find_decided_customers(connection, spec)
    return _count(connection, reasserted)


def keep_decided_removals(connection: duckdb.DuckDBPyConnection, spec: ExportSpec) -> Difference:
    """Reduces `operations` to the removals that persons decided (withdrawn, denied, expired, unreadable consent), and
    to the records that must be sent again because of them. Call after `compute_operations`.
    """
    connection.execute(
        """
        delete from operations
        where action <> 'remove' or customer_id is null
            or customer_id not in (select customer_id from decided_customers)
        """
    )
    reasserted = _reassert_shared_identifiers(connection, spec)
    full = _count(connection, reasserted)
    left_out = full.adds + full.updates - reasserted
    return replace(full, adds=0, updates=reasserted, removes=full.decided_removes, unchanged=full.unchanged + left_out)


def _find_decided_customers(connection: duckdb.DuckDBPyConnection, spec: ExportSpec) -> None:
    """Fills the temporary table `decided_customers`: customers who are withheld because of their own decision. Unknown
    consent is not one: an empty consent table makes everybody unknown.
    """
    connection.execute(
        f"""
        create or replace temporary table decided_customers as
        select cast(customer_id as varchar) as customer_id
        from {WITHHELD}
        where export = $export and reason like 'no_consent:%' and reason <> 'no_consent:unknown'
        union
        select customer_id from unconsented where reason <> 'no_consent:unknown'
        """,
        {"export": spec.name},
    )


def _reassert_shared_identifiers(connection: duckdb.DuckDBPyConnection, spec: ExportSpec) -> int:
    """Adds an update for each unchanged record that shares a removal field's value with a removed or retracted one."""
    for name in spec.removal_fields:
        path = f"$.{quote(name)}"
        connection.execute(
            """
            insert into operations
            select distinct 'update', stays.record_key, stays.customer_id, stays.row_hash, stays.removal_fields
            from comparison as stays
            inner join operations as goes
                on goes.action in ('remove', 'retract')
                and json_extract_string(goes.removal_fields, $path) = json_extract_string(stays.removal_fields, $path)
                and goes.record_key <> stays.record_key
            where stays.verdict = 'unchanged'
                and stays.record_key not in (select record_key from operations where action = 'update')
            """,
            {"path": path},
        )
    row = connection.execute(
        """
        select count(*) from operations
        inner join comparison on comparison.record_key = operations.record_key
        where operations.action = 'update' and comparison.verdict = 'unchanged'
        """
    ).fetchone()
    return int(row[0]) if row else 0


def _count(connection: duckdb.DuckDBPyConnection, reasserted: int) -> Difference:
    verdicts = dict(connection.execute("select verdict, count(*) from comparison group by 1").fetchall())
    totals = connection.execute(
        """
        select
            (select count(*) from current_rows),
            (select count(*) from comparison where delivered_hash is not null),
            (select count(*) from operations where action = 'retract'),
            (
                select count(*) from comparison
                where verdict = 'remove' and customer_id in (select customer_id from decided_customers)
            )
        """
    ).fetchone()
    assert totals is not None
    return Difference(
        records=totals[0],
        delivered=totals[1],
        adds=verdicts.get("add", 0),
        updates=verdicts.get("update", 0) + reasserted,
        removes=verdicts.get("remove", 0),
        unchanged=verdicts.get("unchanged", 0) - reasserted,
        held=verdicts.get("held", 0),
        retracts=totals[2],
        reasserted=reasserted,
        decided_removes=totals[3],
    )
