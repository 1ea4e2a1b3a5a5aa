"""Stripe's REST API: listings newest first, cursors by id, events of 30 days, and marks for deleted objects.

Like Stripe, it refuses an unknown parameter, an unknown cursor, and a limit over 100, and leaves out canceled
subscriptions, inactive prices, fields that have to be expanded, parts after the tenth.

Add here more behaviour of Stripe. Keep out: the data of a test (the test).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.ingestion.servers.base import Answer, Seen, VendorServer

RESOURCES = ("customers", "products", "prices", "subscriptions", "invoices", "charges", "refunds", "events")
PARTS = {"subscriptions": "items", "invoices": "lines"}
EVENTS = {"subscriptions": "customer.subscription"}  # others are named for one object of the resource
FILTERS = {"prices": {"active", "product"}, "subscriptions": {"status", "customer"}, "events": {"type", "types[]"}}
EXPANDABLE = {"invoices": ("payments",)}
INLINE_PARTS = 10
DAYS = 24 * 60 * 60


class StripeServer(VendorServer):
    """`tables` hold whole objects. `now` is Stripe's clock in epoch seconds; the account began a year before.

    An object's field `changed` is not in responses: if a test sets it, there is an event at that time.
    """

    now = int(time.time())
    began = now - 365 * DAYS
    largest_page = 100

    def change(self, resource: str, record: Mapping[str, Any], event: str | None = None, at: int | None = None) -> None:
        """Adds or replaces an object, and adds an event."""
        records = self.tables.setdefault(resource, [])
        known = [index for index, each in enumerate(records) if each["id"] == record["id"]]
        if known:
            records[known[0]] = dict(record)
        else:
            records.append(dict(record))
        self.say(resource, record, event or ("updated" if known else "created"), at)

    def delete(self, resource: str, object_id: str, at: int | None = None) -> None:
        """Deletes an object. A customer remains as a deletion mark; other objects are not found."""
        (record,) = [each for each in self.tables[resource] if each["id"] == object_id]
        self.tables[resource].remove(record)
        self.say(resource, record, "deleted", at)
        if resource == "customers":
            self.tables.setdefault("deleted customers", []).append(
                {"id": object_id, "object": "customer", "deleted": True}
            )

    def say(self, resource: str, record: Mapping[str, Any], event: str, at: int | None = None) -> None:
        """An event with the state of an object."""
        events = self.tables.setdefault("events", [])
        events.append(self._event_of(resource, {**record, "changed": self.now if at is None else at}, event))

    def _touched(self, resource: str) -> list[dict[str, Any]]:
        return [record for record in self.tables.get(resource, []) if "changed" in record]

    def _event_of(self, resource: str, record: Mapping[str, Any], event: str = "updated") -> dict[str, Any]:
        name = event if "." in event else f"{EVENTS.get(resource, resource.removesuffix('s'))}.{event}"
        return {
            "id": f"evt_{record['id']}_{record['changed']}_{name.replace('.', '_')}",
            "object": "event",
            "api_version": "2020-08-27",
            "created": record["changed"],
            "data": {"object": {"id": record["id"], "object": record.get("object"), "shape": "of another version"}},
            "livemode": record.get("livemode", True),
            "type": name,
        }

    # --- what Stripe answers

    def unauthorised(self) -> Answer:
        return _refused(401, "Invalid API Key provided: rk_live_*****", kind="invalid_request_error")

    def throttled(self, seconds: int | None) -> Answer:
        headers = {} if seconds is None else {"Retry-After": str(seconds)}
        answer = _refused(429, "Request rate limit exceeded.", code="rate_limit", kind="invalid_request_error")
        return Answer(answer.body, 429, headers)

    def answer(self, request: Seen) -> Answer:
        if request.method != "GET" or "stripe-version" not in request.headers:
            return _refused(400, "This server only reads, in a version that is named.")
        if found := re.fullmatch(r"/v1/invoices/(\w+)/lines", request.path):
            return self._list_parts(request, "invoices", found[1])
        if request.path == "/v1/subscription_items":
            return self._list_parts(request, "subscriptions", request.query.get("subscription", ""))
        if found := re.fullmatch(r"/v1/(\w+)(?:/(\w+))?", request.path):
            resource, object_id = found[1], found[2]
            if resource in RESOURCES:
                return self._retrieve(request, resource, object_id) if object_id else self._list(request, resource)
        return _refused(404, f"Unrecognized request URL ({request.method}: {request.path}).")

    def _retrieve(self, request: Seen, resource: str, object_id: str) -> Answer:
        expanded = _values(request, "expand[]")
        if not _may_expand(resource, expanded):
            return _refused(400, "This property cannot be expanded.", param="expand")
        for record in [*self.tables.get(resource, []), *self.tables.get(f"deleted {resource}", [])]:
            if record["id"] == object_id:
                return Answer(_shown(resource, record, expanded))
        name = resource.removesuffix("s")
        return _refused(404, f"No such {name}: '{object_id}'", code="resource_missing", param="id")

    def _list(self, request: Seen, resource: str) -> Answer:
        known = {"limit", "starting_after", "ending_before", "expand[]"} | FILTERS.get(resource, set())
        known |= {f"created[{comparison}]" for comparison in ("gt", "gte", "lt", "lte")}
        if unknown := sorted({re.sub(r"\[\d+\]", "[]", name) for name in request.query} - known):
            return _refused(400, f"Received unknown parameter: {unknown[0]}", code="parameter_unknown")
        expanded = [path.removeprefix("data.") for path in _values(request, "expand[]")]
        if not _may_expand(resource, expanded):
            return _refused(400, "This property cannot be expanded.", param="expand")
        records = sorted(
            self._selected(request, resource), key=lambda each: (each["created"], each["id"]), reverse=True
        )
        return self._cut(request, [_shown(resource, each, expanded) for each in records], request.path)

    def _selected(self, request: Seen, resource: str) -> list[dict[str, Any]]:
        records = self.tables.get(resource, [])
        if resource == "events":
            records = records + [self._event_of(name, each) for name in RESOURCES for each in self._touched(name)]
        records = [r for r in records if _is_within(r["created"], request.query)]
        if resource == "events":
            types = _values(request, "types[]")
            oldest = self.now - 30 * DAYS
            return [r for r in records if (not types or r["type"] in types) and r["created"] > oldest]
        if resource == "prices":
            return [r for r in records if r["active"] == (request.query.get("active", "true") == "true")]
        if resource == "subscriptions" and request.query.get("status") != "all":
            return [r for r in records if r["status"] != "canceled"]
        return records

    def _list_parts(self, request: Seen, resource: str, object_id: str) -> Answer:
        parts = [r[PARTS[resource]] for r in self.tables.get(resource, []) if r["id"] == object_id]
        if not parts:
            return _refused(404, f"No such {resource.removesuffix('s')}", code="resource_missing", param="id")
        return self._cut(request, parts[0], request.path)

    def _cut(self, request: Seen, records: Sequence[Mapping[str, Any]], url: str) -> Answer:
        size = int(request.query.get("limit", 10))
        if not 1 <= size <= 100:
            return _refused(400, "This value must be from 1 to 100.", code="parameter_invalid_integer", param="limit")
        size = min(size, self.largest_page)
        position = 0
        if after := request.query.get("starting_after"):
            ids = [each["id"] for each in records]
            if after not in ids:
                return _refused(400, f"No such object: '{after}'", code="resource_missing", param="starting_after")
            position = ids.index(after) + 1
        given, following = self.page(records, position, size)
        return Answer({"object": "list", "url": url, "has_more": following is not None, "data": given})


def _may_expand(resource: str, paths: Sequence[str]) -> bool:
    return all(path in EXPANDABLE.get(resource, ()) for path in paths)


def _shown(resource: str, record: Mapping[str, Any], expanded: Sequence[str]) -> dict[str, Any]:
    """An object in a response: without expandable fields, and with only the first nested objects."""
    shown = {
        name: value
        for name, value in record.items()
        if name != "changed" and (name not in EXPANDABLE.get(resource, ()) or name in expanded)
    }
    field = PARTS.get(resource)
    if field and field in record:
        url = f"/v1/invoices/{record['id']}/lines"
        if resource == "subscriptions":
            url = f"/v1/subscription_items?subscription={record['id']}"
        parts = record[field]
        shown[field] = {
            "object": "list",
            "data": parts[:INLINE_PARTS],
            "has_more": len(parts) > INLINE_PARTS,
            "url": url,
        }
    return shown


def _is_within(created: int, query: Mapping[str, str]) -> bool:
    return (
        created > int(query.get("created[gt]", -1))
        and created >= int(query.get("created[gte]", 0))
        and created < int(query.get("created[lt]", 2**40))
        and created <= int(query.get("created[lte]", 2**40))
    )


def _values(request: Seen, name: str) -> list[str]:
    plain = name.removesuffix("[]")
    return [value for key, value in request.pairs if re.fullmatch(re.escape(plain) + r"\[\d*\]", key)]


def _refused(status: int, message: str, code: str | None = None, param: str | None = None, kind: str = "") -> Answer:
    error = {"message": message, "type": kind or "invalid_request_error", "code": code, "param": param}
    return Answer({"error": {name: value for name, value in error.items() if value is not None}}, status)


def five_customers() -> StripeServer:
    """A server for the fault matrix: five customers, two on a page."""
    server = StripeServer(
        {
            "customers": [
                {
                    "id": f"cus_{number}",
                    "object": "customer",
                    "email": f"person{number}@example.com",
                    "name": f"Person {number}",
                    "phone": "+4930123456",
                    "balance": 0,
                    "created": StripeServer.began + number,
                    "livemode": True,
                }
                for number in range(5)
            ]
        }
    )
    server.largest_page = 2
    return server
