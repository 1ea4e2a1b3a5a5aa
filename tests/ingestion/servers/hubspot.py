"""A server that behaves like HubSpot's CRM API: v3 for objects, owners, pipelines, properties, v4 for associations.

Tables have the names in the paths: contacts, companies, deals, calls, meetings, emails, notes, tasks, owners,
pipelines. A record has HubSpot's form ({id, properties, createdAt, updatedAt, archived}), a deal's with the changes of
its stage under `history`. `associations` has {from, from_id, to, to_id}, once for both directions. `custom` has names
of properties that the account made itself ({object, name}).

Add here more behaviour of HubSpot. Keep out: faults and paging (base.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from tests.ingestion.servers.base import Answer, Seen, VendorServer

OBJECTS = ("contacts", "companies", "deals", "calls", "meetings", "emails", "notes", "tasks")
SEARCH_BODY_LIMIT = 3000


class HubSpotServer(VendorServer):
    """One HubSpot account."""

    search_results = 10_000  # a search pages through no more than these
    page_size = 200  # the largest page
    scopes: frozenset[str] = frozenset(OBJECTS)  # objects that the token may read
    unreadable: frozenset[str] = frozenset()  # records whose associations cannot be read
    _listing = ""

    def unauthorised(self) -> Answer:
        return _refused(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")

    def throttled(self, seconds: int | None) -> Answer:
        body = {
            **_error("RATE_LIMITS", "You have reached your secondly limit."),
            "errorType": "RATE_LIMIT",
            "policyName": "SECONDLY",
        }
        return Answer(body, 429, {} if seconds is None else {"Retry-After": str(seconds)})

    def answer(self, request: Seen) -> Answer:
        routes: Sequence[tuple[str, str, Callable[..., Answer]]] = (
            ("POST", r"/crm/v3/objects/(\w+)/search", self._search),
            ("POST", r"/crm/v3/objects/(\w+)/batch/read", self._read),
            ("GET", r"/crm/v3/objects/(\w+)", self._list),
            ("GET", r"/crm/v3/(owners)/?", self._list),
            ("GET", r"/crm/v3/pipelines/deals", self._pipelines),
            ("GET", r"/crm/v3/properties/(\w+)", self._properties),
            ("POST", r"/crm/v4/associations/(\w+)/(\w+)/batch/read", self._associations),
        )
        for method, pattern, handler in routes:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                if found.groups() and found[1] in OBJECTS and found[1] not in self.scopes:
                    return _refused(403, "MISSING_SCOPES", "This app hasn't been granted all required scopes.")
                return handler(request, *found.groups())
        return _refused(404, "OBJECT_NOT_FOUND", "resource not found")

    # --- objects

    def _search(self, request: Seen, name: str) -> Answer:
        requested = request.json
        limit, offset = int(requested.get("limit", 10)), int(requested.get("after") or 0)
        if len(request.body) > SEARCH_BODY_LIMIT or limit > 200:
            return _refused(400, "VALIDATION_ERROR", "the query is too long, or its limit over 200")
        if offset + limit > self.search_results:
            return _refused(400, "VALIDATION_ERROR", "a search pages through no more than 10,000 results")
        groups = requested.get("filterGroups") or [{"filters": []}]
        found = [
            record
            for record in self.tables.get(name, ())
            if not record.get("archived")
            and any(all(_matches(record, condition) for condition in group["filters"]) for group in groups)
        ]
        for sort in requested.get("sorts", ())[:1]:
            found.sort(
                key=lambda record: _comparable(sort["propertyName"], record["properties"].get(sort["propertyName"])),
                reverse=sort["direction"] == "DESCENDING",
            )
        answer = Answer({"results": found[:1]}) if limit == 1 else self._paged(request.path, found, offset, limit)
        shown = [_shown(record, requested.get("properties", ()), ()) for record in answer.body["results"]]
        return Answer({**answer.body, "total": len(found), "results": shown})

    def _read(self, request: Seen, name: str) -> Answer:
        requested = request.json
        history = requested.get("propertiesWithHistory") or ()
        if len(requested["inputs"]) > (50 if history else 100):
            return _refused(400, "VALIDATION_ERROR", "the batch is over its limit")
        archived = request.query.get("archived") == "true"
        records = {r["id"]: r for r in self.tables.get(name, ()) if r.get("archived", False) == archived}
        wanted = [item["id"] for item in requested["inputs"]]
        found = [_shown(records[key], requested.get("properties", ()), history) for key in wanted if key in records]
        missing = [key for key in wanted if key not in records]
        errors = [{**_error("OBJECT_NOT_FOUND", "some records were not found"), "context": {"ids": missing}}]
        moments = {"startedAt": "2026-06-30T00:00:00.000Z", "completedAt": "2026-06-30T00:00:00.010Z"}
        body = {"status": "COMPLETE", "results": found, **moments}
        return Answer({**body, "numErrors": 1, "errors": errors}, 207) if missing else Answer(body)

    def _list(self, request: Seen, name: str) -> Answer:
        limit = int(request.query.get("limit", 10))
        if limit > (500 if name == "owners" else 100):
            return _refused(400, "VALIDATION_ERROR", "the limit is over its maximum")
        records = self._of(name, request.query.get("archived") == "true")
        answer = self._paged(f"{name} {request.query.get('archived')}", records, _after(request), limit)
        if name == "owners":
            return answer
        properties = request.query.get("properties", "").split(",")
        return Answer({**answer.body, "results": [_shown(r, properties, ()) for r in answer.body["results"]]})

    def _of(self, name: str, archived: bool) -> list[dict[str, Any]]:
        records = [record for record in self.tables.get(name, ()) if record.get("archived", False) == archived]
        return sorted(records, key=lambda record: int(record["id"]))

    def _paged(self, listing: str, records: Sequence[Any], position: int, limit: int) -> Answer:
        if listing != self._listing:
            self._listing, self._last_page = listing, ()
        given, following = self.page(records, position, min(limit, self.page_size))
        body: dict[str, Any] = {"results": given}
        if following is not None:
            body["paging"] = {"next": {"after": str(following), "link": f"{self.url}/next"}}
        return Answer(body)

    # --- the rest

    def _pipelines(self, request: Seen) -> Answer:
        return Answer({"results": self.tables.get("pipelines", [])})

    def _properties(self, request: Seen, name: str) -> Answer:
        own = [item["name"] for item in self.tables.get("custom", ()) if item["object"] == name]
        vendor = [
            {"name": "hs_object_id", "hubspotDefined": True},
            {"name": "hs_analytics_source", "hubspotDefined": True},
        ]
        described = [*vendor, *({"name": item} for item in own)]
        whole = {"label": "", "type": "string", "fieldType": "text", "description": "", "groupName": "g", "options": []}
        return Answer({"results": [{**whole, **item} for item in described]})

    def _associations(self, request: Seen, name: str, to: str) -> Answer:
        if len(request.json["inputs"]) > 1000:
            return _refused(400, "VALIDATION_ERROR", "the batch is over its limit")
        results, errors = [], []
        for item in request.json["inputs"]:
            ends = sorted(self._linked(name, item["id"], to), key=int)
            start = int(item.get("after") or 0)
            given = ends[start : start + 500]
            context = {"fromObjectId": [item["id"]], "fromObjectType": [name], "toObjectType": [to]}
            if item["id"] in self.unreadable:
                errors.append({**_error("INTERNAL_ERROR", "the links could not be read"), "context": context})
                continue
            if not ends:
                missing = _error("OBJECT_NOT_FOUND", f"No {to} is associated with {name} {item['id']}.")
                sub_category = "crm.associations.NO_ASSOCIATIONS_FOUND"
                errors.append({**missing, "subCategory": sub_category, "context": context})
                continue
            types = [{"category": "HUBSPOT_DEFINED", "typeId": 4, "label": None}]
            ends_shown = [{"toObjectId": int(end), "associationTypes": types} for end in given]
            result: dict[str, Any] = {"from": {"id": item["id"]}, "to": ends_shown}
            if start + 500 < len(ends):
                result["paging"] = {"next": {"after": str(start + 500), "link": f"{self.url}/next"}}
            results.append(result)
        moments = {"startedAt": "2026-06-30T00:00:00.000Z", "completedAt": "2026-06-30T00:00:00.010Z"}
        body = {"status": "COMPLETE", "results": results, **moments}
        if errors:
            return Answer({**body, "numErrors": len(errors), "errors": errors}, 207)
        return Answer(body)

    def _linked(self, name: str, record_id: str, to: str) -> set[str]:
        links = self.tables.get("associations", ())
        there = {
            link["to_id"] for link in links if (link["from"], link["from_id"], link["to"]) == (name, record_id, to)
        }
        back = {link["from_id"] for link in links if (link["to"], link["to_id"], link["from"]) == (name, record_id, to)}
        return there | back


def _error(category: str, message: str) -> dict[str, Any]:
    return {
        "status": "error",
        "message": message,
        "category": category,
        "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
    }


def _refused(status: int, category: str, message: str) -> Answer:
    return Answer(_error(category, message), status)


def _after(request: Seen) -> int:
    return int(request.query.get("after") or 0)


def _shown(record: Mapping[str, Any], properties: Sequence[str], history: Sequence[str]) -> dict[str, Any]:
    """The requested properties of a record, without missing ones."""
    requested = {"hs_object_id", *properties} - {""}
    kept = {name: record["properties"].get(name) for name in sorted(requested) if name in record["properties"]}
    shown = {**{key: value for key, value in record.items() if key != "history"}, "properties": kept}
    if history:
        shown["propertiesWithHistory"] = {name: record.get("history", {}).get(name, []) for name in history}
    return shown


def _matches(record: Mapping[str, Any], condition: Mapping[str, str]) -> bool:
    name, operator = condition["propertyName"], condition["operator"]
    given = record["properties"].get(name)
    if operator == "HAS_PROPERTY":
        return given is not None
    if given is None:
        return False
    left, right = _comparable(name, given), _comparable(name, condition["value"])
    compared: Mapping[str, bool] = {
        "EQ": left == right,
        "GT": left > right,
        "GTE": left >= right,
        "LT": left < right,
        "LTE": left <= right,
    }
    return compared[operator]


def _comparable(name: str, value: str | None) -> int:
    """Ids and moments as numbers; a filter's moments are milliseconds of Unix time."""
    if value is None:
        return -1
    if value.lstrip("-").isdigit():
        return int(value)
    return int(datetime.fromisoformat(value).timestamp() * 1000)


