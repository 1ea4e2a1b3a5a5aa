"""Sessions, page views and channels: whose visit it is, where it came from, what it counts.

Add here: what decides a session, its tags, its channel or its pages. Keep out: late and restated events (test_facts,
test_web_events), what one tracker's file contains (test_web_events).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from runtime.home import PROJECT_ROOT
from tests.warehouse.workbench import Workbench

EVALUATION = PROJECT_ROOT.parent / "shared" / "data" / "eval"
VECTORS = EVALUATION / "normalise_vectors" / "ga4_default_channel_group.jsonl"
CLICKSTREAM = EVALUATION / "ecom_clickstream" / "ecom.csv.gz"
DAY = "2026-06-01"
SHOP = "https://shop.example-store.eu"
ZEROS = "00000000-0000-0000-0000-000000000000"


def vectors() -> list[dict[str, str]]:
    return [json.loads(line) for line in VECTORS.read_text().splitlines()] if VECTORS.exists() else []


def page(event_id: str, device: str | None, minute: int, path: str = "/", **fields: Any) -> dict[str, Any]:
    moment = f"{DAY} {10 + minute // 60}:{minute % 60:02}:00"
    return {
        "id": event_id, "anonymous_id": device, "url": SHOP + path, "received_at": moment, "timestamp": moment,
        **fields,
    }  # fmt: skip


def snow(event_id: str, minute: int, page_view: str, session: str | None, **fields: Any) -> dict[str, Any]:
    moment = f"{DAY} {10 + minute // 60}:{minute % 60:02}:00"
    return {
        "event_id": event_id, "event": "page_view", "event_name": "page_view", "collector_tstamp": moment,
        "derived_tstamp": moment, "domain_userid": "snow-1", "domain_sessionid": session, "page_url": f"{SHOP}/tea",
        "contexts_com_snowplowanalytics_snowplow_web_page_1": [{"id": page_view}], **fields,
    }  # fmt: skip


PAGES = [
    # A visitor signs in within a visit, and another time; eight people use one device in turn.
    page("in-1", "sign-in", 0, "/?utm_source=google&utm_medium=cpc&gclid=G1", referrer="https://www.google.com/"),
    page("in-2", "sign-in", 2, "/p/1", referrer=f"{SHOP}/"),
    page("in-3", "sign-in", 3, "/account", user_id="u-1"),
    page("in-4", "sign-in", 120, "/account", user_id="u-1"),
    *[page(f"turn-{index}", "in-turn", index, user_id=f"u-turn-{index}") for index in range(8)],
    # Devices without an id are not one device; people without an id are not one person.
    page("zero-1", ZEROS, 0, user_id="u-zero-1"),
    page("zero-2", ZEROS, 1, user_id="u-zero-2"),
    page("zero-3", ZEROS, 1),
    page("nan-1", "nan-1", 0, user_id="NaN"),
    page("nan-2", "nan-2", 0, user_id="undefined"),
    # Who refers: neither the shop's own sites nor where the visitor paid or signed in.
    page("ref-own", "ref-own", 0, referrer="https://blog.example-store.eu/post"),
    page("ref-pay", "ref-pay", 0, referrer="https://checkout.stripe.com/c/pay"),
    page("ref-sign", "ref-sign", 0, referrer="https://accounts.google.com/o/oauth2"),
    page("ref-other", "ref-other", 0, referrer="https://blog.other-store.eu/"),
    page("ref-search", "ref-search", 0, referrer="https://www.google.co.uk/"),
    page("ref-mail", "ref-mail", 0, referrer="https://mail.google.com/"),
    page("ref-social", "ref-social", 0, referrer="https://l.instagram.com/"),
    page("paid-1", "paid", 0, "/?utm_source=bing&utm_medium=cpc"),
    page("paid-2", "paid", 9, "/thanks", referrer="https://www.paypal.com/"),
]
CLICKS = {
    "gclid": "paid_search", "gbraid": "paid_search", "wbraid": "paid_search", "msclkid": "paid_search",
    "yclid": "paid_search", "dclid": "display", "ttclid": "paid_social", "li_fat_id": "paid_social",
    "twclid": "paid_social", "epik": "paid_social", "ScCid": "paid_social", "rdt_cid": "paid_social",
    "fbclid": "paid_social", "irclickid": "affiliates",
}  # fmt: skip
SNOW = [
    # The tracker's session decides: one after forty minutes, two within one minute.
    snow("s-1", 0, "v-1", "A"),
    snow("s-2", 40, "v-2", "A"),
    snow("s-3", 41, "v-3", "B"),
    snow("s-4", 42, "v-3", None, event="page_ping", event_name="page_ping"),
    # Twice the same view; a page that is known only by its ping.
    snow("s-5", 43, "v-3", "B"),
    snow("s-6", 44, "v-4", "B", event="page_ping", event_name="page_ping"),
]
SERVER = [
    {"id": "call-1", "user_id": "u-1", "event": "order_completed", "timestamp": f"{DAY} 10:05:00",
     "received_at": f"{DAY} 10:05:00"},
]  # fmt: skip


def clicks() -> list[dict[str, Any]]:
    known = [
        page(f"click-{name}", f"click-{name}", 0, f"/?x=1&{name}=Abc-1", referrer="https://www.google.com/")
        for name in CLICKS
    ]
    return [*known, page("click-none", "click-none", 0, "/?notgclid=1")]


def tagged() -> list[dict[str, Any]]:
    return [
        page(
            f"vector-{index}", f"vector-{index}", 0, context_campaign_source=vector["source"],
            context_campaign_medium=vector["medium"], context_campaign_name=vector["campaign"],
        )
        for index, vector in enumerate(vectors())
    ]  # fmt: skip


def clickstream() -> list[dict[str, Any]]:
    if not CLICKSTREAM.exists():
        return []
    lines = gzip.decompress(CLICKSTREAM.read_bytes()).decode().splitlines()[1:]
    rows = [line.split(",") for line in lines]
    return [
        {"id": f"ecom-{index}", "anonymous_id": f"ecom-{row[0]}", "event": row[2], "timestamp": row[3],
         "received_at": row[3], "ecom_session": row[1]}
        for index, row in enumerate(rows)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def visits(_bench: Workbench) -> Iterator[Workbench]:
    bench = _bench
    bench.empty()
    bench.write_lines("segment/pages/1.ndjson", [*PAGES, *clicks(), *tagged()])
    bench.write_lines("segment/tracks/1.ndjson", [*SERVER, *clickstream()])
    bench.write_lines("snowplow/events/1.ndjson", SNOW)
    bench.land()
    bench.build("+int_events__session_channels")
    yield bench
    bench.empty()


def sessions_of(bench: Workbench, events: str) -> list[tuple[Any, ...]]:
    """(ids of its events, source, medium, referrer, channel) of each session with one of these events."""
    return bench.query(
        """
        select
            list(session_events.event_id order by session_events.event_index), any_value(sessions.utm_source),
            any_value(sessions.utm_medium), any_value(sessions.referrer_domain), any_value(channels.channel)
        from intermediate.int_events__session_events as session_events
        inner join intermediate.int_events__sessions as sessions using (session_id)
        inner join intermediate.int_events__session_channels as channels using (traffic_key)
        where session_events.event_id like ?
        group by sessions.session_id order by 1
        """,
        [events],
    )


def named(bench: Workbench, events: str) -> list[tuple[Any, ...]]:
    """The identifier whose session it is, for each session with one of these events."""
    return bench.query(
        """
        select distinct sessions.session_id, identifiers.identifier_value
        from intermediate.int_events__session_events as session_events
        inner join intermediate.int_events__sessions as sessions using (session_id)
        inner join intermediate.int_identity__identifiers as identifiers using (identifier_no)
        where session_events.event_id like ? order by 2
        """,
        [events],
    )


def test_a_sign_in_does_not_split_a_visit(visits: Workbench) -> None:
    assert sessions_of(visits, "in-%") == [
        (["in-1", "in-2", "in-3"], "google", "cpc", "google.com", "paid_search"),
        (["in-4"], None, None, None, "direct"),
    ]
    assert [name for _, name in named(visits, "in-%")] == ["u-1", "u-1"]


def test_a_visit_in_which_users_change_is_one_session_of_the_first(visits: Workbench) -> None:
    assert [len(session[0]) for session in sessions_of(visits, "turn-%")] == [8]
    assert [name for _, name in named(visits, "turn-%")] == ["u-turn-0"]


def test_placeholders_are_neither_a_device_nor_a_person(visits: Workbench) -> None:
    assert [session[0] for session in sessions_of(visits, "zero-%")] == [["zero-1"], ["zero-2"]]
    assert [name for _, name in named(visits, "nan-%")] == ["nan-1", "nan-2"]


def test_a_call_of_a_server_is_no_visit(visits: Workbench) -> None:
    assert sessions_of(visits, "call-%") == []
    kept = "select count(*) from intermediate.int_events__session_events where event_id = 'call-1'"
    assert visits.query(kept) == [(1,)]


@pytest.mark.parametrize(
    ("event", "referrer", "channel"),
    [
        ("ref-own", None, "direct"),
        ("ref-pay", None, "direct"),
        ("ref-sign", None, "direct"),
        ("ref-other", "blog.other-store.eu", "referral"),
        ("ref-search", "google.co.uk", "organic_search"),
        ("ref-mail", "mail.google.com", "referral"),
        ("ref-social", "l.instagram.com", "organic_social"),
    ],
)
def test_who_refers(visits: Workbench, event: str, referrer: str | None, channel: str) -> None:
    assert [session[3:] for session in sessions_of(visits, event)] == [(referrer, channel)]


def test_the_payment_page_does_not_end_the_visit(visits: Workbench) -> None:
    assert sessions_of(visits, "paid-%") == [(["paid-1", "paid-2"], "bing", "cpc", None, "paid_search")]


@pytest.mark.parametrize("name", CLICKS)
def test_a_click_id_names_its_channel(visits: Workbench, name: str) -> None:
    assert [session[4] for session in sessions_of(visits, f"click-{name}")] == [CLICKS[name]]
    found = "select click_id_type, click_id from intermediate.int_events__events where event_id = ?"
    assert visits.query(found, [f"click-{name}"]) == [(name.lower(), "Abc-1")]


def test_a_parameter_that_only_ends_like_a_click_id_is_none(visits: Workbench) -> None:
    assert [session[4] for session in sessions_of(visits, "click-none")] == ["direct"]


def test_channels_are_those_of_google_analytics(visits: Workbench) -> None:
    """Source, medium and campaign with the channel that GA4's default channel group gives them."""
    if not vectors():
        pytest.skip("skipped: needs ../shared/data/eval/normalise_vectors")
    expected = [vector["expected_channel"].lower().replace(" ", "_").replace("-", "_") for vector in vectors()]
    found = [session[4] for index in range(len(expected)) for session in sessions_of(visits, f"vector-{index}")]
    assert len(expected) == 30
    assert found == expected


