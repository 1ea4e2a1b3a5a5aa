"""Salesforce's REST API, and Bulk API 2.0 for large results.

Every query is a queryAll, which includes deleted and merged records (IsDeleted, MasterRecordId) while they are in the
recycle bin, for 15 days. All fields that the user may see are read, with custom fields. A first load, and a query that
is too long for a URL, is a bulk job; its CSV is converted to the form of the REST API, so that records are the same.

A session that expires during a run is renewed, by refresh token or client credentials.

Keep out: what columns mean (staging).
Vendor's rules: "REST API Developer Guide", "Bulk API 2.0", "OAuth 2.0 token endpoint" (version 62.0).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from ingestion.api import Api
from ingestion.connectors import ApiClient, Page, Window
from ingestion.errors import SettingError
from vendors.errors import TransientVendorError
from vendors.oauth import AccessToken, client_credentials, refresh_token

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105  a path
BULK_PAGE = 5000
LONGEST_QUERY = 8000  # in a URL of at most 16,384 bytes, where a character may take three
LIMIT_PAUSE_SECONDS = 60.0
JOB_SECONDS = 3600
_COMPOUND = frozenset(
    {"address", "location", "base64"}
)  # composed of other fields, or binary; bulk queries refuse them
_LARGEST_CELL = 2**31 - 1
_WORKING = frozenset({"UploadComplete", "InProgress"})
_NUMBERS = frozenset({"double", "currency", "percent", "int", "long"})

Record = Mapping[str, Any]


@dataclass(frozen=True)
class SalesforceObject:
    """An object: its name, the field with the time of change, and whether an organisation may not have it."""

    name: str
    changed: str = "SystemModstamp"
    optional: bool = False


OBJECTS: Mapping[str, SalesforceObject] = {
    "user": SalesforceObject("User"),
    "account": SalesforceObject("Account"),
    "contact": SalesforceObject("Contact"),
    "lead": SalesforceObject("Lead"),
    "opportunity": SalesforceObject("Opportunity"),
    "opportunity_history": SalesforceObject("OpportunityHistory"),
    # It exists once the history of a field is tracked.
    "opportunity_field_history": SalesforceObject("OpportunityFieldHistory", changed="CreatedDate", optional=True),
    "opportunity_contact_role": SalesforceObject("OpportunityContactRole", optional=True),
    "contract": SalesforceObject("Contract"),
    "task": SalesforceObject("Task"),
    "event": SalesforceObject("Event"),
}


class Client(ApiClient):
    """Reads one organisation as the user of a connected app."""

    def __init__(self, api: Api) -> None:
        super().__init__(api)
        self._token = AccessToken(api, TOKEN_PATH, self._token_form)
        self._instance = ""

    # --- signing in

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the session's token."""
        if token := self._token.value():
            request.headers["Authorization"] = f"Bearer {token}"

    def refresh(self) -> bool:
        """INVALID_SESSION_ID: signs in again."""
        if not self._token.renew():
            return False
        self._instance = self._token.response["instance_url"].rstrip("/")
        self.api.trust(self._instance)
        return True

    def _token_form(self) -> dict[str, str]:
        app = self.api.value("SALESFORCE_CLIENT_ID"), self.api.value("SALESFORCE_CLIENT_SECRET")
        token = self.api.value("SALESFORCE_REFRESH_TOKEN")
        return refresh_token(*app, token) if token else client_credentials(*app)

    # --- how Salesforce refuses

    def throttle_seconds(self, response: requests.Response) -> float | None:
        """A 403 signals the daily limit, which recovers during the day."""
        if response.status_code == requests.codes.forbidden and self.error_code(response) == "REQUEST_LIMIT_EXCEEDED":
            return LIMIT_PAUSE_SECONDS
        return None

    def error_code(self, response: requests.Response) -> str:
        """The errorCode of the first error, or OAuth's error."""
        try:
            body = response.json()
            code = str(body[0]["errorCode"] if isinstance(body, list) else body["error"])
        except (ValueError, TypeError, KeyError, IndexError):
            return ""
        return code if re.fullmatch(r"[A-Za-z_]{1,60}", code) else ""

    # --- reading

    def fetch(self, stream: str, window: Window) -> Iterator[Page]:
        """The changes of an object. The watermark is the newest change when the stream started."""
        if not self._instance:
            self.refresh()
        wanted = OBJECTS[stream]
        if wanted.optional and wanted.name not in self._known_objects():
            return
        reached = self._newest_change(wanted)
        fields = self._fields(wanted.name)
        query = _query(wanted, fields, window)
        by_bulk = window.since is None or len(query) > LONGEST_QUERY
        for records in self._bulk(query, fields) if by_bulk else self._pages(query):
            given = self._with_loss_reason(records, fields) if stream == "opportunity" else records
            yield Page({stream: given}, reached)

    def _newest_change(self, wanted: SalesforceObject) -> datetime | None:
        query = f"SELECT {wanted.changed} FROM {wanted.name} ORDER BY {wanted.changed} DESC NULLS LAST LIMIT 1"
        for records in self._pages(query):
            for record in records:
                return datetime.fromisoformat(record[wanted.changed])
        return None

    def _path(self, path: str) -> str:
        return f"{self._instance}/services/data/v{self.api.value('SALESFORCE_API_VERSION')}/{path}"

    def _known_objects(self) -> set[str]:
        return {item["name"] for item in self.api.get(self._path("sobjects"))["sobjects"]}

    def _fields(self, name: str) -> dict[str, str]:
        """The fields that the user may see, with their types."""
        described = self.api.get(self._path(f"sobjects/{name}/describe"))["fields"]
        return {field["name"]: field["type"] for field in described if field["type"] not in _COMPOUND}

    def _with_loss_reason(self, records: list[Record], fields: Mapping[str, str]) -> list[Record]:
        """The records with a copy of the organisation's own field as LossReason."""
        field = self.api.value("SALESFORCE_LOSS_REASON_FIELD")
        if field and field not in fields:
            raise SettingError(
                f"SALESFORCE_LOSS_REASON_FIELD is {field}, which opportunities do not have, or the user cannot see."
            )
        return [{**record, "LossReason": record.get(field)} for record in records]

    def _pages(self, query: str) -> Iterator[list[Record]]:
        """The pages of a query by REST, up to 2,000 records each."""
        answer = self.api.get(self._path("queryAll"), {"q": query})
        while True:
            yield [
                {name: value for name, value in record.items() if name != "attributes"} for record in answer["records"]
            ]
            if answer["done"]:
                return
            answer = self.api.get(self._instance + answer["nextRecordsUrl"])

    def _bulk(self, query: str, fields: Mapping[str, str]) -> Iterator[list[Record]]:
        """The pages of a query by a bulk job, which Salesforce runs in the background."""
        job = self.api.post(self._path("jobs/query"), {"operation": "queryAll", "query": query})
        path = self._path(f"jobs/query/{job['id']}")
        ended = self.api.poll(path, lambda answer: answer["state"] not in _WORKING, at_most_seconds=JOB_SECONDS)
        if ended["state"] != "JobComplete":
            raise TransientVendorError(
                f"salesforce: the bulk query of {ended['object']} ended as {ended['state']}. Nothing of this stream was"
                " kept; run the same command again later."
            )
        locator = ""
        while locator != "null":
            params: dict[str, Any] = {"maxRecords": BULK_PAGE, **({"locator": locator} if locator else {})}
            answer = self.api.request("GET", f"{path}/results", params=params, expect=_is_whole)
            yield [{name: _value(cell, fields[name]) for name, cell in row.items()} for row in _rows(answer)]
            locator = answer.headers["Sforce-Locator"]


def _query(wanted: SalesforceObject, fields: Mapping[str, str], window: Window) -> str:
    conditions = []
    if window.since:
        conditions.append(f"{wanted.changed} >= {_moment(window.since)}")
    if window.until:
        conditions.append(f"{wanted.changed} < {_moment(window.until)}")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {', '.join(fields)} FROM {wanted.name}{where}"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rows(answer: requests.Response) -> list[dict[str, str]]:
    csv.field_size_limit(_LARGEST_CELL)
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8"), newline="")))


def _is_whole(answer: requests.Response) -> bool:
    """Whether a page of a bulk result has as many rows as its header says; CSV has no end mark."""
    try:
        return len(_rows(answer)) == int(answer.headers["Sforce-NumberOfRecords"])
    except (KeyError, ValueError, csv.Error):
        return False


def _value(cell: str, kind: str) -> Any:
    """A cell of a bulk result in the form of REST: null for empty, typed numbers and booleans."""
    if cell == "":
        return None
    if kind == "boolean":
        return cell == "true"
    if kind == "datetime":
        return cell.replace("Z", "+0000")
    return json.loads(cell) if kind in _NUMBERS else cell
