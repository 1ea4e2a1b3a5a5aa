"""Invariants 1, 2, 3 and 6 as properties of small worlds; 5 is in tests/ingestion, 7 in tests/exports."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingestion.synthetic import WorldConfig
from tests.warehouse.workbench import Workbench

EXAMPLES = 20 if os.environ.get("TORTURE") else 2
UNTIL = datetime(2026, 6, 30, tzinfo=UTC)
FIRST_DAY = date(2025, 1, 1)
# Logs of earlier publications: they depend on the builds and not on the data, so a rebuild cannot repeat them.
HISTORIES = {
    "marts.bdg_customer_identifiers_history",
    "marts.dim_customer_redirects",
    "marts.dim_customers_history",
    "marts.fct_identity_changes",
    "marts.fct_identity_metrics",  # how many customers the latest change merged
    "segments.dim_segments",
    "segments.fct_segment_memberships",
    "segments.fct_segment_sizes",
}

small = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # an example takes a minute: too slow to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def published(bench: Workbench) -> dict[str, set[tuple[Any, ...]]]:
    """Every table for readers and syncs, as sets of rows."""
    tables = bench.tables("marts", "segments", "exports")
    return {table: bench.rows(table) for table in tables if table not in HISTORIES}


def partition(bench: Workbench) -> set[frozenset[tuple[str, str]]]:
    """The customers as sets of (identifier type, value), without their ids."""
    grouped: dict[Any, set[tuple[str, str]]] = {}
    for customer, kind, value in bench.query(
        "select customer_id, identifier_type, identifier_value from intermediate.int_identity__customer_identifiers "
        "where customer_id is not null"
    ):
        grouped.setdefault(customer, set()).add((kind, value))
    return {frozenset(members) for members in grouped.values()}


def batches(cuts: list[int], history_days: int) -> list[tuple[date | None, date | None]]:
    """Windows of arrival days between the cuts; the first and the last are open."""
    days = [(UNTIL - timedelta(days=history_days - cut)).date() for cut in sorted(cuts)]
    starts = [None, *[day + timedelta(days=1) for day in days]]
    return list(zip(starts, [*days, None], strict=True))


@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(20, 118), min_size=1, max_size=2, unique=True),
)
@settings(small, max_examples=EXAMPLES // 2)  # each is five builds
def test_rebuild_equals_increment_and_ids_are_stable(workbench: Workbench, seed: int, cuts: list[int]) -> None:
    """Invariants 1 to 3: batches and one rebuild over the same raw give the same rows, and no id changes on the way."""
    workbench.empty()
    world = WorldConfig(customers=100, seed=seed, history_days=120)
    last: dict[tuple[str, str], str] = {}
    ever: dict[tuple[str, str], str] = {}
    for since, through in batches(cuts, 120):
        workbench.write(world, since, through)
        workbench.land()
        workbench.build()
        now = {
            (kind, value): customer
            for kind, value, customer in workbench.query(
                "select identifier_type, identifier_value, customer_id from marts.bdg_customer_identifiers "
                "where customer_id is not null"
            )
        }
        explained = {
            (before, after)
            for before, after in workbench.query(
                "select from_customer_id, to_customer_id from marts.fct_identity_changes "
                "where change_type in ('merged', 'split', 'transferred')"
            )
        }
        redirects = dict(workbench.query("select retired_customer_id, customer_id from marts.dim_customer_redirects"))
        living = {row[0] for row in workbench.query("select customer_id from marts.dim_customers")}
        for identifier, before in last.items():
            after = now.get(identifier, before)
            told = f"an identifier of type {identifier[0]} left {before} for {after} without a change"
            assert after == before or (before, after) in explained, told
        for identifier, before in ever.items():
            successor = before if before in living else redirects.get(before, "unknown")
            # A retired id has no successor only where the customer has no identifiers left.
            assert successor in living or (successor is None and identifier not in now), f"{before} no longer resolves"
        last, ever = now, {**ever, **now}

    increments, numbers = published(workbench), workbench.rows("intermediate.int_identity__identifiers")

    # Invariant 2: a second run over unchanged input lands nothing and changes nothing, histories included.
    histories = {table: workbench.rows(table) for table in HISTORIES}
    assert workbench.land().landed == 0
    workbench.build()
    assert published(workbench) == increments
    assert {table: workbench.rows(table) for table in HISTORIES} == histories

    # Invariant 1: one rebuild over the same raw tables, from nothing.
    workbench.drop_built()
    workbench.build()
    assert workbench.rows("intermediate.int_identity__identifiers") == numbers
    rebuilt = published(workbench)
    assert rebuilt.keys() == increments.keys()
    different = {table: len(rows ^ increments[table]) for table, rows in rebuilt.items() if rows != increments[table]}
    assert different == {}


@dataclass(frozen=True)
class Arrival:
    """Identity after the batches of a world arrived in one order: the customers, and after the first batch and all of
    them a name per identifier that counts the customers."""

    customers: set[frozenset[tuple[str, str]]]
    counted: list[dict[tuple[str, str], int]]


@pytest.fixture(scope="module")
def arrivals(_bench: Workbench) -> list[Arrival]:
    """The same batches in their order, the first of them built before the others land, and in reverse, built once."""
    world = WorldConfig(customers=100, seed=11, history_days=120)
    found = []
    for order in (1, -1):
        _bench.empty()
        counted = []
        days = batches([40, 90], 120)[::order]
        for number, (since, through) in enumerate(days, start=1):
            _bench.write(world, since, through)
            _bench.land()
            if number == len(days) or (order, number) == (1, 1):
                _bench.build("+int_identity__customer_identifiers")
                counted.append(counted_customers(_bench))
        found.append(Arrival(partition(_bench), counted))
    return found


def counted_customers(bench: Workbench) -> dict[tuple[str, str], int]:
    """The number of the customer of each identifier, if customers were numbered in each build."""
    return {
        (kind, value): number
        for kind, value, number in bench.query(
            "select identifier_type, identifier_value, dense_rank() over (order by min_value) from ("
            "select identifier_type, identifier_value, min(identifier_value) over (partition by customer_id)"
            " as min_value from intermediate.int_identity__customer_identifiers where customer_id is not null)"
        )
    }


def test_another_order_of_arrival_gives_the_same_partition(arrivals: list[Arrival]) -> None:
    """Invariant 1, second half: batches, built one by one, and the same in reverse order give the same partition."""
    in_order, reverse = arrivals
    assert len(in_order.customers) > 50
    assert in_order.customers == reverse.customers


def test_renaming_by_row_number_is_caught(arrivals: list[Arrival]) -> None:
    """The failing twin of the rebuild test: with ids from row_number(), a later batch would rename customers."""
    first, last = arrivals[0].counted
    assert any(last[identifier] != number for identifier, number in first.items() if identifier in last)


PURPOSE_OF_EXPORT = {
    "exp_meta__lapsed_buyers": ("advertising", "ads"),
    "exp_webhook__abandoned_cart": ("email_marketing", "email"),
}


@given(data=st.data())
@small
def test_nobody_without_consent_leaves(workbench: Workbench, data: st.DataObject) -> None:
    """Invariant 6: for any decisions in any order of arrival, every row of a sync has a live grant.

    The oracle reads raw consent records and uses no model: a refusal by any identifier of a customer counts until the
    same customer says yes later, by that or another identifier.
    """
    workbench.empty()
    workbench.write(WorldConfig(customers=100, seed=3, history_days=400))
    workbench.land()
    emails = sorted(
        row[0]
        for row in workbench.query(
            "select distinct lower(trim(email)) from raw_shopify.customer where email like '%@%'"
        )
    )
    choice = st.tuples(
        st.sampled_from(emails),
        st.sampled_from(["advertising", "email_marketing"]),
        st.sampled_from(["granted", "denied", "withdrawn"]),
        st.integers(0, 500),
    )
    decisions = data.draw(
        st.lists(choice, min_size=20, max_size=120, unique_by=lambda item: (item[0], item[1], item[3]))
    )
    directory = workbench.home.landing / "consent_banner" / "decisions"
    directory.mkdir(parents=True, exist_ok=True)
    channels = {"advertising": "ads", "email_marketing": "email"}
    records = [
        {
            "decision_id": f"p{number}",
            "email": email,
            "purpose": purpose,
            "channel": channels[purpose],
            "decision": decision,
            "decided_at": f"{UNTIL - timedelta(days=days):%Y-%m-%dT%H:%M:%S}",
        }
        for number, (email, purpose, decision, days) in enumerate(decisions)
    ]
    lines = [json.dumps(record) for record in records]
    (directory / "property.ndjson").write_text("\n".join(lines) + "\n")
    workbench.land()
    workbench.build("+path:dbt_project/models/exports", "+bdg_customer_identifiers", "+dim_consents")

    with duckdb.connect(str(workbench.home.warehouse), read_only=True) as connection:
        for export, (purpose, channel) in PURPOSE_OF_EXPORT.items():
            refused = connection.execute(
                """
                with decided as (
                    select
                        identifiers.customer_id,
                        max(decided_at) filter (decision = 'granted') as granted_at,
                        max(decided_at) filter (decision <> 'granted') as refused_at
                    from raw_consent_banner.decisions
                    inner join marts.bdg_customer_identifiers as identifiers
                        on identifiers.identifier_value = case identifiers.identifier_type
                            when 'email' then lower(trim(decisions.email))
                            when 'user_id' then decisions.user_id
                            when 'anonymous_id' then decisions.anonymous_id
                        end
                    where purpose = ? and channel = ?
                    group by 1
                )
                select count(*)
                from exports."""
                + export
                + """ as leaving
                inner join decided using (customer_id)
                where decided.refused_at >= coalesce(decided.granted_at, decided.refused_at)
                """,
                [purpose, channel],
            ).fetchone()
            assert refused == (0,), f"{export} lets people out who refused {purpose}"
            unknown = connection.execute(
                f"""
                select count(*) from exports.{export} as leaving
                where not exists (
                    select 1 from marts.dim_consents as consents
                    where consents.customer_id = leaving.customer_id and consents.purpose = ? and consents.channel = ?
                        and consents.status = 'granted' and (consents.expires_at is null or consents.expires_at > ?)
                )
                """,
                [purpose, channel, UNTIL.replace(tzinfo=None)],
            ).fetchone()
            assert unknown == (0,), f"{export} lets people out without a live grant"


@pytest.fixture(autouse=True)
def _needs_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MERGANSER_AS_OF", raising=False)
