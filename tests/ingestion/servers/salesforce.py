"""A server that behaves like a Salesforce organisation: OAuth, describe, SOQL by REST, and bulk queries.

Tables have the names of objects (Account, Contact, ...); records have the form of REST. The fields of an object are
those of its records. It supports the SOQL that the connector and simple-salesforce use: fields, one object, conditions
joined by AND, an order and a limit.

Add here more behaviour of Salesforce. Keep out: faults and paging (base.py).
"""

from __future__ import annotations

import csv
import io
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from tests.ingestion.servers.base import Answer, Seen, VendorServer

OBJECTS = (
    *("User", "Account", "Contact", "Lead", "Opportunity", "OpportunityHistory", "OpportunityFieldHistory"),
    *("Contract", "Task", "Event"),
)
SOQL = re.compile(
    r"SELECT (?P<fields>.+?) FROM (?P<name>\w+)(?: WHERE (?P<where>.+?))?"
    r"(?: ORDER BY (?P<order>\w+)(?P<down> DESC(?: NULLS LAST)?)?(?:, Id)?)?(?: LIMIT (?P<limit>\d+))?"
)
LONGEST_URI = 16_384
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d{4})")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, ">=": operator.ge, ">": operator.gt, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


class _RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.answer = refused(400, code, message)


class SalesforceServer(VendorServer):
    """One organisation, and its sign-in."""

    page_size = 2000
    client = ("consumer-key", "consumer-secret")
    refresh_token = "refresh-token"
    failing_jobs = 0  # the number of bulk jobs that fail

    def __init__(self, tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> None:
        super().__init__(tables)
        self.sessions = 0
        self._cursors: dict[str, list[dict[str, Any]]] = {}
        self._jobs: dict[str, dict[str, Any]] = {}

    def unauthorised(self) -> Answer:
        return refused(401, "INVALID_SESSION_ID", "Session expired or invalid")

    def throttled(self, seconds: int | None) -> Answer:
        """The daily limit is a 403 without a wait."""
        if seconds is None:
            return refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        return Answer([{"message": "busy", "errorCode": "SERVER_UNAVAILABLE"}], 503, {"Retry-After": str(seconds)})

    def is_countable(self, request: Seen) -> bool:
        return not request.path.startswith("/services/oauth2/")

    def answer(self, request: Seen) -> Answer:
        if request.path == "/services/oauth2/token":
            return self._sign_in(request)
        version = r"/services/data/v\d+\.\d"
        routes: Sequence[tuple[str, str, Callable[..., Answer]]] = (
            ("GET", rf"{version}/sobjects/?", self._objects),
            ("GET", rf"{version}/sobjects/(\w+)/describe/?", self._describe),
            ("GET", rf"{version}/(query|queryAll)/?", self._query),
            ("GET", rf"{version}/query(?:All)?/(\w+)-(\d+)", self._more),
            ("POST", rf"{version}/jobs/query/?", self._new_job),
            ("GET", rf"{version}/jobs/query/(\w+)", self._job),
            ("GET", rf"{version}/jobs/query/(\w+)/results", self._results),
        )
        try:
            for method, pattern, handler in routes:
                found = re.fullmatch(pattern, request.path)
                if found and method == request.method:
                    return handler(request, *found.groups())
        except _RefusedError as error:
            return error.answer
        return refused(404, "NOT_FOUND", "The requested resource does not exist")

    def _sign_in(self, request: Seen) -> Answer:
        requested = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if (requested.get("client_id"), requested.get("client_secret")) != self.client:
            return Answer({"error": "invalid_client_id", "error_description": "client identifier invalid"}, 400)
        if requested["grant_type"] == "refresh_token" and requested["refresh_token"] != self.refresh_token:
            return Answer({"error": "invalid_grant", "error_description": "expired access/refresh token"}, 400)
        self.expired = False
        self.sessions += 1
        session = {"access_token": self.token, "instance_url": self.url, "token_type": "Bearer", "signature": "s"}
        return Answer({**session, "id": f"{self.url}/id/00D/005", "issued_at": "1767225600000"})

    # --- what there is

    def _objects(self, request: Seen) -> Answer:
        names = [name for name in OBJECTS if name in self.tables]
        return Answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [{"name": name} for name in names]})

    def _describe(self, request: Seen, name: str) -> Answer:
        fields = [{"name": field, "type": kind, "label": field} for field, kind in self._fields(name).items()]
        return Answer({"name": name, "fields": fields})

    def _fields(self, name: str) -> dict[str, str]:
        if name not in OBJECTS:
            raise _RefusedError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        fields = {"Id": "id", "SystemModstamp": "datetime", "CreatedDate": "datetime"}
        if name == "Contact":
            fields["MailingAddress"] = "address"
        for record in self.tables.get(name, ()):
            for field, value in record.items():
                if fields.get(field, "string") == "string":
                    fields[field] = _kind(field, value)
        return fields

    # --- SOQL

    def _select(self, soql: str, with_deleted: bool) -> list[dict[str, Any]]:
        parsed = SOQL.fullmatch(soql)
        if not parsed:
            raise _RefusedError("MALFORMED_QUERY", "unexpected token")
        known = self._fields(parsed["name"])
        requested = re.split(r",\s*", parsed["fields"])
        unknown = [field for field in requested if field not in known]
        if unknown:
            raise _RefusedError("INVALID_FIELD", f"No such column '{unknown[0]}' on entity '{parsed['name']}'.")
        found = [
            record
            for record in self.tables.get(parsed["name"], ())
            if (with_deleted or not record.get("IsDeleted"))
            and all(_holds(record, condition) for condition in (parsed["where"] or "").split(" AND ") if condition)
        ]
        order = parsed["order"] or "Id"
        found.sort(key=lambda record: (_comparable(record.get(order)), record["Id"]), reverse=bool(parsed["down"]))
        limited = found[: int(parsed["limit"])] if parsed["limit"] else found
        path = f"/services/data/v62.0/sobjects/{parsed['name']}"
        return [
            {"attributes": {"type": parsed["name"], "url": f"{path}/{record['Id']}"}}
            | {field: record.get(field) for field in requested}
            for record in limited
        ]

    def _query(self, request: Seen, way: str) -> Answer:
        if sum(len(name) + 3 * len(value) for name, value in request.pairs) > LONGEST_URI * 3:
            return Answer([{"message": "URI Too Long", "errorCode": "URI_TOO_LONG"}], 414)
        records = self._select(request.query["q"], with_deleted=way == "queryAll")
        if "LIMIT" in request.query["q"]:
            return Answer({"totalSize": len(records), "done": True, "records": records})
        cursor = f"01g{len(self._cursors):015d}"
        self._cursors[cursor] = records
        return self._more(request, cursor, "0")

    def _more(self, request: Seen, cursor: str, position: str) -> Answer:
        if cursor not in self._cursors:
            raise _RefusedError("INVALID_QUERY_LOCATOR", "invalid query locator")
        records = self._cursors[cursor]
        given, following = self._paged(cursor, records, int(position), self.page_size)
        body = {"totalSize": len(records), "done": following is None, "records": given}
        if following is not None:
            body["nextRecordsUrl"] = f"/services/data/v62.0/query/{cursor}-{following}"
        return Answer(body)

    _listing = ""

    def _paged(self, listing: str, records: Sequence[Any], position: int, size: int) -> tuple[list[Any], int | None]:
        if listing != self._listing:
            self._listing, self._last_page = listing, ()
        return self.page(records, position, size)

    # --- bulk

    def _new_job(self, request: Seen) -> Answer:
        requested = request.json
        records = self._select(requested["query"], with_deleted=requested["operation"] == "queryAll")
        kinds = self._fields(records[0]["attributes"]["type"]) if records else {}
        job = {"id": f"750{len(self._jobs):015d}", "operation": requested["operation"], "state": "UploadComplete"}
        job["object"] = (SOQL.fullmatch(requested["query"]) or {"name": ""})["name"]
        if {"address", "location"} & {kinds.get(field, "") for field in (records[0] if records else ())}:
            raise _RefusedError("API_ERROR", "Compound fields are not supported by the Bulk API")
        header = re.split(r",\s*", (SOQL.fullmatch(requested["query"]) or {"fields": ""})["fields"])
        self._jobs[job["id"]] = {"job": job, "requested": 0, "header": header, "records": records}
        return Answer(job)

    def _job(self, request: Seen, job_id: str) -> Answer:
        """In progress at the first poll, complete after that."""
        known = self._jobs[job_id]
        known["requested"] += 1
        if known["requested"] == 1:
            return Answer({**known["job"], "state": "InProgress"})
        if self.failing_jobs:
            self.failing_jobs -= 1
            return Answer({**known["job"], "state": "Failed", "errorMessage": "QUERY_TIMEOUT"})
        return Answer({**known["job"], "state": "JobComplete"})

    def _results(self, request: Seen, job_id: str) -> Answer:
        known = self._jobs[job_id]
        size = min(int(request.query.get("maxRecords", 50_000)), self.page_size)
        position = int(request.query.get("locator") or 0)
        given, following = self._paged(job_id, known["records"], position, size)
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(known["header"])
        writer.writerows([_cell(record[field]) for field in known["header"]] for record in given)
        headers = {
            "Content-Type": "text/csv",
            "Sforce-Locator": "null" if following is None else str(following),
            "Sforce-NumberOfRecords": str(len(given)),
        }
        return Answer(text.getvalue().encode(), headers=headers)


