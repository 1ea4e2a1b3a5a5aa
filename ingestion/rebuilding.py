"""Rebuilding: recreates the raw tables of a source from its landing files.

Every load is repeated, with its own id and time, in a temporary warehouse; then all tables are copied to the warehouse
in one transaction. Until then nothing changes, and a crash leaves at most a file that the next rebuild removes. A
column that was declared later gets its values, and a changed rule applies to all files.

Add here when a rebuild must keep something else. Keep out: how a load lands (landing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb

from ingestion.consent_landings import announce_rebuild, ensure_consent_landings
from ingestion.errors import IngestionError, RebuildRefusedError
from ingestion.files import LandingFile, changed_files
from ingestion.landing import EntityReport, LandingProgress, LandingReport, land_files
from ingestion.loads import Load, Target
from ingestion.settings import Settings
from ingestion.spec import SourceSpec
from ingestion.statements import literal
from ingestion.warehouse import ensure_operations, ensure_tables, open_warehouse, raw_table, transaction
from runtime.changes import forget_all

_COUNTS = ("extracted_count", "landed_count", "quarantined_count", "unchanged_count", "deleted_count")


def rebuild(
    settings: Settings, source: SourceSpec, *, progress: Callable[[LandingProgress], None] | None = None
) -> LandingReport:
    """Rebuilds the raw tables of a source; returns the sum of all its loads.

    Raises RebuildRefusedError if a landed file is missing or has changed, WarehouseLockedError, and the errors of a
    load. In each case nothing has changed.
    """
    targets = [Target(source, name) for name in source.entities]
    with open_warehouse(settings) as connection, _workplace(settings) as workplace:
        ensure_operations(connection)
        ensure_consent_landings(settings, connection, [source])
        plans = {target.name: _plan(connection, settings, target) for target in targets}
        reports = []
        with open_warehouse(workplace) as work:
            ensure_operations(work)
            ensure_tables(work, [source])
            for number, target in enumerate(targets, start=1):
                here = LandingProgress(source.source, target.name, number, len(targets), None)
                if progress:
                    progress(here)
                reports.append(_land_again(work, workplace, target, plans[target.name]))
                if progress:
                    progress(replace(here, result=reports[-1]))
        announce_rebuild(settings, source)
        _take_over(connection, workplace.warehouse_path, source)
        [(last, moment)] = connection.execute(
            "select load_id, loaded_at from raw_ops.loads order by load_id desc limit 1"
        ).fetchall() or [("", None)]
    return LandingReport(last, moment, tuple(reports))


@contextmanager
def _workplace(settings: Settings) -> Iterator[Settings]:
    """The settings of a temporary warehouse, which is deleted afterwards."""
    path = settings.home / "spill" / "rebuild.duckdb"
    path.parent.mkdir(parents=True, exist_ok=True)
    leftovers = [path, path.with_name(f"{path.name}.wal")]
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    try:
        yield replace(settings, warehouse_path=path)
    finally:
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)


def _plan(
    connection: duckdb.DuckDBPyConnection, settings: Settings, target: Target
) -> list[tuple[Load, list[LandingFile]]]:
    """The loads of an entity in order, each with its files as they are in the landing zone now."""
    rows = connection.execute(
        "select files.load_id, loads.loaded_at, files.file_name, files.size_bytes, files.sha256"
        " from raw_ops.files as files inner join raw_ops.loads as loads using (load_id, source, entity)"
        " where source = ? and entity = ? order by 1, 3",
        [target.source.source, target.name],
    ).fetchall()
    paths = {name: settings.landing_dir / name for _, _, name, _, _ in rows}
    gone = sorted(name for name, path in paths.items() if not path.is_file())
    there = changed_files(settings, target.entity, sorted(set(paths.values()) - {paths[name] for name in gone}), {})
    found = {file.name: file for file in there}
    other = sorted(
        {name for _, _, name, size, sha256 in rows if name in found and not _same(found[name], size, sha256)}
    )
    if gone or other:
        raise RebuildRefusedError(
            f"{target.source.source}.{target.name}: {len(gone)} of the landed files are missing in the landing"
            f" zone, and {len(other)} have changed ({', '.join((gone + other)[:3])}). A rebuild would lose their"
            " records; restore the files first."
        )
    loads: dict[str, tuple[Load, list[LandingFile]]] = {}
    for load_id, loaded_at, name, _, _ in rows:
        loads.setdefault(load_id, (Load(load_id, loaded_at), []))[1].append(found[name])
    return [(load, sorted(files, key=lambda file: file.path)) for load, files in loads.values()]


def _same(file: LandingFile, size: int, sha256: str | None) -> bool:
    return file.size_bytes == size and (sha256 is None or file.sha256 == sha256)


def _land_again(
    work: duckdb.DuckDBPyConnection,
    workplace: Settings,
    target: Target,
    loads: list[tuple[Load, list[LandingFile]]],
) -> EntityReport:
    total = EntityReport(target.source.source, target.name, "nothing_new")
    for load, files in loads:
        # What was accepted then is accepted again; refused batches are not among the files.
        report = land_files(work, workplace, target, load, files, allow_empty=True)
        if report.status == "failed":
            raise IngestionError(
                f"{target.source.source}.{target.name}: load {load.load_id} could not be repeated: {report.error}"
            )
        total = replace(
            report,
            file_count=total.file_count + report.file_count,
            extracted=total.extracted + report.extracted,
            landed=total.landed + report.landed,
            quarantined=total.quarantined + report.quarantined,
            unchanged=total.unchanged + report.unchanged,
            deleted=total.deleted + report.deleted,
            bytes=total.bytes + report.bytes,
            schema_changes=None,
            warnings=(),
        )
    return total


def _take_over(connection: duckdb.DuckDBPyConnection, path: Path, source: SourceSpec) -> None:
    """Replaces the tables of the warehouse by those of the temporary one, in one transaction."""
    name = literal(source.source)
    connection.execute(f"attach {literal(str(path))} as workplace (read_only)")
    try:
        with transaction(connection):
            connection.execute(f"create schema if not exists {source.raw_schema}")
            for entity in source.entities:
                table = raw_table(source, entity)
                connection.execute(f"drop table if exists {table}")
                connection.execute(f"create table {table} as from workplace.{table}")
            for log in ("raw_quarantine.records", "raw_ops.fields"):
                connection.execute(f"delete from {log} where source = {name}")
                connection.execute(f"insert into {log} by name select * from workplace.{log}")
            counts = ", ".join(f"{count} = again.{count}" for count in _COUNTS)
            connection.execute(
                f"update raw_ops.loads as loads set {counts} from workplace.raw_ops.loads as again"
                " where loads.load_id = again.load_id and loads.source = again.source and loads.entity = again.entity"
            )
            forget_all(connection)  # rows can have other values than the same rows had before
    finally:
        connection.execute("detach workplace")
