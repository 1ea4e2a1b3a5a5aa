"""No single record stops the pipeline: odd and broken records of every shipped source land, and the build is published.

Add here: another way in which one record can be odd. Keep out: bad loads (tests/orchestration/test_gates.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ingestion.registry import load_sources
from ingestion.spec import EntitySpec
from runtime.home import Home
from tests.command import merganser
from tests.orchestration.handmade import read

# Kinds of odd records, by the type of a column: only required values; too much; unusual words and dates; control
# characters and markup.
VARIANTS: dict[str, Mapping[str, Any]] = {
    "empty": {},
    "huge": {
        "varchar": "Ünknown Wörd",
        "bigint": 2**63 - 1,
        "double": 1.7e308,
        "boolean": False,
        "date": "9999-12-31",
        "timestamp": "9999-12-31T23:59:59Z",
        "json": '[1, "x", {"a": null}]',
    },
    "old": {
        "varchar": "-",
        "bigint": -1,
        "double": -1e300,
        "boolean": True,
        "date": "0001-01-01",
        "timestamp": "0001-01-01T00:00:00Z",
        "json": '"text"',
    },
    "markup": {
        "varchar": "\u202e[red]\u0007<b>';--",
        "bigint": 0,
        "double": 0.0,
        "boolean": None,
        "date": "1970-01-01",
        "timestamp": "1970-01-01T00:00:00Z",
        "json": "{}",
    },
}
PLAUSIBLE = {
    "bigint": 1,
    "double": 1.5,
    "boolean": True,
    "date": "2026-06-20",
    "timestamp": "2026-06-20T09:00:00Z",
    "json": "{}",
}


def odd_records(entity: EntitySpec, number: int) -> Iterator[dict[str, Any]]:
    """One record per variant, and the first one again with blanks around its key."""
    first: dict[str, Any] = {}
    for place, variant in enumerate(VARIANTS):
        record = {}
        for name, column in entity.columns.items():
            if column.value is not None:
                continue
            needed = column.required or name in entity.key or name == entity.version
            if entity.expires and name in (entity.expires.column, entity.expires.after):
                months = "07" if name == entity.expires.column else "06"
                record[column.from_ or name] = f"2026-{months}-20T09:00:00Z"
            elif needed and (variant == "empty" or name in entity.key or column.type in ("date", "timestamp")):
                record[column.from_ or name] = PLAUSIBLE.get(column.type, f"odd{number + place}")
            elif variant == "empty":
                record[column.from_ or name] = None
            else:
                record[column.from_ or name] = _value(column.type, variant)
        first = first or record
        yield record
    spaced = {entity.columns[name].from_ or name for name in entity.key if name in entity.columns}
    yield {name: f" {value} " if name in spaced and isinstance(value, str) else value for name, value in first.items()}


def _value(kind: str, variant: str) -> Any:
    if not kind.startswith("decimal("):
        return VARIANTS[variant][kind]
    width, scale = (int(part) for part in kind.removeprefix("decimal(").removesuffix(")").split(","))
    return f"{'9' * (width - scale)}.{'9' * scale}" if variant == "huge" else "-0.01"


def land_in(home: Home, source: str, entity: str, *records: Mapping[str, Any]) -> None:
    """Write records as one more landing file of an entity."""
    folder = home.landing / source / entity
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "odd.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))


def published(home: Home) -> dict[str, Any]:
    """Lands, builds, checks and publishes; returns the answer of the check."""
    merganser("ingest", "--all", "--home", home.path)
    merganser("build", "--home", home.path)
    report = merganser("check", "--home", home.path)
    merganser("publish", "--home", home.path)
    return report


def test_odd_records_of_every_entity_stop_nothing(copied_home: Home) -> None:
    number = 990_000_000_000
    for source in load_sources(shipped=True).values():
        for name, entity in source.entities.items():
            number += 10
            # A delivery that is a whole scope would delete the demo's rows of that scope: that is no odd record.
            records = [record for record in odd_records(entity, number) if _names_a_scope_of_its_own(entity, record)]
            land_in(copied_home, source.source, name, *records)
    published(copied_home)
    reasons = set(read(copied_home.serving, "select source, fact, reason from marts.fct_records_set_aside"))
    assert {
        ("shopify", "fct_orders", "currency_code, total_amount"),
        ("shopify", "fct_order_lines", "order_id is not in fct_orders"),
        ("klaviyo", "fct_messages", "metric_id"),
        ("shopify", "fct_orders", "currency_code"),
    } <= reasons
    reconciled = "select count(*) from marts.fct_orders where order_id like 'odd%'"
    assert read(copied_home.serving, reconciled) == [(0,)]


def _names_a_scope_of_its_own(entity: EntitySpec, record: Mapping[str, Any]) -> bool:
    names = [entity.columns[name].from_ or name for name in entity.complete_within]
    return not names or any(str(record.get(name) or "").strip().startswith("odd") for name in names)


def test_less_usual_records_are_published_and_a_missing_look_up_holds_back_only_its_own(copied_home: Home) -> None:
    """A screen, group and alias call, a screen_view, a call without a moment, a new status; and two messages, one
    without a metric and one whose metric has not landed."""
    call = {"anonymous_id": "odd-device", "timestamp": "2026-06-20T09:00:00Z", "received_at": "2026-06-20T09:00:01Z"}
    land_in(copied_home, "segment", "screens", {"id": "odd-screen", "name": "Basket", **call})
    land_in(copied_home, "segment", "groups", {"id": "odd-group", "group_id": "g1", **call})
    land_in(
        copied_home, "segment", "aliases", {"id": "odd-alias", "previous_id": "odd-device", "user_id": "U1", **call}
    )
    land_in(
        copied_home,
        "ga4",
        "events",
        {"event_name": "screen_view", "event_timestamp": 1781946000000000, "user_pseudo_id": "1.2"},
    )
    land_in(copied_home, "hubspot_fivetran", "engagement_call", {"engagement_id": "odd-call"})
    land_in(copied_home, "stripe", "subscription_history", {"id": "odd-sub", "status": "hibernating"})
    event = {"person_id": "P1", "datetime": "2026-06-20T09:00:00Z"}
    no_metric = {"id": "odd-no-metric", "metric_id": None, **event}
    unknown_metric = {"id": "odd-unknown-metric", "metric_id": "no-such-metric", **event}
    land_in(copied_home, "klaviyo", "event", no_metric, unknown_metric)
    report = published(copied_home)
    kinds = "select distinct event_type from marts.fct_events where event_id in ('odd-screen', 'odd-group')"
    assert set(read(copied_home.serving, kinds)) == {("screen",), ("group",)}
    calls = "select is_occurred_at_estimated, occurred_at is not null from marts.fct_interactions"
    assert read(copied_home.serving, f"{calls} where interaction_id = 'call:odd-call'") == [(True, True)]
    subscription = "select status, is_live from marts.fct_subscriptions where subscription_id = 'odd-sub'"
    assert read(copied_home.serving, subscription) == [("hibernating", False)]
    status = next(
        r
        for r in report["results"]
        if (r["table"], r["rule"]) == ("marts.fct_subscriptions", "accepted_values: status")
    )
    assert (status["passed"], status["kind"], status["broken_count"]) == (True, "data", 1)
    held_back = "select record_id, is_waiting from marts.fct_records_set_aside where source = 'klaviyo' order by 1"
    assert read(copied_home.serving, held_back) == [("odd-no-metric", False), ("odd-unknown-metric", True)]
