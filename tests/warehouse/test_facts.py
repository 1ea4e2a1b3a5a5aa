"""Facts: batches equal a full refresh, no late event is missed, a second run writes nothing, no record loses its row.

Keep out: what a dbt unit test can show, and the invariants over all marts (test_invariants.py).
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.synthetic import WorldConfig
from orchestration.stages import build
from runtime.home import Home
from tests.warehouse.workbench import AS_OF, Workbench

EVENTS = "intermediate.int_events__events"
SESSIONS = "intermediate.int_events__sessions"
MEMBERSHIPS = "segments.fct_segment_memberships"
# Facts and their source rows, with the identifier of each row, by the key of the fact and of the row.
FACTS_OF_CUSTOMERS = {
    "fct_orders": ("int_commerce__orders", ("order_id", "order_id")),
    "fct_interactions": ("int_crm__engagements", ("interaction_id", "engagement_key")),
}
START = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


def page(event_id: str, anonymous_id: str | None, minutes: float, user_id: str | None = None) -> dict[str, Any]:
    """A page call, `minutes` after START."""
    moment = (START + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat(sep=" ")
    return {
        "id": event_id,
        "anonymous_id": anonymous_id,
        "user_id": user_id,
        "url": f"https://shop.example/{event_id}",
        "path": f"/{event_id}",
        "timestamp": moment,
        "original_timestamp": moment,
        "received_at": moment,
    }


def arrive(bench: Workbench, batch: str, pages: Sequence[dict[str, Any]]) -> None:
    """Writes page calls to a file of their own and lands it."""
    directory = bench.home.landing / "segment" / "pages"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{batch}.ndjson").write_text("".join(json.dumps(row) + "\n" for row in pages))
    bench.land()


@pytest.fixture(scope="module")
def _no_events(_bench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse that was built before any event landed."""
    _bench.empty()
    _bench.build("+int_events__sessions")
    return Path(shutil.copy(_bench.home.warehouse, tmp_path_factory.mktemp("no-events")))


@pytest.fixture
def shop(workbench: Workbench, _no_events: Path) -> Workbench:
    """A workbench in which the next build has nothing to do but to add the events that land."""
    shutil.copy(_no_events, workbench.home.warehouse)
    return workbench


def built(bench: Workbench) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
    """Builds what page calls change, up to the sessions; returns the rows of events and sessions."""
    bench.build("source:segment.pages+,+int_events__sessions")
    return bench.rows(EVENTS), bench.rows(SESSIONS)


def rebuilt(bench: Workbench) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
    """Events and sessions after a full refresh over the same raw tables."""
    with duckdb.connect(str(bench.home.warehouse)) as connection:
        connection.execute(f"drop table {EVENTS}")
        connection.execute(f"drop table {SESSIONS}")
    return built(bench)


def test_batches_in_any_order_equal_a_full_refresh(shop: Workbench) -> None:
    """Shuffled events of three devices in three batches, with pauses near the session gap; each batch is built."""
    chance = random.Random(20260630)
    events = [
        page(f"e{number}", f"device-{number % 3}", minutes=chance.choice([0, 10, 29, 30, 30.5, 31, 61]) + number * 11)
        for number in range(80)
    ]
    chance.shuffle(events)
    for batch in range(3):
        arrive(shop, f"batch-{batch}", events[batch::3])
        increments = built(shop)
    assert len(increments[0]) == 80
    assert 3 < len(increments[1]) < 80
    assert rebuilt(shop) == increments


def test_late_event_joins_two_sessions_and_the_id_comes_from_the_first_event(shop: Workbench) -> None:
    arrive(shop, "on-time", [page("e1", "device", 0), page("e2", "device", 50), page("o1", "other", 0)])
    _, before = built(shop)
    ids = dict(shop.query(f"select landing_page_path, session_id from {SESSIONS}"))
    assert set(ids) == {"/e1", "/e2", "/o1"}

    arrive(shop, "late", [page("e3", "device", 25)])
    increments = built(shop)
    assert dict(shop.query(f"select landing_page_path, event_count from {SESSIONS}")) == {"/e1": 3, "/o1": 1}
    after = dict(shop.query(f"select landing_page_path, session_id from {SESSIONS}"))
    assert after == {"/e1": ids["/e1"], "/o1": ids["/o1"]}
    assert len(before) == 3
    assert rebuilt(shop) == increments


