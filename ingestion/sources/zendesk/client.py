"""Zendesk Support's API: incremental exports by cursor and by time, and listings by cursor.

An export returns up to a thousand records in the order of their change, with deleted ones, without the last minute, and
allows ten requests per minute. Comments come from the export of ticket events: one request for a thousand events
instead of one per ticket. A comment that was redacted later is read again from its ticket.

Keep out: what its fields mean (staging).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator
from requests.auth import HTTPBasicAuth

from ingestion.connectors import ApiClient, Page, Window

# A start within the last minute is refused.
NEWEST_START = timedelta(minutes=2)


class Client(ApiClient):
    """Reads users, organisations, tickets, their comments and satisfaction ratings."""

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the API token as a password; "/token" after the e-mail address marks it."""
        HTTPBasicAuth(f"{self.api.value('ZENDESK_EMAIL')}/token", self.api.value("ZENDESK_API_TOKEN"))(request)

    def error_code(self, response: requests.Response) -> str:
        """Zendesk's code, such as RecordNotFound."""
        try:
            code = response.json()["error"]
        except (ValueError, LookupError, TypeError):
            return ""
        return code if isinstance(code, str) else ""

    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        """The pages of a stream."""
        match stream:
            case "users":
                yield from self._export("user", "users/cursor", "users", window, _updated)
            case "organizations":
                yield from self._export("organization", "organizations", "organizations", window, _updated)
            case "tickets":
                yield from self._export("ticket", "tickets/cursor", "tickets", window, _generated)
            case "ticket_comments":
                yield from self._comments(window)
            case "satisfaction_ratings":
                yield from self._ratings(window)

    def _export(
        self,
        entity: str,
        path: str,
        select: str,
        window: Window,
        changed: Callable[[Mapping[str, Any]], datetime | None],
        **params: str,
    ) -> Iterator[Page]:
        """An incremental export. It has no end parameter: reading stops after a page that is later than the window."""
        query = {"start_time": _start(window), "per_page": 1000, **params}
        paginator = _Links("after_url" if path.endswith("cursor") else "next_page", lambda body: body["end_of_stream"])
        for records in self.api.paginate(f"/api/v2/incremental/{path}.json", paginator, params=query, select=select):
            moments = [moment for record in records if (moment := changed(record))]
            yield Page({entity: records}, watermark=max(moments, default=None))
            if window.until and moments and min(moments) >= window.until:
                return

    def _comments(self, window: Window) -> Iterator[Page]:
        """The comments in pages of events, and the current comments of tickets with a redaction."""
        for page in self._export(
            "event", "ticket_events", "ticket_events", window, _occurred, include="comment_events"
        ):
            comments: list[Mapping[str, Any]] = []
            redacted: dict[Any, None] = {}
            for event in page.records["event"]:
                for child in event.get("child_events") or ():
                    if child.get("event_type") == "Comment":
                        comments.append({**child, "ticket_id": event.get("ticket_id")})
                    elif child.get("event_type") == "CommentRedactionEvent":
                        redacted[event.get("ticket_id")] = None
            yield Page({"ticket_comment": comments}, watermark=page.watermark)
            for ticket_id in redacted:
                for records in self._listing(f"/api/v2/tickets/{ticket_id}/comments.json", "comments"):
                    yield Page({"ticket_comment": [{**record, "ticket_id": ticket_id} for record in records]})

    def _ratings(self, window: Window) -> Iterator[Page]:
        params = {"start_time": _start(window)}
        if window.until:
            params["end_time"] = int(window.until.timestamp())
        for records in self._listing("/api/v2/satisfaction_ratings.json", "satisfaction_ratings", **params):
            moments = [moment for record in records if (moment := _moment(record.get("created_at")))]
            yield Page({"satisfaction_rating": records}, watermark=max(moments, default=None))

    def _listing(self, path: str, select: str, **params: int) -> Iterator[list[Any]]:
        paginator = _Links("links.next", lambda body: not body["meta"]["has_more"])
        yield from self.api.paginate(path, paginator, params={"page[size]": 100, **params}, select=select)


class _Links(JSONLinkPaginator):
    """Follows links. The last page has a link too; `is_last` recognises it by its body."""

    def __init__(self, path: str, is_last: Callable[[Any], bool]) -> None:
        super().__init__(path)
        self.is_last = is_last

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Reads the link of a page."""
        super().update_state(response, data)
        if self.is_last(response.json()):
            self._next_reference = None


def _start(window: Window) -> int:
    if window.since is None:
        return 0
    return int(min(window.since, datetime.now(UTC) - NEWEST_START).timestamp())


def _updated(record: Mapping[str, Any]) -> datetime | None:
    return _moment(record.get("updated_at"))


def _generated(ticket: Mapping[str, Any]) -> datetime | None:
    """The export is sorted by `generated_timestamp`, which changes more often than `updated_at`."""
    return _moment(ticket.get("generated_timestamp"))


def _occurred(event: Mapping[str, Any]) -> datetime | None:
    return _moment(event.get("timestamp"))


def _moment(value: Any) -> datetime | None:
    """A time as text, or as seconds since 1970; None if it is invalid."""
    try:
        return datetime.fromtimestamp(value, UTC) if isinstance(value, int) else datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
