"""A connector's run: complete files, a state that changes with them, and failures that change nothing.

The vendor is a small fake: people, listed by page and by time of change. Real vendors are in sources/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from ingestion import extraction
from ingestion.connectors import ApiClient, Page, StreamReport, Window
from ingestion.errors import SettingError
from ingestion.extraction import extract
from ingestion.settings import Settings
from ingestion.spec import SourceSpec
from tests.ingestion.servers.base import Answer, Fault, FaultKind, Seen, VendorServer
from vendors import http, retries

PEOPLE = SourceSpec.model_validate(
    {
        "source": "people",
        "title": "People",
        "loader": "dlt",
        "legal_basis": "contract",
        "api": {
            "base_url": "https://people.example",
            "requests_per_second": 5,
            "variables": {"PEOPLE_TOKEN": {"secret": True, "description": "a token"}},
            "streams": {
                "people": {"entities": ["people"], "overlap_minutes": 5},
                "towns": {"entities": ["towns"], "incremental": False},
            },
        },
        "entities": {
            "people": {"files": "people/people/*", "mode": "merge", "key": ["id"], "columns": {"id": "varchar"}},
            "towns": {"files": "people/towns/*", "mode": "merge", "key": ["id"], "columns": {"id": "varchar"}},
        },
    }
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class PeopleServer(VendorServer):
    """Lists changed people, oldest first, two per page; and towns."""

    def answer(self, request: Seen) -> Answer:
        name = request.path.strip("/")
        since = request.query.get("since", "")
        records = sorted(
            (
                r
                for r in self.tables.get(name, [])
                if r["changed"] >= since and r["changed"] < request.query.get("until", "9")
            ),
            key=lambda record: (record["changed"], record["id"]),
        )
        given, following = self.page(records, int(request.query.get("cursor", 0)), 2)
        return Answer({"results": given, "next": following})


class PeopleClient(ApiClient):
    def authenticate(self, request: Any) -> None:
        request.headers["Authorization"] = f"Bearer {self.api.value('PEOPLE_TOKEN')}"

    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        params = {}
        if window.since:
            params["since"] = window.since.isoformat()
        if window.until:
            params["until"] = window.until.isoformat()
        paginator = JSONResponseCursorPaginator(cursor_path="next", cursor_param="cursor")
        for records in self.api.paginate(stream, paginator, params=params, select="results"):
            moments = [datetime.fromisoformat(record["changed"]) for record in records]
            yield Page({stream: records}, watermark=max(moments, default=None))


def person(number: int, minutes: int = 0) -> dict[str, str]:
    return {"id": f"p{number}", "changed": (NOON + timedelta(minutes=minutes)).isoformat(), "name": f"N {number} é"}


class Bench:
    """A home, a server, and one run after the other."""

    def __init__(self, home: Path, server: PeopleServer) -> None:
        self.settings = Settings.from_home(home)
        self.server = server
        self.environment = {"PEOPLE_TOKEN": PeopleServer.token, "PEOPLE_BASE_URL": server.url}

    def run(self, **options: Any) -> dict[str, StreamReport]:
        reports = extract(self.settings, PEOPLE, environment=self.environment, **options)
        return {report.stream: report for report in reports}

    def files(self, entity: str = "people") -> list[Path]:
        return sorted((self.settings.landing_dir / "people" / entity).glob("*"))

    def landed(self, entity: str = "people") -> list[dict[str, Any]]:
        rows = [row for path in self.files(entity) for row in pq.read_table(path).to_pylist()]
        return [json.loads(row["_payload"]) for row in rows if not row["_complete"]]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(extraction, "load_client", lambda source, api: PeopleClient(api))
    monkeypatch.setattr(retries, "sleep", lambda seconds: None)
    monkeypatch.setattr(http, "READ_SECONDS", 0.3)
    towns = [{"id": "t1", "changed": NOON.isoformat()}]
    with PeopleServer({"people": [person(n, n) for n in range(5)], "towns": towns}) as server:
        yield Bench(tmp_path / "home", server)


def test_all_pages_arrive_as_the_vendor_wrote_them(bench: Bench) -> None:
    reports = bench.run()
    assert bench.landed() == bench.server.tables["people"]
    assert reports["people"].records == {"people": 5}
    assert reports["people"].watermark_after == "2026-03-01T12:04:00.000000+00:00"
    assert reports["towns"].watermark_after is None


def test_the_next_run_asks_from_the_watermark_less_the_overlap(bench: Bench) -> None:
    bench.run()
    bench.server.tables["people"] += [person(9, 60)]
    reports = bench.run()
    requested = [r.query.get("since") for r in bench.server.requests if r.path == "/people"]
    assert requested[-1] == "2026-03-01T11:59:00+00:00"
    assert reports["people"].watermark_before == "2026-03-01T12:04:00.000000+00:00"
    assert bench.landed()[-1]["id"] == "p9"


def test_a_whole_that_is_empty_says_so(bench: Bench) -> None:
    bench.server.tables["towns"] = []
    bench.run()
    assert len(bench.files("towns")) == 1
    assert bench.landed("towns") == []


def test_a_backfill_moves_no_state(bench: Bench) -> None:
    before = bench.run()["people"].watermark_after
    reports = bench.run(window=Window(NOON, NOON + timedelta(minutes=2)), streams=["people"])
    assert reports["people"].records == {"people": 2}
    assert bench.run()["people"].watermark_before == before


def test_a_date_in_the_future_hides_nothing(bench: Bench) -> None:
    bench.server.tables["people"].append({**person(7), "changed": "2999-01-01T00:00:00+00:00"})
    reached = datetime.fromisoformat(str(bench.run()["people"].watermark_after))
    assert reached <= datetime.now(UTC)


def test_the_state_can_be_had_again_from_what_was_written(bench: Bench) -> None:
    """dlt's working files are lost; its destination still has the state."""
    import shutil

    before = bench.run()["people"].watermark_after
    shutil.rmtree(bench.settings.home / "dlt" / "people" / "pipelines")
    assert bench.run()["people"].watermark_before == before


