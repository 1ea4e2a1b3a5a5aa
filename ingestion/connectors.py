"""The contract of a connector: the base class of every client, the pages it yields, and the report of a stream.

Add here: what every connector offers or receives. Keep out: how pages become files (extraction.py), vendors (sources/).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

    from ingestion.api import Api


@dataclass(frozen=True)
class Window:
    """The span to read: changes from `since` (inclusive, None: everything) to `until` (exclusive, None: now).

    Both are aware and in UTC. The overlap of the stream is already subtracted from `since`.
    """

    since: datetime | None = None
    until: datetime | None = None

    def days(self, today: date, again: timedelta) -> list[date]:
        """The days to read of statistics that are restated for `again`; a window with an end is used as it is."""
        first = self.since.date() if self.since else today
        if self.until is None:
            first, last = first - again, today
        else:
            last = min(today, (self.until - timedelta(microseconds=1)).date())
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@dataclass(frozen=True)
class Page:
    """One page of a connector.

    `records`: for each entity, records as the vendor's JSON objects. `watermark`: the latest time of change on this
    page by the vendor's clock (aware, UTC); None if the stream has none. `complete`: for each entity the scopes (by the
    columns of `complete_within`) of which this load has every row.
    """

    records: Mapping[str, Sequence[Mapping[str, Any]]]
    watermark: datetime | None = None
    complete: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


class ApiClient(ABC):
    """The base class of every connector: `Client` in ingestion/sources/<name>/client.py.

    A connector requests and reads pages; it never retries, sleeps or logs. The first four methods are the vendor's
    rules (vendors.client.VendorRules).
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        api.use_rules(self)

    def authenticate(self, request: requests.PreparedRequest) -> None:  # noqa: B027 - an API may need no credentials
        """Adds the credentials to a request, just before it is sent. By default none."""

    def refresh(self) -> bool:
        """After a 401: gets a new token. By default there is no way to get one."""
        return False

    def throttle_seconds(self, response: requests.Response) -> float | None:
        """Seconds to wait, for a vendor that does not signal throttling by 429 or 503. By default None."""
        return None

    def error_code(self, response: requests.Response) -> str:
        """The vendor's code for a refusal, never a value of a record. By default empty."""
        return ""

    @abstractmethod
    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        """The pages of a stream in a stable order. A record may come twice, but none may be missed."""


@dataclass(frozen=True)
class StreamReport:
    """What one run did for one stream. `records`: how many were fetched per entity. Watermarks are ISO 8601 in UTC."""

    source: str
    stream: str
    records: Mapping[str, int] = field(default_factory=dict)
    watermark_before: str | None = None
    watermark_after: str | None = None
    error: str | None = None
