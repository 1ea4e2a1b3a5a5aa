"""Event files of the web trackers, landed: late and repeated deliveries, unknown columns, restated days, no events.

Add here: what the raw tables of Segment, RudderStack, Snowplow and GA4 must hold. Keep out: what becomes of the events
(tests/warehouse/test_web_events.py).
"""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.registry import load_sources
from tests.ingestion.landing_zone import Landing

MOMENT = "2026-06-01T10:00:00Z"


def at(landing: Landing, source: str) -> Landing:
    landing.source = load_sources()[source]
    return landing


def counts(landing: Landing, entity: str) -> tuple[int, int, int, int]:
    (report,) = [report for report in landing.land().entities if report.entity == entity]
    return report.extracted, report.landed, report.quarantined, report.unchanged


def test_a_repeated_delivery_is_unchanged_although_its_loader_columns_change(landing: Landing) -> None:
    """RudderStack's uuid_ts differs between syncs; a late event is new; a message id with other content is reported."""
    at(landing, "segment")
    call = {"id": "m1", "user_id": "u1", "event": "search", "received_at": MOMENT, "Query Text": "tea"}
    landing.write_ndjson("segment/tracks/1.ndjson", [{**call, "uuid_ts": MOMENT}])
    assert counts(landing, "tracks") == (1, 1, 0, 0)
    landing.write_ndjson(
        "segment/tracks/2.ndjson",
        [
            {**call, "uuid_ts": "2026-06-02T00:00:00Z"},
            {"id": "m2", "received_at": "2020-01-01", "timestamp": "2019-12-31"},
            {**call, "event": "other"},
            {**call, "id": None},
        ],
    )
    assert counts(landing, "tracks") == (4, 1, 2, 1)
    query_text = "json_extract_string(_extra, '$.query_text')"
    assert landing.rows(f"select id, {query_text} from raw_segment.tracks order by 1") == [
        ("m1", "tea"), ("m2", None),
    ]  # fmt: skip
    assert landing.rows("select field, rule from raw_quarantine.records order by 1, 2") == [
        ("id", "duplicate_key"), ("id", "required"),
    ]  # fmt: skip
    assert (
        landing.rows("select watermark_after from raw_ops.loads where entity = 'tracks' order by load_id")
        == [("2026-06-01 10:00:00",)] * 2
    )


def test_users_change_and_aliases_and_groups_land(landing: Landing) -> None:
    at(landing, "segment")
    landing.write_ndjson("segment/users/1.ndjson", [{"id": "u1", "email": "a@x.example", "received_at": MOMENT}])
    landing.write_ndjson("segment/aliases/1.ndjson", [{"id": "a", "user_id": "u1", "previous_id": "anon"}])
    landing.write_ndjson("segment/groups/1.ndjson", [{"id": "g", "user_id": "u1", "group_id": 42, "plan": "pro"}])
    assert landing.land().landed == 3
    newer = {"id": "u1", "email": "b@x.example", "received_at": "2026-06-02T00:00:00Z"}
    landing.write_ndjson("segment/users/2.ndjson", [newer])
    assert landing.land().landed == 1
    assert landing.rows("select email from raw_segment.users where _superseded_at is null") == [("b@x.example",)]
    assert landing.rows("select group_id from raw_segment.groups") == [("42",)]


def test_enriched_events_have_131_fields_and_no_header(landing: Landing) -> None:
    columns = list(at(landing, "snowplow").source.entities["events"].columns)
    assert columns.index("true_tstamp") == 130
    event = {"event_id": "e1", "collector_tstamp": "2026-06-01 10:00:00.123", "page_title": 'a "b', "br_cookies": "1"}

    def line(**fields: Any) -> str:
        return "\t".join(str({**event, **fields}.get(column, "")) for column in columns[:131]) + "\n"

    landing.write(
        "snowplow/events/run=2026-06-01/part-0.tsv",
        line() + line(collector_tstamp="2026-06-01 10:00:09") + line(event_id="") + line(se_value="a lot") + "e2\n",
    )
    assert counts(landing, "events") == (5, 2, 3, 0)
    assert landing.rows(
        "select page_title, br_cookies, cast(collector_tstamp as varchar) from raw_snowplow.events order by 3"
    ) == [('a "b', True, "2026-06-01 10:00:00.123"), ('a "b', True, "2026-06-01 10:00:09")]
    assert landing.rows("select rule, count(*) from raw_quarantine.records group by 1 order by 1") == [
        ("malformed", 1), ("required", 1), ("type", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", ["ndjson", "parquet"])
def test_a_rewritten_day_lands_what_changed(landing: Landing, suffix: str) -> None:
    """The same file again with one event restated and one added: two land, one is unchanged."""
    at(landing, "ga4")

    def day(*events: tuple[str, int]) -> None:
        name = f"ga4/events/events_20260601.{suffix}"
        records = [
            {"event_date": "20260601", "event_timestamp": 1780308000000000, "event_name": event, "user_pseudo_id": None,
             "event_params": [{"key": "value", "value": {"int_value": value}}], "novel": {"a": [1]}}
            for event, value in events
        ]  # fmt: skip
        if suffix == "ndjson":
            landing.write_ndjson(name, records)
        else:
            path = landing.write_ndjson("day.tmp", records)
            landing.write_parquet(name, f"select * from read_json('{path}', format='newline_delimited')")

    day(("page_view", 1), ("purchase", 2))
    assert counts(landing, "events") == (2, 2, 0, 0)
    day(("page_view", 1), ("purchase", 3), ("scroll", 1))
    assert counts(landing, "events") == (3, 2, 0, 1)
    assert landing.rows("select count(*), count(distinct _extra) from raw_ga4.events") == [(4, 1)]
    assert landing.rows("select distinct event_params -> 0 ->> 'key' from raw_ga4.events") == [("value",)]


def test_an_event_without_name_or_moment_is_refused(landing: Landing) -> None:
    at(landing, "ga4")
    moment = 1780308000000000
    landing.write_ndjson(
        "ga4/events/events_20260601.ndjson",
        [{"event_name": "a", "event_timestamp": "soon"}, {"event_timestamp": moment}, {"event_name": "b"},
         {"event_name": "long", "event_timestamp": moment, "event_params": [{"key": "x" * 3_000_000}]}],
    )  # fmt: skip
    assert counts(landing, "events") == (4, 1, 3, 0)