def test_a_run_that_fails_keeps_nothing_and_moves_nothing(bench: Bench) -> None:
    bench.server.faults = [Fault(FaultKind.ERROR_500, at=2, times=100)]
    report = bench.run(streams=["people"])["people"]
    assert report.error
    assert "HTTP 500" in report.error
    assert "8 times" in report.error
    assert bench.files() == []
    bench.server.faults = []
    assert bench.run()["people"].watermark_before is None
    assert bench.landed() == bench.server.tables["people"]


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind is not FaultKind.EXPIRED_TOKEN])
def test_what_passes_is_tried_again(bench: Bench, kind: FaultKind) -> None:
    bench.server.faults = [Fault(kind, at=2)]
    assert bench.run(streams=["people"])["people"].error is None
    assert [p["id"] for p in _distinct(bench.landed())] == ["p0", "p1", "p2", "p3", "p4"]


def test_an_expired_token_is_told_by_its_variable_and_never_shown(bench: Bench) -> None:
    bench.environment["PEOPLE_TOKEN"] = "sesame-0815"
    report = bench.run(streams=["people"])["people"]
    assert report.error
    assert "PEOPLE_TOKEN" in report.error
    bench.environment["PEOPLE_TOKEN"] = PeopleServer.token
    bench.run()
    for path in bench.settings.home.rglob("*"):
        if path.is_file():
            assert b"sesame-0815" not in path.read_bytes()
            assert PeopleServer.token.encode() not in path.read_bytes()


def test_a_missing_variable_is_told_before_anything_is_asked(bench: Bench) -> None:
    del bench.environment["PEOPLE_TOKEN"]
    with pytest.raises(SettingError, match="PEOPLE_TOKEN"):
        bench.run()
    assert bench.server.requests == []


def test_retry_after_is_honoured(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(retries, "sleep", waits.append)
    bench.server.faults = [Fault(FaultKind.THROTTLED_FOR)]
    bench.run(streams=["people"])
    assert any(7 <= seconds <= 7.5 for seconds in waits)


def test_the_budget_is_kept_whatever_the_vendor_allows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(retries, "sleep", waits.append)
    bench.run(streams=["people"])
    assert len(waits) >= 2
    assert all(0 < seconds <= 0.6 for seconds in waits)


def test_a_link_to_another_host_is_not_followed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Led(PeopleClient):
        def fetch(self, stream: str, window: Window) -> Iterator[Page]:
            self.api.get("http://127.0.0.2:1/elsewhere")
            yield Page({})

    monkeypatch.setattr(extraction, "load_client", lambda source, api: Led(api))
    error = bench.run(streams=["people"])["people"].error
    assert error
    assert "another host" in error


def test_an_answer_without_its_records_is_no_empty_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PeopleServer, "answer", lambda self, request: Answer({"error": "odd"}))
    error = bench.run(streams=["people"])["people"].error
    assert error
    assert "no results" in error
    assert bench.files() == []


def _distinct(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({record["id"]: record for record in records}.values())
