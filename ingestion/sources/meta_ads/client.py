"""How Meta's ads are read: the Graph API's listings, and one insights report for each account and day.

Shapes and errors are those of the Marketing API's reference (developers.facebook.com/docs/marketing-api, v26.0). A
day's report is small enough to be answered at once; days of the last four weeks are read again, as figures are restated
for 28 days. Throttling and passing faults come with HTTP 400 and a code, so they are told apart here.

Add here when another edge or report is read. Keep out: what a column means (source.yml).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import requests
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from ingestion.extraction import ApiClient, Page, Window

_FIELDS = {
    "campaigns": ("campaign_history", "id,account_id,name,effective_status,objective,updated_time"),
    "adsets": ("ad_set_history", "id,account_id,campaign_id,name,effective_status,updated_time"),
    "ads": ("ad_history", "id,account_id,campaign_id,adset_id,name,effective_status,updated_time,creative{id}"),
}
_ACCOUNT_FIELDS = "account_id,name,currency,timezone_name,account_status,created_time"
_INSIGHTS = "ad_id,account_id,impressions,inline_link_clicks,reach,spend,actions,action_values"
# Without being asked for, archived and deleted ones are left out, and their spend would lose its names.
_STATUSES = ("ACTIVE", "PAUSED", "ARCHIVED", "DELETED", "IN_PROCESS", "WITH_ISSUES")
_KEPT = timedelta(days=37 * 30)  # insights are kept for 37 months
_PAGE_SIZE = 500

# developers.facebook.com/docs/graph-api/overview/rate-limiting and .../using-graph-api/error-handling
_THROTTLED = {4, 17, 32, 341, 613, *range(80000, 80015)}
_PASSING = {1, 2}
_EXPIRED = 190
_SECONDS_WHEN_UNTOLD = 60.0
_SECONDS_FOR_PASSING = 5.0


class Client(ApiClient):
    """Reads the accounts that are named, with a system user's token."""

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the token as a header: in the URL, where Meta takes it too, it would end in logs."""
        request.headers["Authorization"] = f"Bearer {self.api.value('META_ADS_ACCESS_TOKEN')}"

    def wait_asked(self, response: requests.Response) -> float | None:
        """How long Meta wants to be left alone: by its usage header, in minutes, or a minute where it says nothing."""
        code = _error(response).get("code")
        if code in _PASSING:
            return _SECONDS_FOR_PASSING
        if code not in _THROTTLED:
            return None
        try:
            usage = json.loads(response.headers.get("x-business-use-case-usage", "{}"))
            minutes = [each.get("estimated_time_to_regain_access", 0) for used in usage.values() for each in used]
        except (ValueError, AttributeError):
            minutes = []
        return max(minutes, default=0) * 60 or _SECONDS_WHEN_UNTOLD

    def error_code(self, response: requests.Response) -> str:
        """Meta's code; 190 in words, as it is the one that people meet."""
        code = _error(response).get("code")
        if code == _EXPIRED:
            return "190: the token of META_ADS_ACCESS_TOKEN has expired or was withdrawn"
        return str(code or "")

    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        """One account after the other."""
        for account in self.api.value("META_ADS_ACCOUNT_IDS").split(","):
            number = account.strip().removeprefix("act_")
            if stream == "accounts":
                fields = {"fields": _ACCOUNT_FIELDS}
                yield Page({"account_history": [self.api.get(self._path(number), fields)]})
            elif stream == "ad_stats":
                yield from self._insights(number, window)
            else:
                yield from self._listed(number, stream.replace("_", ""))

    def _listed(self, account: str, edge: str) -> Iterator[Page]:
        entity, fields = _FIELDS[edge]
        params = {"fields": fields, "effective_status": json.dumps(_STATUSES), "limit": _PAGE_SIZE}
        for records in self._all(self._path(account, edge), params):
            yield Page({entity: records})

    def _insights(self, account: str, window: Window) -> Iterator[Page]:
        """A day's figures for each ad: the row, and its actions, whose number for an ad and day is then complete."""
        for day in _days(window):
            span = json.dumps({"since": day.isoformat(), "until": day.isoformat()})
            params = {"level": "ad", "fields": _INSIGHTS, "time_range": span, "time_increment": 1, "limit": _PAGE_SIZE}
            for rows in self._all(self._path(account, "insights"), params):
                records = {
                    "basic_ad": rows,
                    "basic_ad_actions": _actions(rows, "actions"),
                    "basic_ad_action_values": _actions(rows, "action_values"),
                }
                ads = [{"ad_id": row["ad_id"], "date": row["date_start"]} for row in rows]
                reached = datetime.combine(day, time(), UTC) if rows else None
                yield Page(records, reached, {"basic_ad_actions": ads, "basic_ad_action_values": ads})
            yield Page({}, complete={"basic_ad": [{"account_id": account, "date": day.isoformat()}]})

    def _path(self, account: str, edge: str = "") -> str:
        return f"{self.api.value('META_ADS_API_VERSION')}/act_{account}/{edge}".rstrip("/")

    def _all(self, path: str, params: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
        yield from self.api.paginate(path, _AfterCursor(), params=params, select="data")


class _AfterCursor(JSONResponseCursorPaginator):
    """Meta's pages: there is a further one while paging.next stands, and paging.cursors.after leads to it."""

    def __init__(self) -> None:
        super().__init__(cursor_path="paging.cursors.after", cursor_param="after")

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """The last page has a cursor too, and no next."""
        super().update_state(response, data)
        self._has_next_page = "next" in response.json().get("paging", {})


def _days(window: Window) -> Iterator[date]:
    """The days of the window. Today's date in any zone is within."""
    today = datetime.now(UTC).date()
    day = max(window.since.date() if window.since else date.min, today - _KEPT)
    end = window.until.date() if window.until else today + timedelta(days=1)
    while day < end:
        yield day
        day += timedelta(days=1)


def _actions(rows: list[dict[str, Any]], field: str) -> list[dict[str, Any]]:
    return [
        {**action, "ad_id": row["ad_id"], "date_start": row["date_start"], "index": index}
        for row in rows
        for index, action in enumerate(row.get(field, ()))
    ]


def _error(response: requests.Response) -> Mapping[str, Any]:
    try:
        error = response.json().get("error", {})
    except (ValueError, AttributeError):
        return {}
    return error if isinstance(error, Mapping) else {}
