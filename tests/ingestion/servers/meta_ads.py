"""Meta's Graph API: edges of an ad account, insights by day, cursors, and errors that come with HTTP 400.

It leaves out what Meta leaves out: archived objects that are not asked for, fields that are not named, rows without
figures; and refuses a report of the future.

Add here what Meta does too. Keep out: what a test wants to hold (the test).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import duckdb

from tests.ingestion.servers.base import Answer, Seen, VendorServer

ACCOUNT = "1904400120071"
EDGES = ("campaigns", "adsets", "ads", "insights")


class MetaAdsServer(VendorServer):
    """`tables` hold account, campaigns, adsets, ads and insights (a row for each ad and day)."""

    largest_page = 500

    def unauthorised(self) -> Answer:
        return refused(190, "Error validating access token: Session has expired", kind="OAuthException", subcode=463)

    def throttled(self, seconds: int | None) -> Answer:
        usage = {ACCOUNT: [{"type": "ads_insights", "call_count": 100, "estimated_time_to_regain_access": 1}]}
        headers = {} if seconds is None else {"x-business-use-case-usage": json.dumps(usage)}
        answer = refused(80000, "There have been too many calls from this ad-account.", kind="OAuthException")
        return Answer(answer.body, 400, headers)

    def answer(self, request: Seen) -> Answer:
        found = re.fullmatch(r"/v\d+\.\d/act_(\d+)(?:/(\w+))?", request.path)
        if not found or request.method != "GET" or (found[2] or "insights") not in EDGES:
            return refused(2500, "Unknown path components", kind="OAuthException")
        if found[1] != ACCOUNT:
            return refused(200, "Ad account owner has NOT grant ads_management or ads_read permission", status=403)
        if not found[2]:
            return Answer(_selected(self.tables["account"][0], request))
        records = self.tables.get(found[2], [])
        if found[2] == "insights":
            span = json.loads(request.query["time_range"])
            records = [each for each in records if span["since"] <= each["date_start"] <= span["until"]]
        else:
            statuses = json.loads(request.query.get("effective_status", '["ACTIVE", "PAUSED"]'))
            records = [each for each in records if each["effective_status"] in statuses]
        size = min(int(request.query.get("limit", 25)), self.largest_page)
        given, following = self.page(records, int(request.query.get("after") or 0), size)
        answer: dict[str, Any] = {"data": [_selected(each, request) for each in given]}
        if given or following is not None:
            after = str(following if following is not None else len(records))
            answer["paging"] = {"cursors": {"before": request.query.get("after", ""), "after": after}}
            if following is not None:
                answer["paging"]["next"] = f"{self.url}{request.path}?after={after}&access_token={self.token}"
        return Answer(answer)


def _selected(record: dict[str, Any], request: Seen) -> dict[str, Any]:
    """The fields that were asked for, the id and the dates that are always there, and what a test put beside them."""
    asked = set(re.sub(r"\{.*?\}", "", request.query.get("fields", "")).split(","))
    asked |= {"id", "date_start", "date_stop", "brand_new_field"}
    return {name: value for name, value in record.items() if name in asked and value is not None}


def refused(
    code: int, message: str, *, kind: str = "FacebookApiException", subcode: int = 0, status: int = 400
) -> Answer:
    """An error as Meta tells it."""
    error = {"message": message, "type": kind, "code": code, "error_subcode": subcode, "fbtrace_id": "A1"}
    return Answer({"error": error}, status)


def account() -> dict[str, Any]:
    """The account that all of this belongs to."""
    return {
        "id": f"act_{ACCOUNT}",
        "account_id": ACCOUNT,
        "name": "Shop",
        "currency": "EUR",
        "timezone_name": "Europe/Berlin",
        "account_status": 1,
        "created_time": "2020-01-01T00:00:00+0000",
    }


def campaign(number: int, **fields: Any) -> dict[str, Any]:
    """A campaign as its edge gives it."""
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
    """An ad's day: numbers are text, as Meta's JSON writes them; actions are left out where there are none."""
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
    """The variables with which the connector reads this server."""
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
