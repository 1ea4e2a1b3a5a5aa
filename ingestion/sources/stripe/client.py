"""How Stripe is read: everything once, and from then on each object that an event says has changed.

Stripe's objects bear no time of change, and its listings are narrowed by time of creation alone. So a first run lists
everything; later ones read the events since the watermark and ask for the object that each names, as the object within
an event has the shape of another API version. Events are kept for 30 days (docs.stripe.com/api/events): after a longer
pause everything is listed again. A backfill with an end lists what was created within its window.

A record gets one field that Stripe does not give, `read_as_of`: the moment of its event, or of the newest event before
everything was listed. Its state is of then or later, and later states have later moments, by Stripe's clock alone.

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

from ingestion.errors import PermanentApiError
from ingestion.extraction import ApiClient, Page, Window

_PAGE_SIZE = 100
_EVENTS_ARE_KEPT = timedelta(days=29)  # 30, less a day for clocks and the run itself

_Object = Mapping[str, Any]


@dataclass(frozen=True)
class _Resource:
    """One kind of object. `events`: names that follow its own in event types, of which one says `deleted` where an
    object can be. `listings`: parameters that together bring all. `parts`: the field and entity of its parts, and what
    they call their whole."""

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
        listings=({"active": "true"}, {"active": "false"}),  # without it, only active ones are listed
        deleted="price.deleted",
    ),
    "subscriptions": _Resource(
        "subscriptions",
        "subscription_history",
        # `deleted` says that it was canceled: it stays readable.
        _types("customer.subscription", "created", "updated", "deleted", "paused", "resumed")
        + _types("customer.subscription", "pending_update_applied", "pending_update_expired", "trial_will_end"),
        listings=({"status": "all"},),  # without it, canceled ones are not listed
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
        """Remembers where the page ended; an empty one ends where the one before it did."""
        self._has_next_page = bool(response.json()["has_more"])
        if data:
            self._last = data[-1]["id"]

    def update_request(self, request: requests.Request) -> None:
        """Asks for what stands after it."""
        if self._last is not None:
            request.params["starting_after"] = self._last


class Client(ApiClient):
    """Reads a Stripe account with a restricted key."""

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the key, and the version whose shapes are read."""
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
        """Everything, or what has changed; the newest event before it is how far it reaches."""
        resource = _RESOURCES[stream]
        reached = self._newest_event()
        changes_are_known = window.since is not None and window.since > datetime.now(UTC) - _EVENTS_ARE_KEPT
        if window.until is None and window.since is not None and changes_are_known:
            pages = self._changed(resource, window.since)
        else:
            pages = self._listed(resource, window, reached)
        for objects in pages:
            yield self._page(resource, objects, reached)
        yield Page({}, watermark=reached)

    def _newest_event(self) -> datetime | None:
        events = self.api.get("v1/events", {"limit": 1})["data"]
        return _moment(events[0]["created"]) if events else None

    def _listed(self, resource: _Resource, window: Window, reached: datetime | None) -> Iterator[list[_Object]]:
        params: dict[str, Any] = {}
        if window.until is not None:
            params["created[lt]"] = int(window.until.timestamp())
            if window.since is not None:
                params["created[gte]"] = int(window.since.timestamp())
        if resource.expand:
            params["expand[]"] = f"data.{resource.expand}"
        for listing in resource.listings:
            for objects in self._all(f"v1/{resource.path}", {**params, **listing}):
                yield [{**each, "read_as_of": _text(reached or _moment(each["created"]))} for each in objects]

    def _changed(self, resource: _Resource, since: datetime) -> Iterator[list[_Object]]:
        """The objects that events name, each once, the one that was changed first comes first."""
        params = {"types[]": list(resource.events), "created[gte]": int(since.timestamp())}
        newest: dict[str, _Object] = {}
        for events in self._all("v1/events", params):
            for event in events:
                newest.setdefault(event["data"]["object"]["id"], event)
        ids = list(reversed(newest))
        for start in range(0, len(ids), _PAGE_SIZE):
            objects = [self._object(resource, each, newest[each]) for each in ids[start : start + _PAGE_SIZE]]
            yield [each for each in objects if each is not None]

    def _object(self, resource: _Resource, object_id: str, event: _Object) -> _Object | None:
        """An object as it is now. None where it has gone meanwhile: the next run reads the event that says so."""
        as_of = {"read_as_of": _text(_moment(event["created"]))}
        if event["type"] == resource.deleted:
            return {"id": object_id, "deleted": True, "livemode": event["livemode"], **as_of}
        try:
            params = {"expand[]": resource.expand} if resource.expand else {}
            return {**self.api.get(f"v1/{resource.path}/{object_id}", params), **as_of}
        except PermanentApiError as error:
            if error.status == requests.codes.not_found:
                return None
            raise

    def _page(self, resource: _Resource, objects: Sequence[_Object], reached: datetime | None) -> Page:
        if resource.parts is None:
            return Page({resource.entity: objects}, reached)
        field, entity, whole = resource.parts
        parts = [
            {**part, "read_as_of": each["read_as_of"]}
            for each in objects
            if field in each
            for part in self._parts(each[field])
        ]
        complete = {entity: [{whole: each["id"]} for each in objects]}
        return Page({resource.entity: objects, entity: parts}, reached, complete)

    def _parts(self, given: Mapping[str, Any]) -> Iterator[_Object]:
        """All parts of an object: those that came with it, and the further ones of a long list."""
        yield from given["data"]
        if given["has_more"]:
            url = urlsplit(given["url"])
            for parts in self._all(url.path, {**dict(parse_qsl(url.query)), "starting_after": given["data"][-1]["id"]}):
                yield from parts

    def _all(self, path: str, params: Mapping[str, Any]) -> Iterator[list[_Object]]:
        yield from self.api.paginate(path, _AfterLast(), params={**params, "limit": _PAGE_SIZE}, select="data")


def _moment(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _text(moment: datetime) -> str:
    return moment.isoformat()
