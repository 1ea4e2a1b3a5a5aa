"""Zendesk Support as a local server: incremental exports by cursor and by time, and listings by cursor.

Exports are in the order of change, leave out the last minute and refuse to start in it, and include deleted tickets. An
export by time ends a page only where the second changes, and begins the next one in that second.

Add here more behaviour of Zendesk. Keep out: faults and transport (base.py).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests.ingestion.servers.base import Answer, Seen, VendorServer

_EXPORTS = {  # path below /api/v2/incremental: table, field that orders it
    "tickets/cursor.json": ("tickets", "generated_timestamp"),
    "users/cursor.json": ("users", "updated_at"),
    "organizations.json": ("organizations", "updated_at"),
    "ticket_events.json": ("ticket_events", "timestamp"),
}
_LARGEST_EXPORT = 1000
_LARGEST_LISTING = 100
_LAST_MINUTE = 60


class ZendeskServer(VendorServer):
    """Tables: users, organizations, tickets, ticket_events and satisfaction_ratings, as the API gives them.

    `exports_left`: how many exports succeed before 429; `ahead`: how far its clock is ahead.
    """

    email = "admin@nordkai.example"
    token = "zendesk-token"
    page_size: int | None = None
    exports_left: int | None = None
    ahead = timedelta(0)

    def is_authorised(self, request: Seen) -> bool:
        given = base64.b64encode(f"{self.email}/token:{self.token}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {given}"

    def unauthorised(self) -> Answer:
        return Answer({"error": "Couldn't authenticate you"}, 401)

    def throttled(self, seconds: int | None) -> Answer:
        text = "Number of allowed incremental export API requests per minute exceeded"
        headers = {} if seconds is None else {"Retry-After": str(seconds)}
        return Answer({"error": "APIRateLimitExceeded", "description": text}, 429, headers)

    def answer(self, request: Seen) -> Answer:
        export = request.path.removeprefix("/api/v2/incremental/")
        if request.method == "GET" and export in _EXPORTS:
            return self._export(request, *_EXPORTS[export])
        if request.path == "/api/v2/satisfaction_ratings.json":
            first, last = int(request.query.get("start_time", 0)), int(request.query.get("end_time", 2**40))
            ratings = self.tables.get("satisfaction_ratings", [])
            found = [rating for rating in ratings if first <= _second(rating["created_at"]) <= last]
            return self._listing(request, "satisfaction_ratings", found)
        of_ticket = re.fullmatch(r"/api/v2/tickets/(\d+)/comments\.json", request.path)
        if of_ticket:
            return self._listing(request, "comments", self._comments(int(of_ticket[1])))
        return Answer({"error": "RecordNotFound", "description": "Not found"}, 404)

    def _comments(self, ticket_id: int) -> list[dict[str, Any]]:
        return [
            {name: value for name, value in child.items() if name != "event_type"}
            for event in self.tables.get("ticket_events", [])
            if event["ticket_id"] == ticket_id
            for child in event["child_events"]
            if child["event_type"] == "Comment"
        ]

    def _export(self, request: Seen, table: str, field: str) -> Answer:
        if self.exports_left is not None:
            self.exports_left -= 1
            if self.exports_left < 0:
                self.exports_left = 10
                return self.throttled(58)
        now = (datetime.now(UTC) + self.ahead).timestamp()
        cursor, start = request.query.get("cursor"), int(request.query.get("start_time", -1))
        if cursor is None and start < 0:
            return Answer({"error": "BadRequest", "description": "start_time is missing"}, 400)
        if start > now - _LAST_MINUTE:
            text = "Too recent start_time. Use a start_time older than 60 seconds"
            return Answer({"error": "StartTimeTooRecent", "description": text}, 422)
        size = min(int(request.query.get("per_page", _LARGEST_EXPORT)), self.page_size or _LARGEST_EXPORT)

        found = sorted(
            (record for record in self.tables.get(table, []) if _second(record[field]) <= now - _LAST_MINUTE),
            key=lambda record: _place(record, field),
        )
        if "cursor" in request.path:
            return self._by_cursor(request, table, found, size)
        return self._by_time(request, table, found, size)

    def _by_cursor(self, request: Seen, table: str, found: Sequence[Any], size: int) -> Answer:
        cursor = request.query.get("cursor")
        after = json.loads(base64.urlsafe_b64decode(cursor)) if cursor else [int(request.query["start_time"]), -1]
        field = _EXPORTS[f"{table}/cursor.json"][1]
        given, following = self.page([record for record in found if _place(record, field) > after], 0, size)
        if following != 0 and given:
            after = _place(given[-1], field)
        text = base64.urlsafe_b64encode(json.dumps(after).encode()).decode()
        return Answer(
            {
                table: given,
                "after_url": f"{self.url}{request.path}?cursor={text}&per_page={size}",
                "after_cursor": text,
                "before_url": None,
                "before_cursor": None,
                "end_of_stream": following is None,
            }
        )

    def _by_time(self, request: Seen, table: str, found: Sequence[Any], size: int) -> Answer:
        start, field = int(request.query["start_time"]), _EXPORTS[f"{table}.json"][1]
        found = [record for record in found if _second(record[field]) >= start]
        while size < len(found) and _second(found[size - 1][field]) == _second(found[0][field]):
            size += 1  # else the next page would begin where this one does
        given, following = self.page(found, 0, size)
        end = start if following == 0 or not given else _second(given[-1][field])
        more = f"&include={request.query['include']}" if "include" in request.query else ""
        body = {"next_page": f"{self.url}{request.path}?start_time={end}{more}", "end_time": end, "count": len(given)}
        if table == "ticket_events" and not more:
            given = [{**event, "child_events": [_without_text(c) for c in event["child_events"]]} for event in given]
        return Answer({table: given, "end_of_stream": following is None, **body})

    def _listing(self, request: Seen, name: str, found: Sequence[Any]) -> Answer:
        size = int(request.query.get("page[size]", _LARGEST_LISTING))
        if not 1 <= size <= _LARGEST_LISTING:
            return Answer({"error": "InvalidPaginationParameter", "description": "page[size]"}, 400)
        position = int(request.query.get("page[after]", 0))
        given, following = self.page(found, position, min(size, self.page_size or size))
        next_position = len(found) if following is None else following
        requested = "&".join(f"{key}={value}" for key, value in request.query.items() if key != "page[after]")
        link = f"{self.url}{request.path}?{requested}&page[after]={next_position}"
        meta = {"has_more": following is not None, "after_cursor": str(next_position), "before_cursor": None}
        return Answer({name: given, "meta": meta, "links": {"next": link, "prev": None}})


def _without_text(child: Mapping[str, Any]) -> dict[str, Any]:
    """A comment where the comments themselves were not requested for."""
    if child["event_type"] != "Comment":
        return dict(child)
    return {"id": child["id"], "event_type": "Comment", "comment_present": True, "comment_public": child["public"]}


def _place(record: Mapping[str, Any], field: str) -> list[int]:
    return [_second(record[field]), record["id"]]


def _second(value: Any) -> int:
    return int(datetime.fromisoformat(value).timestamp()) if isinstance(value, str) else int(value)


def comment_event(number: int, ticket_id: int, author_id: int, body: str, moment: str) -> dict[str, Any]:
    """An event of the export: somebody wrote a comment, which also changed the ticket and sent a notice."""
    comment = {
        "id": number + 1, "type": "Comment", "event_type": "Comment", "author_id": author_id, "body": body,
        "html_body": f"<p>{body}</p>", "plain_body": body, "public": True, "attachments": [], "audit_id": number,
        "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": None}}, "via_reference_id": None,
        "created_at": moment,
    }  # fmt: skip
    change = {"id": number + 2, "event_type": "Change", "status": "open", "previous_value": "new"}
    return {
        "id": number, "event_type": "Audit", "ticket_id": ticket_id, "timestamp": _second(moment), "created_at": moment,
        "updater_id": author_id, "via": "Web form", "system": {}, "metadata": {}, "child_events": [comment, change],
    }  # fmt: skip


def five_tickets() -> ZendeskServer:
    """A server of few records that needs three pages for them. Its clock is ahead, so that no change is too new."""
    server = ZendeskServer(
        {
            "tickets": [
                {"id": number, "subject": "Where is it?", "status": "open", "priority": "low",
                 "created_at": f"2026-01-01T00:0{number}:00Z", "updated_at": f"2026-01-01T00:0{number}:00Z",
                 "generated_timestamp": _second(f"2026-01-01T00:0{number}:00Z")}
                for number in range(1, 6)
            ]
        }
    )  # fmt: skip
    server.page_size, server.ahead = 2, timedelta(days=1)
    return server


def from_world(landing: Path) -> dict[str, list[dict[str, Any]]]:
    """The demo business's help desk, from its landing files: what was there at the end of them."""
    tickets = _newest(landing, "ticket")
    return {
        "users": [
            {**_shared(user, "name", "email", "phone", "external_id", "role", "locale", "time_zone"),
             "active": True, "suspended": False, "verified": True, "permanently_deleted": False,
             "organization_id": None}
            for user in _newest(landing, "user")
        ],
        "organizations": [
            {"id": 3001, "name": "Nordkai", "external_id": None, "domain_names": ["nordkai.example"], "group_id": None,
             "details": None, "notes": None, "deleted_at": None, "tags": [],
             "created_at": "2026-03-01T00:00:00Z", "updated_at": "2026-03-01T00:00:00Z"}
        ],
        "tickets": [
            {**_shared(ticket, "subject", "description", "status", "priority", "type"),
             "raw_subject": ticket["subject"], "external_id": None, "organization_id": None, "tags": ["demo"],
             "via": {"channel": ticket["via_channel"], "source": {"from": {}, "to": {}, "rel": None}},
             **{name: int(ticket[name]) for name in ("requester_id", "submitter_id", "assignee_id", "group_id")},
             "custom_fields": [], "generated_timestamp": _second(_iso(ticket["updated_at"]))}
            for ticket in tickets
        ],
        "ticket_events": [
            comment_event(90_000_000 + 10 * number, int(ticket["id"]), int(ticket["requester_id"]),
                          ticket["description"], _iso(ticket["created_at"]))
            for number, ticket in enumerate(tickets)
        ],
        "satisfaction_ratings": [
            {**_shared(rating, "score", "comment", "reason"), "group_id": None,
             **{name: int(rating[name]) for name in ("ticket_id", "requester_id", "assignee_id")}}
            for rating in _newest(landing, "satisfaction_rating")
        ],
    }  # fmt: skip


def _shared(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    moments = {name: _iso(row[name]) for name in ("created_at", "updated_at")}
    return {"id": int(row["id"]), **{name: row[name] for name in names}, **moments}


def _newest(landing: Path, entity: str) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        found = connection.execute(
            f"from read_csv('{landing}/zendesk/{entity}/*.csv', all_varchar = true)"
            " qualify row_number() over (partition by id order by updated_at desc) = 1 order by id"
        )
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def _iso(moment: str) -> str:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
