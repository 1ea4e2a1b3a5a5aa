"""HubSpot's CRM API: objects and pipelines by v3, associations between objects by v4.

Objects are found by search, in the order of their ids, and each search starts after the last id: a search returns at
most 10,000 results, and pages by offset would shift when records change. They are then read in batches, where the
number of properties and their history is not limited by the length of a URL. The watermark is the newest change when
the stream started: changes while pages are read are after it, and are read again.

A deleted record is listed as archived for 90 days. A record that was merged into another is not listed: the winner
names it, and it lands as deleted too.

Keep out: what columns mean (staging).
Vendor's rules: developers.hubspot.com, "CRM search", "Associations v4", "API usage guidelines" (2026-03).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests

from ingestion.api import Api
from ingestion.connectors import ApiClient, Page, Window
from vendors.retries import retry_after

SEARCH_LIMIT = 200
READ_LIMIT = 100
READ_LIMIT_WITH_HISTORY = 50
LIST_LIMIT = 100
_LOCKED, _MIGRATING = 423, 477  # HubSpot's own statuses: the account is locked, or moves between data centres
_LOCKED_SECONDS = 2.0

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Link:
    """An association of an object: the other object, the entity, and its columns for this end and the other end."""

    to: str
    entity: str
    own: str
    other: str


@dataclass(frozen=True)
class CrmObject:
    """An object: HubSpot's own properties to read, its associations, and the property with the time of change."""

    properties: tuple[str, ...]
    links: tuple[Link, ...]
    changed: str = "hs_lastmodifieddate"
    history: tuple[str, ...] = ()


def _engagement(name: str, *own: str) -> CrmObject:
    properties = ("hs_object_id", "hs_timestamp", "hubspot_owner_id", "hs_lastmodifieddate", *own)
    return CrmObject(properties, (Link("contacts", f"{name}__contacts", f"{name}_id", "value"),))


OBJECTS: Mapping[str, CrmObject] = {
    "contacts": CrmObject(
        (
            *("hs_object_id", "email", "firstname", "lastname", "phone", "mobilephone", "jobtitle", "company"),
            *("associatedcompanyid", "address", "city", "state", "zip", "country", "date_of_birth", "lifecyclestage"),
            *("hubspot_owner_id", "hs_merged_object_ids", "hs_email_optout", "hs_email_bad_address"),
            *("hs_additional_emails", "hs_email_hard_bounce_reason_enum", "hs_lead_status", "createdate"),
            "lastmodifieddate",
        ),
        (
            Link("deals", "contacts__deals", "value", "deals_id"),
            Link("companies", "companies__contacts", "contacts_id", "value"),
        ),
        changed="lastmodifieddate",
    ),
    "companies": CrmObject(
        (
            *("hs_object_id", "name", "domain", "industry", "city", "country", "createdate", "hs_lastmodifieddate"),
            *("hs_merged_object_ids", "hs_parent_company_id"),
        ),
        (
            Link("contacts", "companies__contacts", "value", "contacts_id"),
            Link("deals", "companies__deals", "value", "deals_id"),
        ),
    ),
    "deals": CrmObject(
        (
            *("hs_object_id", "dealname", "pipeline", "dealstage", "amount", "deal_currency_code"),
            *("closed_won_reason", "closed_lost_reason", "hs_is_closed", "hs_is_closed_won", "hubspot_owner_id"),
            *("createdate", "closedate", "hs_lastmodifieddate", "hs_merged_object_ids"),
        ),
        (
            Link("contacts", "contacts__deals", "deals_id", "value"),
            Link("companies", "companies__deals", "deals_id", "value"),
        ),
        history=("dealstage",),
    ),
    "calls": _engagement(
        "calls", "hs_call_direction", "hs_call_disposition", "hs_call_duration", "hs_call_title", "hs_call_body"
    ),
    "meetings": _engagement(
        "meetings",
        *("hs_meeting_title", "hs_meeting_body", "hs_internal_meeting_notes", "hs_meeting_outcome"),
        *("hs_meeting_location", "hs_meeting_start_time", "hs_meeting_end_time"),
    ),
    "emails": _engagement(
        "emails",
        *("hs_email_direction", "hs_email_status", "hs_email_subject", "hs_email_text", "hs_email_html"),
        *("hs_email_from_email", "hs_email_to_email"),
    ),
    "notes": _engagement("notes", "hs_note_body"),
    "tasks": _engagement("tasks", "hs_task_subject", "hs_task_body", "hs_task_status", "hs_task_type"),
}


