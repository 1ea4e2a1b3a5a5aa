"""Klaviyo as a local server: JSON:API pages with cursors in links, filters per field, a revision, a private key.

What it allows (fields, comparisons, page sizes, orders) is what the vendor's OpenAPI files of 2026-07-15 name.

Add here more behaviour of Klaviyo. Keep out: faults and transport (base.py).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb

from tests.ingestion.servers.base import Answer, Seen, VendorServer

_SUPPRESSION = "subscriptions.email.marketing.suppression.timestamp"
_LIST_SUPPRESSION = "subscriptions.email.marketing.list_suppressions.timestamp"
_ORDERED = ("greater-or-equal", "greater-than", "less-or-equal", "less-than")


@dataclass(frozen=True)
class _Listing:
    """What one endpoint allows."""

    table: str
    filters: Mapping[str, tuple[str, ...]]
    sorts: tuple[str, ...]
    sizes: tuple[int, int] | None  # default and maximum; None if the size cannot be chosen
    required_filter: str | None = None


_LISTINGS = {
    "/api/profiles": _Listing(
        "profiles",
        {
            "id": ("any", "equals"),
            "email": ("any", "equals"),
            "created": ("greater-than", "less-than"),
            "updated": ("greater-than", "less-than"),
            _SUPPRESSION: _ORDERED,
            _LIST_SUPPRESSION: _ORDERED,
        },
        ("created", "email", "id", "updated", _SUPPRESSION, _LIST_SUPPRESSION),
        (20, 100),
    ),
    "/api/lists": _Listing(
        "lists",
        {"id": ("any", "equals"), "created": ("greater-than",), "updated": ("greater-than",)},
        ("created", "id", "name", "updated"),
        (10, 10),
    ),
    "/api/metrics": _Listing("metrics", {"integration.name": ("equals",)}, ("id",), None),
    "/api/campaigns": _Listing(
        "campaigns",
        {
            "messages.channel": ("equals",),
            "archived": ("equals",),
            "created_at": _ORDERED,
            "updated_at": _ORDERED,
        },
        ("created_at", "id", "name", "updated_at"),
        (100, 100),
        required_filter="messages.channel",
    ),
    "/api/flows": _Listing(
        "flows",
        {"id": ("any",), "archived": ("equals",), "created": _ORDERED, "updated": _ORDERED},
        ("created", "id", "name", "updated"),
        (50, 50),
    ),
    "/api/events": _Listing(
        "events",
        {"metric_id": ("equals",), "profile_id": ("equals",), "datetime": _ORDERED, "timestamp": _ORDERED},
        ("datetime", "timestamp"),
        (200, 1000),
    ),
}
_MEMBERS = _Listing("list_members", {"joined_group_at": _ORDERED}, ("joined_group_at",), (20, 100))


class KlaviyoServer(VendorServer):
    """Tables: profiles, lists, metrics, campaigns, campaign_messages, flows, events (as the API gives them, whole), and
    list_members (`list_id`, `id`, `joined_group_at`). `requests_left`: how many are answered before 429 begins.
    """

    token = "pk_test"
    page_size: int | None = None  # smaller pages than requested, so that few records make many pages
    requests_left: int | None = None

    def is_authorised(self, request: Seen) -> bool:
        return request.headers.get("authorization") == f"Klaviyo-API-Key {self.token}"

    def unauthorised(self) -> Answer:
        return _error(401, "authentication_failed", "Incorrect authentication credentials.")

    def throttled(self, seconds: int | None) -> Answer:
        answer = _error(429, "throttled", "Request was throttled.")
        return Answer(answer.body, 429, {} if seconds is None else {"Retry-After": str(seconds)})

    def answer(self, request: Seen) -> Answer:
        if "revision" not in request.headers:
            return _error(400, "missing_revision", "The revision header is required.")
        if self.requests_left is not None:
            self.requests_left -= 1
            if self.requests_left < 0:
                self.requests_left = 3
                return self.throttled(1)
        members = re.fullmatch(r"/api/lists/([^/]+)/relationships/profiles", request.path)
        if members:
            if not any(record["id"] == members[1] for record in self.tables.get("lists", [])):
                return _error(404, "not_found", "A list with that id does not exist.")
            own = [row for row in self.tables.get("list_members", []) if row["list_id"] == members[1]]
            return self._list(request, _MEMBERS, own)
        listing = _LISTINGS.get(request.path.rstrip("/"))
        if request.method != "GET" or listing is None:
            return _error(404, "not_found", "The requested resource could not be found.")
        return self._list(request, listing, self.tables.get(listing.table, []))

    def _list(self, request: Seen, listing: _Listing, records: list[dict[str, Any]]) -> Answer:
        try:
            conditions = _conditions(request.query.get("filter", ""), listing)
            size = _size(request.query.get("page[size]"), listing)
        except ValueError as error:
            return _error(400, "invalid", str(error))
        order = request.query.get("sort", listing.sorts[0])
        if order not in listing.sorts:
            return _error(400, "invalid", "Invalid sort.")
        found = [record for record in records if all(self._holds(record, condition) for condition in conditions)]
        asks_for_archived = any(field == "archived" for _, field, _ in conditions)
        if listing.table in {"campaigns", "flows"} and not asks_for_archived:
            found = [record for record in found if not record["attributes"]["archived"]]

        def place(record: Mapping[str, Any]) -> list[Any]:
            value = self._value(record, order)
            return [value.timestamp() if isinstance(value, datetime) else value or "", record["id"]]

        found.sort(key=place)
        cursor = request.query.get("page[cursor]")
        after = json.loads(base64.urlsafe_b64decode(cursor)) if cursor else None
        rest = [record for record in found if after is None or place(record) > after]
        given, following = self.page(rest, 0, min(size, self.page_size or size))
        if following:
            cursor = base64.urlsafe_b64encode(json.dumps(place(given[-1])).encode()).decode()
        links = {"self": f"{self.url}{request.path}"}
        if following is not None:
            query = {name: value for name, value in request.query.items() if name != "page[cursor]"}
            links["next"] = (
                f"{self.url}{request.path}?{urlencode({**query, **({'page[cursor]': cursor} if cursor else {})})}"
            )
        body: dict[str, Any] = {"data": [_shown(record, listing, request.query) for record in given], "links": links}
        if request.query.get("include") == "campaign-messages":
            wanted = {record["id"] for record in given}
            body["included"] = [
                message
                for message in self.tables.get("campaign_messages", [])
                if message["relationships"]["campaign"]["data"]["id"] in wanted
            ]
        headers = {"RateLimit-Limit": "75, 75;w=1, 750;w=60", "RateLimit-Remaining": "74", "RateLimit-Reset": "0"}
        return Answer(body, headers={"Content-Type": "application/vnd.api+json", **headers})

    def _holds(self, record: Mapping[str, Any], condition: tuple[str, str, Any]) -> bool:
        comparison, field, wanted = condition
        value = self._value(record, field)
        if value is None:
            return False
        if comparison == "greater-or-equal":
            return bool(value >= wanted)
        if comparison == "greater-than":
            return bool(value > wanted)
        if comparison == "less-or-equal":
            return bool(value <= wanted)
        if comparison == "less-than":
            return bool(value < wanted)
        return bool(value in wanted if isinstance(wanted, list) else value == wanted)

    def _value(self, record: Mapping[str, Any], field: str) -> Any:
        attributes = record.get("attributes", {})
        if field in {_SUPPRESSION, _LIST_SUPPRESSION}:
            marketing = attributes.get("subscriptions", {}).get("email", {}).get("marketing", {})
            moments = [entry["timestamp"] for entry in marketing.get(field.split(".")[3], ())]
            return max(map(datetime.fromisoformat, moments), default=None)
        if field == "messages.channel":
            messages = self.tables.get("campaign_messages", [])
            own = [m for m in messages if m["relationships"]["campaign"]["data"]["id"] == record["id"]]
            return next((message["attributes"]["definition"]["channel"] for message in own), None)
        if field in {"metric_id", "profile_id"}:
            return record["relationships"][field.removesuffix("_id")]["data"]["id"]
        value = record.get(field, attributes.get(field))
        try:
            return datetime.fromisoformat(value)
        except (TypeError, ValueError):
            return value


def _conditions(text: str, listing: _Listing) -> list[tuple[str, str, Any]]:
    """A filter's conditions. Raises ValueError if the endpoint has no such field or comparison."""
    inner = re.fullmatch(r"and\((.*)\)", text)
    found = re.findall(r"([a-z-]+)\(([a-z._]+),('[^']*'|\[[^\]]*\]|[^,()]+)\)", inner[1] if inner else text)
    if len(found) != text.count("(") - bool(inner) or (len(found) > 1) != bool(inner):
        raise ValueError("Invalid filter provided.")
    conditions = []
    for comparison, field, wanted in found:
        if comparison not in listing.filters.get(field, ()):
            raise ValueError(f"{field} cannot be compared by {comparison}.")
        conditions.append((comparison, field, _literal(wanted)))
    if listing.required_filter and listing.required_filter not in {field for _, field, _ in conditions}:
        raise ValueError("A channel filter is required to list campaigns.")
    return conditions


