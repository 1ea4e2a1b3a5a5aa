"""Meta's Graph API: edges of an ad account, report runs, cursors, and errors that come with HTTP 400.

Like Meta, it leaves out states and fields that were not requested, and rows without statistics. It refuses a listing of
deleted objects, synchronous statistics, and a report of another account.

Add here more behaviour of Meta. Keep out: the data of a test (the test).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from tests.ingestion.servers.base import Answer, Seen, VendorServer
from tests.ingestion.servers.days import TIME_ZONE

ACCOUNT = "1904400120071"
EDGES = ("campaigns", "adsets", "ads", "insights")
VERSION = "v26.0"
# States that a listing may name (Marketing API reference, edges of an ad account).
STATES = {"ACTIVE", "PAUSED", "PENDING_REVIEW", "DISAPPROVED", "PREAPPROVED", "PENDING_BILLING_INFO", "CAMPAIGN_PAUSED"}
STATES |= {"ADSET_PAUSED", "IN_PROCESS", "WITH_ISSUES", "ARCHIVED"}
WINDOWS = {"1d_click", "7d_click", "28d_click", "1d_view", "1d_ev", "dda", "default"}


class MetaAdsServer(VendorServer):
    """`tables` hold account, campaigns, adsets, ads and insights (a row for each ad and day)."""

    largest_page = 500
    app_secret = ""
    failing_reports = 0  # the number of reports that fail

    def __init__(self, tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> None:
        super().__init__(tables)
        self.runs: dict[str, dict[str, Any]] = {}

    def is_countable(self, request: Seen) -> bool:
        """Listings and statistics, but not the creation of a report."""
        return request.method == "GET" and not re.fullmatch(r"/v\d+\.\d/(act_)?\d+", request.path)

    def unauthorised(self) -> Answer:
        return refused(190, "Error validating access token: Session has expired", kind="OAuthException", subcode=463)

    def throttled(self, seconds: int | None) -> Answer:
        usage = {ACCOUNT: [{"type": "ads_insights", "call_count": 100, "estimated_time_to_regain_access": 1}]}
        headers = {} if seconds is None else {"x-business-use-case-usage": json.dumps(usage)}
        answer = refused(80000, "There have been too many calls from this ad-account.", kind="OAuthException")
        return Answer(answer.body, 400, headers)

    def answer(self, request: Seen) -> Answer:
        if self.expired or not self.is_authorised(request):
            return self.unauthorised()
        proof = hmac.new(self.app_secret.encode(), self.token.encode(), hashlib.sha256).hexdigest()
        if self.app_secret and request.query.get("appsecret_proof") != proof:
            return refused(100, "Invalid appsecret_proof provided in the API argument")
        found = re.fullmatch(rf"/{VERSION}/(?:act_(\d+)(?:/(\w+))?|(\d+)(/insights)?)", request.path)
        if not found or (found[2] or "insights") not in EDGES or (found[3] and found[3] not in self.runs):
            return refused(2500, "Unknown path components", kind="OAuthException")
        if found[3]:
            run = self.runs[found[3]]
            return self._figures(request, run) if found[4] else self._progress(run)
        if found[1] != ACCOUNT:
            return refused(200, "Ad account owner has NOT grant ads_management or ads_read permission", status=403)
        if not found[2]:
            return Answer(_selected(self.tables["account"][0], request.query.get("fields", "")))
        if found[2] == "insights":
            return self._start(request)
        states = json.loads(request.query.get("effective_status", "[]")) or [*STATES - {"ARCHIVED"}]
        if not set(states) <= STATES:
            return refused(100, "Cannot request for deleted objects", subcode=1815001)
        records = [each for each in self.tables.get(found[2], []) if each["effective_status"] in states]
        return self._paged(request, records, request.query.get("fields", ""))

    def _start(self, request: Seen) -> Answer:
        if request.method != "POST":
            return refused(100, "Your request timed out. Try async jobs.", subcode=1504018)
        if not set(json.loads(request.query.get("action_attribution_windows", "[]"))) <= WINDOWS:
            return refused(100, "action_attribution_windows must be one of the supported values")
        run = str(6_200_000_000_000 + len(self.runs))
        self.runs[run] = {"requested": dict(request.query), "polls": 0, "fails": self.failing_reports > 0}
        self.failing_reports = max(0, self.failing_reports - 1)
        return Answer({"report_run_id": run})

    def _progress(self, run: dict[str, Any]) -> Answer:
        """The report is ready at the second poll."""
        run["polls"] += 1
        ended = "Job Failed" if run["fails"] else "Job Completed"
        status, percent = (ended, 0 if run["fails"] else 100) if run["polls"] > 1 else ("Job Running", 40)
        return Answer({"async_status": status, "async_percent_completion": percent, "account_id": ACCOUNT})

    def _figures(self, request: Seen, run: dict[str, Any]) -> Answer:
        if run["polls"] < 2 or run["fails"]:
            return refused(2601, "Loading async results failed", subcode=1815107)
        span = json.loads(run["requested"]["time_range"])
        states = [
            state for condition in json.loads(run["requested"].get("filtering", "[]")) for state in condition["value"]
        ]
        records = [
            each
            for each in self.tables.get("insights", [])
            if span["since"] <= each["date_start"] <= span["until"]
            # By default, archived and deleted ads are left out.
            and each.get("effective_status", "ACTIVE") in (states or ["ACTIVE", "PAUSED"])
        ]
        return self._paged(request, records, run["requested"]["fields"])

    def _paged(self, request: Seen, records: Sequence[dict[str, Any]], fields: str) -> Answer:
        size = min(int(request.query.get("limit", 25)), self.largest_page)
        given, following = self.page(records, int(request.query.get("after") or 0), size)
        answer: dict[str, Any] = {"data": [_selected(each, fields) for each in given]}
        if given or following is not None:
            after = str(following if following is not None else len(records))
            answer["paging"] = {"cursors": {"before": request.query.get("after", ""), "after": after}}
            if following is not None:
                answer["paging"]["next"] = f"{self.url}{request.path}?after={after}&access_token={self.token}"
        return Answer(answer)


def _selected(record: dict[str, Any], fields: str) -> dict[str, Any]:
    """The requested fields, the id and the dates, and fields that a test added."""
    requested = set(re.sub(r"\{.*?\}", "", fields).split(","))
    requested |= {"id", "date_start", "date_stop", "brand_new_field"}
    return {name: value for name, value in record.items() if name in requested and value is not None}


def refused(
    code: int, message: str, *, kind: str = "FacebookApiException", subcode: int = 0, status: int = 400
) -> Answer:
    """An error in Meta's form."""
    error = {"message": message, "type": kind, "code": code, "error_subcode": subcode, "fbtrace_id": "A1"}
    return Answer({"error": error}, status)


