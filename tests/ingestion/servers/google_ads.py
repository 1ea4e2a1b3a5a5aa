"""Google Ads over REST: sign-in by refresh token, GAQL searches by page, and its nested error bodies.

Like Google, it refuses a query without fields, statistics without dates, clicks of more than one day or of more than
ninety days ago, and an account that the user may not see.

Add here more behaviour of Google. Keep out: the data of a test (the test).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import duckdb

from tests.ingestion.servers.base import Answer, Seen, VendorServer
from tests.ingestion.servers.days import TIME_ZONE

ACCOUNT = "1234567890"
PAGE = 10_000
_QUERY = re.compile(
    r"SELECT (?P<fields>.+?) FROM (?P<resource>\w+)(?: WHERE (?P<where>.+?))?(?: ORDER BY (?P<order>.+))?"
)
_FAILURE = "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure"


# Names of fields as the published protos have them (googleapis, google/ads/googleads/v25).
_FIELDS = {
    "customer": "id descriptive_name currency_code time_zone manager test_account auto_tagging_enabled status",
    "customer_client": "id descriptive_name currency_code time_zone manager hidden test_account status level",
    "campaign": "id name status serving_status advertising_channel_type advertising_channel_sub_type start_date_time"
    " end_date_time tracking_url_template base_campaign",
    "ad_group": "id name type status",
    "ad_group_ad": "status ad.id ad.name ad.type ad.display_url ad.final_urls",
    "click_view": "gclid ad_group_ad",
    "segments": "date device ad_network_type",
    "metrics": "cost_micros clicks impressions interactions conversions conversions_value view_through_conversions",
}
_BESIDE = {
    "campaign": ("customer", "segments", "metrics"),
    "ad_group": ("customer", "campaign", "segments", "metrics"),
    "ad_group_ad": ("customer", "campaign", "ad_group", "segments", "metrics"),
    "click_view": ("customer", "campaign", "ad_group", "segments"),
}


class GoogleAdsServer(VendorServer):
    """`tables` hold rows by resource (customer, campaign, ad_group, ad_group_ad, click_view), and statistics of
    campaigns as `campaign_stats`. Each sign-in returns a new access token; earlier tokens stay valid."""

    largest_page = PAGE
    refresh_token = "refresh-me"
    sign_ins = 0

    def is_countable(self, request: Seen) -> bool:
        return request.path != "/token"

    def is_authorised(self, request: Seen) -> bool:
        bearer = request.headers.get("authorization", "")
        return bearer.startswith("Bearer access-") and request.headers.get("developer-token") == self.token

    def unauthorised(self) -> Answer:
        return _refused(401, "UNAUTHENTICATED", "authenticationError", "OAUTH_TOKEN_EXPIRED")

    def throttled(self, seconds: int | None) -> Answer:
        details = {"quotaErrorDetails": {"rateScope": "DEVELOPER", "retryDelay": f"{seconds}s"}} if seconds else {}
        return _refused(429, "RESOURCE_EXHAUSTED", "quotaError", "RESOURCE_EXHAUSTED", details)

    def answer(self, request: Seen) -> Answer:
        if request.path == "/token":
            form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
            if form.get("refresh_token") != self.refresh_token or form.get("grant_type") != "refresh_token":
                return Answer({"error": "invalid_grant", "error_description": "Bad Request"}, 400)
            self.sign_ins += 1
            self.expired = False
            return Answer({"access_token": f"access-{self.sign_ins}", "expires_in": 3599, "token_type": "Bearer"})
        found = re.fullmatch(r"/v\d+/customers/(\d+)/googleAds:search", request.path)
        if not found or request.method != "POST":
            return Answer(b"<html>404</html>", 404)
        if found[1] not in {row["customer"]["id"] for row in self.tables["customer"]}:
            return _refused(403, "PERMISSION_DENIED", "authorizationError", "USER_PERMISSION_DENIED")
        return self._search(found[1], request.json)

    def _search(self, account: str, body: dict[str, Any]) -> Answer:
        query = _QUERY.fullmatch(body["query"])
        if query is None or set(body) - {"query", "pageToken"}:
            return _refused(400, "INVALID_ARGUMENT", "queryError", "UNEXPECTED_INPUT")
        fields = [field.strip() for field in query["fields"].split(",")]
        resource = query["resource"]
        if not all(_is_known(resource, field) for field in [*fields, *re.split(", ?", query["order"] or fields[0])]):
            return _refused(400, "INVALID_ARGUMENT", "queryError", "UNRECOGNIZED_FIELD")
        if resource == "customer_client":
            return self._clients(account, fields)
        if self._is_manager(account) and resource != "customer":
            return _refused(400, "INVALID_ARGUMENT", "queryError", "REQUESTED_METRICS_FOR_MANAGER")
        rows = [row for row in self.tables.get(_table(resource, fields), []) if row["customer"]["id"] == account]
        days = re.findall(r"'(\d{4}-\d\d-\d\d)'", query["where"] or "")
        if "segments.date" in fields:
            if not days:
                return _refused(400, "INVALID_ARGUMENT", "queryError", "EXPECTED_FILTERS_ON_DATE_RANGE")
            if resource == "click_view":
                oldest = datetime.now(UTC).date() - timedelta(days=90)
                if len(set(days)) > 1 or date.fromisoformat(days[0]) < oldest:
                    return _refused(400, "INVALID_ARGUMENT", "queryError", "DATE_RANGE_TOO_WIDE")
            rows = [row for row in rows if days[0] <= row["segments"]["date"] <= days[-1]]
        given, following = self.page(rows, int(body.get("pageToken") or 0), self.largest_page)
        answer: dict[str, Any] = {"fieldMask": ",".join(_camel(field) for field in fields)}
        if given:
            answer["results"] = [_selected(row, fields) for row in given]
        if following is not None:
            answer["nextPageToken"] = str(following)
        return Answer(answer)

    def _is_manager(self, account: str) -> bool:
        return any(
            row["customer"]["id"] == account and row["customer"].get("manager") for row in self.tables["customer"]
        )

    def _clients(self, account: str, fields: list[str]) -> Answer:
        """An account and those below it: one page, which faults of data do not change."""
        below = [
            {"customerClient": {"status": "ENABLED", **row["customer"]}}
            for row in self.tables["customer"]
            if row["customer"]["id"] == account or self._is_manager(account)
        ]
        return Answer({"results": [_selected(row, fields) for row in below]})


def _is_known(resource: str, field: str) -> bool:
    """Whether a resource, or a related one, has a field."""
    owner, _, name = field.partition(".")
    return owner in {resource, *_BESIDE.get(resource, ())} and name in _FIELDS[owner].split()


def _table(resource: str, fields: list[str]) -> str:
    return f"{resource}_stats" if any(field.startswith("metrics.") for field in fields) else resource


def _camel(text: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), text)


def _selected(row: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """The requested fields without empty ones, and fields that a test added."""
    chosen: dict[str, Any] = {name: value for name, value in row.items() if not isinstance(value, dict)}
    for field in map(_camel, fields):
        *parents, name = field.split(".")
        held, place = row, chosen
        for parent in parents:
            held = held.get(parent, {})
        if held.get(name) is not None:
            above: dict[str, Any] = row
            for parent in parents:
                above = above[parent]
                named = {"resourceName": above["resourceName"]} if "resourceName" in above else {}
                place = place.setdefault(parent, named)
            place[name] = held[name]
    return chosen


def _refused(status: int, name: str, kind: str, code: str, details: dict[str, Any] | None = None) -> Answer:
    failure = {"errorCode": {kind: code}, "message": "refused", **({"details": details} if details else {})}
    detail = {"@type": _FAILURE, "errors": [failure], "requestId": "r-1"}
    return Answer({"error": {"code": status, "message": "refused", "status": name, "details": [detail]}}, status)


def campaign(number: int, **fields: Any) -> dict[str, Any]:
    """A campaign in the form of a search result."""
    return {
        "customer": {"resourceName": f"customers/{ACCOUNT}", "id": ACCOUNT},
        "campaign": {
            "id": str(number),
            "name": f"Campaign {number}",
            "status": "ENABLED",
            "servingStatus": "SERVING",
            "advertisingChannelType": "SEARCH",
            "startDateTime": "2026-01-01 00:00:00",
            **fields,
        },
    }


def stat(number: int, day: str, cost: int = 1_500_000, **segments: Any) -> dict[str, Any]:
    """A campaign's day: 64-bit numbers are text, like in Google's JSON."""
    return {
        "customer": {"id": ACCOUNT, "currencyCode": "EUR"},
        "campaign": {"id": str(number)},
        "segments": {"date": day, "device": "MOBILE", "adNetworkType": "SEARCH", **segments},
        "metrics": {
            "costMicros": str(cost),
            "clicks": "3",
            "impressions": "40",
            "interactions": "3",
            "conversions": 0.5,
        },
    }


def ad_stat(ad: int, day: str, cost: int = 500_000, **segments: Any) -> dict[str, Any]:
    """An ad's day."""
    return {
        **stat(1, day, cost, **segments),
        "adGroup": {"resourceName": f"customers/{ACCOUNT}/adGroups/8", "id": "8"},
        "adGroupAd": {"resourceName": f"customers/{ACCOUNT}/adGroupAds/8~{ad}", "ad": {"id": str(ad)}},
    }