def refused(status: int, code: str, message: str) -> Answer:
    """A list with one error, in the form of Salesforce's data API."""
    return Answer([{"message": message, "errorCode": code}], status)


def _kind(field: str, value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "double"
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return "datetime"
    return "reference" if field.endswith("Id") else "string"


def _holds(record: Mapping[str, Any], condition: str) -> bool:
    field, sign, literal = re.fullmatch(r"(\w+) (>=|<=|=|>|<) (.+)", condition).groups()  # type: ignore[union-attr]
    value = record.get(field)
    return value is not None and _COMPARE[sign](_comparable(value), _comparable(literal.strip("'")))


def _comparable(value: Any) -> Any:
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return datetime.fromisoformat(value)
    return datetime.min.replace(tzinfo=UTC) if value is None else value


def _cell(value: Any) -> str:
    """A value in the form of bulk results: Z for UTC, empty for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text.replace("+0000", "Z") if _MOMENT.fullmatch(text) else text


def moment(changed: datetime) -> str:
    """A timestamp in the form of REST."""
    return changed.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def sobject(record_id: str, changed: datetime, **fields: Any) -> dict[str, Any]:
    """A record in the form of REST, changed at that time."""
    text = moment(changed)
    stamps = {"CreatedDate": text, "LastModifiedDate": text, "SystemModstamp": text}
    return {"Id": record_id, "IsDeleted": False, **stamps, **fields}


def from_fivetran(table: Sequence[Mapping[str, str]], fields: Sequence[str]) -> list[dict[str, Any]]:
    """Converts rows of a Fivetran table back to records with these Salesforce fields."""
    return [
        {field: _read(row.get(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field).lower(), "")) for field in fields}
        for row in table
    ]


def _read(cell: str) -> Any:
    if cell.lower() in {"true", "false"}:
        return cell.lower() == "true"
    if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", cell):
        return moment(datetime.fromisoformat(cell).replace(tzinfo=UTC))
    return cell or None
