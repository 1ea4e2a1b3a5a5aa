"""Quarantine: lists refused records and lands them again.

A replay writes records, corrected or unchanged, to a file in the landing zone (landing/_replayed/<source>/<entity>/)
and lands it like any other, so that a later rebuild includes it. The quarantined record is marked in the transaction
that lands it, and is never deleted. A record that breaks a rule again is quarantined again, as a new one.

Add here when people must do something else with refused records. Keep out: the rules (readers/), quarantining
(refusals.py).
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.errors import UnknownRecordError
from ingestion.files import REPLAYED
from ingestion.landing import LandingReport, land
from ingestion.readers.columns import match_columns
from ingestion.readers.ndjson import QUARANTINE_ID
from ingestion.readers.payloads import PAGE, PAYLOAD
from ingestion.settings import Settings
from ingestion.spec import EntitySpec, SourceSpec
from ingestion.warehouse import ensure_operations, open_warehouse
from runtime.files import whole_file

_MARK = secrets.token_hex(8)  # prefix of decimal numbers while a record is corrected, so that no digit changes


@dataclass(frozen=True)
class Selection:
    """Which records to use: these ids, or all that match and were not replayed. None matches everything."""

    ids: tuple[str, ...] = ()
    source: str | None = None
    entity: str | None = None
    rule: str | None = None


@dataclass(frozen=True)
class QuarantinedRecord:
    """One refused record. `row` is its number in the file, `page` its page of the API, `outcome` that of a replay."""

    quarantine_id: str
    source: str
    entity: str
    load_id: str
    file_name: str
    row: int
    page: int | None
    field: str | None
    rule: str
    message: str
    quarantined_at: datetime
    replayed_at: datetime | None
    replayed_load_id: str | None
    outcome: str | None


@dataclass(frozen=True)
class QuarantineList:
    """Refused records, without their values. `waiting`: how many were not replayed. `total`: with those not listed."""

    total: int
    waiting: int
    by_rule: Mapping[str, int]
    records: tuple[QuarantinedRecord, ...]


@dataclass(frozen=True)
class ReplayReport:
    """What a replay did. `outcomes`: counts of landed, unchanged and quarantined. `skipped`: not JSON."""

    replayed: int
    outcomes: Mapping[str, int]
    skipped: int
    landing: LandingReport | None


def list_records(settings: Settings, selection: Selection, *, limit: int = 50) -> QuarantineList:
    """The refused records that match, newest first. Raises WarehouseLockedError."""
    if not settings.warehouse_path.exists():
        return QuarantineList(0, 0, {}, ())
    with _opened(settings) as connection:
        where, values = _condition(selection)
        counts = connection.execute(
            f"select concat(source, '.', entity, ': ', rule), count(*), count(*) - count(replayed_at)"
            f" from raw_quarantine.records where {where} group by 1 order by 2 desc, 1",
            values,
        ).fetchall()
        rows = connection.execute(
            "select quarantine_id, source, entity, load_id, file_name, row_number, page, field, rule, message,"
            " quarantined_at, replayed_at, replayed_load_id, outcome"
            f" from raw_quarantine.records where {where} order by quarantined_at desc, file_name, row_number limit ?",
            [*values, limit],
        ).fetchall()
    return QuarantineList(
        sum(count for _, count, _ in counts),
        sum(waiting for _, _, waiting in counts),
        {rule: count for rule, count, _ in counts},
        tuple(QuarantinedRecord(*row) for row in rows),
    )


def show_records(settings: Settings, ids: Sequence[str]) -> list[tuple[QuarantinedRecord, str]]:
    """These records with their values: personal data. Raises UnknownRecordError, WarehouseLockedError."""
    listed = list_records(settings, Selection(ids=tuple(ids)), limit=len(ids)).records
    _require(ids, {record.quarantine_id for record in listed})
    with _opened(settings) as connection:
        texts = dict(
            connection.execute(
                "select quarantine_id, record from raw_quarantine.records where quarantine_id in (select unnest(?))",
                [list(ids)],
            ).fetchall()
        )
    return [(record, texts[record.quarantine_id] or "") for record in listed]


def replay(
    settings: Settings,
    sources: Mapping[str, SourceSpec],
    selection: Selection,
    *,
    changes: Mapping[str, str] | None = None,
    record: str | None = None,
) -> ReplayReport:
    """Lands refused records again.

    `changes`: values for declared columns, by name. `record`: the whole record as JSON, in place of the selected one.
    Records that were replayed before are left out, unless selected by id. Raises UnknownRecordError for an unknown id
    or column, or an invalid record, and WarehouseLockedError.
    """
    if record is not None and (len(selection.ids) != 1 or not _is_object(record)):
        raise UnknownRecordError(
            "a corrected record must be one JSON object, for one record that is selected by its id."
        )
    with _opened(settings) as connection:
        found = _to_replay(connection, selection)
        if record is not None:
            found = [(*row[:-1], record) for row in found]
        good = [row for row in found if _is_object(row[-1])]
        if selection.ids and len(good) < len(found):
            raise UnknownRecordError(
                f"{len(found) - len(good)} of these records are not JSON; replay each with its correction (--record)."
            )
        names = sorted({(source, entity) for _, source, entity, *_ in good})
        for source, entity in names:
            if source not in sources or entity not in sources[source].entities:
                raise UnknownRecordError(f"{source}.{entity} is not declared any more.")
            for column in changes or ():
                if column not in sources[source].entities[entity].columns:
                    raise UnknownRecordError(f"{source}.{entity} has no column {column!r}.")
    for source, entity in names:
        spec = sources[source].entities[entity]
        lines = (_line(spec, row, changes or {}) for row in good if row[1:3] == (source, entity))
        _write(settings.landing_dir / REPLAYED / source / entity, lines)
    if not good:
        return ReplayReport(0, {}, len(found), None)
    landing = land(settings, [sources[source] for source in dict.fromkeys(source for source, _ in names)])
    return ReplayReport(len(good), _outcomes(settings, [row[0] for row in good]), len(found) - len(good), landing)


@contextmanager
def _opened(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(settings) as connection:
        ensure_operations(connection)
        yield connection


def _to_replay(connection: duckdb.DuckDBPyConnection, selection: Selection) -> list[tuple[Any, ...]]:
    where, values = _condition(selection)
    waiting = "" if selection.ids else " and replayed_at is null"
    found: list[tuple[Any, ...]] = connection.execute(
        "select quarantine_id, source, entity, page, record from raw_quarantine.records"
        f" where {where}{waiting} order by quarantined_at, file_name, row_number",
        values,
    ).fetchall()
    _require(selection.ids, {row[0] for row in found})
    return found


def _condition(selection: Selection) -> tuple[str, list[Any]]:
    """A SQL condition, and its values."""
    parts: list[tuple[str, Any]] = [
        (f"{name} = ?", value)
        for name, value in (("source", selection.source), ("entity", selection.entity), ("rule", selection.rule))
        if value is not None
    ]
    if selection.ids:
        parts.append(("quarantine_id in (select unnest(?))", list(selection.ids)))
    return " and ".join(["true", *(text for text, _ in parts)]), [value for _, value in parts]


def _require(ids: Sequence[str], found: set[str]) -> None:
    unknown = [one for one in ids if one not in found]
    if unknown:
        raise UnknownRecordError(f"no record in quarantine has the id {', '.join(unknown)}.")


def _is_object(text: str | None) -> bool:
    try:
        return isinstance(json.loads(text or ""), dict)
    except (ValueError, RecursionError):
        return False


def _line(entity: EntitySpec, row: tuple[Any, ...], changes: Mapping[str, str]) -> str:
    """A refused record as a line of a replay file: its own text, so that no digit changes, or the corrected text."""
    quarantine_id, _, _, page, text = row
    if changes:
        text = _corrected(entity, text, changes, is_payload=page is not None)
    text = text.strip().replace("\n", " ").replace("\r", " ")  # within JSON strings, line ends are escaped
    head = f'{{"{QUARANTINE_ID}": "{quarantine_id}"'
    if page is not None:
        return f'{head}, "{PAYLOAD}": {json.dumps(text, ensure_ascii=False)}, "{PAGE}": {page}}}'
    return head + ("}" if text[1:].strip() == "}" else f", {text[1:]}")


def _corrected(entity: EntitySpec, text: str, changes: Mapping[str, str], *, is_payload: bool) -> str:
    record = json.loads(text, parse_float=lambda digits: _MARK + digits)
    matched = {} if is_payload else match_columns(entity, list(record))
    for name, value in changes.items():
        column = entity.columns[name]
        if is_payload and column.path:
            *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in column.path[1:].split("/")]
            place = record
            for parent in parents:
                inner = place.get(parent)
                place[parent] = inner if isinstance(inner, dict) else {}
                place = place[parent]
            place[last] = value
        else:
            record[matched.get(name) or column.from_ or name] = value
    return re.sub(f'"{_MARK}([^"]*)"', r"\1", json.dumps(record, ensure_ascii=False))


def _write(directory: Path, lines: Iterator[str]) -> None:
    """Writes the lines to a new file of the landing zone."""
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f.ndjson")
    with whole_file(directory / name) as file:
        file.writelines(f"{line}\n".encode() for line in lines)


def _outcomes(settings: Settings, ids: Sequence[str]) -> dict[str, int]:
    with _opened(settings) as connection:
        return dict(
            connection.execute(
                "select coalesce(outcome, 'not landed'), count(*) from raw_quarantine.records"
                " where quarantine_id in (select unnest(?)) group by 1 order by 1",
                [list(ids)],
            ).fetchall()
        )