def _literal(text: str) -> Any:
    if text.startswith("'"):
        return text.strip("'")
    if text.startswith("["):
        return re.findall(r"'([^']*)'", text)
    if text in {"true", "false"}:
        return text == "true"
    return datetime.fromisoformat(text)


def _size(text: str | None, listing: _Listing) -> int:
    if listing.sizes is None:
        if text is not None:
            raise ValueError("page[size] is not a known parameter.")
        return 200
    default, largest = listing.sizes
    size = default if text is None else int(text)
    if not 1 <= size <= largest:
        raise ValueError(f"page[size] is between 1 and {largest}.")
    return size


def _shown(record: Mapping[str, Any], listing: _Listing, query: Mapping[str, str]) -> dict[str, Any]:
    """A record for this request: sparse fields, and subscriptions only on request."""
    if listing is _MEMBERS:
        return {"type": "profile", "id": record["id"]}
    attributes = dict(record["attributes"])
    if record["type"] == "profile":
        if "subscriptions" not in query.get("additional-fields[profile]", "").split(","):
            attributes.pop("subscriptions", None)
        if "fields[profile]" in query:
            wanted = query["fields[profile]"].split(",")
            attributes = {name: value for name, value in attributes.items() if name in wanted}
    return {**record, "attributes": attributes}


