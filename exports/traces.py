"""Traces of deliveries besides the ledger: their files, and a note of the last delivery per export.

A ledger that lacks a delivery with such a trace was lost, or restored from an old backup. A delivery with it would send
everything again and forget removals.

Add here when: a delivery leaves another trace. Keep out: the content of a delivery (adoption.py).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb

from exports.errors import DestinationError, LedgerLostError
from exports.settings import Settings
from exports.spec import ExportSpec
from runtime.files import whole_file

NOTE = "last_delivery.json"
DELIVERY_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
IDS_SHOWN = 3


def note_delivery(settings: Settings, spec: ExportSpec, delivery_id: str) -> None:
    """Writes a note before a delivery is sent, as a trace of deliveries without files.

    Raises DestinationError if the note cannot be written; nothing may be sent then.
    """
    path = settings.exports_dir / spec.name / NOTE
    text = json.dumps({"export": spec.name, "destination": spec.destination, "delivery_id": delivery_id}) + "\n"
    try:
        with whole_file(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise DestinationError(
            f"{path} cannot be written to ({error.strerror}): free space or correct its permissions, then run "
            f"`merganser export deliver {spec.name}` again; the plan is kept, and nothing more was sent",
            code="not_writable",
        ) from None


def find_unknown_deliveries(
    connection: duckdb.DuckDBPyConnection, settings: Settings, spec: ExportSpec
) -> tuple[str, ...]:
    """Ids of deliveries of the export that left a trace and that the ledger lacks, the oldest first."""
    found = _traces(settings.exports_dir / spec.name)
    if not found:
        return ()
    known = connection.execute(
        "select delivery_id from ledger.deliveries where delivery_id in (select unnest($ids::varchar[]))",
        {"ids": sorted(found)},
    ).fetchall()
    return tuple(sorted(found - {row[0] for row in known}))


def refuse_unknown_deliveries(connection: duckdb.DuckDBPyConnection, settings: Settings, spec: ExportSpec) -> None:
    """Raises LedgerLostError if the ledger lacks a delivery that left a trace."""
    unknown = find_unknown_deliveries(connection, settings, spec)
    if unknown:
        more = f" and {len(unknown) - IDS_SHOWN} more" if len(unknown) > IDS_SHOWN else ""
        raise LedgerLostError(
            f"{spec.name}: {settings.exports_dir / spec.name} shows deliveries that the ledger {settings.ledger_path} "
            f"does not know ({', '.join(unknown[:IDS_SHOWN])}{more}): it was lost, or is an old copy. A delivery now "
            "would send everything again and forget removals. Restore the ledger from a backup, or run "
            f"`merganser export adopt {spec.name}`, which shows how it can be rebuilt. Nothing was sent",
            code="ledger_lost",
        )


def _traces(directory: Path) -> set[str]:
    """Ids of the deliveries with files or a note in a directory."""
    if not directory.is_dir():
        return set()
    names = (DELIVERY_ID.match(path.name) for path in directory.iterdir())
    ids = {match[0] for match in names if match}
    noted = noted_delivery(directory)
    return ids if noted is None else ids | {noted}


def noted_delivery(directory: Path) -> str | None:
    """The id of the last delivery in its note; None without a note, another text if it is damaged."""
    try:
        return str(json.loads((directory / NOTE).read_text(encoding="utf-8"))["delivery_id"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return f"{NOTE} is damaged"
