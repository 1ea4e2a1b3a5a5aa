"""A record as a row of Meta's customer file: column names, order, and records that Meta cannot use.

Meta Marketing API, "Custom Audiences: customer file" and "Advanced matching parameters" (guides, 2026): every match
key is the SHA-256 of the normalised value in lower-case hex, EXTERN_ID is plain, an unknown key is an empty cell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from exports.destination import Batch, Cell, Record
from exports.errors import SpecError
from exports.files import RecordUnfitError
from exports.spec import ExportSpec

KEYS = {
    "customer_id": "EXTERN_ID",
    "email_sha256": "EMAIL",
    "phone_sha256": "PHONE",
    "first_name_sha256": "FN",
    "last_name_sha256": "LN",
    "city_sha256": "CT",
    "postal_code_sha256": "ZIP",
    "country_code_sha256": "COUNTRY",
}
PLAIN = {"EXTERN_ID"}
SHA256 = re.compile(r"[0-9a-f]{64}")
SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class MetaRendering:
    """Rows under Meta's own names, in Meta's order."""

    def __init__(self, spec: ExportSpec) -> None:
        self._key = spec.key

    def header(self, batch: Batch) -> Sequence[str]:
        """Meta's names of the match keys in the batch."""
        return [name for field, name in KEYS.items() if field in batch.fields]

    def line(self, batch: Batch, record: Record) -> Sequence[Cell]:
        """The match keys; raises RecordUnfitError for a value that is not a SHA-256, or a record without match keys."""
        line: list[Cell] = []
        for field, name in KEYS.items():
            if field not in batch.fields:
                continue
            value = record.fields.get(field)
            if value is not None and name not in PLAIN:
                _check_hash(value)
            line.append(value)
        if not any(record.fields.get(field) for field, name in KEYS.items() if name not in PLAIN):
            raise RecordUnfitError("no_match_key")
        return line

    def read(self, row: Mapping[str, str | None]) -> tuple[str | None, dict[str, str | None]]:
        """The customer instead of the key, which Meta does not get."""
        fields = {field: row[name] or None for field, name in KEYS.items() if name in row}
        return fields.get("customer_id"), fields


def _check_hash(value: Cell) -> None:
    if not isinstance(value, str) or not SHA256.fullmatch(value):
        raise RecordUnfitError("not_a_sha256")
    if value == SHA256_OF_NOTHING:
        raise RecordUnfitError("hash_of_nothing")


def check_columns(spec: ExportSpec) -> None:
    """Raises SpecError if the export has a column that Meta does not know, or no match key among its removal fields."""
    unknown = [name for name in spec.column_names if name not in KEYS and name != spec.key]
    if unknown:
        raise SpecError(
            f"{spec.name}: {', '.join(unknown)}: not a column of Meta's customer file; known: {', '.join(KEYS)}"
        )
    if spec.mode == "mirror" and not any(KEYS.get(name, "EXTERN_ID") not in PLAIN for name in spec.removal_fields):
        raise SpecError(
            f"{spec.name}: config.meta.export.removal_fields: Meta removes by match keys: name at least one of them"
        )
