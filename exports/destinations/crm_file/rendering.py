"""A record as a row of a CRM import: the export's own columns under their own names, including the CRM record's id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exports.destination import Batch, Cell, Record
from exports.files import RecordUnfitError
from exports.spec import ExportSpec


class CrmRendering:
    """Rows with the model's columns. A removal has only the record's key: its values must be cleared."""

    def __init__(self, spec: ExportSpec) -> None:
        self._key = spec.key

    def header(self, batch: Batch) -> Sequence[str]:
        """The key first, then the batch's other columns in the model's order."""
        return [self._key, *(name for name in batch.fields if name != self._key)]

    def line(self, batch: Batch, record: Record) -> Sequence[Cell]:
        """The record's values; raises RecordUnfitError for an empty key."""
        if not record.record_key:
            raise RecordUnfitError("no_record_key")
        return [record.record_key, *(record.fields.get(name) for name in batch.fields if name != self._key)]

    def read(self, row: Mapping[str, str | None]) -> tuple[str | None, dict[str, str | None]]:
        """The columns are the export's own."""
        return row.get(self._key) or None, dict(row)