def account(number: str = ACCOUNT, **fields: Any) -> dict[str, Any]:
    """The default account, or another one."""
    return {
        "customer": {
            "id": number,
            "descriptiveName": "Shop",
            "currencyCode": "EUR",
            "timeZone": TIME_ZONE,
            "manager": False,
            **fields,
        }
    }


def five_campaigns() -> GoogleAdsServer:
    """A server for the fault matrix: five campaigns, two on a page."""
    server = GoogleAdsServer({"customer": [account()], "campaign": [campaign(number) for number in range(1, 6)]})
    server.largest_page = 2
    return server


def environment(server: GoogleAdsServer) -> dict[str, str]:
    """The variables for the connector to read this server."""
    return {
        "GOOGLE_ADS_BASE_URL": server.url,
        "GOOGLE_ADS_TOKEN_URL": f"{server.url}/token",
        "GOOGLE_ADS_CUSTOMER_IDS": ACCOUNT,
        "GOOGLE_ADS_DEVELOPER_TOKEN": server.token,
        "GOOGLE_ADS_CLIENT_ID": "client",
        "GOOGLE_ADS_CLIENT_SECRET": "client-secret",
        "GOOGLE_ADS_REFRESH_TOKEN": server.refresh_token,
    }


def from_world(landing: Path) -> dict[str, list[dict[str, Any]]]:
    """The demo's campaigns, their days and the clicks on them."""
    with duckdb.connect() as connection:
        campaigns = connection.execute(
            "select id, name, status from read_csv(?, all_varchar = true, union_by_name = true)"
            " qualify row_number() over (partition by id order by updated_at desc) = 1 order by id",
            [str(landing / "google_ads" / "campaign_history" / "*")],
        ).fetchall()
        stats = connection.execute(
            "select id, date, device, ad_network_type, cost_micros, clicks, impressions"
            " from read_csv(?, all_varchar = true, union_by_name = true) order by date, id, device",
            [str(landing / "google_ads" / "campaign_stats" / "*")],
        ).fetchall()
    return {
        "customer": [account()],
        "campaign": [campaign(i, name=name, status=status) for i, name, status in campaigns],
        "campaign_stats": [
            {
                **stat(i, day, cost, device=device, adNetworkType=network),
                "metrics": {"costMicros": cost, "clicks": clicks, "impressions": impressions},
            }
            for i, day, device, network, cost, clicks, impressions in stats
        ],
    }
