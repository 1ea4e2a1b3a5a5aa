"""Google Ads' connector against a server that behaves as Google's REST interface does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.connectors import StreamReport
from ingestion.fetching import fetch
from ingestion.landing import land
from ingestion.registry import load_sources
from ingestion.settings import Settings
from tests.ingestion.servers.days import day
from tests.ingestion.servers.google_ads import (
    ACCOUNT,
    GoogleAdsServer,
    account,
    ad_stat,
    campaign,
    environment,
    from_world,
    stat,
)
from vendors import retries


def click(gclid: str, days_ago: int) -> dict[str, Any]:
    return {
        "customer": {"id": account()["customer"]["id"]},
        "campaign": {"id": "1"},
        "clickView": {"gclid": gclid},
        "segments": {"date": day(days_ago)},
    }


class Bench:
    """A home and a server, and one run after the other."""

    def __init__(self, home: Path, server: GoogleAdsServer) -> None:
        self.settings = Settings.from_home(home)
        self.server = server
        self.source = load_sources()["google_ads"]
        self.variables = environment(server)

    def ingest(self, *streams: str) -> dict[str, StreamReport]:
        reports = fetch(self.settings, self.source, streams=streams, environment=self.variables)
        assert land(self.settings, [self.source]).ok
        return {report.stream: report for report in reports}

    def queries(self) -> list[str]:
        """The queries, in order, without those that list accounts."""
        requested = [request.json["query"] for request in self.server.requests if request.path != "/token"]
        return [query for query in requested if "customer_client" not in query]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(retries, "sleep", lambda seconds: None)
    tables = {
        "customer": [account()],
        "campaign": [campaign(1)],
        "campaign_stats": [stat(1, day(number)) for number in range(5, 0, -1)],
        "click_view": [click("g-old", 80), click("g-new", 1)],
    }
    with GoogleAdsServer(tables) as server:
        yield Bench(tmp_path / "home", server)


def test_every_stream_arrives(bench: Bench) -> None:
    bench.server.tables |= {
        "ad_group": [{**campaign(1), "adGroup": {"id": "7", "name": "Group", "status": "ENABLED"}}],
        "ad_group_ad": [
            {
                "customer": account()["customer"],
                "adGroup": {"id": "7"},
                "adGroupAd": {"status": "ENABLED", "ad": {"id": "8", "finalUrls": ["https://shop.example/"]}},
            }
        ],
    }
    assert [report.error for report in bench.ingest().values()] == [None] * 7
    assert bench.query("select id, currency_code, time_zone from raw_google_ads.account_history") == [
        (account()["customer"]["id"], "EUR", "Europe/Berlin")
    ]
    assert bench.query("select id, name, start_date::varchar from raw_google_ads.campaign_history") == [
        ("1", "Campaign 1", "2026-01-01")
    ]
    assert bench.query("select campaign_id, name from raw_google_ads.ad_group_history") == [("1", "Group")]
    assert bench.query("select ad_group_id, id, final_urls from raw_google_ads.ad_history") == [
        ("7", "8", '["https://shop.example/"]')
    ]
    assert bench.query("select count(*), sum(cost_micros), sum(conversions) from raw_google_ads.campaign_stats") == [
        (5, 7_500_000, 2.5)
    ]
    assert bench.query("select gclid from raw_google_ads.click_view order by 1") == [("g-new",), ("g-old",)]


def test_a_restated_day_replaces_what_it_said_before(bench: Bench) -> None:
    bench.ingest("campaign_stats")
    restated = bench.server.tables["campaign_stats"]
    restated[1] = stat(1, day(4), cost=9_000_000)
    del restated[2]  # a day's only row is gone
    bench.ingest("campaign_stats")
    live = "from raw_google_ads.campaign_stats where _superseded_at is null and _deleted_at is null"
    assert bench.query(f"select date::varchar, cost_micros {live} order by 1") == [
        (day(5), 1_500_000),
        (day(4), 9_000_000),
        (day(2), 1_500_000),
        (day(1), 1_500_000),
    ]


def test_a_later_run_reads_the_last_thirty_days_again(bench: Bench) -> None:
    bench.ingest("campaign_stats")
    bench.server.reset()
    bench.ingest("campaign_stats")
    queries = bench.queries()
    assert f"BETWEEN '{day(31)}'" in queries[0]
    assert len(queries) <= 2
    bench.variables["GOOGLE_ADS_RESTATEMENT_DAYS"] = "7"
    bench.server.reset()
    bench.ingest("campaign_stats")
    assert f"BETWEEN '{day(8)}'" in bench.queries()[0]


def test_clicks_are_asked_for_by_day_and_not_beyond_what_google_keeps(bench: Bench) -> None:
    report = bench.ingest("clicks")["clicks"]
    assert report.error is None
    requested = [query.split("'")[1] for query in bench.queries()]
    assert min(requested) == day(89)
    assert len(requested) == len(set(requested))


def test_an_ads_days_arrive_and_are_restated(bench: Bench) -> None:
    bench.server.tables["ad_group_ad_stats"] = [
        ad_stat(7, day(2)),
        ad_stat(7, day(2), device="DESKTOP"),
        ad_stat(9, day(1)),
    ]
    bench.ingest("ad_stats")
    del bench.server.tables["ad_group_ad_stats"][1]
    bench.ingest("ad_stats")
    live = "from raw_google_ads.ad_stats where _superseded_at is null and _deleted_at is null"
    assert bench.query(f"select ad_id, date::varchar, device, cost_micros, ad_group_id {live} order by 1") == [
        ("7", day(2), "MOBILE", 500_000, "8"),
        ("9", day(1), "MOBILE", 500_000, "8"),
    ]
    assert bench.query("select distinct keyword_ad_group_criterion from raw_google_ads.ad_stats order by 1") == [
        (f"customers/{ACCOUNT}/adGroupAds/8~7",),
        (f"customers/{ACCOUNT}/adGroupAds/8~9",),
    ]


def test_below_a_manager_account_are_all_that_are_open(bench: Bench) -> None:
    bench.server.tables["customer"] += [account("900", manager=True), account("222", status="CANCELED"), account("333")]
    bench.variables["GOOGLE_ADS_CUSTOMER_IDS"] = f"900,{ACCOUNT}"
    bench.variables["GOOGLE_ADS_LOGIN_CUSTOMER_ID"] = "9-0-0"
    assert bench.ingest("campaigns", "accounts")["campaigns"].error is None
    requested = [request.path for request in bench.server.requests if b"FROM campaign" in request.body]
    assert requested == [f"/v26/customers/{number}/googleAds:search" for number in (ACCOUNT, "333")]
    assert bench.query("select id from raw_google_ads.account_history order by 1") == [(ACCOUNT,), ("333",)]
    assert {r.headers.get("login-customer-id") for r in bench.server.requests if r.path != "/token"} == {"900"}


@pytest.mark.parametrize("variable", ["GOOGLE_ADS_CUSTOMER_IDS", "GOOGLE_ADS_RESTATEMENT_DAYS"])
def test_a_setting_without_sense_is_named(bench: Bench, variable: str) -> None:
    bench.variables[variable] = "soon"
    assert variable in str(bench.ingest("campaign_stats")["campaign_stats"].error)


def test_a_campaign_that_changes_replaces_itself(bench: Bench) -> None:
    bench.ingest("campaigns")
    bench.server.tables["campaign"] = [campaign(1, name="Renamed")]
    bench.ingest("campaigns")
    live = "from raw_google_ads.campaign_history where _superseded_at is null"
    assert bench.query(f"select name {live}") == [("Renamed",)]


def test_one_sign_in_serves_a_run_and_an_old_token_is_renewed(bench: Bench) -> None:
    bench.ingest("campaigns", "accounts")
    assert bench.server.sign_ins == 1
    bench.server.expired = True
    assert bench.ingest("campaigns")["campaigns"].error is None


def test_what_google_refuses_is_told_with_its_code_and_no_secret(bench: Bench) -> None:
    bench.variables["GOOGLE_ADS_CUSTOMER_IDS"] = "999-999-9999"
    error = str(bench.ingest("campaigns")["campaigns"].error)
    assert "USER_PERMISSION_DENIED" in error
    bench.variables = {**environment(bench.server), "GOOGLE_ADS_REFRESH_TOKEN": "sesame-0815"}
    error = str(bench.ingest("campaigns")["campaigns"].error)
    assert "invalid_grant" in error
    assert "renew GOOGLE_ADS_REFRESH_TOKEN" in error
    assert "sesame" not in error


def test_a_quota_is_waited_for_as_long_as_google_says(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.ingestion.servers.base import Fault, FaultKind

    waits: list[float] = []
    monkeypatch.setattr(retries, "sleep", waits.append)
    bench.server.faults = [Fault(FaultKind.THROTTLED_FOR, at=1)]
    assert bench.ingest("campaigns")["campaigns"].error is None
    assert any(7 <= seconds <= 7.5 for seconds in waits)


def test_the_demo_business_is_the_same_by_file_and_by_api(tmp_path: Path, world: Path) -> None:
    with GoogleAdsServer(from_world(world)) as server:
        bench = Bench(tmp_path / "home", server)
        bench.ingest("campaign_stats", "campaigns")
    files = str(world / "google_ads" / "campaign_stats" / "*")
    since = day(1095 + 30)
    by_file = bench.query(
        "select count(*), sum(cost_micros::bigint), sum(clicks::bigint) from"
        f" (select distinct on (id, date, device) * from read_csv('{files}', all_varchar = true)"
        f" where date >= '{since}')"
    )
    assert bench.query("select count(*), sum(cost_micros), sum(clicks) from raw_google_ads.campaign_stats") == by_file
    assert by_file[0][0] > 100