# --- where an account comes from


def crm_record(record_id: str | int, changed: datetime, archived: bool = False, **properties: Any) -> dict[str, Any]:
    """A record in HubSpot's form, changed (or archived) at that time."""
    moment = changed.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    stamps = {"hs_object_id": str(record_id), "hs_lastmodifieddate": moment, "lastmodifieddate": moment}
    record = {
        "id": str(record_id),
        "properties": {"createdate": moment, **stamps, **properties},
        "createdAt": moment,
        "updatedAt": moment,
        "archived": archived,
    }
    return {**record, "archivedAt": moment} if archived else record


def from_samples(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The pages of the real API that dlt recorded."""
    return {
        name: json.loads((folder / f"mock_{name}_data.json").read_text())["results"]
        for name in ("contacts", "companies", "deals")
    }


_LINKS = (
    ("contacts__deals", ("contacts", "value"), ("deals", "deals_id")),
    ("companies__contacts", ("companies", "value"), ("contacts", "contacts_id")),
    ("companies__deals", ("companies", "value"), ("deals", "deals_id")),
    ("calls__contacts", ("calls", "calls_id"), ("contacts", "value")),
)


def from_world(landing: Path) -> dict[str, list[dict[str, Any]]]:
    """The demo business's HubSpot as its API would show it: the newest version of each record in the landing files."""
    folder = landing / "hubspot"
    tables: dict[str, list[dict[str, Any]]] = {}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")

        def read(entity: str, newest_by: str = "") -> list[dict[str, Any]]:
            newest = f"qualify row_number() over (partition by id order by {newest_by} desc) = 1" if newest_by else ""
            found = connection.execute(f"select * from read_parquet('{folder / entity}/*') {newest}")
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

        for name, changed in (
            ("contacts", "lastmodifieddate"),
            ("companies", "hs_lastmodifieddate"),
            ("deals", "hs_lastmodifieddate"),
            ("calls", "hs_lastmodifieddate"),
        ):
            tables[name] = [_as_record(row, row[changed]) for row in read(name, changed)]
        for entry in sorted(read("stages_timing_deals"), key=lambda row: row["hs_v2_date_enteredx"], reverse=True):
            (deal,) = [deal for deal in tables["deals"] if deal["id"] == entry["id"]]
            change = {"value": entry["stage"], "timestamp": _text(entry["hs_v2_date_enteredx"]), "sourceType": "CRM_UI"}
            deal.setdefault("history", {}).setdefault("dealstage", []).append(change)
        tables["associations"] = [
            {"from": one, "from_id": row[own], "to": other, "to_id": row[its]}
            for entity, (one, own), (other, its) in _LINKS
            for row in read(entity)
        ]
        stages = read("pipelines_deals__stages", "updated_at")
        tables["pipelines"] = [
            {
                "id": row["id"],
                "label": row["label"],
                "displayOrder": row["display_order"],
                "archived": row["archived"],
                "createdAt": _text(row["created_at"]),
                "updatedAt": _text(row["updated_at"]),
                "stages": [_as_stage(stage) for stage in stages],
            }
            for row in read("pipelines_deals", "updated_at")
        ]
        tables["owners"] = [
            {
                "id": row["id"],
                "email": row["email"],
                "firstName": row["first_name"],
                "lastName": row["last_name"],
                "userId": row["user_id"],
                "createdAt": _text(row["created_at"]),
                "updatedAt": _text(row["updated_at"]),
                "archived": row["archived"],
            }
            for row in read("owners", "updated_at")
        ]
    tables["custom"] = [{"object": "deals", "name": name} for name in ("contract_status", "contract_end_date")]
    return tables


def _as_record(row: Mapping[str, Any], changed: datetime) -> dict[str, Any]:
    properties = {
        name: _text(value)
        for name, value in row.items()
        if name not in {"id", "is_deleted"} and not name.startswith("_") and value is not None
    }
    return crm_record(row["id"], changed.replace(tzinfo=UTC), bool(row["is_deleted"]), **properties)


def _as_stage(stage: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": stage["id"],
        "label": stage["label"],
        "displayOrder": stage["display_order"],
        "metadata": {"isClosed": stage["metadata__is_closed"], "probability": stage["metadata__probability"]},
        "archived": stage["archived"],
        "createdAt": _text(stage["created_at"]),
        "updatedAt": _text(stage["updated_at"]),
    }


def _text(value: Any) -> str:
    """A value in the form of a HubSpot property."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value).lower() if isinstance(value, bool) else str(value)
