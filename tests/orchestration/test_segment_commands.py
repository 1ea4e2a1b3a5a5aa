"""`merganser segment`: sizes, previews without a build, and why a customer is in or out, on the demo.

Add here: a question about a segment. Keep out: what a segment means (unit tests of the segments).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from publication import segments
from runtime.errors import MerganserError, WrongUseError
from runtime.home import Home

LAPSED = "lapsed_buyers"
BUYERS = "select customer_id from marts.dim_customers where order_count > 0"


def read(home: Home, statement: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        return connection.execute(statement).fetchall()


def members(home: Home, name: str) -> set[str]:
    return {row[0] for row in read(home, f"select customer_id from segments.seg_{name}")}


def test_every_segment_is_listed_with_its_size(demo_home: Home) -> None:
    found = segments.list_segments(demo_home)
    assert len(found) >= 10
    assert {segment.name: segment.member_count for segment in found} == {
        segment.name: len(members(demo_home, segment.name)) for segment in found
    }
    assert all(segment.title and segment.owner and segment.entered_when for segment in found)


def test_a_segment_that_did_not_change_previews_as_it_is(demo_home: Home) -> None:
    found = segments.preview(demo_home, LAPSED)
    size = len(members(demo_home, LAPSED))
    assert (found.customer_count, found.present_count, found.entrant_count, found.leaver_count) == (size, size, 0, 0)
    assert set(found.sample) <= members(demo_home, LAPSED)


def test_a_query_is_compared_with_a_segment(demo_home: Home) -> None:
    would_be, present = {row[0] for row in read(demo_home, BUYERS)}, members(demo_home, LAPSED)
    found = segments.preview(demo_home, BUYERS, LAPSED)
    assert found.customer_count == len(would_be)
    assert (found.entrant_count, found.leaver_count) == (len(would_be - present), len(present - would_be))
    assert set(found.sample) <= would_be - present
    assert segments.preview(demo_home, BUYERS).present_count is None


def test_a_query_may_use_the_macros_of_the_project(demo_home: Home) -> None:
    text = "select customer_id from {{ ref('dim_customers') }} where last_order_at < {{ as_of() }}"
    assert segments.preview(demo_home, text).customer_count == len(read(demo_home, BUYERS))


@pytest.mark.parametrize(
    "statement",
    ["drop table marts.dim_customers", "select 1 as customer_id; select 2 as customer_id", "selec customer_id from x"],
)
def test_only_one_query_that_reads_is_run(demo_home: Home, statement: str) -> None:
    with pytest.raises(WrongUseError):
        segments.preview(demo_home, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "select customer_id from read_csv('/etc/hostname')",
        "select 'x' as customer_id from glob('/*')",
        "select customer_id from marts.no_such_table",
        "select customer_id from marts.dim_customers where cast(email as integer) > 0",
    ],
)
def test_a_query_reads_the_warehouse_and_nothing_else(demo_home: Home, statement: str) -> None:
    with pytest.raises(MerganserError, match="cannot run") as raised:
        segments.preview(demo_home, statement)
    assert "\n" not in raised.value.message
    assert "@" not in raised.value.message  # a value that cannot be converted is a personal one


def test_a_query_without_customers_is_refused(demo_home: Home) -> None:
    with pytest.raises(WrongUseError, match="customer_id"):
        segments.preview(demo_home, "select order_id from marts.fct_orders")


def test_an_unknown_segment_names_those_that_exist(demo_home: Home) -> None:
    with pytest.raises(WrongUseError, match="no segment nobody") as raised:
        segments.preview(demo_home, "nobody")
    assert LAPSED in (raised.value.hint or "")


def test_why_a_member_is_in_shows_facts_that_are_not_personal(demo_home: Home) -> None:
    [(customer,)] = read(demo_home, f"select min(customer_id) from segments.seg_{LAPSED}")
    found = segments.why(demo_home, LAPSED, customer)
    assert found.is_member
    assert not found.kept_out_by
    assert set(found.facts) == {"revenue_currency", "order_count", "lifetime_revenue_amount", "last_order_at"}
    assert [stay.exited_at for stay in found.stays] == [None]
    birthday = "upcoming_birthday"
    for customer in sorted(members(demo_home, birthday))[:1]:
        assert "birth_date" not in segments.why(demo_home, birthday, customer).facts


def test_why_not_names_the_condition_that_keeps_out(demo_home: Home) -> None:
    """A recent buyer fails the last order only; who never bought fails both."""
    [(recent,)] = read(
        demo_home, f"{BUYERS} and customer_id not in (select customer_id from segments.seg_{LAPSED}) limit 1"
    )
    found = segments.why(demo_home, LAPSED, recent)
    assert not found.is_member
    assert found.has_rows
    assert len(found.kept_out_by) == 1
    assert found.kept_out_by[0].startswith("last_order_at < '")
    [(never,)] = read(demo_home, "select min(customer_id) from marts.dim_customers where order_count = 0")
    assert len(segments.why(demo_home, LAPSED, never).kept_out_by) == 2


def test_why_not_says_that_there_are_no_rows(demo_home: Home) -> None:
    [(nobody,)] = read(
        demo_home,
        "select min(customer_id) from marts.dim_customers where customer_id not in"
        " (select customer_id from marts.fct_checkouts where customer_id is not null)",
    )
    found = segments.why(demo_home, "abandoned_cart", nobody)
    assert not found.is_member
    assert not found.has_rows
    assert found.kept_out_by == []


def test_a_segment_shows_who_delivers_it(demo_home: Home) -> None:
    found = segments.show_segment(demo_home, LAPSED)
    assert "exp_meta__lapsed_buyers" in found.exports
    assert found.days[0][1] == found.segment.member_count == len(members(demo_home, LAPSED))
    assert "order_count > 0" in found.conditions


def test_the_commands_answer_people_and_machines(
    demo_home: Home, merganser: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    place = ("--home", str(demo_home.path))
    [(customer, email)] = read(
        demo_home,
        f"select customer_id, min(identifier_value) from marts.bdg_customer_identifiers where identifier_type = 'email'"
        f" and customer_id in (select customer_id from segments.seg_{LAPSED}) group by 1 order by 1 limit 1",
    )
    code, text, _ = merganser("segment", "why", LAPSED, f"email:{email}", *place)
    assert code == 0
    assert f"{customer} is in {LAPSED}" in text
    assert email not in text
    file = tmp_path / "buyers.sql"
    file.write_text(BUYERS)
    code, text, _ = merganser("segment", "preview", str(file), "--against", LAPSED, "--json", *place)
    assert code == 0
    assert json.loads(text)["customer_count"] == len(read(demo_home, BUYERS))
    for command in (("list",), ("show", LAPSED), ("preview", LAPSED)):
        code, text, _ = merganser("segment", *command, *place)
        assert code == 0
        assert text.strip()
    code, _, error = merganser("segment", "preview", str(tmp_path / "none.sql"), *place)
    assert code == 2
    assert "cannot be read" in error