def account() -> dict[str, Any]:
    """The default account."""
    return {
        "id": f"act_{ACCOUNT}",
        "account_id": ACCOUNT,
        "name": "Shop",
        "currency": "EUR",
        "timezone_name": TIME_ZONE,
        "account_status": 1,
        "created_time": "2020-01-01T00:00:00+0000",
    }


def campaign(number: int, **fields: Any) -> dict[str, Any]:
    """A campaign in the form of its edge."""
    return {
        "id": str(number),
        "account_id": ACCOUNT,
        "name": f"Campaign {number}",
        "effective_status": "ACTIVE",
        "objective": "OUTCOME_SALES",
        "updated_time": f"2026-03-0{number}T10:00:00+0100",
        **fields,
    }


def insight(ad: int, day: str, spend: str = "12.50", purchases: int = 0) -> dict[str, Any]:
    """An ad's day: numbers are text, like in Meta's JSON; without actions, the field is left out."""
    row: dict[str, Any] = {
        "ad_id": str(ad),
        "account_id": ACCOUNT,
        "impressions": "400",
        "inline_link_clicks": "9",
        "reach": "300",
        "spend": spend,
        "date_start": day,
        "date_stop": day,
    }
    if purchases:
        row["actions"] = [
            {"action_type": "purchase", "value": str(purchases)},
            {"action_type": "link_click", "value": "9"},
        ]
        row["action_values"] = [{"action_type": "purchase", "value": "99.90"}]
    return row


def five_campaigns() -> MetaAdsServer:
    """A server for the fault matrix: five campaigns, two on a page."""
    server = MetaAdsServer({"account": [account()], "campaigns": [campaign(number) for number in range(1, 6)]})
    server.largest_page = 2
    return server


def environment(server: MetaAdsServer) -> dict[str, str]:
    """The variables for the connector to read this server."""
    return {
        "META_ADS_BASE_URL": server.url,
        "META_ADS_ACCOUNT_IDS": ACCOUNT,
        "META_ADS_ACCESS_TOKEN": server.token,
    }


def from_world(landing: Path) -> dict[str, list[dict[str, Any]]]:
    """The demo's campaigns and the days of its ads."""
    newest = "qualify row_number() over (partition by id order by updated_time desc) = 1 order by id"
    with duckdb.connect() as connection:
        campaigns = connection.execute(
            f"select id, name, status from read_csv(?, all_varchar = true, union_by_name = true) {newest}",
            [str(landing / "meta_ads" / "campaign_history" / "*")],
        ).fetchall()
        rows = connection.execute(
            "select ad_id, date, spend, impressions, inline_link_clicks, reach"
            " from read_csv(?, all_varchar = true, union_by_name = true) order by date, ad_id",
            [str(landing / "meta_ads" / "basic_ad" / "*")],
        ).fetchall()
    return {
        "account": [account()],
        "campaigns": [campaign(1, id=i, name=name, effective_status=status) for i, name, status in campaigns],
        "insights": [
            {**insight(ad, day, spend), "impressions": impressions, "inline_link_clicks": clicks, "reach": reach}
            for ad, day, spend, impressions, clicks, reach in rows
        ],
    }
