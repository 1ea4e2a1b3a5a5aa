"""Klaviyo's connector against a server that behaves as Klaviyo; that server against Klaviyo's own client and schemas.

Add here: what Klaviyo does in its own way. Keep out: faults that every vendor has (test_faults.py).
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pyarrow.parquet as pq
import pytest
import requests

from ingestion.connectors import StreamReport, Window
from ingestion.extraction import extract
from ingestion.landing import land
from ingestion.registry import get_source
from ingestion.settings import Settings
from ingestion.synthetic import WorldConfig, write_world
from tests.ingestion.servers.klaviyo import KlaviyoServer, from_world, resource
from vendors import retries

SHARED = Path(__file__).resolve().parents[4] / "shared"
SPECS = SHARED / "specs" / "klaviyo"
SEEDS = SHARED / "data" / "sources" / "klaviyo_fivetran"
SCHEMAS = {
    "/api/profiles": ("profiles", "/api/profiles"),
    "/api/lists": ("lists", "/api/lists"),
    "/api/lists/NEWS01/relationships/profiles": ("lists", "/api/lists/{id}/relationships/profiles"),
    "/api/metrics": ("metrics", "/api/metrics"),
    "/api/events": ("events", "/api/events"),
}


class Account:
    """A home that reads from a Klaviyo account, and what lies in its landing zone."""

    def __init__(self, home: Path, server: KlaviyoServer) -> None:
        self.settings = Settings.from_home(home)
        self.server = server
        self.reports: dict[str, StreamReport] = {}
        self.environment = {"KLAVIYO_API_KEY": server.token, "KLAVIYO_BASE_URL": server.url}

    def fetch(self, *streams: str, window: Window | None = None) -> dict[str, StreamReport]:
        """Runs streams, all by default; none may fail."""
        reports = extract(
            self.settings, get_source("klaviyo"), streams=streams, window=window, environment=self.environment
        )
        assert not [report.error for report in reports if report.error]
        return {report.stream: report for report in reports}

    def rows(self, entity: str) -> list[dict[str, Any]]:
        """Everything that was written for an entity, in order."""
        files = sorted((self.settings.landing_dir / "klaviyo" / entity).glob("*"))
        return [row for path in files for row in pq.read_table(path).to_pylist()]

    def records(self, entity: str) -> list[dict[str, Any]]:
        return [json.loads(row["_payload"]) for row in self.rows(entity) if not row["_complete"]]

    def put(self, entity: str, content: bytes) -> None:
        """A file of Fivetran's."""
        path = self.settings.landing_dir / "klaviyo" / entity / "fivetran.csv"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)

    def land(self) -> None:
        """Lands all of it; nothing may be refused."""
        report = land(self.settings, [get_source("klaviyo")])
        assert report.ok, [entity.error for entity in report.entities if entity.error]
        assert report.quarantined == 0

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def requested(self, path: str) -> list[dict[str, str]]:
        return [dict(request.query) for request in self.server.requests if request.path == path]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    home = tmp_path_factory.mktemp("world")
    write_world(WorldConfig(customers=100, seed=3, history_days=120), home / "landing", home / "truth")
    return from_world(home / "landing")


