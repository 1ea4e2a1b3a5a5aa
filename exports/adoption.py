"""Rebuilds the ledger of an export, from the delivered files or by a user's decision.

Deliveries as files can be read back: their manifests say what was added and removed, in order. Posts to a webhook
cannot, so the user decides what the receiver holds. Decision 0014.

Add here when: another kind of destination can be read back. Keep out: how the loss is detected (traces.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import duckdb

from exports import delivery, diff, ledger, reader, registry, traces
from exports.destination import Batch, Rendering
from exports.errors import AdoptionError
from exports.files import FileUnreadableError, RecordUnfitError, read_file, rendered_row, unguarded
from exports.settings import Settings
from exports.spec import ExportSpec

Method = Literal["files", "as delivered", "as unsent"]
PROBLEMS_SHOWN = 3


@dataclass(frozen=True)
class AdoptionReport:
    """The rebuilt ledger of an export: as it would be, or as it was written (`is_written`)."""

    export: str
    destination: str
    method: Method
    deliveries: tuple[str, ...]
    """Ids of the deliveries that the ledger lacks."""
    records: int
    """Records that the destination holds, by the files or the decision."""
    adds: int
    """What the next delivery would add, update and remove."""
    updates: int
    removes: int
    unchanged: int
    cautions: tuple[str, ...]
    is_written: bool


@dataclass
class _Held:
    """A record that the destination holds: how it was sent (None: as in the ledger before), and what removes it."""

    customer_id: str | None
    removal_fields: str | None
    row_hash: str = diff.UNCERTAIN
    row: Mapping[str, str | None] | None = None
    fields: Mapping[str, str | None] = field(default_factory=dict)


def adopt(
    settings: Settings,
    name: str,
    *,
    method: Method = "files",
    write: bool = False,
    now: Callable[[], datetime] | None = None,
) -> AdoptionReport:
    """Rebuilds the ledger of an export, or shows what it would contain (without `write`). Sends nothing.

    `files`: from the delivered files. `as delivered`: all current records count as delivered. `as unsent`: deliveries
    that the ledger lacks count as never sent. Raises AdoptionError if there is nothing to rebuild or the files do not
    suffice, and what `delivery.plan` raises.
    """
    moment = (now or (lambda: datetime.now(UTC).replace(tzinfo=None)))()
    spec = registry.find_export(settings.manifest_path, name)
    destination = registry.open_destination(spec.destination, settings)
    destination.check(spec)
    with delivery.workspace(settings, write=write) as connection:
        unknown = traces.find_unknown_deliveries(connection, settings, spec)
        if not unknown and (method == "files" or ledger.last_finished_at(connection, spec) is not None):
            raise AdoptionError(
                f"{name}: the ledger {settings.ledger_path} knows every delivery that left a trace here; there is "
                "nothing to rebuild",
                code="nothing_to_adopt",
            )
        delivery.compute_current(connection, spec, settings, moment)
        cautions: tuple[str, ...] = ()
        if method == "files":
            rendering = destination.rendering(spec)
            if rendering is None:
                raise AdoptionError(f"{name}: what {spec.destination} holds cannot be read back: {_choice(name)}")
            _fill(connection, _replay(connection, settings, spec, rendering))
        else:
            cautions = _decide(connection, spec, method)
        report = _report(connection, spec, method, unknown, cautions, is_written=write)
        if write:
            ledger.adopt(connection, spec, unknown, method=method, now=moment)
        return report


def _choice(name: str) -> str:
    return (
        f"decide what the destination holds: `merganser export adopt {name} --as-delivered` treats all current records "
        "as delivered, so nothing is sent again; `--as-unsent` treats them as never sent, so everything is sent again"
    )


def _decide(connection: duckdb.DuckDBPyConnection, spec: ExportSpec, method: Method) -> tuple[str, ...]:
    """Fills `adopted_records` by a user's decision; returns its consequences."""
    before = "export = $export and destination = $destination"
    current = "select record_key, customer_id, row_hash, removal_fields from current_rows"
    known = f"select record_key, customer_id, row_hash, removal_fields from ledger.delivered_records where {before}"
    chosen = known
    if method == "as delivered":
        chosen = f"{current} union all {known} and record_key not in (select record_key from current_rows)"
    connection.execute(
        f"create or replace temporary table adopted_records as {chosen}",
        {"export": spec.name, "destination": spec.destination},
    )
    left = "who was delivered before and is no longer in the export stays at the destination: remove them there by hand"
    if method == "as delivered":
        return (left, "a record of the export that did not arrive is not sent until it changes")
    return (left, "a record that the destination holds already is sent again")