def test_event_that_happened_long_before_the_watermark_is_not_missed(shop: Workbench) -> None:
    arrive(shop, "today", [page("new", "device", 0)])
    built(shop)
    arrive(shop, "years-late", [page("old", "device", -3 * 365 * 24 * 60)])
    increments = built(shop)
    assert {row[0] for row in shop.query(f"select event_id from {EVENTS}")} == {"new", "old"}
    assert shop.query(f"select count(*) from {SESSIONS}") == [(2,)]
    assert rebuilt(shop) == increments


def test_second_run_and_second_delivery_write_nothing(shop: Workbench) -> None:
    arrive(shop, "first", [page("e1", "device", 0), page("e2", None, 5), page("e3", "device", 7, user_id="u1")])
    first = built(shop)
    arrive(shop, "again", [page("e1", "device", 0)])
    assert built(shop) == first
    assert built(shop) == first
    # An event without an identifier stays an event and is in no session.
    assert shop.query(f"select event_id from {EVENTS} where identifier_no is null") == [("e2",)]
    assert shop.query(f"select sum(event_count) from {SESSIONS}") == [(2,)]


# Orders to one name and place: two without an address of the buyer, two with the same.
GUESTS = [("990001", None), ("990002", None), ("990003", "una@guests.example"), ("990004", "una@guests.example")]


def guest_order(order_id: str, email: str | None) -> dict[str, Any]:
    """An order without an account and without a phone."""
    moment = "2026-06-02T10:00:00"
    return {
        "id": order_id, "name": f"#{order_id}", "email": email, "currency": "EUR", "total_price": "40.00",
        "subtotal_price": "40.00", "financial_status": "paid", "processed_at": moment, "created_at": moment,
        "updated_at": moment, "_fivetran_deleted": False, "shipping_address_first_name": "Una",
        "shipping_address_last_name": "Nameless", "shipping_address_address_1": "High Street 1",
        "shipping_address_city": "Berlin", "shipping_address_country_code": "DE",
    }  # fmt: skip


@pytest.fixture(scope="module")
def whole(_bench: Workbench) -> Iterator[Workbench]:
    """A complete build of a small world. The tests below read it, and one of them builds it again."""
    bench = _bench
    bench.empty()
    bench.write(WorldConfig(customers=150, seed=23, history_days=365))
    (bench.home.landing / "shopify" / "order" / "guests.ndjson").write_text(
        "".join(json.dumps(guest_order(*guest)) + "\n" for guest in GUESTS)
    )
    bench.land()
    bench.build()
    yield bench
    bench.empty()


# Current records of a source that are not deleted, and the table that must contain each of them.
KEPT = {
    "marts.fct_orders": "select order_id from staging.stg_shopify__orders where is_current and not is_deleted",
    "marts.fct_order_lines": (
        "select order_line_id from staging.stg_shopify__order_lines where is_current and not is_deleted and order_id "
        "in (select order_id from staging.stg_shopify__orders where is_current and not is_deleted)"
    ),
    "marts.fct_checkouts": (
        "select checkout_id from staging.stg_shopify__abandoned_checkouts where is_current and not is_deleted"
    ),
    "marts.fct_deals": "select deal_id from staging.stg_hubspot__deals where is_current and not is_deleted",
    "marts.fct_interactions": (
        "select 'call:' || call_id from staging.stg_hubspot__calls where is_current and not is_deleted union all "
        "select 'ticket:' || ticket_id from staging.stg_zendesk__tickets where is_current and not is_deleted"
    ),
    "marts.fct_messages": (
        "select message_event_id from staging.stg_klaviyo__events "
        "inner join staging.stg_klaviyo__metrics using (metric_id) inner join seeds.message_metrics using (metric_name)"
    ),
    "marts.fct_events": (
        "select event_id from staging.stg_segment__tracks union select event_id from staging.stg_segment__pages union "
        "select event_id from staging.stg_segment__identifies"
    ),
}
KEYS = {
    "marts.fct_orders": "order_id",
    "marts.fct_order_lines": "order_line_id",
    "marts.fct_checkouts": "checkout_id",
    "marts.fct_deals": "deal_id",
    "marts.fct_interactions": "interaction_id",
    "marts.fct_messages": "message_event_id",
    "marts.fct_events": "event_id",
}