def test_the_session_of_the_tracker_decides_where_it_has_one(visits: Workbench) -> None:
    assert [session[0] for session in sessions_of(visits, "s-%")] == [["s-1", "s-2"], ["s-3", "s-4", "s-5", "s-6"]]


def test_a_page_counts_once(visits: Workbench) -> None:
    counts = (
        "select event_count, page_count from intermediate.int_events__sessions where source = 'snowplow' order by 1"
    )
    assert visits.query(counts) == [(2, 2), (4, 2)]


def test_sessions_of_a_published_clickstream_are_its_own(visits: Workbench) -> None:
    """31,106 events of 600 users: the pause of 30 minutes gives exactly the 3,605 sessions that the data has."""
    if not CLICKSTREAM.exists():
        pytest.skip("skipped: needs ../shared/data/eval/ecom_clickstream")
    ours = dict(
        visits.query(
            "select event_id, session_id from intermediate.int_events__session_events where event_id like 'ecom-%'"
        )
    )
    truth = {record["id"]: record["ecom_session"] for record in clickstream()}
    assert ours.keys() == truth.keys()
    pairs = {(ours[event], truth[event]) for event in truth}
    assert len(pairs) == len(set(ours.values())) == len(set(truth.values())) == 3605


def test_increments_equal_a_full_refresh(visits: Workbench) -> None:
    """The events again in two loads, the later minutes first."""
    tables = ["intermediate.int_events__session_events", "intermediate.int_events__sessions"]
    late = [record for record in PAGES if record["timestamp"] >= f"{DAY} 10:02"]
    visits.empty()
    visits.write_lines("segment/pages/1.ndjson", late)
    visits.write_lines("snowplow/events/1.ndjson", SNOW[3:])
    visits.land()
    visits.build("+int_events__sessions")
    visits.write_lines("segment/pages/2.ndjson", [record for record in PAGES if record not in late])
    visits.write_lines("snowplow/events/2.ndjson", SNOW[:3])
    visits.land()
    visits.build("+int_events__sessions")
    increments = [visits.rows(table) for table in tables]
    with duckdb.connect(str(visits.home.warehouse)) as connection:
        for table in tables:
            connection.execute(f"drop table {table}")
    visits.build("int_events__session_events", "int_events__sessions")
    assert [visits.rows(table) for table in tables] == increments
    assert [len(rows) for rows in increments] == [len(PAGES) - 1 + len(SNOW), len(increments[1])]