def _error(status: int, code: str, title: str) -> Answer:
    source = {"pointer": "/data/"}
    error = {"id": "e1", "status": status, "code": code, "title": title, "detail": title, "source": source}
    return Answer({"errors": [error]}, status)


def resource(kind: str, number: str, attributes: Mapping[str, Any], **related: Any) -> dict[str, Any]:
    """A record in the form of JSON:API. `related`: an id, or several, by relationship and type (profile="p1")."""
    name = {"campaign": "campaigns"}.get(kind, f"{kind}s")
    self = f"https://a.klaviyo.com/api/{name}/{number}"
    relationships = {
        other.replace("_", "-"): {
            "data": {"type": other, "id": ids}
            if isinstance(ids, str)
            else [{"type": other.rstrip("s").replace("_", "-"), "id": one} for one in ids],
            "links": {"self": f"{self}/relationships/{other}", "related": f"{self}/{other}"},
        }
        for other, ids in related.items()
    }
    record = {"type": kind, "id": number, "attributes": dict(attributes), "links": {"self": self}}
    return {**record, "relationships": relationships} if relationships else record


def five_profiles() -> KlaviyoServer:
    """A server of few records that needs three pages for them."""
    moment = "2026-01-0{}T00:00:00+00:00"
    server = KlaviyoServer(
        {
            "profiles": [
                resource("profile", f"p{number}", {
                    "email": f"p{number}@nordkai.example", "last_name": "Name", "title": "Dr.",
                    "created": moment.format(number), "updated": moment.format(number)})
                for number in range(1, 6)
            ]
        }
    )  # fmt: skip
    server.page_size = 2
    return server