def _replay(
    connection: duckdb.DuckDBPyConnection, settings: Settings, spec: ExportSpec, rendering: Rendering
) -> dict[str, _Held]:
    """The records that the destination holds, from the ledger and the files of the deliveries that it lacks.

    Raises AdoptionError if these do not suffice.
    """
    known = connection.execute(
        "select record_key, customer_id, row_hash, removal_fields from ledger.delivered_records"
        " where export = ? and destination = ?",
        [spec.name, spec.destination],
    ).fetchall()
    replay = _Replay(
        spec=spec,
        rendering=rendering,
        keys=_keys_of_customers(connection),
        held={
            key: _Held(customer, fields, row_hash, fields=json.loads(fields) if fields else {})
            for key, customer, row_hash, fields in known
        },
    )
    directory = settings.exports_dir / spec.name
    problems: list[str] = []
    for manifest in _manifests(connection, settings, spec, problems):
        for entry in manifest["files"]:
            try:
                rows = read_file(directory / Path(entry["file"]).name, entry["sha256"])
                problems += replay.apply(entry, rows)
            except FileUnreadableError as error:
                problems.append(str(error))
            except (ValueError, AttributeError):
                problems.append(f"{entry['file']} is damaged")
    if problems:
        more = f" and {len(problems) - PROBLEMS_SHOWN} more" if len(problems) > PROBLEMS_SHOWN else ""
        raise AdoptionError(
            f"{spec.name}: the delivered files in {directory} do not tell what the destination holds: "
            f"{'; '.join(problems[:PROBLEMS_SHOWN])}{more}. Put them back, or {_choice(spec.name)}",
            code="files_incomplete",
        )
    _recognise_unchanged(connection, spec, rendering, replay.held)
    return replay.held


@dataclass
class _Replay:
    """Applies delivered files one after the other."""

    spec: ExportSpec
    rendering: Rendering
    keys: Mapping[str, str]
    """Record keys by customer: a file may name only the customer."""
    held: dict[str, _Held]

    def apply(self, entry: Mapping[str, Any], rows: list[dict[str, str | None]]) -> list[str]:
        """Applies one delivered file; returns why the result is unreliable, if so."""
        if entry["action"] == "retract":
            return []
        strangers = 0
        for row in rows:
            named, fields = self.rendering.read({name: unguarded(cell) for name, cell in row.items()})
            key = self.keys.get(named, named) if named and self.spec.key not in fields else named
            if entry["operation"] == "remove":
                strangers += not self._remove(key, fields)
            elif key is None:
                strangers += 1
            else:
                strangers += entry["action"] == "update" and key not in self.held
                kept = {name: fields.get(name) for name in self.spec.removal_fields}
                text = json.dumps(kept, ensure_ascii=False, separators=(",", ":")) if kept else None
                self.held[key] = _Held(fields.get("customer_id"), text, row=row, fields=kept)
        if not strangers:
            return []
        return [f"{entry['file']} changes {strangers} records that no delivery here added: earlier ones are missing"]

    def _remove(self, key: str | None, fields: Mapping[str, str | None]) -> bool:
        gone = [key] if key in self.held else [one for one, it in self.held.items() if _is_same(it.fields, fields)]
        for one in gone:
            self.held.pop(str(one), None)
        return bool(gone)


def _is_same(kept: Mapping[str, str | None], removed: Mapping[str, str | None]) -> bool:
    shared = {name: value for name, value in removed.items() if value is not None}
    return bool(shared) and all(kept.get(name) == value for name, value in shared.items())


