"""A batch as the JSON body of one request, its signature, and the receiver's answer about single records.

Body: {"export", "delivery_id", "batch", "action", "records": [{"record_key", "fields"}]}. The same batch has the same
bytes at every attempt. Answer, if it concerns single records: {"rejected":
[{"record_key", "code"}], "deferred": [{"record_key", "code"}]}.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from exports.destination import Batch, BatchResult, DeliveryContext
from exports.files import json_cell

CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def render_body(context: DeliveryContext, batch: Batch) -> tuple[bytes, frozenset[str]]:
    """The request's body, and the keys of the records in it."""
    records = [
        {
            "record_key": record.record_key,
            "fields": {name: json_cell(value) for name, value in record.fields.items()},
        }
        for record in batch.records
    ]
    body = {
        "export": context.spec.name,
        "delivery_id": context.delivery_id,
        "batch": batch.number,
        "action": batch.action,
        "records": records,
    }
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode(), frozenset(str(record["record_key"]) for record in records)


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The value of the signature header: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`.

    The timestamp is signed too, so that a receiver can reject replayed requests.
    """
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def read_answer(content: bytes, keys: frozenset[str]) -> BatchResult:
    """The outcome of single records in an answer; an answer in another form has none."""
    try:
        answer: Any = json.loads(content) if content.strip() else {}
    except ValueError:
        answer = {}
    if not isinstance(answer, Mapping):
        answer = {}
    return BatchResult(rejected=_codes(answer.get("rejected"), keys), deferred=_codes(answer.get("deferred"), keys))


def _codes(entries: Any, keys: frozenset[str]) -> dict[str, str]:
    codes: dict[str, str] = {}
    for entry in entries if isinstance(entries, list) else []:
        key = str(entry.get("record_key")) if isinstance(entry, Mapping) else ""
        if key in keys:
            code = entry.get("code")
            codes[key] = code if isinstance(code, str) and CODE.fullmatch(code) else "unreadable_code"
    return codes
