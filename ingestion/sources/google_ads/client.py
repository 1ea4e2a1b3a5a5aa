"""How Google Ads is read: its query language over REST, page by page, for each account.

Shapes and fields are those of the API's reference (developers.google.com/google-ads/api, v26, 2026-10). Structure is
listed whole each time, as Google names no time of change for it; statistics by days, of which the last thirty are read
again because conversions are restated. Clicks can be asked for one day at a time, ninety days back at most.

Add here when another report is read. Keep out: what a column means (source.yml), money in units (staging).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import requests
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from ingestion.errors import PermanentApiError
from ingestion.extraction import ApiClient, Page, Window
from ingestion.http import Api

_ENTITIES = {
    "accounts": "account_history",
    "campaigns": "campaign_history",
    "ad_groups": "ad_group_history",
    "ads": "ad_history",
}
_ACCOUNTS = (
    "select customer.id, customer.descriptive_name, customer.currency_code, customer.time_zone, customer.manager,"
    " customer.test_account, customer.auto_tagging_enabled from customer"
)
_CAMPAIGNS = (
    "select customer.id, campaign.id, campaign.name, campaign.status, campaign.serving_status,"
    " campaign.advertising_channel_type, campaign.advertising_channel_sub_type, campaign.tracking_url_template,"
    " campaign.start_date_time, campaign.end_date_time from campaign order by campaign.id"
)
_AD_GROUPS = (
    "select customer.id, campaign.id, campaign.name, ad_group.id, ad_group.name, ad_group.type, ad_group.status"
    " from ad_group order by ad_group.id"
)
_ADS = (
    "select customer.id, ad_group.id, ad_group_ad.ad.id, ad_group_ad.ad.name, ad_group_ad.ad.type,"
    " ad_group_ad.ad.display_url, ad_group_ad.ad.final_urls, ad_group_ad.status"
    " from ad_group_ad order by ad_group_ad.ad.id"
)
_LISTINGS = {"accounts": _ACCOUNTS, "campaigns": _CAMPAIGNS, "ad_groups": _AD_GROUPS, "ads": _ADS}
_CAMPAIGN_STATS = (
    "select customer.id, customer.currency_code, campaign.id, campaign.base_campaign, segments.date, segments.device,"
    " segments.ad_network_type, metrics.cost_micros, metrics.clicks, metrics.impressions, metrics.interactions,"
    " metrics.conversions, metrics.conversions_value, metrics.view_through_conversions from campaign"
    " where segments.date between '{first}' and '{last}' order by segments.date, campaign.id"
)
_CLICKS = (
    "select customer.id, campaign.id, click_view.gclid, segments.date from click_view where segments.date = '{first}'"
)
_UNCHANGING = "1970-01-01T00:00:00Z"
_DAYS_AT_A_TIME = 30
_CLICKS_ARE_KEPT = timedelta(days=90)
_FIRST_DAY = date(2000, 10, 23)  # Google Ads began then


class Client(ApiClient):
    """Reads the accounts that are named, with a refresh token of a user who may."""

    def __init__(self, api: Api) -> None:
        super().__init__(api)
        self._token = ""
        api.trust(api.value("GOOGLE_ADS_TOKEN_URL"))

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the access token, which is had at the first request, and Google's own headers."""
        if request.url == self.api.value("GOOGLE_ADS_TOKEN_URL"):
            return
        if not self._token:
            self.refresh()
        request.headers["Authorization"] = f"Bearer {self._token}"
        request.headers["developer-token"] = self.api.value("GOOGLE_ADS_DEVELOPER_TOKEN")
        if manager := self.api.value("GOOGLE_ADS_LOGIN_CUSTOMER_ID"):
            request.headers["login-customer-id"] = manager

    def refresh(self) -> bool:
        """A new access token for the refresh token (developers.google.com/identity/protocols/oauth2/web-server)."""
        form = {
            "grant_type": "refresh_token",
            "client_id": self.api.value("GOOGLE_ADS_CLIENT_ID"),
            "client_secret": self.api.value("GOOGLE_ADS_CLIENT_SECRET"),
            "refresh_token": self.api.value("GOOGLE_ADS_REFRESH_TOKEN"),
        }
        answer = self.api.request("POST", self.api.value("GOOGLE_ADS_TOKEN_URL"), data=form).json()
        if "access_token" not in answer:
            raise PermanentApiError(
                "google_ads: the token's address gave no access_token; is GOOGLE_ADS_TOKEN_URL right?"
            )
        self._token = answer["access_token"]
        return True

    def wait_asked(self, response: requests.Response) -> float | None:
        """The delay that a quota error names, whatever its status."""
        for failure in _failures(response):
            delay = failure.get("details", {}).get("quotaErrorDetails", {}).get("retryDelay", "")
            if delay.endswith("s"):
                return float(delay.removesuffix("s"))
        return None

    def error_code(self, response: requests.Response) -> str:
        """Google's code, such as AuthorizationError's USER_PERMISSION_DENIED, or OAuth's."""
        for failure in _failures(response):
            return ", ".join(str(code) for code in failure.get("errorCode", {}).values())
        error = _body(response).get("error")
        return str(error.get("status", "")) if isinstance(error, Mapping) else str(error or "")

    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        """One account after the other."""
        for account in self.api.value("GOOGLE_ADS_CUSTOMER_IDS").replace("-", "").split(","):
            if stream == "campaign_stats":
                yield from self._stats(account.strip(), window)
            elif stream == "clicks":
                yield from self._clicks(account.strip(), window)
            else:
                for rows in self._search(account.strip(), _LISTINGS[stream]):
                    yield Page({_ENTITIES[stream]: [{**row, "changedAt": _UNCHANGING} for row in rows]})

    def _stats(self, account: str, window: Window) -> Iterator[Page]:
        for first, last in _spans(window, _DAYS_AT_A_TIME):
            query = _CAMPAIGN_STATS.format(first=first, last=last)
            for rows in self._search(account, query):
                yield Page({"campaign_stats": [{**row, "statId": _stat_id(row)} for row in rows]}, _reached(rows))
            days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
            scopes = [{"customer_id": account, "date": day.isoformat()} for day in days]
            yield Page({}, complete={"campaign_stats": scopes})

    def _clicks(self, account: str, window: Window) -> Iterator[Page]:
        oldest = datetime.now(UTC) - _CLICKS_ARE_KEPT + timedelta(days=1)
        since = max(window.since or oldest, oldest)
        for first, _ in _spans(Window(since, window.until), 1):
            for rows in self._search(account, _CLICKS.format(first=first)):
                yield Page({"click_view": rows}, _reached(rows))

    def _search(self, account: str, query: str) -> Iterator[list[dict[str, Any]]]:
        path = f"{self.api.value('GOOGLE_ADS_API_VERSION')}/customers/{account}/googleAds:search"
        paginator = JSONResponseCursorPaginator(cursor_path="nextPageToken", cursor_body_path="pageToken")
        # Without a row, Google leaves `results` out.
        yield from self.api.paginate(
            path, paginator, method="POST", json={"query": query}, select="results", may_lack=True
        )


def _spans(window: Window, days: int) -> Iterator[tuple[date, date]]:
    """First and last days that together cover the window. Today's date in any zone is within."""
    first = window.since.date() if window.since else _FIRST_DAY
    end = window.until.date() if window.until else datetime.now(UTC).date() + timedelta(days=2)
    while first < end:
        last = min(first + timedelta(days=days), end) - timedelta(days=1)
        yield first, last
        first = last + timedelta(days=1)


def _stat_id(row: Mapping[str, Any]) -> str:
    segments = row["segments"]
    parts = (row["customer"]["id"], row["campaign"]["id"], segments["date"], segments["device"])
    return ":".join(str(part) for part in (*parts, segments["adNetworkType"]))


def _reached(rows: list[dict[str, Any]]) -> datetime | None:
    days = [date.fromisoformat(row["segments"]["date"]) for row in rows]
    return datetime.combine(max(days), time(), UTC) if days else None


def _body(response: requests.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, Mapping) else {}


def _failures(response: requests.Response) -> Iterator[Mapping[str, Any]]:
    """The errors of a GoogleAdsFailure, which stand in the details of an error."""
    error = _body(response).get("error")
    for detail in error.get("details", []) if isinstance(error, Mapping) else []:
        yield from detail.get("errors", [])
