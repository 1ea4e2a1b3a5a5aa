"""Consent decisions that cannot be read: how many, which customers they hold back, and how to repair each.

Add here: another question about decisions. Keep out: what a decision means (dbt_project, intermediate/consent).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

from runtime.home import Home
from runtime.warehouse import opened

if TYPE_CHECKING:
    import duckdb

_WORD = "Add the word to dbt_project/seeds/privacy/consent_words.csv, or land the record corrected; then build."
_REMEDIES: Mapping[str, str] = {
    "quarantined": "`merganser quarantine replay ID --set field=value` (or --record FILE); then build.",
    "decision": _WORD,
    "purpose": _WORD,
    "channel": _WORD,
    "contradiction": "The purpose has no such channel: land the record corrected, or add the word; then build.",
    "vague": "The word is too wide for a yes: land the record with the purpose's own name; then build.",
    "date": "A yes needs a date: land the record with the moment when it was given; then build.",
}


@dataclass(frozen=True)
class UnreadableDecision:
    """A decision that cannot be read, without its values. `holds`: it may be a no, and holds `customer_count` customers
    back; `record_key` is the source's id of the record, if that can be read."""

    source: str
    entity: str
    record_key: str | None
    quarantine_id: str | None
    field: str | None
    reason: str
    holds: bool
    customer_count: int
    arrived_at: datetime
    remedy: str


def count_unreadable(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Counts unreadable decisions, those that hold customers back, these customers, and decisions without a customer.

    Empty if no consent has been built.
    """
    if not _is_built(connection):
        return {}
    cursor = connection.execute(_counts())
    names = [column[0] for column in cursor.description or ()]
    [row] = cursor.fetchall()
    return {name: int(value) for name, value in zip(names, row, strict=True)}


def list_unreadable(
    home: Home, *, source: str | None = None, entity: str | None = None, limit: int = 50
) -> list[UnreadableDecision]:
    """Decisions that the last build could not read; those that hold the most customers come first.

    Raises LockedError.
    """
    if not home.warehouse.exists():
        return []
    with opened(home) as connection:
        if not _is_built(connection):
            return []
        rows = connection.execute(_decisions(), {"source": source, "entity": entity, "limit": limit}).fetchall()
    names = [field.name for field in fields(UnreadableDecision) if field.name != "remedy"]
    given = [dict(zip(names, row, strict=True)) for row in rows]
    return [UnreadableDecision(**one, remedy=_REMEDIES[one["reason"]]) for one in given]


def _is_built(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(
        connection.execute(
            "select 1 from information_schema.tables where table_schema = 'marts' and table_name = 'fct_consent_events'"
        ).fetchall()
    )


def _counts() -> str:
    """Counts decisions: one that names several identifiers or purposes has several rows."""
    return """
        with decisions as (
            select
                coalesce(quarantine_id, concat_ws(':', source, entity, record_key, decision_field)) as decision,
                bool_or(effect = 'holds') as holds,
                max(customers_reached_count) as customers
            from marts.fct_consent_events
            where unreadable_reason is not null
            group by 1
        )
        select
            count(*) as unreadable,
            count(*) filter (holds and customers > 0) as holding,
            (select count(distinct customer_id) from marts.dim_consents where status = 'unreadable') as customers_held,
            count(*) filter (holds and customers = 0) as reaching_nobody
        from decisions
    """


def _decisions() -> str:
    """Unreadable decisions with the place of their records, by the number of customers."""
    return """
        select
            source,
            entity,
            min(record_key) as record_key,
            quarantine_id,
            decision_field,
            min(unreadable_reason) as reason,
            bool_or(effect = 'holds') as holds,
            max(customers_reached_count) as customer_count,
            min(arrived_at) as arrived_at
        from marts.fct_consent_events
        where
            unreadable_reason is not null
            -- A loader variant (hubspot_fivetran) is listed under its source (hubspot).
            and ($source is null or source = $source or starts_with($source, source || '_'))
            and ($entity is null or entity = $entity)
        group by source, entity, coalesce(quarantine_id, record_key), quarantine_id, decision_field
        order by holds desc, customer_count desc, arrived_at desc, source, entity, record_key
        limit $limit
    """