@dataclass
class _Gathered:
    """The content of one page: records and complete scopes by entity."""

    records: dict[str, list[Record]] = field(default_factory=dict)
    complete: dict[str, list[Record]] = field(default_factory=dict)

    def add(self, entity: str, records: Sequence[Record], complete: Sequence[Record] = ()) -> None:
        self.records.setdefault(entity, []).extend(records)
        self.complete.setdefault(entity, []).extend(complete)


class Client(ApiClient):
    """Reads one HubSpot account with the token of a private app."""

    def __init__(self, api: Api) -> None:
        super().__init__(api)
        self._property_names: dict[str, list[str]] = {}  # by object

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the private app's token."""
        request.headers["Authorization"] = f"Bearer {self.api.value('HUBSPOT_ACCESS_TOKEN')}"

    def throttle_seconds(self, response: requests.Response) -> float | None:
        """HubSpot has two statuses of its own that mean: wait."""
        if response.status_code in {_LOCKED, _MIGRATING}:
            return retry_after(response) or _LOCKED_SECONDS
        return None

    def error_code(self, response: requests.Response) -> str:
        """The category, such as MISSING_SCOPES or VALIDATION_ERROR."""
        try:
            category = str(response.json()["category"])
        except (ValueError, TypeError, KeyError):
            return ""
        return category if re.fullmatch(r"[A-Z_]{1,60}", category) else ""

    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        """All pipelines and owners; changed objects with their associations, then archived ones."""
        if stream == "pipelines":
            yield self._pipelines()
        elif stream == "owners":
            for archived in (False, True):
                for owners in self._list("/crm/v3/owners", archived):
                    yield Page({"owners": owners})
        else:
            yield from self._objects(stream, window)

    # --- objects

    def _objects(self, name: str, window: Window) -> Iterator[Page]:
        reached = self._newest_change(name)
        merged: dict[str, Record] = {}
        for ids in self._changed_ids(name, window):
            records = self._read(name, ids)
            merged |= {loser["id"]: loser for record in records for loser in _merged_away(OBJECTS[name], record)}
            yield self._page(name, records, reached)
        for listed in self._list(f"/crm/v3/objects/{name}", archived=True):
            for record in listed:
                merged.pop(record["id"], None)
            ids = [record["id"] for record in listed if _is_within(window, record.get("archivedAt"))]
            if ids:
                yield self._page(name, self._read(name, ids, archived=True), reached)
        if merged:
            yield self._page(name, list(merged.values()), reached)

    def _page(self, name: str, records: Sequence[Record], reached: datetime | None) -> Page:
        """Records with their associations and stage entries. Archived records have no associations."""
        given = _Gathered()
        given.add(name, records)
        live = [record["id"] for record in records if not record["archived"]]
        archived = [record["id"] for record in records if record["archived"]]
        for link in OBJECTS[name].links:
            self._add_links(given, name, link, live)
            given.add(link.entity, (), [{link.own: record_id} for record_id in archived])
        for record in records if name == "deals" else ():
            entries = _stage_entries(record)
            given.add("stages_timing_deals", entries, [{"id": record["id"]}] if entries else ())
        return Page(given.records, reached, given.complete)

    def _newest_change(self, name: str) -> datetime | None:
        changed = OBJECTS[name].changed
        known = {"propertyName": changed, "operator": "HAS_PROPERTY"}
        found = self._search(name, [known], changed, "DESCENDING", 1)["results"]
        return datetime.fromisoformat(found[0]["properties"][changed]) if found else None

    def _changed_ids(self, name: str, window: Window) -> Iterator[list[str]]:
        changed = OBJECTS[name].changed
        wanted = []
        if window.since:
            wanted.append({"propertyName": changed, "operator": "GTE", "value": _milliseconds(window.since)})
        if window.until:
            wanted.append({"propertyName": changed, "operator": "LT", "value": _milliseconds(window.until)})
        last = 0
        while True:
            beyond = {"propertyName": "hs_object_id", "operator": "GT", "value": str(last)}
            answer = self._search(name, [*wanted, beyond], "hs_object_id", "ASCENDING", SEARCH_LIMIT)
            ids = [record["id"] for record in answer["results"]]
            if ids:
                yield ids
                last = max(last, *map(int, ids))
            if "paging" not in answer:
                return

    def _search(self, name: str, filters: list[Record], sort: str, direction: str, limit: int) -> Any:
        return self.api.post(
            f"/crm/v3/objects/{name}/search",
            {
                "filterGroups": [{"filters": filters}],
                "sorts": [{"propertyName": sort, "direction": direction}],
                "properties": [OBJECTS[name].changed],
                "limit": limit,
            },
        )

    def _list(self, path: str, archived: bool) -> Iterator[list[Record]]:
        params = {"limit": LIST_LIMIT, "archived": str(archived).lower()}
        while True:
            answer = self.api.get(path, params)
            yield answer["results"]
            if "paging" not in answer:
                return
            params["after"] = answer["paging"]["next"]["after"]

    def _read(self, name: str, ids: Sequence[str], archived: bool = False) -> list[Record]:
        """Reads complete records, without those that were deleted since they were found."""
        crm_object = OBJECTS[name]
        size = READ_LIMIT_WITH_HISTORY if crm_object.history else READ_LIMIT
        records: list[Record] = []
        for start in range(0, len(ids), size):
            body = {
                "inputs": [{"id": record_id} for record_id in ids[start : start + size]],
                "properties": self._properties(name),
                "propertiesWithHistory": list(crm_object.history),
            }
            path = f"/crm/v3/objects/{name}/batch/read"
            records += self.api.post(path, body, {"archived": str(archived).lower()})["results"]
        return records

    def _properties(self, name: str) -> list[str]:
        """The custom properties, HubSpot's own that staging reads, and those in HUBSPOT_PROPERTIES."""
        if name not in self._property_names:
            known = self.api.get(f"/crm/v3/properties/{name}")["results"]
            own = [item["name"] for item in known if not item.get("hubspotDefined")]
            further = re.findall(r"[^\s,]+", self.api.value("HUBSPOT_PROPERTIES"))
            self._property_names[name] = sorted({*own, *further, *OBJECTS[name].properties})
        return self._property_names[name]

    # --- links

    def _add_links(self, given: _Gathered, name: str, link: Link, ids: Sequence[str]) -> None:
        """Adds all associations of these records. A record whose associations could not be read is not complete."""
        pending = [{"id": record_id} for record_id in ids]
        while pending:
            answer = self.api.post(f"/crm/v4/associations/{name}/{link.to}/batch/read", {"inputs": pending})
            pending = []
            for result in answer["results"]:
                record_id = str(result["from"]["id"])
                given.add(link.entity, [_link_record(link, record_id, end) for end in result["to"]])
                if "paging" in result:
                    pending.append({"id": record_id, "after": result["paging"]["next"]["after"]})
                else:
                    given.add(link.entity, (), [{link.own: record_id}])
            given.add(link.entity, (), [{link.own: record_id} for record_id in _without_links(answer)])

    # --- pipelines

    def _pipelines(self) -> Page:
        pipelines = self.api.get("/crm/v3/pipelines/deals")["results"]
        stages = [{**stage, "pipeline_id": pipeline["id"]} for pipeline in pipelines for stage in pipeline["stages"]]
        return Page(
            {"pipelines_deals": pipelines, "pipelines_deals__stages": stages},
            complete={"pipelines_deals__stages": [{"pipeline_id": pipeline["id"]} for pipeline in pipelines]},
        )