def from_world(landing: Path) -> dict[str, list[dict[str, Any]]]:
    """The demo business's Klaviyo account at its end, from its landing files."""
    persons = _newest(landing, "person", "not _fivetran_deleted")
    events = _newest(landing, "event")
    metrics = _newest(landing, "metric")
    campaigns = _newest(landing, "campaign")
    names = {metric["id"]: metric["name"] for metric in metrics}
    left = {event["person_id"]: _iso(event["datetime"]) for event in events
            if names[event["metric_id"]] == "Unsubscribed"}  # fmt: skip
    return {
        "profiles": [_profile(person, left.get(person["id"])) for person in persons],
        "lists": [
            resource("list", "NEWS01", {"name": "Newsletter", "opt_in_process": "double_opt_in",
                     "created": "2020-01-01T00:00:00+00:00", "updated": "2020-01-01T00:00:00+00:00"}),
            resource("list", "VIP001", {"name": "Regulars", "opt_in_process": "single_opt_in",
                     "created": "2020-01-01T00:00:00+00:00", "updated": "2020-01-01T00:00:00+00:00"}),
        ],
        "list_members": [
            {"list_id": "NEWS01", "id": person["id"], "joined_group_at": _iso(person["created"])}
            for person in persons
            if person["id"] not in left
        ],
        "metrics": [
            resource("metric", m["id"], {
                "name": m["name"], "created": _iso(m["created"]), "updated": _iso(m["updated"]),
                "integration": {"object": "integration", "id": m["integration_id"], "name": m["integration_name"],
                                "category": m["integration_category"]}})
            for m in metrics
        ],
        "campaigns": [
            resource("campaign", c["id"], {
                "name": c["name"], "status": "Sent", "archived": c["archived"],
                "send_options": {"use_smart_sending": False}, "send_strategy": {"method": "immediate"},
                "tracking_options": None, "created_at": _iso(c["created"]), "scheduled_at": _iso(c["created"]),
                "updated_at": _iso(c["updated"]), "send_time": _iso(c["send_time"])},
                campaign_messages=[f"M{c['id']}"])
            for c in campaigns
        ],
        "campaign_messages": [
            resource("campaign-message", f"M{c['id']}", {
                "definition": {"channel": "email", "label": c["name"], "content": {
                    "subject": c["subject"], "from_email": c["from_email"], "from_label": c["from_name"]}},
                "send_times": [], "created_at": _iso(c["created"]), "updated_at": _iso(c["updated"])},
                campaign=c["id"])
            for c in campaigns
        ],
        "flows": [
            resource("flow", f["id"], {
                "name": f["name"], "status": f["status"], "archived": f["archived"], "trigger_type": f["trigger_type"],
                "created": _iso(f["created"]), "updated": _iso(f["updated"])})
            for f in _newest(landing, "flow")
        ],
        "events": [_event(event) for event in events],
    }  # fmt: skip


def _profile(person: Mapping[str, Any], left_at: str | None) -> dict[str, Any]:
    shared = ("email", "phone_number", "first_name", "last_name", "organization", "title")
    location = {"address1": person["address_1"], "address2": person["address_2"]}
    location |= {name: person[name] for name in ("city", "region", "zip", "country", "timezone")}
    marketing: dict[str, Any] = {
        "can_receive_email_marketing": left_at is None,
        "consent": "SUBSCRIBED" if left_at is None else "UNSUBSCRIBED",
        "consent_timestamp": left_at or _iso(person["created"]),
        "last_updated": left_at or _iso(person["created"]),
        "suppression": [{"reason": "UNSUBSCRIBE", "timestamp": left_at}] if left_at else [],
        "list_suppressions": [],
    }
    return resource(
        "profile",
        person["id"],
        {
            **{name: person[name] for name in shared},
            "external_id": None,
            "created": _iso(person["created"]),
            "updated": _iso(person["updated"]),
            "location": location,
            "properties": {},
            "subscriptions": {"email": {"marketing": marketing}, "sms": None, "mobile_push": None},
        },
    )


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    properties = {"Subject": event["property_subject"], "$event_id": event["uuid"]}
    if event["property_url"]:
        properties["URL"] = event["property_url"]
    if event["flow_id"]:
        properties |= {"$flow": event["flow_id"], "$message": f"M{event['flow_id']}"}
    elif event["campaign_id"]:
        properties["$message"] = f"M{event['campaign_id']}"
    moment = event["datetime"]
    return resource(
        "event",
        event["id"],
        {
            "timestamp": int(datetime.fromisoformat(_iso(moment)).timestamp()),
            "datetime": _iso(moment),
            "uuid": event["uuid"],
            "event_properties": properties,
        },
        profile=event["person_id"],
        metric=event["metric_id"],
    )


def _newest(landing: Path, entity: str, condition: str = "true") -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        found = connection.execute(
            f"from read_parquet('{landing}/klaviyo/{entity}/*.parquet') qualify"
            f" row_number() over (partition by id order by _fivetran_synced desc) = 1 and ({condition}) order by id"
        )
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def _iso(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='seconds')}+00:00"
