"""Klaviyo's API: JSON:API with cursors in links, filters as text, and a revision header.

Small listings, and those without a filter on changes, are read completely each time, which also shows deletions.
Profiles are read by their time of change, and again by the time of a suppression, which may not change the profile. The
API does not report profiles that were deleted or merged: they are absent from the listing of all ids.

Keep out: what its fields mean (staging).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator

from ingestion.connectors import ApiClient, Page, Window

CHANNELS = ("email", "sms", "mobile_push")
SUPPRESSIONS = ("suppression", "list_suppressions")


class Client(ApiClient):
    """Reads metrics, campaigns, flows, lists, profiles and events."""

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the private key and the revision of the API."""
        request.headers["Authorization"] = f"Klaviyo-API-Key {self.api.value('KLAVIYO_API_KEY')}"
        request.headers["revision"] = self.api.value("KLAVIYO_REVISION")
        request.headers["Accept"] = "application/vnd.api+json"

    def error_code(self, response: requests.Response) -> str:
        """The first error's code, such as permission_denied."""
        try:
            return str(response.json()["errors"][0]["code"])
        except (ValueError, LookupError, TypeError):
            return ""

    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        """The pages of a stream. A complete listing ends with a page that says so."""
        match stream:
            case "metrics":
                yield from self._whole("metric", "/api/metrics")
            case "campaigns":
                yield from self._campaigns()
            case "flows":
                # Without this filter, archived flows are not listed.
                for archived in ("false", "true"):
                    yield from self._records("flow", "/api/flows", filter=f"equals(archived,{archived})", sort="id")
                yield _complete("flow")
            case "lists":
                yield from self._lists()
            case "profiles":
                yield from self._profiles(window)
            case "profile_ids":
                yield from self._whole(
                    "person_id", "/api/profiles", **{"fields[profile]": "created", "page[size]": "100", "sort": "id"}
                )
            case "events":
                moments = _between("datetime", "greater-or-equal", window.since, window.until)
                for records in self._pages("/api/events", filter=moments, sort="datetime", **{"page[size]": "1000"}):
                    yield Page({"event": records}, watermark=_latest(records, "datetime"))

    def _whole(self, entity: str, path: str, **params: str) -> Iterator[Page]:
        yield from self._records(entity, path, **params)
        yield _complete(entity)

    def _records(self, entity: str, path: str, **params: str) -> Iterator[Page]:
        for records in self._pages(path, **params):
            yield Page({entity: records})

    def _campaigns(self) -> Iterator[Page]:
        """The API requires a channel, and lists archived campaigns separately."""
        for channel in CHANNELS:
            for archived in ("false", "true"):
                wanted = f"and(equals(messages.channel,'{channel}'),equals(archived,{archived}))"
                for [body] in self._pages(
                    "/api/campaigns", select="$", filter=wanted, include="campaign-messages", sort="id"
                ):
                    yield Page({"campaign": body["data"], "campaign_message": body.get("included", [])})
        yield _complete("campaign", "campaign_message")

    def _lists(self) -> Iterator[Page]:
        """All lists, then the ids of their members."""
        ids = []
        for records in self._pages("/api/lists", sort="id"):
            ids += [record["id"] for record in records]
            yield Page({"list": records})
        for list_id in dict.fromkeys(ids):
            members = f"/api/lists/{list_id}/relationships/profiles"
            for records in self._pages(members, sort="joined_group_at", **{"page[size]": "100"}):
                yield Page({"list_member": [{**record, "list_id": list_id} for record in records]})
        yield _complete("list", "list_member")

    def _profiles(self, window: Window) -> Iterator[Page]:
        """Changed profiles, then suppressed ones, which do not move the watermark."""
        wanted = {"additional-fields[profile]": "subscriptions", "page[size]": "100"}
        # Klaviyo supports only strict comparison of `updated`.
        since = window.since and window.since - timedelta(seconds=1)
        changed = _between("updated", "greater-than", since, window.until)
        for records in self._pages("/api/profiles", filter=changed, sort="updated", **wanted):
            yield Page({"person": records}, watermark=_latest(records, "updated"))
        for kind in SUPPRESSIONS if window.since else ():
            field = f"subscriptions.email.marketing.{kind}.timestamp"
            suppressed = _between(field, "greater-or-equal", window.since, window.until)
            yield from self._records("person", "/api/profiles", filter=suppressed, sort=field, **wanted)

    def _pages(self, path: str, select: str = "data", **params: str) -> Iterator[list[Any]]:
        given = {name: value for name, value in params.items() if value or name != "filter"}
        yield from self.api.paginate(path, JSONLinkPaginator("links.next"), params=given, select=select)


def _complete(*entities: str) -> Page:
    """The end of complete listings. The scope is the JSON:API type of their records."""
    types = {"person_id": "profile", "list_member": "profile", "campaign_message": "campaign-message"}
    return Page({}, complete={entity: [{"type": types.get(entity, entity)}] for entity in entities})


def _between(field: str, comparison: str, since: datetime | None, until: datetime | None) -> str:
    """A filter, or an empty text without bounds. Klaviyo wants timestamps without quotes."""
    bounds = [f"{comparison}({field},{_moment(since)})"] if since else []
    bounds += [f"less-than({field},{_moment(until)})"] if until else []
    return bounds[0] if len(bounds) == 1 else f"and({','.join(bounds)})" if bounds else ""


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _latest(records: Iterable[Mapping[str, Any]], attribute: str) -> datetime | None:
    """The latest timestamp of a page, without invalid ones."""
    moments = []
    for record in records:
        try:
            moments.append(datetime.fromisoformat(record["attributes"][attribute]).astimezone(UTC))
        except (KeyError, TypeError, ValueError):
            continue
    return max(moments, default=None)
