"""Meta's Graph API: listings of ads, and asynchronous reports of statistics by ad and day.

Fields and errors follow the Marketing API's reference (developers.facebook.com/docs/marketing-api, v26.0). Statistics
are restated for 28 days: each run reads these days again. Meta creates reports in the background, one per quarter,
because a synchronous request fails for an account with many ads; a report that fails is requested again in two halves.
Reports include archived and deleted ads on request. Listings cannot include deleted ads (Manage your ad object's
status), so statistics have the names of campaign and ad. Throttling and transient errors have HTTP status 400 and a
code.

Add here when another edge or report is read. Keep out: what a column means (source.yml).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import requests
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from ingestion.connectors import ApiClient, Page, Window
from ingestion.errors import SettingError
from vendors.errors import TransientVendorError

_AD = "id,account_id,campaign_id,adset_id,name,effective_status,updated_time"
_CREATIVE = "creative{id,account_id,name,url_tags,object_story_spec}"
_FIELDS = {
    "campaigns": ("campaign_history", "id,account_id,name,effective_status,objective,updated_time"),
    "adsets": ("ad_set_history", "id,account_id,campaign_id,name,effective_status,updated_time"),
    "ads": ("ad_history", f"{_AD},{_CREATIVE}"),
}
_ACCOUNT_FIELDS = "account_id,name,currency,timezone_name,account_status,created_time"
_INSIGHTS = (
    "account_id,account_currency,campaign_id,campaign_name,adset_id,ad_id,ad_name,impressions,inline_link_clicks,reach,"
    "spend,actions,action_values"
)
# The entity for the items of each list in the statistics.
_ACTIONS = {"actions": "basic_ad_actions", "action_values": "basic_ad_action_values"}
# By default archived ads are not listed, and their spend would have no names.
_LISTED = [
    *("ACTIVE", "PAUSED", "PENDING_REVIEW", "DISAPPROVED", "PREAPPROVED", "PENDING_BILLING_INFO"),
    *("CAMPAIGN_PAUSED", "ADSET_PAUSED", "IN_PROCESS", "WITH_ISSUES", "ARCHIVED"),
]
_WITH_STATISTICS = [{"field": "ad.effective_status", "operator": "IN", "value": [*_LISTED, "DELETED"]}]
_KEPT = timedelta(days=37 * 30)  # insights are kept for 37 months
_PAGE_SIZE = 100
_REPORT_DAYS = 92
_REPORT_SECONDS = 1800  # a report that takes longer fails
_ENDED = {"Job Completed", "Job Failed", "Job Skipped"}

# developers.facebook.com/docs/graph-api/overview/rate-limiting and .../using-graph-api/error-handling
_THROTTLED = {4, 17, 32, 341, 613, *range(80000, 80015)}
_TRANSIENT = {1, 2}
_EXPIRED = 190
_DEFAULT_SECONDS = 60.0
_TRANSIENT_SECONDS = 5.0

_Row = Mapping[str, Any]


class Client(ApiClient):
    """Reads the accounts that are named, with a system user's token."""

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the token as a header; in the URL, which Meta also accepts, it would appear in logs.

        With the app's secret, adds the proof that apps may require.
        """
        token, secret = self.api.value("META_ADS_ACCESS_TOKEN"), self.api.value("META_ADS_APP_SECRET")
        request.headers["Authorization"] = f"Bearer {token}"
        if secret and "appsecret_proof=" not in (request.url or ""):
            proof = hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()
            request.prepare_url(request.url, {"appsecret_proof": proof})

    def throttle_seconds(self, response: requests.Response) -> float | None:
        """The wait in Meta's usage header, by default one minute."""
        error = _error(response)
        code = error.get("code")
        if code in _THROTTLED:
            return _minutes_to_wait(response) * 60 or _DEFAULT_SECONDS
        return _TRANSIENT_SECONDS if code in _TRANSIENT or error.get("is_transient") is True else None

    def error_code(self, response: requests.Response) -> str:
        """Meta's code and subcode; 190, an expired token, in words."""
        error = _error(response)
        if error.get("code") == _EXPIRED:
            return "190: the token of META_ADS_ACCESS_TOKEN has expired or was withdrawn"
        return "/".join(str(error[name]) for name in ("code", "error_subcode") if error.get(name))

    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        """The pages of each account."""
        for account in self.api.value("META_ADS_ACCOUNT_IDS").split(","):
            number = account.strip().removeprefix("act_")
            if stream == "accounts":
                yield Page({"account_history": [self._account(number)]})
            elif stream == "ad_stats":
                yield from self._insights(number, window)
            else:
                yield from self._listed(number, stream.replace("_", ""))

    def _account(self, account: str) -> _Row:
        answer: _Row = self.api.get(self._path(f"act_{account}"), {"fields": _ACCOUNT_FIELDS})
        return answer

    def _listed(self, account: str, edge: str) -> Iterator[Page]:
        entity, fields = _FIELDS[edge]
        params = {"fields": fields, "effective_status": json.dumps(_LISTED)}
        for records in self._all(f"act_{account}/{edge}", params):
            found: dict[str, list[_Row]] = {entity: records}
            if edge == "ads":
                found["creative_history"] = [each["creative"] for each in records if "creative" in each]
            yield Page(found)

    # --- statistics

    def _insights(self, account: str, window: Window) -> Iterator[Page]:
        today = datetime.now(ZoneInfo(self._account(account)["timezone_name"])).date()
        again = self.api.value("META_ADS_RESTATEMENT_DAYS")
        if not again.isdecimal():
            raise SettingError(f"META_ADS_RESTATEMENT_DAYS is {again!r}; it must be a number of days, such as 28.")
        days = [day for day in window.days(today, timedelta(days=int(again))) if day >= today - _KEPT]
        for start in range(0, len(days), _REPORT_DAYS):
            yield from self._report(account, days[start : start + _REPORT_DAYS])

    def _report(self, account: str, days: Sequence[date]) -> Iterator[Page]:
        """The statistics of these days, each a complete scope; from two reports if Meta cannot create one."""
        run = self._report_run(account, days)
        if run is None:
            if len(days) == 1:
                raise TransientVendorError(
                    f"meta_ads: Meta cannot create the report of {days[0]}. Nothing of this stream was kept; run the"
                    " same command again later."
                )
            for half in (days[: len(days) // 2], days[len(days) // 2 :]):
                yield from self._report(account, half)
            return
        for rows in self._all(f"{run}/insights", {}):
            newest = max((date.fromisoformat(row["date_start"]) for row in rows), default=None)
            records = {"basic_ad": rows, **{entity: _actions(rows, field) for field, entity in _ACTIONS.items()}}
            yield Page(records, datetime.combine(newest, time(), UTC) if newest else None)
        scopes = [{"account_id": account, "date": day.isoformat()} for day in days]
        yield Page({}, complete=dict.fromkeys(("basic_ad", *_ACTIONS.values()), scopes))

    def _report_run(self, account: str, days: Sequence[date]) -> str | None:
        """Requests a report and waits for it; returns its id, or None if it failed."""
        params = {
            "level": "ad",
            "fields": _INSIGHTS,
            "time_increment": 1,
            "time_range": json.dumps({"since": days[0].isoformat(), "until": days[-1].isoformat()}),
            "filtering": json.dumps(_WITH_STATISTICS),
            "action_attribution_windows": json.dumps(["7d_click", "1d_view"]),
        }
        run = str(self.api.post(self._path(f"act_{account}/insights"), params=params)["report_run_id"])
        report = self.api.poll(
            self._path(run), lambda answer: answer.get("async_status") in _ENDED, at_most_seconds=_REPORT_SECONDS
        )
        return run if report["async_status"] == "Job Completed" else None

    def _path(self, path: str) -> str:
        return f"{self.api.value('META_ADS_API_VERSION')}/{path}"

    def _all(self, path: str, params: Mapping[str, Any]) -> Iterator[list[_Row]]:
        params = {**params, "limit": _PAGE_SIZE}
        yield from self.api.paginate(self._path(path), _AfterCursor(), params=params, select="data")


class _AfterCursor(JSONResponseCursorPaginator):
    """Meta's pages: paging.next means that there is another page, with the cursor paging.cursors.after."""

    def __init__(self) -> None:
        super().__init__(cursor_path="paging.cursors.after", cursor_param="after")

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Reads the cursor; the last page has one too, but no paging.next."""
        super().update_state(response, data)
        self._has_next_page = "next" in response.json().get("paging", {})


def _actions(rows: Sequence[_Row], field: str) -> list[_Row]:
    """The items of a list in each row, with the row's ad, account and day."""
    return [
        {**action, **{name: row[name] for name in ("ad_id", "account_id", "date_start")}, "index": index}
        for row in rows
        for index, action in enumerate(row.get(field, ()))
    ]


def _minutes_to_wait(response: requests.Response) -> float:
    """The longest wait in X-Business-Use-Case-Usage; 0 without one."""
    try:
        usage = json.loads(response.headers.get("X-Business-Use-Case-Usage", "{}"))
        return float(max(each.get("estimated_time_to_regain_access", 0) for used in usage.values() for each in used))
    except (ValueError, AttributeError, TypeError):
        return 0.0


def _error(response: requests.Response) -> Mapping[str, Any]:
    if response.ok:
        return {}
    try:
        error = response.json().get("error", {})
    except (ValueError, AttributeError):
        return {}
    return error if isinstance(error, Mapping) else {}