def test_no_record_loses_its_row_for_want_of_a_customer(whole: Workbench) -> None:
    unknown = 0
    for table, expected in KEPT.items():
        # The shop's checkouts, and those that only web events show.
        more = " where source like 'shopify%'" if table == "marts.fct_checkouts" else ""
        rows = whole.query(f"select {KEYS[table]}, customer_id from {table}{more}")
        records = whole.query(expected)
        assert len(records) > 10, table
        assert sorted(row[0] for row in rows) == sorted(row[0] for row in records), table
        unknown += sum(row[1] is None for row in rows)
    # Blocked identifiers (kiosks, role mailboxes, placeholders) exist in the world, so rows without customer do too.
    assert unknown > 0


def test_a_guest_order_without_an_address_is_revenue_of_a_customer_of_its_own(whole: Workbench) -> None:
    """A name and a place join nobody. The twin: the same address joins the other two orders."""
    orders = "select order_id, customer_id, total_amount from marts.fct_orders where order_id like '99000_' order by 1"
    (first, second, third, fourth) = whole.query(orders)
    assert [order[0] for order in (first, second, third, fourth)] == [order_id for order_id, _ in GUESTS]
    assert None not in {first[1], second[1], third[1]}
    assert len({first[1], second[1], third[1]}) == 3
    assert third[1] == fourth[1]
    assert [float(order[2]) for order in (first, second)] == [40, 40]
    counted = "select order_count, first_name, last_name, email from marts.dim_customers where customer_id = ?"
    for customer in (first[1], second[1]):
        assert whole.query(counted, [customer]) == [(1, "Una", "Nameless", None)]
    assert whole.query(counted, [third[1]]) == [(2, "Una", "Nameless", "una@guests.example")]


def test_every_event_with_an_identifier_has_exactly_one_session(whole: Workbench) -> None:
    assert whole.query(
        "select count(*) from marts.fct_events where identifier_no is not null and session_id is null"
    ) == [(0,)]
    counted = whole.query("select session_id, count(*) from marts.fct_events where session_id is not null group by 1")
    assert dict(counted) == dict(whole.query("select session_id, event_count from marts.fct_sessions"))


def test_counts_on_the_customer_are_the_counts_of_its_facts(whole: Workbench) -> None:
    wrong = whole.query(
        """
        with orders as (
            select customer_id, count(*) filter (is_purchase) as order_count, sum(net_amount_reporting) as revenue,
                count(*) filter (is_first_order) as first_orders
            from marts.fct_orders where customer_id is not null group by 1
        ),
        events as (
            select customer_id, count(*) as event_count from marts.fct_events where not is_bot group by 1
        )
        select customers.customer_id
        from marts.dim_customers as customers
        left join orders using (customer_id)
        left join events using (customer_id)
        where customers.order_count <> coalesce(orders.order_count, 0)
            or customers.lifetime_revenue_amount <> coalesce(orders.revenue, 0)
            or customers.event_count <> coalesce(events.event_count, 0)
            or (customers.order_count > 0) <> (coalesce(orders.first_orders, 0) = 1)
        """
    )
    assert wrong == []


def test_expired_third_party_rows_are_nowhere_above_staging(whole: Workbench) -> None:
    """Invariant 8: no column of a table above staging contains values that only expired rows have."""
    moment = f"timestamp '{AS_OF}'"
    expired = f"expires_at <= {moment} or collected_at <= {moment} - interval 13 month"
    assert whole.query(f"select count(*) from staging.stg_third_party__audience_segments where {expired}")[0][0] > 5
    for table in whole.tables("intermediate", "marts", "segments"):
        columns = {name for (name,) in whole.query(f"select column_name from (describe {table})")}
        if {"expires_at", "collected_at", "provider"} <= columns:
            assert whole.query(f"select count(*) from {table} where {expired}") == [(0,)], table
    live = whole.query(
        "select count(distinct (cookie_id, taxonomy_id, provider, segment_name)) "
        f"from staging.stg_third_party__audience_segments where is_current and not ({expired})"
    )
    assert whole.query("select count(*) from intermediate.int_devices__interests") == live


