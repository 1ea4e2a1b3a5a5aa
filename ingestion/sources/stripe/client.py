"""Stripe's API: everything once, then each object that has an event.

Stripe's objects have no time of change, and its listings can only be filtered by time of creation. So a first run lists
everything; later runs read the events since the watermark and request the object of each, because the object inside an
event may have another API version. Stripe keeps events for 30 days (docs.stripe.com/api/events): after a longer pause
everything is listed again. A backfill with an end lists what was created in its window.

Each record gets a field `changed_at`: the time of its newest event, or of its creation if there is no event. A record
that is listed again gets the time of the newest event of all, because it may have changed while no event was kept. All
these times are from Stripe's clock, and a later state has a later time.

Add here when another kind of object is read. Keep out: what a column means (source.yml), minor units (staging).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from dlt.sources.helpers.rest_client.paginators import BasePaginator

from ingestion.connectors import ApiClient, Page, Window
from vendors.errors import PermanentVendorError

_PAGE_SIZE = 100
_EVENTS_ARE_KEPT = timedelta(days=29)  # 30, less a day for clocks and the run itself
_BEGINNING = datetime.min.replace(tzinfo=UTC)

_Object = Mapping[str, Any]


@dataclass(frozen=True)
class _Resource:
    """One kind of object.

    `events`: its event types. `deleted`: the event type of a deletion. `listings`: parameters of the listings that
    together have all objects. `parts`: the field of nested objects, their entity, and their column for the parent.
    """

    path: str
    entity: str
    events: tuple[str, ...]
    listings: tuple[Mapping[str, str], ...] = ({},)
    expand: str | None = None
    parts: tuple[str, str, str] | None = None
    deleted: str | None = None


def _types(name: str, *events: str) -> tuple[str, ...]:
    return tuple(f"{name}.{event}" for event in events)


_RESOURCES = {
    "customers": _Resource(
        "customers", "customer", _types("customer", "created", "updated", "deleted"), deleted="customer.deleted"
    ),
    "products": _Resource(
        "products", "product", _types("product", "created", "updated", "deleted"), deleted="product.deleted"
    ),
    "prices": _Resource(
        "prices",
        "price",
        _types("price", "created", "updated", "deleted"),
        listings=({"active": "true"}, {"active": "false"}),  # by default only active ones are listed
        deleted="price.deleted",
    ),
    "subscriptions": _Resource(
        "subscriptions",
        "subscription_history",
        # `deleted` means that it was canceled; it can still be read.
        _types("customer.subscription", "created", "updated", "deleted", "paused", "resumed")
        + _types("customer.subscription", "pending_update_applied", "pending_update_expired", "trial_will_end"),
        listings=({"status": "all"},),  # by default canceled ones are not listed
        parts=("items", "subscription_item", "subscription_id"),
    ),
    "invoices": _Resource(
        "invoices",
        "invoice",
        _types("invoice", "created", "updated", "deleted", "finalized", "finalization_failed", "sent", "overdue")
        + _types("invoice", "paid", "payment_succeeded", "payment_failed", "payment_action_required", "overpaid")
        + _types("invoice", "voided", "marked_uncollectible"),
        expand="payments",
        parts=("lines", "invoice_line_item", "invoice_id"),
        deleted="invoice.deleted",
    ),
    "charges": _Resource(
        "charges",
        "charge",
        _types("charge", "succeeded", "pending", "failed", "captured", "expired", "refunded", "updated"),
    ),
    "refunds": _Resource(
        "refunds", "refund", (*_types("refund", "created", "updated", "failed"), "charge.refund.updated")
    ),
}


class _AfterLast(BasePaginator):
    """Stripe's pages: has_more, and the id of the last object as the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self._last: str | None = None

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Stores the id of the last object; an empty page keeps the previous one."""
        self._has_next_page = bool(response.json()["has_more"])
        if data:
            self._last = data[-1]["id"]

    def update_request(self, request: requests.Request) -> None:
        """Adds the cursor."""
        if self._last is not None:
            request.params["starting_after"] = self._last


class Client(ApiClient):
    """Reads a Stripe account with a restricted key."""

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the key and the API version."""
        request.headers["Authorization"] = f"Bearer {self.api.value('STRIPE_API_KEY')}"
        request.headers["Stripe-Version"] = self.api.value("STRIPE_API_VERSION")

    def error_code(self, response: requests.Response) -> str:
        """Stripe's `code` of an error, or its `type`."""
        try:
            error = response.json()["error"]
            return str(error.get("code") or error["type"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return ""

    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        """Everything, or the changed objects. The watermark is the newest event when the stream started."""
        resource = _RESOURCES[stream]
        reached = self._newest_event()
        oldest_event = datetime.now(UTC) - _EVENTS_ARE_KEPT
        if window.until is None and window.since is not None and window.since > oldest_event:
            pages = self._changed(resource, self._events(resource, window.since))
        else:
            pages = self._listed(resource, self._events(resource, oldest_event), window, reached)
        for objects in pages:
            yield self._page(resource, objects, reached)
        yield Page({}, watermark=reached)

    def _newest_event(self) -> datetime | None:
        events = self.api.get("v1/events", {"limit": 1})["data"]
        return _moment(events[0]) if events else None

    def _events(self, resource: _Resource, since: datetime) -> dict[str, _Object]:
        """The newest event of each object, sorted from newest to oldest."""
        newest: dict[str, _Object] = {}
        params = {"types[]": list(resource.events), "created[gte]": int(since.timestamp())}
        for events in self._all("v1/events", params):
            for event in events:
                newest.setdefault(event["data"]["object"]["id"], event)
        return newest

    def _listed(
        self, resource: _Resource, events: Mapping[str, _Object], window: Window, reached: datetime | None
    ) -> Iterator[list[_Object]]:
        """The listed objects, and marks for deleted ones."""
        again = min(reached, datetime.now(UTC)) if reached and window != Window() else _BEGINNING
        params: dict[str, Any] = {"expand[]": f"data.{resource.expand}"} if resource.expand else {}
        if window.until is not None:
            params["created[lt]"] = int(window.until.timestamp())
            params["created[gte]"] = int(window.since.timestamp()) if window.since else 0
        for listing in resource.listings:
            for objects in self._all(f"v1/{resource.path}", {**params, **listing}):
                yield [_dated(each, max(again, _moment(events.get(each["id"], each)))) for each in objects]
        yield [_mark(event) for event in events.values() if event["type"] == resource.deleted]

    def _changed(self, resource: _Resource, events: dict[str, _Object]) -> Iterator[list[_Object]]:
        """The objects of events, each once, sorted by time of change."""
        ids = list(reversed(events))
        for start in range(0, len(ids), _PAGE_SIZE):
            objects = [self._object(resource, each, events[each]) for each in ids[start : start + _PAGE_SIZE]]
            yield [each for each in objects if each is not None]

    def _object(self, resource: _Resource, object_id: str, event: _Object) -> _Object | None:
        """The current state of an object. None if it was deleted meanwhile: the next run reads that event."""
        if event["type"] == resource.deleted:
            return _mark(event)
        try:
            params = {"expand[]": resource.expand} if resource.expand else {}
            return _dated(self.api.get(f"v1/{resource.path}/{object_id}", params), _moment(event))
        except PermanentVendorError as error:
            if error.status == requests.codes.not_found:
                return None
            raise

    def _page(self, resource: _Resource, objects: Sequence[_Object], reached: datetime | None) -> Page:
        if resource.parts is None:
            return Page({resource.entity: objects}, reached)
        field, entity, whole = resource.parts
        parts = [
            {**part, "changed_at": each["changed_at"]}
            for each in objects
            if field in each
            for part in self._parts(each[field])
        ]
        complete = {entity: [{whole: each["id"]} for each in objects]}
        return Page({resource.entity: objects, entity: parts}, reached, complete)

    def _parts(self, given: Mapping[str, Any]) -> Iterator[_Object]:
        """All nested objects: the given first page, and further pages."""
        yield from given["data"]
        if given["has_more"]:
            url = urlsplit(given["url"])
            for parts in self._all(url.path, {**dict(parse_qsl(url.query)), "starting_after": given["data"][-1]["id"]}):
                yield from parts

    def _all(self, path: str, params: Mapping[str, Any]) -> Iterator[list[_Object]]:
        yield from self.api.paginate(path, _AfterLast(), params={**params, "limit": _PAGE_SIZE}, select="data")


def _moment(created: _Object) -> datetime:
    return datetime.fromtimestamp(created["created"], UTC)


def _dated(record: _Object, moment: datetime) -> _Object:
    return {**record, "changed_at": moment.isoformat()}


def _mark(event: _Object) -> _Object:
    """A mark for a deleted object: its id and the time of deletion."""
    given = {"id": event["data"]["object"]["id"], "deleted": True, "livemode": event["livemode"]}
    return _dated(given, _moment(event))