def _merged_away(crm_object: CrmObject, record: Record) -> list[Record]:
    """The records that were merged into this one: deleted, at the time of its own last change."""
    losers = (record["properties"].get("hs_merged_object_ids") or "").split(";")
    moment = record["properties"].get(crm_object.changed)
    return [
        {
            "id": loser.strip(),
            "archived": True,
            "properties": {"hs_object_id": loser.strip(), crm_object.changed: moment},
        }
        for loser in losers
        if loser.strip()
    ]


def _stage_entries(record: Record) -> list[Record]:
    history = record.get("propertiesWithHistory", {}).get("dealstage", [])
    return [
        {"id": record["id"], "stage": entry["value"], "hs_v2_date_enteredx": entry["timestamp"]}
        for entry in history
        if entry.get("value")
    ]


def _link_record(link: Link, record_id: str, end: Record) -> Record:
    return {link.own: record_id, link.other: str(end["toObjectId"]), "association_types": end["associationTypes"]}


def _without_links(answer: Record) -> list[str]:
    """Records without associations of this kind: HubSpot lists them as errors."""
    return [
        str(record_id)
        for error in answer.get("errors", ())
        if error.get("subCategory") == "crm.associations.NO_ASSOCIATIONS_FOUND"
        for record_id in error.get("context", {}).get("fromObjectId", ())
    ]


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _is_within(window: Window, archived_at: str | None) -> bool:
    if archived_at is None:
        return True
    moment = datetime.fromisoformat(archived_at).astimezone(UTC)
    return (window.since is None or moment >= window.since) and (window.until is None or moment < window.until)