def test_third_party_interest_is_never_joined_to_a_customer(whole: Workbench) -> None:
    """Neither by customer_id nor by the device, which is an anonymous_id in the bridge."""
    named = (
        "select count(*) from {table} as devices inner join marts.bdg_customer_identifiers as known"
        " on devices.device_id = known.identifier_value and known.identifier_type = 'anonymous_id'"
        " inner join marts.dim_customers as customers on known.customer_id = customers.customer_id"
        " where is_identified or email is not null or phone is not null or last_name is not null"
    )
    assert whole.query(named.format(table="marts.bdg_device_segments")) == [(0,)]
    assert whole.query(named.format(table="intermediate.int_devices__interests")) > [(0,)], "nothing was left out"


def test_split_with_facts_and_segments_attached(whole: Workbench) -> None:
    """A decision splits a buyer who was called: orders, calls and the segment membership follow their part."""
    contact, account, before = whole.query(
        """
        select contacts.identifier_value, accounts.identifier_value, customer_id
        from marts.bdg_customer_identifiers as contacts
        inner join marts.bdg_customer_identifiers as accounts using (customer_id)
        where contacts.identifier_type = 'hubspot_contact_id' and accounts.identifier_type = 'shopify_customer_id'
            and contacts.identifier_no in (select identifier_no from intermediate.int_crm__engagements)
            and customer_id in (select customer_id from segments.seg_lapsed_buyers)
        order by all limit 1
        """
    )[0]
    stays = (
        f"select customer_id, exit_reason, entered_at from {MEMBERSHIPS} where segment = 'lapsed_buyers'"
        " and customer_id in (?, ?) order by all"
    )
    [entered] = whole.query(stays, [before, before])
    owned = [row[0] for row in whole.query("select order_id from marts.fct_orders where customer_id = ?", [before])]
    with duckdb.connect(str(whole.home.warehouse)) as connection:
        connection.execute(
            "insert into seeds.identity_overrides values ('exclude', 'hubspot_contact_id', ?, 'shopify_customer_id', ?,"
            " 'a test', timestamp '2026-06-29', 'two people')",
            [contact, account],
        )
    read = (*FACTS_OF_CUSTOMERS, "bdg_customer_identifiers", "fct_segment_memberships")
    whole.build(*(f"int_identity__overrides+,+{table}" for table in read))

    customers = dict(
        whole.query(
            "select identifier_type, customer_id from marts.bdg_customer_identifiers"
            " where (identifier_type, identifier_value) in (('hubspot_contact_id', ?), ('shopify_customer_id', ?))",
            [contact, account],
        )
    )
    caller, buyer = customers["hubspot_contact_id"], customers["shopify_customer_id"]
    assert caller != buyer
    assert before in (caller, buyer)
    for table, (rows, key) in FACTS_OF_CUSTOMERS.items():
        misplaced = whole.query(
            f"select count(*) from marts.{table} as facts inner join intermediate.{rows} as rows"
            f" on facts.{key[0]} = rows.{key[1]}"
            " inner join marts.bdg_customer_identifiers as known using (identifier_no)"
            " where facts.customer_id is distinct from known.customer_id"
        )
        assert misplaced == [(0,)], table
    of_whom = whole.query("select customer_id, order_id from marts.fct_orders where order_id in ?", [owned])
    assert {customer for customer, _ in of_whom} <= {buyer, caller}
    assert buyer in {customer for customer, _ in of_whom}
    assert len(of_whom) == len(owned)
    assert whole.query("select count(*) > 0 from marts.fct_interactions where customer_id = ?", [caller]) == [(True,)]

    lapsed = {row[0] for row in whole.query("select customer_id from segments.seg_lapsed_buyers")} & {buyer, caller}
    assert buyer in lapsed
    found = whole.query(stays, [buyer, caller])
    assert {customer for customer, reason, _ in found if reason is None} == lapsed
    assert [row[2] for row in found if row[0] == before] == [entered[2]]
    assert all(reason == "left" for customer, reason, _ in found if customer not in lapsed)


