"""Meta's connector against a server that behaves as the Graph API does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.connectors import StreamReport, Window
from ingestion.fetching import fetch
from ingestion.landing import land
from ingestion.registry import load_sources
from ingestion.settings import Settings
from tests.ingestion.servers.base import Answer, Fault, FaultKind, Seen
from tests.ingestion.servers.days import day
from tests.ingestion.servers.meta_ads import (
    ACCOUNT,
    MetaAdsServer,
    account,
    campaign,
    environment,
    from_world,
    insight,
    refused,
)
from vendors import retries

LIVE = "_superseded_at is null and _deleted_at is null"


class Bench:
    """A home and a server, and one run after the other."""

    def __init__(self, home: Path, server: MetaAdsServer) -> None:
        self.settings = Settings.from_home(home)
        self.server = server
        self.source = load_sources()["meta_ads"]
        self.variables = environment(server)

    def ingest(self, *streams: str, days: int = 40) -> dict[str, StreamReport]:
        """Reads streams; statistics of so many days alone, where none were read before."""
        first = self.settings.warehouse_path.exists() is False
        window = Window(since=datetime.now(UTC) - timedelta(days=days)) if first and "ad_stats" in streams else None
        reports = fetch(self.settings, self.source, streams=streams, window=window, environment=self.variables)
        assert land(self.settings, [self.source]).ok
        return {report.stream: report for report in reports}

    def spans(self) -> list[dict[str, str]]:
        """The days of the requested reports, in order."""
        return [json.loads(r.query["time_range"]) for r in self.server.requests if r.method == "POST"]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(retries, "sleep", lambda seconds: None)
    tables = {
        "account": [account()],
        "campaigns": [campaign(1), campaign(2, effective_status="ARCHIVED")],
        "adsets": [{**campaign(3), "campaign_id": "1"}],
        "ads": [{**campaign(4), "campaign_id": "1", "adset_id": "3", "creative": {"id": "5"}}],
        "insights": [insight(4, day(number), purchases=number % 2) for number in range(5, 0, -1)],
    }
    with MetaAdsServer(tables) as server:
        yield Bench(tmp_path / "home", server)


def test_structure_arrives_with_what_is_archived(bench: Bench) -> None:
    reports = bench.ingest("accounts", "campaigns", "ad_sets", "ads")
    assert [report.error for report in reports.values()] == [None] * 4
    assert bench.query("select id, currency, timezone_name from raw_meta_ads.account_history") == [
        (ACCOUNT, "EUR", "Europe/Berlin")
    ]
    assert bench.query("select id, status from raw_meta_ads.campaign_history order by 1") == [
        ("1", "ACTIVE"),
        ("2", "ARCHIVED"),
    ]
    assert bench.query("select campaign_id from raw_meta_ads.ad_set_history") == [("1",)]
    assert bench.query("select ad_set_id, creative_id from raw_meta_ads.ad_history") == [("3", "5")]


def test_an_ads_days_arrive_with_their_actions(bench: Bench) -> None:
    assert bench.ingest("ad_stats")["ad_stats"].error is None
    assert bench.query("select count(*), sum(spend)::double, sum(impressions) from raw_meta_ads.basic_ad") == [
        (5, 62.5, 2000)
    ]
    assert bench.query("select action_type, sum(value) from raw_meta_ads.basic_ad_actions group by 1 order by 1") == [
        ("link_click", 27.0),
        ("purchase", 3.0),
    ]
    assert bench.query("select sum(value) from raw_meta_ads.basic_ad_action_values") == [(pytest.approx(299.7),)]


def test_a_restated_day_replaces_what_it_said_before(bench: Bench) -> None:
    bench.ingest("ad_stats")
    rows = bench.server.tables["insights"]
    rows[0] = insight(4, day(5), spend="99.00")  # its purchase was taken back
    del rows[2]
    bench.ingest("ad_stats", days=40)
    bench.ingest("ad_stats")
    found = bench.query(f"select date::varchar, spend::double from raw_meta_ads.basic_ad where {LIVE} order by 1")
    assert found == [(day(5), 99.0), (day(4), 12.5), (day(2), 12.5), (day(1), 12.5)]
    assert bench.query(f"select count(*) from raw_meta_ads.basic_ad_actions where {LIVE} and date = '{day(5)}'") == [
        (0,)
    ]


def test_a_first_run_reads_three_years_a_quarter_at_a_time(bench: Bench) -> None:
    (report,) = fetch(bench.settings, bench.source, streams=["ad_stats"], environment=bench.variables)
    assert report.watermark_after is not None
    assert report.watermark_after.startswith(day(1))
    assert len(bench.spans()) == 13
    assert bench.spans()[0]["since"] == day(1110)  # 37 months: Meta keeps no more


@pytest.mark.parametrize(("setting", "days"), [("28", 28), ("7", 7)])
def test_a_later_run_reads_the_last_days_again(bench: Bench, setting: str, days: int) -> None:
    bench.variables["META_ADS_RESTATEMENT_DAYS"] = setting
    fetch(bench.settings, bench.source, streams=["ad_stats"], environment=bench.variables)
    bench.server.reset()
    fetch(bench.settings, bench.source, streams=["ad_stats"], environment=bench.variables)
    (span,) = bench.spans()
    assert span["since"] == day(1 + days)  # the newest day that has figures, and as many before it
    assert span["until"] == day(0)


def test_an_ad_that_goes_takes_its_actions_along(bench: Bench) -> None:
    bench.ingest("ad_stats")
    del bench.server.tables["insights"][0]  # the only row of its day, with a purchase
    bench.ingest("ad_stats")
    for entity in ("basic_ad", "basic_ad_actions", "basic_ad_action_values"):
        assert bench.query(f"select count(*) from raw_meta_ads.{entity} where {LIVE} and date = '{day(5)}'") == [(0,)]


def test_a_report_that_fails_is_asked_for_in_halves(bench: Bench) -> None:
    bench.server.failing_reports = 2
    assert bench.ingest("ad_stats")["ad_stats"].error is None
    assert bench.query("select count(*) from raw_meta_ads.basic_ad") == [(5,)]
    first, second, *parts = bench.spans()
    assert (first["since"], first["until"]) == (second["since"], parts[-1]["until"])
    assert all(span["since"] <= span["until"] for span in parts)


def test_a_day_whose_report_fails_is_told_and_nothing_is_kept(bench: Bench) -> None:
    bench.server.failing_reports = 1000
    error = str(bench.ingest("ad_stats")["ad_stats"].error)
    assert "cannot create the report" in error
    assert bench.query("select count(*) from raw_meta_ads.basic_ad") == [(0,)]


def test_spend_of_deleted_and_archived_ads_arrives_with_its_names(bench: Bench) -> None:
    for number, state in ((7, "DELETED"), (8, "ARCHIVED")):
        row = {"effective_status": state, "campaign_id": "6", "campaign_name": "Gone", "ad_name": f"Ad {number}"}
        bench.server.tables["insights"].append({**insight(number, day(2)), **row})
    bench.ingest("ad_stats")
    assert bench.query(
        "select ad_id, campaign_name, ad_name from raw_meta_ads.basic_ad where campaign_id = '6' order by 1"
    ) == [("7", "Gone", "Ad 7"), ("8", "Gone", "Ad 8")]


def test_ads_of_paused_campaigns_are_listed_and_bring_their_creatives(bench: Bench) -> None:
    spec = {"link_data": {"link": "https://shop.example/spring"}}
    creative = {
        "id": "5",
        "account_id": ACCOUNT,
        "name": "Still",
        "url_tags": "utm_source=meta",
        "object_story_spec": spec,
    }
    bench.server.tables["ads"] = [
        {**campaign(4), "effective_status": state, "id": str(number), "creative": creative}
        for number, state in enumerate(("CAMPAIGN_PAUSED", "ADSET_PAUSED", "DISAPPROVED", "PENDING_REVIEW", "DELETED"))
    ]
    assert bench.ingest("ads")["ads"].error is None
    assert bench.query("select count(*) from raw_meta_ads.ad_history") == [(4,)]
    assert bench.query("select id, name, page_link, url_tags from raw_meta_ads.creative_history") == [
        ("5", "Still", "https://shop.example/spring", "utm_source=meta")
    ]


def test_the_proof_of_the_apps_secret_goes_along(bench: Bench) -> None:
    bench.server.app_secret = bench.variables["META_ADS_APP_SECRET"] = "app-secret"
    bench.server.faults = [Fault(FaultKind.ERROR_500, at=1)]
    assert [report.error for report in bench.ingest("campaigns", "ad_stats").values()] == [None, None]
    assert all(request.query["appsecret_proof"] for request in bench.server.requests)
    assert not any("app-secret" in str(request) for request in bench.server.requests)
    assert all([name for name, _ in r.pairs].count("appsecret_proof") == 1 for r in bench.server.requests)


@pytest.mark.parametrize("code", [1, 2, 4, 17, 613, 80004])
def test_throttling_and_passing_faults_are_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    answers = iter([refused(code, "later")])
    real = MetaAdsServer.answer
    monkeypatch.setattr(MetaAdsServer, "answer", lambda self, request: next(answers, None) or real(self, request))
    assert bench.ingest("campaigns")["campaigns"].error is None


def test_the_vendors_own_pause_is_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(retries, "sleep", waits.append)
    bench.server.faults = [Fault(FaultKind.THROTTLED_FOR, at=1)]
    bench.ingest("campaigns")
    assert any(60 <= seconds <= 60.5 for seconds in waits)


def test_the_token_is_never_in_a_url(bench: Bench) -> None:
    bench.server.largest_page = 1
    bench.ingest("campaigns")
    assert len(bench.server.requests) == 2
    assert not any("access_token" in request.query for request in bench.server.requests)


def test_an_account_that_may_not_be_read_is_told(bench: Bench) -> None:
    bench.variables["META_ADS_ACCOUNT_IDS"] = "42"
    error = str(bench.ingest("campaigns")["campaigns"].error)
    assert "not permitted" in error
    assert bench.server.token not in error


def test_an_unknown_path_is_a_refusal(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: MetaAdsServer, request: Seen) -> Answer:
        return refused(2635, "You are calling a deprecated version", kind="OAuthException")

    monkeypatch.setattr(MetaAdsServer, "answer", gone)
    assert "2635" in str(bench.ingest("campaigns")["campaigns"].error)


def test_the_demo_business_is_the_same_by_file_and_by_api(tmp_path: Path, world: Path) -> None:
    tables = from_world(world)
    last = max(row["date_start"] for row in tables["insights"])
    since = datetime.fromisoformat(last).replace(tzinfo=UTC) - timedelta(days=20)
    with MetaAdsServer(tables) as server:
        bench = Bench(tmp_path / "home", server)
        window = Window(since, datetime.fromisoformat(last).replace(tzinfo=UTC) + timedelta(days=1))
        fetch(bench.settings, bench.source, streams=["ad_stats"], window=window, environment=bench.variables)
        land(bench.settings, [bench.source])
    files = str(world / "meta_ads" / "basic_ad" / "*")
    by_file = bench.query(
        "select count(*), sum(spend::decimal(18, 2)) from (select distinct on (ad_id, date) *"
        f" from read_csv('{files}', all_varchar = true) where date >= '{since.date()}')"
    )
    assert bench.query("select count(*), sum(spend) from raw_meta_ads.basic_ad") == by_file
    assert by_file[0][0] > 10
