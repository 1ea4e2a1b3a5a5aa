"""Google Ads: its query language over REST, page by page, for each account.

Fields follow the API's reference (developers.google.com/google-ads/api, v26, 2026-10). Accounts, campaigns, ad groups
and ads are read completely each time, because Google has no time of change for them. Statistics are read by days; the
last thirty days are read again, because conversions are restated. Clicks are available for single days, up to ninety
days back.

Add here when another report is read. Keep out: what a column means (source.yml), conversion of micros (staging).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import requests
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from ingestion.api import Api
from ingestion.connectors import ApiClient, Page, Window
from ingestion.errors import SettingError
from vendors.oauth import AccessToken, refresh_token

_ENTITIES = {
    "accounts": "account_history",
    "campaigns": "campaign_history",
    "ad_groups": "ad_group_history",
    "ads": "ad_history",
}
_CLIENTS = (
    "SELECT customer_client.id, customer_client.manager, customer_client.status, customer_client.time_zone"
    " FROM customer_client"
)
_LISTINGS = {
    "accounts": "SELECT customer.id, customer.descriptive_name, customer.currency_code, customer.time_zone,"
    " customer.manager, customer.test_account, customer.auto_tagging_enabled FROM customer",
    "campaigns": "SELECT customer.id, campaign.id, campaign.name, campaign.status, campaign.serving_status,"
    " campaign.advertising_channel_type, campaign.advertising_channel_sub_type, campaign.tracking_url_template,"
    " campaign.start_date_time, campaign.end_date_time FROM campaign ORDER BY campaign.id",
    "ad_groups": "SELECT customer.id, campaign.id, campaign.name, ad_group.id, ad_group.name, ad_group.type,"
    " ad_group.status FROM ad_group ORDER BY ad_group.id",
    "ads": "SELECT customer.id, ad_group.id, ad_group_ad.ad.id, ad_group_ad.ad.name, ad_group_ad.ad.type,"
    " ad_group_ad.ad.display_url, ad_group_ad.ad.final_urls, ad_group_ad.status FROM ad_group_ad"
    " ORDER BY ad_group_ad.ad.id",
}
_METRICS = (
    "segments.date, segments.device, segments.ad_network_type, metrics.cost_micros, metrics.clicks,"
    " metrics.impressions, metrics.interactions, metrics.conversions, metrics.conversions_value,"
    " metrics.view_through_conversions"
)
_STATS = {
    "campaign_stats": f"SELECT customer.id, customer.currency_code, campaign.id, campaign.base_campaign, {_METRICS}"
    " FROM campaign WHERE segments.date BETWEEN '{first}' AND '{last}' ORDER BY segments.date, campaign.id",
    "ad_stats": f"SELECT customer.id, campaign.id, ad_group.id, ad_group_ad.ad.id, {_METRICS}"
    " FROM ad_group_ad WHERE segments.date BETWEEN '{first}' AND '{last}' ORDER BY segments.date, ad_group_ad.ad.id",
}
_CLICKS = (
    "SELECT customer.id, campaign.id, click_view.gclid, segments.date FROM click_view WHERE segments.date = '{day}'"
)
_UNCHANGING = "1970-01-01T00:00:00Z"
_DAYS_AT_A_TIME = 30
_CLICKS_ARE_KEPT = timedelta(days=89)  # 90, less a day for time zones


@dataclass(frozen=True)
class _Account:
    """An account with ads. `today`: the date in its time zone."""

    number: str
    today: date


class Client(ApiClient):
    """Reads the declared accounts with a user's refresh token."""

    def __init__(self, api: Api) -> None:
        super().__init__(api)
        token_url = api.value("GOOGLE_ADS_TOKEN_URL")
        api.trust(token_url)
        # developers.google.com/identity/protocols/oauth2/web-server
        self._token = AccessToken(
            api,
            token_url,
            lambda: refresh_token(
                api.value("GOOGLE_ADS_CLIENT_ID"),
                api.value("GOOGLE_ADS_CLIENT_SECRET"),
                api.value("GOOGLE_ADS_REFRESH_TOKEN"),
            ),
            advice="Google returned no access token: check GOOGLE_ADS_TOKEN_URL and the OAuth client, and renew"
            " GOOGLE_ADS_REFRESH_TOKEN (while its app is in testing, it expires after seven days).",
        )

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the access token and Google's own headers; the token endpoint takes neither."""
        token = self._token.value()
        if not token:
            return
        request.headers["Authorization"] = f"Bearer {token}"
        request.headers["developer-token"] = self.api.value("GOOGLE_ADS_DEVELOPER_TOKEN")
        if manager := self.api.value("GOOGLE_ADS_LOGIN_CUSTOMER_ID"):
            request.headers["login-customer-id"] = _number("GOOGLE_ADS_LOGIN_CUSTOMER_ID", manager)

    def refresh(self) -> bool:
        """Gets a new access token."""
        return self._token.renew()

    def throttle_seconds(self, response: requests.Response) -> float | None:
        """The delay in a quota error."""
        for failure in _failures(response):
            delay = failure.get("details", {}).get("quotaErrorDetails", {}).get("retryDelay", "")
            if delay.endswith("s"):
                return float(delay.removesuffix("s"))
        return None

    def error_code(self, response: requests.Response) -> str:
        """Google's error code, such as USER_PERMISSION_DENIED, or that of OAuth."""
        for failure in _failures(response):
            return ", ".join(str(code) for code in failure.get("errorCode", {}).values())
        error = _body(response).get("error")
        return str(error.get("status", "")) if isinstance(error, Mapping) else str(error or "")

    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        """The pages of each account."""
        for account in self._accounts():
            if stream in _STATS:
                yield from self._stats(account, stream, window)
            elif stream == "clicks":
                yield from self._clicks(account, window)
            else:
                for rows in self._search(account.number, _LISTINGS[stream]):
                    yield Page({_ENTITIES[stream]: [{**row, "changedAt": _UNCHANGING} for row in rows]})

    def _accounts(self) -> list[_Account]:
        """The declared accounts and those below a manager account, each once, without closed ones."""
        found: dict[str, _Account] = {}
        for name in self.api.value("GOOGLE_ADS_CUSTOMER_IDS").split(","):
            for rows in self._search(_number("GOOGLE_ADS_CUSTOMER_IDS", name), _CLIENTS):
                for client in (row["customerClient"] for row in rows):
                    if not client.get("manager") and client["status"] == "ENABLED":
                        today = datetime.now(ZoneInfo(client["timeZone"])).date()
                        found[client["id"]] = _Account(client["id"], today)
        return list(found.values())

    def _stats(self, account: _Account, stream: str, window: Window) -> Iterator[Page]:
        """Statistics by days; each day is a complete scope."""
        again = self.api.value("GOOGLE_ADS_RESTATEMENT_DAYS")
        if not again.isdecimal():
            raise SettingError(f"GOOGLE_ADS_RESTATEMENT_DAYS is {again!r}; it must be a number of days, such as 30.")
        all_days = window.days(account.today, timedelta(days=int(again)))
        for start in range(0, len(all_days), _DAYS_AT_A_TIME):
            days = all_days[start : start + _DAYS_AT_A_TIME]
            for rows in self._search(account.number, _STATS[stream].format(first=days[0], last=days[-1])):
                yield Page({stream: [{**row, "statId": _stat_id(row)} for row in rows]}, _reached(rows))
            scopes = [{"customer_id": account.number, "date": day.isoformat()} for day in days]
            yield Page({}, complete={stream: scopes})

    def _clicks(self, account: _Account, window: Window) -> Iterator[Page]:
        for day in window.days(account.today, timedelta()):
            if day >= account.today - _CLICKS_ARE_KEPT:
                for rows in self._search(account.number, _CLICKS.format(day=day)):
                    yield Page({"click_view": rows}, _reached(rows))

    def _search(self, account: str, query: str) -> Iterator[list[dict[str, Any]]]:
        path = f"{self.api.value('GOOGLE_ADS_API_VERSION')}/customers/{account}/googleAds:search"
        paginator = JSONResponseCursorPaginator(cursor_path="nextPageToken", cursor_body_path="pageToken")
        # Without rows, Google leaves out `results`.
        yield from self.api.paginate(
            path, paginator, method="POST", json={"query": query}, select="results", may_lack=True
        )


def _number(variable: str, text: str) -> str:
    """The number of an account without hyphens: 123-456-7890 is 1234567890."""
    number = text.strip().replace("-", "")
    if not number.isdecimal():
        raise SettingError(f"{variable} holds {text.strip()!r}, which is not an account number such as 123-456-7890.")
    return number


def _stat_id(row: Mapping[str, Any]) -> str:
    segments = row["segments"]
    parts = (row["customer"]["id"], row["campaign"]["id"], segments["date"], segments["device"])
    return ":".join(str(part) for part in (*parts, segments["adNetworkType"]))


def _reached(rows: list[dict[str, Any]]) -> datetime | None:
    days = [date.fromisoformat(row["segments"]["date"]) for row in rows]
    return datetime.combine(max(days), time(), UTC) if days else None


def _body(response: requests.Response) -> Mapping[str, Any]:
    """The body of an error response."""
    if response.ok:
        return {}
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, Mapping) else {}


def _failures(response: requests.Response) -> Iterator[Mapping[str, Any]]:
    """The errors of a GoogleAdsFailure, in the details of an error."""
    error = _body(response).get("error")
    for detail in error.get("details", []) if isinstance(error, Mapping) else []:
        yield from detail.get("errors", [])