def test_as_of_moves_and_expired_rows_are_gone(whole: Workbench) -> None:
    """The same warehouse two years later: every third-party row has expired, every time-bound segment is empty."""
    later = Home(whole.home.path, "2028-07-01T00:00:00")
    # The failing twin of the rule `live`: rows that were live at the build have expired.
    devices = ("int_devices__interests", "bdg_device_segments", "seg_anonymous_interest")
    report = build(later, [f"keeps_rules_{name}" for name in devices], manifest=whole.manifest)
    assert {failure.message.split(" is broken")[0] for failure in report.failures} == {"is_live of expires_at"}
    report = build(
        later,
        ("int_devices__interests+", "path:dbt_project/models/segments"),
        exclude=("resource_type:test", "path:dbt_project/models/exports"),
        manifest=whole.manifest,
    )
    assert report.succeeded, report.failures
    assert whole.query("select count(*) from marts.bdg_device_segments") == [(0,)]
    for segment in ("abandoned_cart", "anonymous_interest", "category_interest", "newsletter_openers"):
        assert whole.query(f"select count(*) from segments.seg_{segment}") == [(0,)], segment
        if segment == "anonymous_interest":
            continue  # has no memberships: it uses third-party data
        stays = whole.query(
            "select count(*), count(exited_at), count(distinct exited_at), count(*) filter (exit_reason = 'left') "
            "from segments.fct_segment_memberships where segment = ?",
            [segment],
        )
        assert stays[0][0] == stays[0][1] == stays[0][3], segment


# Models that write only their changed rows, whose parents the next test changes.
READERS = (
    "marts.fct_events",
    "marts.fct_sessions",
    "marts.fct_messages",
    "intermediate.int_traits__golden_attributes",
    "marts.fct_customer_attributes",
    "marts.fct_consent_events",
    "marts.bdg_customer_identifiers",
    "marts.dim_consents",
)
CHANGES = {
    "two customers are merged long after their facts": """
        update intermediate.int_identity__customer_identifiers set customer_id = (
            select min(customer_id) from marts.fct_messages
        ) where customer_id = (select max(customer_id) from marts.fct_messages)
    """,
    "a customer is split": """
        update intermediate.int_identity__customer_identifiers set customer_id = 'split'
        where identifier_no = (select max(identifier_no) from marts.fct_events where customer_id is not null)
    """,
    "an identifier has no customer any more": """
        update intermediate.int_identity__customer_identifiers set customer_id = null
        where identifier_no = (select min(identifier_no) from marts.fct_events where customer_id is not null)
    """,
    "an event is deleted": """
        delete from intermediate.int_events__events where event_id = (select max(event_id) from marts.fct_events)
    """,
    "an event is corrected, and its arrival is not": """
        update intermediate.int_events__events set page_path = '/corrected'
        where event_id = (select min(event_id) from marts.fct_events)
    """,
    "a decision is corrected and names another person": """
        update intermediate.int_consent__decisions set decision_word = 'withdrawn', identifier_type = 'email',
            identifier_value = (select min(identifier_value) from marts.bdg_customer_identifiers
                where identifier_type = 'email' and customer_id is not null)
        where rowid = (select min(rowid) from intermediate.int_consent__decisions
            where source = 'consent_banner' and identifier_type = 'anonymous_id')
    """,
    "a decision is deleted": """
        delete from intermediate.int_consent__decisions where decision_key = (
            select max(decision_key) from intermediate.int_consent__decisions where source = 'consent_banner')
    """,
    "a seed is edited": "update seeds.attribute_rules set priority = 100 - priority",
}


def test_every_change_of_an_input_ends_as_a_full_refresh(whole: Workbench) -> None:
    """None of these changes has a new arrival, so a watermark would miss it."""
    names = [table.split(".")[1] for table in READERS]
    whole.build(*names)
    before = {table: whole.rows(table) for table in READERS}
    with duckdb.connect(str(whole.home.warehouse)) as connection:
        for change, statement in CHANGES.items():
            assert connection.execute(statement).fetchone() != (0,), change
    whole.build(*names)
    increments = {table: whole.rows(table) for table in READERS}
    whole.build(*names, full_refresh=True)
    for table in READERS:
        assert increments[table] == whole.rows(table), table
        assert increments[table] != before[table], table
