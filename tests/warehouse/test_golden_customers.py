"""Golden customers from files to marts: what a customer was, and where a message reaches him.

Add here: what several models do together for a customer's attributes. Keep out: which record wins (unit tests of
int_traits__golden_attributes), who is one person (tests of identity).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.warehouse.workbench import Workbench

HISTORY = "marts.dim_customers_history"


def account(number: str, day: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": number, "email": f"{number}@mail.example-shop.eu", "created_at": "2026-01-01",
        "updated_at": day, **fields,
    }  # fmt: skip


def profile(number: str, **fields: Any) -> dict[str, Any]:
    return {"id": number, "created": "2026-01-01", "updated": "2026-01-01", **fields}


def event(number: str, person: str, metric: str, day: str) -> dict[str, Any]:
    return {"id": number, "person_id": person, "metric_id": metric, "datetime": day}


METRICS = [
    {"id": metric, "name": name, "created": "2026-01-01", "updated": "2026-01-01"}
    for metric, name in {"OPN": "Opened Email", "BNC": "Bounced Email", "SPM": "Marked Email as Spam"}.items()
]


@pytest.fixture(scope="module")
def shop(_bench: Workbench) -> Iterator[Workbench]:
    """Four builds: two accounts and three profiles, a changed name, a merge through the CRM, and a deletion."""
    bench = _bench
    bench.empty()
    bench.write_lines(
        "shopify/customer/1.ndjson",
        [account("1", "2026-06-01", first_name="ANA"), account("2", "2026-06-01")],
    )
    bench.write_lines("klaviyo/metric/1.ndjson", METRICS)
    bench.write_lines(
        "klaviyo/person/1.ndjson",
        [profile(f"K{number}", email=f"{number}@mail.example-shop.eu") for number in (1, 2, 3)],
    )
    bench.write_lines(
        "klaviyo/event/1.ndjson",
        [
            event("e1", "K1", "BNC", "2026-06-02"),
            event("e2", "K1", "OPN", "2026-06-03"),
            event("e3", "K2", "OPN", "2026-06-02"),
            event("e4", "K2", "BNC", "2026-06-03"),
        ],
    )
    bench.land()
    bench.build("+dim_customers_history", as_of="2026-06-10")
    bench.write_lines("shopify/customer/2.ndjson", [account("1", "2026-06-11", first_name="Anna")])
    bench.land()
    bench.build("+dim_customers_history", as_of="2026-06-11")
    # A contact with both addresses: 1 and 3 are one person.
    bench.write_lines("hubspot_fivetran/contact/1.ndjson",
        [
            {
                "id": "9", "property_email": "1@mail.example-shop.eu",
                "property_hs_additional_emails": "3@mail.example-shop.eu", "property_createdate": "2026-06-12",
                "property_lastmodifieddate": "2026-06-12", "_fivetran_synced": "2026-06-12", "_fivetran_deleted": False,
            }
        ],
    )  # fmt: skip
    bench.land()
    bench.build("+dim_customers_history", as_of="2026-06-12")
    bench.write_lines("shopify/customer/3.ndjson", [account("2", "2026-06-13", email=None, _fivetran_deleted=True)])
    bench.write_lines("klaviyo/person/2.ndjson", [profile("K2", email=None, updated="2026-06-13")])
    bench.land()
    bench.build("+dim_customers_history", as_of="2026-06-13")
    yield bench
    bench.empty()


def states(bench: Workbench, number: str) -> list[tuple[Any, ...]]:
    """(first name, from, to) of each state in which the customer had the address."""
    return bench.query(
        f"""
        select first_name, cast(cast(valid_from as date) as varchar), cast(cast(valid_to as date) as varchar)
        from {HISTORY} where email = '{number}@mail.example-shop.eu' order by valid_from, valid_to
        """
    )


def test_every_change_is_kept(shop: Workbench) -> None:
    """A name in capitals is shown as people write it."""
    assert states(shop, "1")[:2] == [("Ana", "2026-06-10", "2026-06-11"), ("Anna", "2026-06-11", None)]


def test_a_merged_customer_keeps_its_last_state_under_its_own_id(shop: Workbench) -> None:
    assert states(shop, "3") == [(None, "2026-06-10", "2026-06-12")]
    retired = f"""
        select count(*) from {HISTORY} as history inner join marts.dim_customer_redirects as redirects
            on history.customer_id = redirects.retired_customer_id
    """
    assert shop.query(retired) == [(1,)]


def test_one_state_is_present(shop: Workbench) -> None:
    wrong = f"""
        select customers.customer_id from marts.dim_customers as customers left join {HISTORY} as history
            on customers.customer_id = history.customer_id and history.valid_to is null
        group by 1 having count(history.customer_id) <> 1
    """
    assert shop.query(wrong) == []


def test_a_rebuild_keeps_what_was(shop: Workbench) -> None:
    before = shop.rows(HISTORY)
    shop.build("+dim_customers_history", as_of="2026-06-13", full_refresh=True)
    assert shop.rows(HISTORY) == before


def test_a_bounce_counts_until_the_address_is_reached_again(shop: Workbench) -> None:
    found = "select contact_value, status from marts.dim_contact_points where contact_value like '1@%'"
    assert shop.query(found) == [("1@mail.example-shop.eu", "valid")]
    assert shop.query(f"select distinct email_status from {HISTORY} where email like '2@%'") == [("bounced",)]
