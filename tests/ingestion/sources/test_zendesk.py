"""Zendesk's connector against a simulated server.

Add here: what Zendesk does in its own way. Keep out: faults that every vendor has (test_faults.py).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from ingestion.connectors import StreamReport, Window
from ingestion.errors import SettingError
from ingestion.extraction import extract
from ingestion.landing import land
from ingestion.registry import get_source
from ingestion.settings import Settings
from ingestion.synthetic import WorldConfig, write_world
from tests.ingestion.servers.zendesk import ZendeskServer, comment_event, from_world
from vendors import retries

TABLES = {
    "user": "users",
    "organization": "organizations",
    "ticket": "tickets",
    "satisfaction_rating": "satisfaction_ratings",
}


class HelpDesk:
    """A home that reads from a Zendesk account, and its landing zone."""

    def __init__(self, home: Path, server: ZendeskServer) -> None:
        self.settings = Settings.from_home(home)
        self.server = server
        self.environment = {
            "ZENDESK_BASE_URL": server.url,
            "ZENDESK_EMAIL": server.email,
            "ZENDESK_API_TOKEN": server.token,
        }

    def fetch(self, *streams: str, window: Window | None = None) -> dict[str, StreamReport]:
        """Runs streams, all by default; none may fail."""
        reports = extract(
            self.settings, get_source("zendesk"), streams=streams, window=window, environment=self.environment
        )
        assert not [report.error for report in reports if report.error]
        return {report.stream: report for report in reports}

    def records(self, entity: str) -> list[dict[str, Any]]:
        files = sorted((self.settings.landing_dir / "zendesk" / entity).glob("*"))
        return [json.loads(row["_payload"]) for path in files for row in pq.read_table(path).to_pylist()]

    def land(self) -> None:
        """Lands all of it; nothing may be refused."""
        report = land(self.settings, [get_source("zendesk")])
        assert report.ok, [entity.error for entity in report.entities if entity.error]
        assert report.quarantined == 0

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def requested(self, path: str) -> list[dict[str, str]]:
        return [dict(request.query) for request in self.server.requests if request.path == f"/api/v2/{path}"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    home = tmp_path_factory.mktemp("world")
    write_world(WorldConfig(customers=100, seed=3, history_days=120), home / "landing", home / "truth")
    return from_world(home / "landing")


@pytest.fixture
def desk(world: dict[str, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HelpDesk]:
    monkeypatch.setattr(retries, "sleep", lambda seconds: None)
    with ZendeskServer(copy.deepcopy(world)) as server:
        server.page_size = 6
        yield HelpDesk(tmp_path / "home", server)


def by_id(records: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {record["id"]: record for record in records}


def test_everything_arrives_as_zendesk_wrote_it(desk: HelpDesk) -> None:
    reports = desk.fetch()
    for entity, table in TABLES.items():
        assert by_id(desk.records(entity)) == by_id(desk.server.tables[table]), entity
    comments = by_id(desk.records("ticket_comment"))
    assert {(c["ticket_id"], c["author_id"], c["body"], c["created_at"]) for c in comments.values()} == {
        (t["id"], t["requester_id"], t["description"], t["created_at"]) for t in desk.server.tables["tickets"]
    }
    newest = max(ticket["generated_timestamp"] for ticket in desk.server.tables["tickets"])
    assert datetime.fromisoformat(str(reports["tickets"].watermark_after)).timestamp() == newest


def test_comments_cost_one_call_for_many(desk: HelpDesk) -> None:
    desk.server.page_size = None
    desk.fetch("ticket_comments")
    assert len(desk.server.requests) == 1
    assert desk.requested("incremental/ticket_events.json") == [
        {"start_time": "0", "per_page": "1000", "include": "comment_events"}
    ]


def test_only_what_changed_is_asked_for_again(desk: HelpDesk) -> None:
    before = desk.fetch("tickets")["tickets"].watermark_after
    ticket = desk.server.tables["tickets"][0]
    ticket.update(status="closed", updated_at="2026-07-01T10:00:00Z", generated_timestamp=1782900000)
    reports = desk.fetch("tickets")
    starts = [
        int(query["start_time"]) for query in desk.requested("incremental/tickets/cursor.json") if "start_time" in query
    ]
    assert starts == [0, datetime.fromisoformat(str(before)).timestamp() - 300]
    assert 1 <= reports["tickets"].records["ticket"] < 6
    assert [r["status"] for r in desk.records("ticket") if r["id"] == ticket["id"]] == ["solved", "closed"]


def test_a_change_that_leaves_updated_at_alone_arrives(desk: HelpDesk) -> None:
    desk.fetch("tickets")
    ticket = desk.server.tables["tickets"][0]
    ticket.update(organization_id=3001, generated_timestamp=1782900000)
    desk.fetch("tickets")
    assert [r["organization_id"] for r in desk.records("ticket") if r["id"] == ticket["id"]] == [None, 3001]


def test_deleted_tickets_and_users_reach_raw_as_deletes(desk: HelpDesk) -> None:
    desk.fetch("tickets", "users")
    desk.land()
    ticket, user = desk.server.tables["tickets"][0], desk.server.tables["users"][-1]
    ticket.update(status="deleted", subject="SCRUBBED", description="SCRUBBED", generated_timestamp=1782900000)
    user.update(active=False, updated_at="2026-07-01T10:00:00Z")
    desk.fetch("tickets", "users")
    desk.land()
    gone = "where _superseded_at is null and _deleted_at is not null"
    assert desk.query(f"select id, subject from raw_zendesk.ticket {gone}") == [(str(ticket["id"]), "SCRUBBED")]
    assert desk.query(f'select id from raw_zendesk."user" {gone}') == [(str(user["id"]),)]


def test_a_redacted_comment_is_read_again_from_its_ticket(desk: HelpDesk) -> None:
    desk.fetch("ticket_comments")
    event = desk.server.tables["ticket_events"][0]
    event["child_events"][0]["body"] = "My card is ▇▇▇▇"
    later = comment_event(99_000_000, event["ticket_id"], 381, "", "2026-07-01T10:00:00Z")
    later["child_events"] = [{"id": 99_000_001, "event_type": "CommentRedactionEvent", "comment_id": event["id"] + 1}]
    desk.server.tables["ticket_events"].append(later)
    desk.fetch("ticket_comments")
    desk.land()
    of_it = f"id = '{event['id'] + 1}' and _superseded_at is null"
    assert desk.query(f"select body, ticket_id from raw_zendesk.ticket_comment where {of_it}") == [
        ("My card is ▇▇▇▇", str(event["ticket_id"]))
    ]


def test_an_export_by_time_loses_nothing_where_seconds_are_shared(desk: HelpDesk) -> None:
    for number, organization in enumerate(range(4000, 4020)):
        moment = f"2026-04-01T00:00:0{number // 8}Z"
        desk.server.tables["organizations"].append(
            {**desk.server.tables["organizations"][0], "id": organization, "updated_at": moment}
        )
    desk.fetch("organizations")
    assert by_id(desk.records("organization")) == by_id(desk.server.tables["organizations"])


def test_ratings_that_customers_changed_their_minds_about_arrive(desk: HelpDesk) -> None:
    desk.fetch("satisfaction_ratings")
    newest = max(desk.server.tables["satisfaction_ratings"], key=lambda rating: rating["created_at"])
    newest.update(score="bad", updated_at="2026-07-01T10:00:00Z")
    desk.fetch("satisfaction_ratings")
    assert by_id(desk.records("satisfaction_rating"))[newest["id"]]["score"] == "bad"


def test_a_backfill_ends_where_it_was_told_to(desk: HelpDesk) -> None:
    window = Window(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 15, tzinfo=UTC))
    desk.fetch("tickets", "satisfaction_ratings", window=window)
    within = {
        ticket["id"]
        for ticket in desk.server.tables["tickets"]
        if window.since.timestamp() <= ticket["generated_timestamp"] < window.until.timestamp()  # type: ignore[union-attr]
    }
    assert within <= set(by_id(desk.records("ticket")))
    assert len(desk.requested("incremental/tickets/cursor.json")) < 4
    assert {query["end_time"] for query in desk.requested("satisfaction_ratings.json")} == {
        str(int(datetime(2026, 4, 15, tzinfo=UTC).timestamp()))
    }


def test_a_start_that_zendesk_would_refuse_is_moved_back(desk: HelpDesk) -> None:
    desk.fetch("tickets", window=Window(since=datetime.now(UTC) - timedelta(seconds=5)))
    [query] = desk.requested("incremental/tickets/cursor.json")
    assert int(query["start_time"]) < datetime.now(UTC).timestamp() - 60


def test_ten_exports_a_minute_are_waited_for(desk: HelpDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(retries, "sleep", waits.append)
    desk.server.page_size, desk.server.exports_left = 1, 10
    desk.fetch("tickets")
    assert len([wait for wait in waits if 58 <= wait <= 58.5]) == 1  # twenty pages; the others wait for the budget
    assert by_id(desk.records("ticket")) == by_id(desk.server.tables["tickets"])


def test_documents_of_the_vendor_land_typed(desk: HelpDesk) -> None:
    """Records as Zendesk's reference prints them, in an account that has nothing else."""
    document = json.loads(Path(__file__).with_name("zendesk_documents.json").read_text())
    desk.server.tables = document
    desk.fetch()
    desk.land()
    assert desk.query(
        "select id, subject, description, status, priority, type, via_channel, requester_id, organization_id, tags,"
        " created_at, updated_at from raw_zendesk.ticket"
    ) == [
        (
            "35436",
            "Help, my printer is on fire!",
            "The fire is very colorful.",
            "open",
            "high",
            "incident",
            "web",
            "20978392",
            "509974",
            '["enterprise","other_tag"]',
            datetime.fromisoformat("2009-07-20T22:55:29"),
            datetime.fromisoformat("2011-05-05T10:38:52"),
        )
    ]
    assert desk.query("select id, ticket_id, user_id, body, public, created from raw_zendesk.ticket_comment") == [
        (
            "91048994488",
            "155",
            "5031726587",
            "This is a comment",
            True,
            datetime.fromisoformat("2009-06-25T10:15:18"),
        )
    ]
    assert desk.query('select id, name, role, active, organization_id from raw_zendesk."user"') == [
        ("35436", "Johnny Agent", "agent", True, "57542")
    ]
    assert desk.query("select id, name, domain_names, deleted_at from raw_zendesk.organization") == [
        ("35436", "One Organization", '["example.com","test.com"]', None)
    ]
    assert desk.query("select id, ticket_id, score, comment from raw_zendesk.satisfaction_rating") == [
        ("35436", "208", "good", "Awesome support!")
    ]


def test_a_refusal_names_the_variable_and_no_secret(desk: HelpDesk) -> None:
    desk.environment["ZENDESK_API_TOKEN"] = "wrong-token"
    (report,) = extract(desk.settings, get_source("zendesk"), streams=["tickets"], environment=desk.environment)
    assert report.error
    assert "HTTP 401" in report.error
    assert "ZENDESK_API_TOKEN" in report.error
    assert "wrong-token" not in report.error


def test_no_account_is_asked_that_was_not_named(desk: HelpDesk) -> None:
    del desk.environment["ZENDESK_BASE_URL"]
    with pytest.raises(SettingError, match="ZENDESK_BASE_URL"):
        extract(desk.settings, get_source("zendesk"), environment=desk.environment)
