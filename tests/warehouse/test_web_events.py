"""Facts of the web trackers, end to end: Segment, Snowplow and GA4 together in one small home.

Add here: what must hold from a tracker's file to events and sessions. Keep out: what one staging expression does (unit
tests beside the models).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import pytest

from ingestion.registry import load_sources
from tests.warehouse.workbench import Workbench

EVENTS = "intermediate.int_events__events"
SESSIONS = "intermediate.int_events__sessions"
DAY = "2026-06-01"
MICROSECONDS = 1780308000000000  # 2026-06-01 10:00:00 UTC
NIL = "00000000-0000-0000-0000-000000000000"


def write_tsv(bench: Workbench, name: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Enriched events as Snowplow writes them: 131 fields, no header, no quotes."""
    fields = list(load_sources()["snowplow"].entities["events"].columns)[:131]
    path = bench.home.landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(str(record.get(field, "")) for field in fields) + "\n" for record in records))


def snow(event_id: str, minute: int, **fields: Any) -> dict[str, Any]:
    moment = f"{DAY} 10:{minute:02}:00.500"
    return {
        "event_id": event_id, "event": "page_view", "event_name": "page_view", "platform": "web",
        "collector_tstamp": moment, "derived_tstamp": moment, "dvce_created_tstamp": moment,
        "domain_userid": "d1", "domain_sessionid": "v1", "domain_sessionidx": 1, "network_userid": NIL,
        "page_url": f"https://shop.example/{event_id}", **fields,
    }  # fmt: skip


def ga4(name: str, minute: int, batch: int | None = 1, **fields: Any) -> dict[str, Any]:
    params = {"ga_session_id": 1780308000, "page_location": f"https://shop.example/{name}", **fields.pop("params", {})}
    return {
        "event_date": "20260601", "event_timestamp": MICROSECONDS + minute * 60_000_000, "event_name": name,
        "event_params": [
            {"key": key, "value": {"string_value": value} if isinstance(value, str) else {"int_value": value}}
            for key, value in params.items()
        ],
        "user_pseudo_id": "p1", "event_bundle_sequence_id": 7, "batch_event_index": batch, "batch_page_id": 1,
        "batch_ordering_id": 1, "privacy_info": {"analytics_storage": "Yes", "ads_storage": "No"}, **fields,
    }  # fmt: skip


def segment(event_id: str, **fields: Any) -> dict[str, Any]:
    moment = f"{DAY} 10:00:00"
    return {"id": event_id, "anonymous_id": "a1", "timestamp": moment, "received_at": moment, **fields}


def snowplow_contexts(page_view_id: str) -> str:
    schema = "iglu:com.snowplowanalytics.snowplow/web_page/jsonschema/1-0-0"
    other = {"schema": "iglu:org.w3/PerformanceTiming/jsonschema/1-0-0", "data": {"connectEnd": 1}}
    return json.dumps({"schema": "iglu:x", "data": [other, {"schema": schema, "data": {"id": page_view_id}}]})


@pytest.fixture(scope="module")
def web(_bench: Workbench) -> Iterator[Workbench]:
    """Two days of arrivals, each landed and built."""
    bench = _bench
    bench.empty()
    # The first day.
    bench.write_lines(
        "segment/tracks/1.ndjson",
        [
            segment("t1", event="search", query="green tea", user_id="u1", context_os_name="iOS"),
            segment("t2", event="ahead", timestamp="2031-01-01 00:00:00"),
            segment("t3", event="long", note="x" * 2_000_000),
            {**segment("t4", event="none"), "id": None},
        ],
    )
    bench.write_lines("segment/screens/1.ndjson", [segment("s1", name="Home")])
    bench.write_lines("segment/groups/1.ndjson", [segment("g1", user_id="u1", group_id="acme", plan="pro")])
    bench.write_lines("segment/aliases/1.ndjson", [segment("l1", user_id="u1", previous_id="a9")])
    bench.write_lines("segment/users/1.ndjson", [{"id": "u1", "email": "Ann@Shop.example", "received_at": DAY}])
    write_tsv(
        bench,
        "snowplow/events/run=1/part-0.tsv",
        [
            snow("w1", 0, contexts=snowplow_contexts("view-1"), page_title='"Tea" & more', mkt_source="News"),
            snow("w2", 10, event="page_ping", event_name="page_ping"),
            snow("w2", 11, event="page_ping", event_name="page_ping"),  # arrives twice
            snow("w3", 20, network_userid="n1", user_id="u2"),
        ],
    )
    bench.write_lines(
        "ga4/events/events_intraday_20260601.ndjson",
        [ga4("page_view", 0), ga4("view_item", 1, items=[{"item_id": "sku-1", "item_category": "tea"}])],
    )
    bench.land()
    bench.build("+int_events__sessions")
    # The second day: a table export of Snowplow, late and repeated; GA4's day from its daily table.
    bench.write_lines("snowplow/events/export.ndjson",
        [
            {**snow("w4", 5), "load_tstamp": f"{DAY} 12:00:00", "contexts_com_acme_thing_1": [{"size": 3}],
             "contexts_com_snowplowanalytics_snowplow_web_page_1": [{"id": "view-4"}]},
            snow("w1", 40, contexts=snowplow_contexts("view-1"), page_title='"Tea" & more', mkt_source="News"),
            {**snow("w5", 0), "event_id": ""},
            {**snow("w6", 0), "collector_tstamp": "no time"},
        ],
    )  # fmt: skip
    daily = [
        ga4("page_view", 0, collected_traffic_source={"manual_source": "Google", "manual_medium": "cpc"}),
        ga4("view_item", 1, items=[{"item_id": "sku-1", "item_category": "tea"}], user_id="u3"),
        ga4("purchase", 2, params={"value": 12, "currency": "EUR", "transaction_id": "o1", "session_engaged": "1"}),
        ga4("page_view", 3, batch=1, user_pseudo_id=None, params={"ga_session_id": None}),
        ga4("scroll", 4, batch=None),
        ga4("scroll", 4, batch=None, params={"percent_scrolled": 90}),
    ]
    path = bench.home.landing / "ga4/events/events_20260601.parquet"
    lines = path.with_suffix(".json.tmp")
    lines.write_text("".join(json.dumps(event) + "\n" for event in daily))
    duckdb.connect().execute(f"copy (from read_json('{lines}', format='newline_delimited')) to '{path}'")
    lines.unlink()
    bench.land()
    changed = [f"source:{source}.events+,+int_events__sessions" for source in ("snowplow", "ga4")]
    bench.build(*changed, "stg_segment__users", "stg_segment__aliases")
    yield bench
    bench.empty()