def _keys_of_customers(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The record key of each customer with one record in the export: a file may name only the customer."""
    rows = connection.execute(
        "select customer_id, min(record_key) from current_rows group by 1 having count(*) = 1"
    ).fetchall()
    return dict(rows)


def _manifests(
    connection: duckdb.DuckDBPyConnection, settings: Settings, spec: ExportSpec, problems: list[str]
) -> list[dict[str, Any]]:
    """The manifests of the deliveries that are not finished in the ledger, in the order of their plans."""
    directory = settings.exports_dir / spec.name
    finished = {
        row[0]
        for row in connection.execute(
            "select delivery_id from ledger.deliveries where status in ('finished', 'adopted')"
        ).fetchall()
    }
    manifests = []
    for path in sorted(directory.glob("*.done")):
        if path.stem in finished:
            continue
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            order = (str(manifest["planned_at"]), path.stem)
            for entry in manifest["files"]:
                _ = entry["file"], entry["sha256"], entry["action"], entry["operation"]
        except (OSError, ValueError, KeyError, TypeError):
            problems.append(f"{path.name} is damaged")
            continue
        manifests.append((order, manifest))
    there = {order[1] for order, _ in manifests}
    last = traces.noted_delivery(directory)
    unknown = traces.find_unknown_deliveries(connection, settings, spec)
    if last in unknown and traces.DELIVERY_ID.match(last) and last not in there:
        problems.append(f"the last delivery, {last}, has no manifest here")
    return [manifest for _, manifest in sorted(manifests, key=lambda one: one[0])]


def _recognise_unchanged(
    connection: duckdb.DuckDBPyConnection, spec: ExportSpec, rendering: Rendering, held: dict[str, _Held]
) -> None:
    """Gives records whose rendered row has not changed the current hash, so that they are not sent again."""
    hashes = {
        key: (row_hash, fields)
        for key, row_hash, fields in connection.execute(
            "select record_key, row_hash, removal_fields from current_rows"
        ).fetchall()
    }
    batch = Batch(0, "add", "", len(hashes), spec.column_names, iter(()))
    for record in reader.read_current_records(connection, spec):
        one = held.get(record.record_key)
        if one is None or one.row is None:
            continue
        try:
            row = rendered_row(rendering, batch, record, spec.format)
        except RecordUnfitError:
            continue
        if row == one.row:
            one.row_hash, one.removal_fields = hashes[record.record_key]


def _fill(connection: duckdb.DuckDBPyConnection, held: Mapping[str, _Held]) -> None:
    """Fills `adopted_records` with the records of the replay."""
    connection.execute(
        """
        create or replace temporary table adopted_records as
        select
            unnest($keys::varchar[]) as record_key, unnest($customers::varchar[]) as customer_id,
            unnest($hashes::varchar[]) as row_hash, unnest($fields::varchar[]) as removal_fields
        """,
        {
            "keys": list(held),
            "customers": [one.customer_id for one in held.values()],
            "hashes": [one.row_hash for one in held.values()],
            "fields": [one.removal_fields for one in held.values()],
        },
    )


def _report(
    connection: duckdb.DuckDBPyConnection,
    spec: ExportSpec,
    method: Method,
    deliveries: tuple[str, ...],
    cautions: tuple[str, ...],
    *,
    is_written: bool,
) -> AdoptionReport:
    row = connection.execute(
        """
        select
            count(adopted.record_key),
            count(*) filter (where adopted.record_key is null),
            count(*) filter (where adopted.row_hash <> now.row_hash),
            count(*) filter (where now.record_key is null),
            count(*) filter (where adopted.row_hash = now.row_hash)
        from current_rows as now
        full join adopted_records as adopted on adopted.record_key = now.record_key
        """
    ).fetchone()
    assert row is not None
    records, adds, updates, removes, unchanged = row
    return AdoptionReport(
        export=spec.name,
        destination=spec.destination,
        method=method,
        deliveries=deliveries,
        records=records,
        adds=adds,
        updates=updates,
        removes=removes if spec.mode == "mirror" else 0,
        unchanged=unchanged,
        cautions=cautions,
        is_written=is_written,
    )
