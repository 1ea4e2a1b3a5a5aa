"""A source with two loaders is one source: one version of a record is current, whichever loader it came from.

Add here: what must hold for a source with loader variants. Keep out: which of two versions is current (unit tests of
stg_hubspot__contacts).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from publication.consent import list_unreadable
from tests.warehouse.workbench import Workbench

Records = Mapping[str, Sequence[Mapping[str, Any]]]
FIRST = datetime(2026, 6, 10, tzinfo=UTC)
SECOND = datetime(2026, 6, 20, tzinfo=UTC)
TO_BUILD = ("+dim_customers", "+dim_consents", "+fct_deals", "+fct_interactions", "+fct_orders", "+fct_order_lines")
TO_BUILD += ("+bdg_customer_identifiers", "+int_crm__deal_stages", "+int_events__events")


def api_contact(number: int, changed: str, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "email": f"c{number}@one.example", "lastmodifieddate": changed} | more


def fivetran_contact(number: int, changed: str, **more: Any) -> dict[str, Any]:
    record = {"id": str(number), "property_email": f"c{number}@two.example", "property_lastmodifieddate": changed}
    return record | {"_fivetran_synced": changed, "_fivetran_deleted": False} | more


def arrive(bench: Workbench, moment: datetime, records: Records) -> None:
    """Lands records of several tables that arrive at one moment."""
    for table, rows in records.items():
        folder = bench.home.landing / table
        folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{moment:%Y%m%d}.ndjson").write_text(lines)
    bench.land(moment)


# Contacts: 1 changed last by the API, 2 by Fivetran, 3 deleted by Fivetran, 4 deleted by the API, 6 merged into 5
# by the merge audit and missing from the API, 7 only in the API, 8 only in Fivetran. Opted out by Fivetran: 9, where
# the API's later version has no value; 10, opted in again by the API's later version; 11, in a refused record.
BOTH: Records = {
    "hubspot/contacts": [
        api_contact(1, "2026-06-05", hs_email_optout="true"),
        api_contact(2, "2026-06-01"),
        api_contact(3, "2026-06-05"),
        api_contact(4, "2026-06-01"),
        api_contact(5, "2026-06-01"),
        api_contact(6, "2026-06-01"),
        api_contact(7, "2026-06-01"),
        api_contact(9, "2026-06-05"),
        api_contact(10, "2026-06-05", hs_email_optout="false"),
        api_contact(11, "2026-06-05", hs_email_optout="false"),
    ],
    "hubspot_fivetran/contact": [
        fivetran_contact(1, "2026-06-01"),
        fivetran_contact(2, "2026-06-05"),
        fivetran_contact(3, "2026-06-01"),
        fivetran_contact(4, "2026-06-05"),
        fivetran_contact(8, "2026-06-01"),
        fivetran_contact(9, "2026-06-01", property_hs_email_optout="true"),
        fivetran_contact(10, "2026-06-01", property_hs_email_optout="true"),
        fivetran_contact(11, "2026-06-01", property_hs_email_optout="true", property_createdate="soon"),
    ],
    "hubspot_fivetran/contact_merge_audit": [
        {"canonical_vid": "5", "vid_to_merge": "6", "timestamp": "2026-06-09", "_fivetran_synced": "2026-06-09"},
    ],
    # Deal d is in both and Fivetran changed it last; e is only in the API.
    "hubspot/deals": [
        {"id": "d", "amount": 1, "dealstage": "a", "hs_lastmodifieddate": "2026-06-01"},
        {"id": "e", "amount": 5, "dealstage": "a", "hs_lastmodifieddate": "2026-06-01"},
    ],
    "hubspot_fivetran/deal": [
        {
            "deal_id": "d",
            "property_amount": 2,
            "deal_pipeline_stage_id": "b",
            "property_hs_lastmodifieddate": "2026-06-05",
            "_fivetran_synced": "2026-06-05",
        },
    ],
    "hubspot/stages_timing_deals": [
        {"id": "d", "stage": "a", "hs_v2_date_enteredx": "2026-06-01T10:00:00Z"},
        {"id": "e", "stage": "a", "hs_v2_date_enteredx": "2026-06-01T10:00:00Z"},
    ],
    "hubspot_fivetran/deal_stage": [
        {
            "deal_id": "d",
            "value": "a",
            "date_entered": "2026-06-01T10:00:01Z",
            "_fivetran_start": "2026-06-01",
            "_fivetran_synced": "2026-06-05",
        },
        {
            "deal_id": "d",
            "value": "b",
            "date_entered": "2026-06-05T10:00:00Z",
            "_fivetran_start": "2026-06-05",
            "_fivetran_synced": "2026-06-05",
        },
    ],
    "hubspot/contacts__deals": [{"value": "1", "deals_id": "d"}, {"value": "7", "deals_id": "e"}],
    "hubspot_fivetran/deal_contact": [
        {"deal_id": "d", "contact_id": "1", "type_id": kind, "_fivetran_synced": "2026-06-05"} for kind in ("3", "4")
    ],
    "hubspot/calls": [
        {"id": "k", "hs_timestamp": "2026-06-02", "hs_call_disposition": "busy", "hs_lastmodifieddate": "2026-06-02"}
    ],
    "hubspot_fivetran/engagement_call": [
        {
            "engagement_id": "k",
            "property_hs_timestamp": "2026-06-02",
            "property_hs_call_disposition": "connected",
            "property_hs_lastmodifieddate": "2026-06-03",
            "_fivetran_synced": "2026-06-03",
        },
    ],
    "hubspot_fivetran/engagement_contact": [
        {"engagement_id": "k", "contact_id": "7", "engagement_type": "CALL", "_fivetran_synced": "2026-06-03"}
    ],
    # Order o is in both and GraphQL changed it last; p is only in REST.
    "shopify/order": [
        {
            "id": number,
            "email": f"{number}@shop.example",
            "currency": "EUR",
            "total_price": 10,
            "processed_at": "2026-06-01",
            "updated_at": "2026-06-01",
        }
        for number in ("o", "p")
    ],
    "shopify_graphql/order": [
        {
            "id": "o",
            "email": "o@shop.example",
            "total_price_set_shop_currency_code": "EUR",
            "total_price_set_shop_amount": 20,
            "processed_at": "2026-06-01",
            "updated_at": "2026-06-05",
        }
    ],
    "shopify/order_line": [
        {"id": f"{order}{number}", "order_id": order, "quantity": 1, "price": 5, "_fivetran_synced": "2026-06-01"}
        for order in ("o", "p")
        for number in (1, 2)
    ],
    "shopify_graphql/order_line": [
        {
            "id": "o1",
            "order_id": "o",
            "quantity": 2,
            "original_total_set_shop_amount": 20,
            "_fivetran_synced": "2026-06-05",
        }
    ],
    "shopify/refund": [{"id": "r", "order_id": "o", "created_at": "2026-06-02", "_fivetran_synced": "2026-06-02"}],
    "shopify/order_line_refund": [
        {
            "id": "rl",
            "refund_id": "r",
            "order_line_id": "o2",
            "quantity": 1,
            "subtotal": 5,
            "_fivetran_synced": "2026-06-02",
        }
    ],
    # One event in the export and in Fivetran's table.
    "ga4/events": [
        {
            "event_timestamp": 1780653600000001,
            "event_name": "page_view",
            "user_pseudo_id": "cookie",
            "stream_id": "1",
            "event_bundle_sequence_id": 7,
            "batch_page_id": 1,
            "batch_ordering_id": 1,
            "batch_event_index": 2,
        },
    ],
    "ga4_fivetran/event": [
        {
            "_fivetran_id": "f",
            "timestamp": "2026-06-05T10:00:00.000001Z",
            "name": "page_view",
            "user_pseudo_id": "cookie",
            "stream_id": "1",
            "bundle_sequence_id": 7,
            "batch_page_id": 1,
            "batch_ordering_id": 1,
            "batch_event_index": 2,
            "_fivetran_synced": "2026-06-06",
        },
    ],
}
DELETIONS: Records = {
    "hubspot/contacts": [
        api_contact(4, "2026-06-04", is_deleted=True),
        api_contact(6, "2026-06-09", is_deleted=True),
    ],
    "hubspot_fivetran/contact": [fivetran_contact(3, "2026-06-15", _fivetran_deleted=True)],
}


@pytest.fixture(scope="module")
def both(_bench: Workbench) -> Iterator[Workbench]:
    """A warehouse with the same records from two loaders, built before and after deletions arrived."""
    bench = _bench
    bench.empty()
    arrive(bench, FIRST, BOTH)
    bench.build(*TO_BUILD)
    arrive(bench, SECOND, DELETIONS)
    bench.build(*TO_BUILD)
    yield bench
    bench.empty()


def customer_of(bench: Workbench, number: int) -> str | None:
    rows = bench.query(
        "select customer_id from marts.bdg_customer_identifiers"
        " where identifier_type = 'hubspot_contact_id' and identifier_value = ?",
        [str(number)],
    )
    return rows[0][0] if rows else None


def golden_email(bench: Workbench, number: int) -> str | None:
    rows = bench.query("select email from marts.dim_customers where customer_id = ?", [customer_of(bench, number)])
    return rows[0][0] if rows else None


def test_the_version_changed_last_is_current_whichever_loader_brought_it(both: Workbench) -> None:
    assert golden_email(both, 1) == "c1@one.example"
    assert golden_email(both, 2) == "c2@two.example"
    assert golden_email(both, 7) == "c7@one.example"
    assert golden_email(both, 8) == "c8@two.example"


def test_a_deletion_of_one_loader_counts_although_the_other_still_has_the_record(both: Workbench) -> None:
    assert customer_of(both, 3) is None
    assert customer_of(both, 4) is None


def test_the_merge_audit_joins_contacts_of_the_api(both: Workbench) -> None:
    assert customer_of(both, 5) is not None
    assert customer_of(both, 5) == customer_of(both, 6)


def test_no_table_names_a_loader_as_a_source(both: Workbench) -> None:
    sources = {row[0] for row in both.query("select distinct source from intermediate.int_identity__records")}
    assert sources == {"hubspot", "shopify", "ga4"}


def test_a_no_holds_until_a_later_version_states_the_field(both: Workbench) -> None:
    statuses = dict(
        both.query(
            "select customer_id, status from marts.dim_consents where purpose = 'email_marketing' and channel = 'email'"
        )
    )
    assert [statuses.get(customer_of(both, number)) for number in (1, 9)] == ["withdrawn", "withdrawn"]
    assert customer_of(both, 10) not in statuses


def test_a_record_that_landing_refused_holds_until_its_own_loader_brings_it_again(both: Workbench) -> None:
    statuses = "select distinct status from marts.dim_consents where customer_id = ? and channel = 'email'"
    assert both.query(statuses, [customer_of(both, 11)]) == [("unreadable",)]
    for name in (None, "hubspot", "hubspot_fivetran"):
        assert [(one.source, one.entity, one.record_key) for one in list_unreadable(both.home, source=name)] == [
            ("hubspot", "contact", "11")
        ]
    assert list_unreadable(both.home, source="shopify_graphql") == []


def test_a_deal_in_both_loaders_counts_once_with_one_history(both: Workbench) -> None:
    deals = both.query("select deal_id, source, amount, customer_id from marts.fct_deals order by 1")
    assert [row[:3] for row in deals] == [("d", "hubspot", 2), ("e", "hubspot", 5)]
    assert [row[3] for row in deals] == [customer_of(both, 1), customer_of(both, 7)]
    entries = both.query(
        "select deal_id, stage_id from intermediate.int_crm__deal_stages order by deal_id, occurred_at"
    )
    assert entries == [("d", "a"), ("d", "b"), ("e", "a")]


def test_a_call_in_both_loaders_counts_once(both: Workbench) -> None:
    calls = both.query("select interaction_id, source, status, customer_id from marts.fct_interactions")
    assert calls == [("call:k", "hubspot", "connected", customer_of(both, 7))]


def test_an_order_in_both_loaders_has_the_lines_and_refunds_of_its_own_loader(both: Workbench) -> None:
    orders = "select order_id, source, total_amount, refunded_amount, line_count from marts.fct_orders order by 1"
    assert both.query(orders) == [("o", "shopify", 20, 0, 1), ("p", "shopify", 10, 0, 2)]
    lines = both.query("select order_line_id from marts.fct_order_lines order by 1")
    assert lines == [("o1",), ("p1",), ("p2",)]


def test_an_event_in_the_export_and_in_fivetrans_table_is_one(both: Workbench) -> None:
    events = both.query("select source, event_name from intermediate.int_events__events")
    assert events == [("ga4", "page_viewed")]


def test_batches_equal_a_full_refresh(both: Workbench) -> None:
    tables = ("marts.dim_customers", "marts.bdg_customer_identifiers", "marts.fct_deals", "marts.fct_orders")
    before = {table: both.rows(table) for table in tables}
    both.build(*TO_BUILD, full_refresh=True)
    assert {table: both.rows(table) for table in tables} == before


def test_either_loader_alone_gives_the_same_customers(workbench: Workbench) -> None:
    """The same people from the API, then from Fivetran: the same groups of identifiers."""
    people = [(number, f"p{number % 3}@both.example", "2026-06-01") for number in range(1, 7)]
    by_loader: list[Records] = [
        {"hubspot/contacts": [api_contact(n, changed, email=email) for n, email, changed in people]},
        {
            "hubspot_fivetran/contact": [
                fivetran_contact(n, changed, property_email=email) for n, email, changed in people
            ]
        },
    ]
    groups = []
    for records in by_loader:
        workbench.empty()
        arrive(workbench, FIRST, records)
        workbench.build("+bdg_customer_identifiers")
        named = workbench.query("select customer_id, identifier_value from marts.bdg_customer_identifiers")
        customers = {customer for customer, _ in named}
        groups.append({frozenset(value for one, value in named if one == customer) for customer in customers})
    assert groups[0] == groups[1]
    assert len(groups[0]) == 3