def test_each_event_counts_once(web: Workbench) -> None:
    counts = dict(web.query(f"select source, count(*) from {EVENTS} group by 1"))
    assert counts == {"segment": 5, "snowplow": 4, "ga4": 6}
    assert web.query(f"select count(*) - count(distinct event_id) from {EVENTS}") == [(0,)]


def test_what_is_no_event_is_in_quarantine(web: Workbench) -> None:
    assert web.query("select source, entity, field, rule from raw_quarantine.records order by all") == [
        ("segment", "tracks", "id", "required"),
        ("snowplow", "events", "collector_tstamp", "type"),
        ("snowplow", "events", "event_id", "required"),
    ]
    lost = "extracted_count <> landed_count + quarantined_count + unchanged_count"
    assert web.query(f"select count(*) from raw_ops.loads where {lost}") == [(0,)]


def test_undeclared_properties_are_reachable(web: Workbench) -> None:
    properties = dict(web.query(f"select event_id, properties from {EVENTS} where properties is not null"))
    assert json.loads(properties["t1"]) == {"query": "green tea", "context_os_name": "iOS"}
    assert len(json.loads(properties["t3"])["note"]) == 2_000_000
    assert json.loads(properties["g1"]) == {"plan": "pro"}
    assert json.loads(properties["w4"])["contexts_com_acme_thing_1"] == [{"size": 3}]


def test_no_event_happened_after_it_was_received(web: Workbench) -> None:
    assert web.query(f"select cast(occurred_at as varchar) from {EVENTS} where event_id = 't2'") == [
        (f"{DAY} 10:00:00",)
    ]


def test_snowplow_duplicate_keeps_the_first_arrival(web: Workbench) -> None:
    assert web.query(
        "select event_id, page_view_id, page_title, utm_source, cast(received_at as varchar)"
        " from staging.stg_snowplow__events where is_current order by 1"
    ) == [
        ("w1", "view-1", '"Tea" & more', "news", f"{DAY} 10:00:00.5"),
        ("w2", None, None, None, f"{DAY} 10:10:00.5"),
        ("w3", None, None, None, f"{DAY} 10:20:00.5"),
        ("w4", "view-4", None, None, f"{DAY} 10:05:00.5"),
    ]


def test_ga4_restated_day_takes_the_place_of_the_intraday_one(web: Workbench) -> None:
    assert web.query(
        "select event_name, event_type, source_session_id, utm_source, product_id, value_amount, currency_code,"
        f" order_id from {EVENTS} where source = 'ga4' order by occurred_at, 1"
    ) == [
        ("page_viewed", "page", "p1.1780308000", "google", None, None, None, None),
        ("product_viewed", "track", "p1.1780308000", None, "sku-1", None, None, None),
        ("order_completed", "track", "p1.1780308000", None, None, 12, "EUR", "o1"),
        ("page_viewed", "page", None, None, None, None, None, None),
        ("scroll", "track", "p1.1780308000", None, None, None, None, None),
        ("scroll", "track", "p1.1780308000", None, None, None, None, None),
    ]
    assert web.query("select count(*), count(*) filter (is_current) from staging.stg_ga4__events") == [(8, 6)]


def test_keys_of_persons_and_devices_become_identifiers(web: Workbench) -> None:
    named = web.query(
        "select identifier_type, identifier_value from intermediate.int_identity__identifiers order by all"
    )
    assert named == [
        ("anonymous_id", "a1"), ("anonymous_id", "a9"), ("domain_userid", "d1"), ("email", "ann@shop.example"),
        ("network_userid", NIL), ("network_userid", "n1"), ("user_id", "u1"), ("user_id", "u2"), ("user_id", "u3"),
        ("user_pseudo_id", "p1"),
    ]  # fmt: skip


def test_sessions_follow_restated_and_late_events(web: Workbench) -> None:
    """The event that got a user id stayed in the session of its cookie; w4 arrived late, between w1 and w2."""
    found = web.query(
        f"select identifiers.identifier_value, sessions.event_count, sessions.utm_source from {SESSIONS} as sessions"
        " inner join intermediate.int_identity__identifiers as identifiers using (identifier_no) order by 1, 2"
    )
    assert found == [("u1", 5, None), ("u2", 4, "news"), ("u3", 5, "google")]


def test_increments_equal_a_full_refresh(web: Workbench) -> None:
    increments = web.rows(EVENTS), web.rows(SESSIONS)
    with duckdb.connect(str(web.home.warehouse)) as connection:
        connection.execute(f"drop table {EVENTS}")
        connection.execute(f"drop table {SESSIONS}")
    web.build("int_events__events", "int_events__sessions")
    assert (web.rows(EVENTS), web.rows(SESSIONS)) == increments