@pytest.fixture(scope="module")
def whole(world: dict[str, list[dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account that was read once, and that no test changes."""
    with pytest.MonkeyPatch.context() as patch, KlaviyoServer(copy.deepcopy(world)) as server:
        patch.setattr(retries, "sleep", lambda seconds: None)
        server.page_size = 10
        account = Account(tmp_path_factory.mktemp("whole"), server)
        account.environment["KLAVIYO_REVISION"] = "2026-04-15"
        account.reports = account.fetch()
        yield account


@pytest.fixture
def account(
    world: dict[str, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Account]:
    monkeypatch.setattr(retries, "sleep", lambda seconds: None)
    with KlaviyoServer(copy.deepcopy(world)) as server:
        server.page_size = 10
        yield Account(tmp_path / "home", server)


def by_id(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {record["id"]: record for record in records}


def test_everything_arrives_as_klaviyo_wrote_it(whole: Account) -> None:
    for entity, table in {
        "metric": "metrics",
        "campaign": "campaigns",
        "campaign_message": "campaign_messages",
        "flow": "flows",
        "list": "lists",
        "person": "profiles",
        "event": "events",
    }.items():
        assert by_id(whole.records(entity)) == by_id(whole.server.tables[table]), entity
    assert {(record["list_id"], record["id"]) for record in whole.records("list_member")} == {
        (member["list_id"], member["id"]) for member in whole.server.tables["list_members"]
    }
    assert {record["id"] for record in whole.records("person_id")} == set(by_id(whole.server.tables["profiles"]))
    assert whole.reports["events"].watermark_after == max(
        event["attributes"]["datetime"] for event in whole.server.tables["events"]
    ).replace("+00:00", ".000000+00:00")


def test_requests_name_key_and_revision_and_keep_the_limits_of_a_page(whole: Account) -> None:
    headers = [request.headers for request in whole.server.requests]
    assert {header["revision"] for header in headers} == {"2026-04-15"}
    assert {header["authorization"] for header in headers} == {"Klaviyo-API-Key pk_test"}
    assert {query.get("page[size]") for query in whole.requested("/api/profiles")} == {"100"}
    assert {query.get("page[size]") for query in whole.requested("/api/events")} == {"1000"}


def test_what_is_listed_whole_says_so_once_at_its_end(whole: Account) -> None:
    for entity, kind in {
        "metric": "metric",
        "campaign": "campaign",
        "campaign_message": "campaign-message",
        "flow": "flow",
        "list": "list",
        "list_member": "profile",
        "person_id": "profile",
    }.items():
        rows = whole.rows(entity)
        assert [row["_complete"] for row in rows].count(True) == 1, entity
        assert json.loads(rows[-1]["_payload"]) == {"type": kind}
        assert {record["type"] for record in whole.records(entity)} <= {kind}
    for entity in ("person", "event"):
        assert not any(row["_complete"] for row in whole.rows(entity))


def test_only_what_changed_is_asked_for_again(account: Account) -> None:
    account.fetch("profiles", "events")
    profile, event = account.server.tables["profiles"][0], copy.deepcopy(account.server.tables["events"][0])
    profile["attributes"].update(last_name="Renamed", updated="2026-07-01T10:00:00+00:00")
    event["id"] = "later"
    event["attributes"]["datetime"] = "2026-07-02T10:00:00+00:00"
    account.server.tables["events"].append(event)
    reports = account.fetch("profiles", "events")
    # The span of the overlap is read again; the last record of before lies in it.
    assert 1 <= reports["profiles"].records["person"] < 10
    assert 1 <= reports["events"].records["event"] < 10
    assert by_id(account.records("person"))[profile["id"]]["attributes"]["last_name"] == "Renamed"
    assert "later" in by_id(account.records("event"))
    assert reports["profiles"].watermark_after == "2026-07-01T10:00:00.000000+00:00"


def test_a_profile_on_the_very_moment_of_the_watermark_is_not_missed(account: Account) -> None:
    """`updated` can be compared strictly only, and an overlap of its own is not relied on."""
    moment = datetime(2026, 7, 1, 10, tzinfo=UTC)
    account.server.tables["profiles"][0]["attributes"]["updated"] = moment.isoformat()
    reports = account.fetch("profiles", window=Window(since=moment))
    assert reports["profiles"].records == {"person": 1}


def test_a_suppression_arrives_though_the_profile_did_not_change(account: Account) -> None:
    before = account.fetch("profiles")["profiles"].watermark_after
    silent = next(p for p in account.server.tables["profiles"] if p["attributes"]["updated"] < "2026-06-01")
    marketing = silent["attributes"]["subscriptions"]["email"]["marketing"]
    marketing["suppression"] = [{"reason": "SPAM_COMPLAINT", "timestamp": "2026-07-03T08:00:00+00:00"}]
    reports = account.fetch("profiles")
    newest = [record for record in account.records("person") if record["id"] == silent["id"]][-1]
    assert newest["attributes"]["subscriptions"]["email"]["marketing"] == marketing
    assert reports["profiles"].watermark_after == before


def test_a_backfill_asks_for_its_span_alone(account: Account) -> None:
    window = Window(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
    account.fetch("events", "profiles", window=window)
    within = [e for e in account.server.tables["events"] if "2026-04-01" <= e["attributes"]["datetime"] < "2026-05-01"]
    assert by_id(account.records("event")) == by_id(within)
    assert within


def test_a_record_that_changes_between_pages_is_seen_in_its_new_state(account: Account) -> None:
    first = min(account.server.tables["profiles"], key=lambda p: p["attributes"]["updated"])

    def change(number: int) -> None:
        if number == 2:
            first["attributes"].update(last_name="Changed", updated="2026-07-01T10:00:00+00:00")

    account.server.before_page = change
    account.fetch("profiles")
    versions = [r["attributes"]["last_name"] for r in account.records("person") if r["id"] == first["id"]]
    assert versions[-1] == "Changed"
    assert len(by_id(account.records("person"))) == len(account.server.tables["profiles"])


def test_archived_flows_and_campaigns_of_every_channel_arrive(account: Account) -> None:
    tables = account.server.tables
    tables["flows"][0]["attributes"]["archived"] = True
    old = copy.deepcopy(tables["campaigns"][0])
    old["id"] = "SMS001"
    old["attributes"]["archived"] = True
    tables["campaigns"].append(old)
    body = {"channel": "sms", "content": {"body": "Now"}}
    tables["campaign_messages"].append(resource("campaign-message", "MSMS001", {"definition": body}, campaign="SMS001"))
    account.fetch("campaigns", "flows")
    assert "SMS001" in by_id(account.records("campaign"))
    assert "MSMS001" in by_id(account.records("campaign_message"))
    assert tables["flows"][0]["id"] in by_id(account.records("flow"))


def test_steady_limits_are_waited_for(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(retries, "sleep", waits.append)
    account.server.requests_left = 3
    account.fetch("profiles", "events")
    assert len([wait for wait in waits if wait >= 1]) > 3
    assert len(by_id(account.records("event"))) == len(account.server.tables["events"])


def test_a_refusal_names_the_code_and_no_value(account: Account) -> None:
    account.environment["KLAVIYO_API_KEY"] = "pk_wrong"
    reports = extract(account.settings, get_source("klaviyo"), streams=["metrics"], environment=account.environment)
    assert reports[0].error
    assert "HTTP 401 (authentication_failed)" in reports[0].error
    assert "KLAVIYO_API_KEY" in reports[0].error
    assert "pk_wrong" not in reports[0].error


# --- into raw


def test_records_land_typed(whole: Account) -> None:
    whole.land()
    tables = whole.server.tables
    assert sorted(
        whole.query(
            "select id, last_name, zip, email_consent, json_array_length(email_suppressions), updated,"
            " _payload is not null from raw_klaviyo.person"
        )
    ) == sorted(
        (
            profile["id"],
            profile["attributes"]["last_name"],
            profile["attributes"]["location"]["zip"],
            profile["attributes"]["subscriptions"]["email"]["marketing"]["consent"],
            len(profile["attributes"]["subscriptions"]["email"]["marketing"]["suppression"]),
            datetime.fromisoformat(profile["attributes"]["updated"]).replace(tzinfo=None),
            True,
        )
        for profile in tables["profiles"]
    )
    events = by_id(tables["events"])
    for number, person, metric, flow, message, subject in whole.query(
        "select id, person_id, metric_id, flow_id, message_id, property_subject from raw_klaviyo.event"
    ):
        properties = events[number]["attributes"]["event_properties"]
        assert person == events[number]["relationships"]["profile"]["data"]["id"]
        assert metric == events[number]["relationships"]["metric"]["data"]["id"]
        assert (flow, message, subject) == tuple(properties.get(name) for name in ("$flow", "$message", "Subject"))
    assert whole.query("select count(*) from raw_klaviyo.event") == [(len(events),)]
    assert set(whole.query("select campaign_id, subject from raw_klaviyo.campaign_message")) == {
        (message["relationships"]["campaign"]["data"]["id"], message["attributes"]["definition"]["content"]["subject"])
        for message in tables["campaign_messages"]
    }


def test_what_a_whole_listing_lacks_is_gone_and_what_fivetran_landed_stays(account: Account) -> None:
    account.put("metric", b"id,name\nfivetran1,Placed Order\n")
    account.put("person", b"id,email\nfivetran2,f@nordkai.example\n")
    account.fetch()
    account.land()
    tables = account.server.tables
    left, merged = tables["list_members"].pop(0), tables["profiles"].pop(0)
    tables["list_members"] = [member for member in tables["list_members"] if member["id"] != merged["id"]]
    tables["campaigns"].pop(0)
    account.fetch("campaigns", "lists", "profile_ids", "metrics")
    account.land()
    gone = "where _superseded_at is null and _deleted_at is not null"
    assert {number for (number,) in account.query(f"select id from raw_klaviyo.list_member {gone}")} == {
        left["id"],
        merged["id"],
    }
    assert account.query(f"select id from raw_klaviyo.person_id {gone}") == [(merged["id"],)]
    assert len(account.query(f"select id from raw_klaviyo.campaign {gone}")) == 1
    for table in ("metric", "person", "event"):
        assert account.query(f"select id from raw_klaviyo.{table} {gone}") == [], table


def test_the_members_of_a_deleted_list_are_gone(account: Account) -> None:
    account.fetch("lists")
    account.land()
    account.server.tables["lists"] = [one for one in account.server.tables["lists"] if one["id"] != "NEWS01"]
    account.fetch("lists")
    account.land()
    assert account.query("select count(*) from raw_klaviyo.list_member where _deleted_at is null") == [(0,)]
    assert account.query("select id from raw_klaviyo.list where _deleted_at is null") == [("VIP001",)]


def test_an_event_moves_to_the_profile_that_stays_after_a_merge(account: Account) -> None:
    account.fetch("events")
    account.land()
    newest = max(account.server.tables["events"], key=lambda event: event["attributes"]["datetime"])
    newest["relationships"]["profile"]["data"]["id"] = "survivor"
    account.fetch("events")
    account.land()
    number = newest["id"]
    assert account.query(
        f"select person_id from raw_klaviyo.event where id = '{number}' and _superseded_at is null"
    ) == [("survivor",)]


@pytest.mark.parametrize("name", ["event.csv", "event_norename.csv"])
def test_both_shapes_of_fivetrans_events_land(account: Account, name: str) -> None:
    if not SEEDS.is_dir():
        pytest.skip("skipped: needs ../shared/data/sources")
    account.put("event", (SEEDS / name).read_bytes())
    account.land()
    assert account.query(
        "select id, coalesce(property_subject, propertysubject) from raw_klaviyo.event order by id limit 1"
    ) == [("3gBNHPGp", "brand new chopstcks")]
    assert account.query("select count(*), count(datetime) from raw_klaviyo.event") == [(4, 4)]


# --- the server, judged by what nobody here wrote


def test_klaviyos_own_client_reads_the_server(whole: Account) -> None:
    klaviyo_api = pytest.importorskip("klaviyo_api")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = klaviyo_api.KlaviyoAPI(whole.server.token, max_retries=1, test_host=whole.server.url)

        def everything(listing: Any, **arguments: Any) -> list[str]:
            found, cursor = [], None
            while True:
                page = listing(page_cursor=cursor, **arguments).to_dict()
                found += [record["id"] for record in page["data"]]
                cursor = (page["links"].get("next") or "").replace("http://", "https://")  # it knows https alone
                if not cursor:
                    return found

        tables = whole.server.tables
        assert sorted(everything(client.Metrics.get_metrics)) == sorted(by_id(tables["metrics"]))
        assert sorted(everything(client.Flows.get_flows)) == sorted(by_id(tables["flows"]))
        assert sorted(everything(client.Lists.get_lists)) == sorted(by_id(tables["lists"]))
        since = "2026-05-01T00:00:00+00:00"
        recent = [p["id"] for p in tables["profiles"] if p["attributes"]["updated"] > since]
        filters = {"filter": f"greater-than(updated,{since})", "sort": "updated"}
        wanted = {"additional_fields_profile": ["subscriptions"], "page_size": 100}
        assert sorted(everything(client.Profiles.get_profiles, **filters, **wanted)) == sorted(recent)
        assert sorted(everything(client.Events.get_events, sort="datetime")) == sorted(by_id(tables["events"]))
        members = [m["id"] for m in tables["list_members"] if m["list_id"] == "NEWS01"]
        of_list = lambda **more: client.Lists.get_profile_ids_for_list("NEWS01", **more)  # noqa: E731
        assert sorted(everything(of_list)) == sorted(members)


@pytest.mark.parametrize("path", SCHEMAS)
def test_answers_fit_the_vendors_schemas(whole: Account, path: str) -> None:
    name, declared = SCHEMAS[path]
    if not SPECS.is_dir():
        pytest.skip("skipped: needs ../shared/specs/klaviyo")
    document = json.loads((SPECS / f"{name}.json").read_text())
    answer = document["paths"][declared]["get"]["responses"]["200"]["content"]["application/vnd.api+json"]["schema"]
    query = next(request.query for request in whole.server.requests if request.path == path)
    headers = {"Authorization": f"Klaviyo-API-Key {whole.server.token}", "revision": "2026-07-15"}
    body = requests.get(f"{whole.server.url}{path}", params=dict(query), headers=headers, timeout=10).json()
    assert body["data"]
    schema = {**nullable(document), **nullable(answer)}
    jsonschema.validate(body, schema, jsonschema.Draft202012Validator)
    broken = copy.deepcopy(body)
    del broken["data"][0]["type"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("path", SCHEMAS)
def test_requests_are_what_the_vendor_allows(whole: Account, path: str) -> None:
    """Names of parameters, orders and page sizes; filters are judged by the server."""
    name, declared = SCHEMAS[path]
    if not SPECS.is_dir():
        pytest.skip("skipped: needs ../shared/specs/klaviyo")
    allowed = json.loads((SPECS / f"{name}.json").read_text())["paths"][declared]["get"]["parameters"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in allowed if parameter["in"] == "query"}
    requested = whole.requested(path)
    assert requested
    for query in requested:
        for parameter, text in query.items():
            schema = schemas[parameter]
            if schema["type"] == "array":
                jsonschema.validate(text.split(","), schema)
            else:
                jsonschema.validate(int(text) if schema["type"] == "integer" else text, schema)


def nullable(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the words of JSON Schema."""
    if isinstance(schema, list):
        return [nullable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: nullable(part) for name, part in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def test_the_server_refuses_what_klaviyo_refuses(account: Account) -> None:
    headers = {"Authorization": f"Klaviyo-API-Key {account.server.token}", "revision": "2026-07-15"}

    def status(path: str, sent: dict[str, str] = headers, **query: str) -> int:
        return requests.get(f"{account.server.url}{path}", params=query, headers=sent, timeout=10).status_code

    assert status("/api/metrics") == 200
    assert status("/api/metrics", {"Authorization": headers["Authorization"]}) == 400
    assert status("/api/metrics", {"revision": "2026-07-15"}) == 401
    assert status("/api/profiles", filter="greater-or-equal(updated,2026-01-01T00:00:00Z)") == 400
    assert status("/api/profiles", filter="greater-than(updated,2026-01-01T00:00:00Z)") == 200
    assert status("/api/profiles", **{"page[size]": "101"}) == 400
    assert status("/api/events", sort="-id") == 400
    assert status("/api/campaigns") == 400
    assert status("/api/campaigns", filter="equals(messages.channel,'sms')") == 200
    assert status("/api/lists/NONE00/relationships/profiles") == 404
