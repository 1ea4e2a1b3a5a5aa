"""Landing: writes files to raw tables, and records that break a rule to quarantine. Nothing else writes raw tables.

A batch of an entity (file_batches.py) is one transaction, so a crash leaves all of it or nothing. It only commits if
extracted = landed + quarantined + unchanged. Python never handles single records: every step is a DuckDB statement.

Add here when a load does something new. Keep out: parsing (readers/), what happens to a record (judging.py), DDL
(warehouse.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import duckdb

from ingestion.consent_landings import announce_landing, ensure_consent_landings, settle_landing
from ingestion.diagnosis import refuse_bad_files
from ingestion.errors import BatchRefusedError, IngestionError, SchemaChangedError, UnreadableFileError
from ingestion.fields import note_fields
from ingestion.file_batches import FileBatch, file_batches
from ingestion.files import KnownFile, LandingFile, changed_files, find_files, find_replays, refuse_replaced
from ingestion.holding import Acceptance, Gatekeeper, HeldLoad, LoadHeldError
from ingestion.judging import NotStreamableError, land_staged, may_stream
from ingestion.loads import BatchLoad, Counts, Load, Target
from ingestion.readers.incoming import Incoming, clear_stage, in_order, stage
from ingestion.refusals import mark_replayed
from ingestion.settings import Settings
from ingestion.spec import SourceSpec
from ingestion.statements import literal, quote
from ingestion.warehouse import direct_commits, ensure_operations, ensure_tables, open_warehouse, transaction

Status = Literal["landed", "nothing_new", "failed", "held"]

_REPORTED_FILES = 5  # refused files in one message
_LOG_BYTES = 16 * 2**20  # DuckDB's log goes into the warehouse file when it reaches this size (checkpoint_threshold)

# Errors of DuckDB whose text never has a value of a record.
_SAFE_TO_QUOTE = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.ParserException,
    duckdb.TransactionException,
)


@dataclass(frozen=True)
class LandingProgress:
    """The progress before and after each entity. `number` counts from 1 to `total`; `result` is None before."""

    source: str
    entity: str
    number: int
    total: int
    result: EntityReport | None


@dataclass(frozen=True)
class EntityReport:
    """What one load did to one entity. extracted = landed + quarantined + unchanged.

    `deleted`: rows marked as deleted. Watermarks are text: the progress of the entity's data before and after.
    """

    source: str
    entity: str
    status: Status
    file_count: int = 0
    extracted: int = 0
    landed: int = 0
    quarantined: int = 0
    unchanged: int = 0
    deleted: int = 0
    bytes: int = 0
    watermark_before: str | None = None
    watermark_after: str | None = None
    schema_changes: str | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None
    held: tuple[HeldLoad, ...] = ()


@dataclass(frozen=True)
class LandingReport:
    """What one call of `land` did. `loaded_at` is naive UTC."""

    load_id: str
    loaded_at: datetime
    entities: tuple[EntityReport, ...]

    @property
    def ok(self) -> bool:
        """Whether no entity failed or is held. Quarantined records are not a failure: they are counted and kept."""
        return all(entity.status not in ("failed", "held") for entity in self.entities)

    @property
    def extracted(self) -> int:
        """Records read, over all entities."""
        return sum(entity.extracted for entity in self.entities)

    @property
    def landed(self) -> int:
        """Records that landed, over all entities."""
        return sum(entity.landed for entity in self.entities)

    @property
    def quarantined(self) -> int:
        """Records in quarantine, over all entities."""
        return sum(entity.quarantined for entity in self.entities)

    @property
    def unchanged(self) -> int:
        """Records that had landed before, over all entities."""
        return sum(entity.unchanged for entity in self.entities)

    @property
    def deleted(self) -> int:
        """Rows marked as deleted, over all entities."""
        return sum(entity.deleted for entity in self.entities)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings, over all entities."""
        return tuple(warning for entity in self.entities for warning in entity.warnings)


def land(
    settings: Settings,
    sources: Sequence[SourceSpec],
    *,
    loaded_at: datetime | None = None,
    allow_empty: bool = False,
    acceptance: Acceptance | None = None,
    unfetched: Mapping[tuple[str, str], str] | None = None,
    progress: Callable[[LandingProgress], None] | None = None,
) -> LandingReport:
    """Lands the new and changed files of these sources.

    `loaded_at`: the time of the load (naive UTC, or aware), by default now. It becomes one microsecond after that of
    the last load if it is not later. `allow_empty`: a batch that is the whole table may be empty. `acceptance`:
    lands held loads. `unfetched`: by source and entity, why fetching failed before; existing files land, and the load
    counts as failed. `progress`: a callback, called before and after each entity. An entity that fails or is held is
    reported with the reason and stays unchanged; the others continue. Raises WarehouseLockedError if another process
    holds the warehouse, SettingError if a setting is invalid.
    """
    with open_warehouse(settings) as connection:
        ensure_operations(connection)
        ensure_consent_landings(settings, connection, sources)
        load = _next_load(connection, loaded_at)
        failures = ensure_tables(connection, sources)
        targets = [Target(source, name) for source in sources for name in source.entities]
        idle = _Idle(connection)
        reports = []
        for number, target in enumerate(targets, start=1):
            here = LandingProgress(target.source.source, target.name, number, len(targets), None)
            if progress:
                progress(here)
            failure = failures.get((target.source.source, target.name))
            reason = (unfetched or {}).get((target.source.source, target.name))
            reports.append(
                _land_entity(
                    connection,
                    settings,
                    target,
                    load,
                    failure=failure,
                    allow_empty=allow_empty,
                    acceptance=acceptance,
                    idle=None if reason else idle,
                )
            )
            if reason:
                _store_failure(connection, target, load, reason)
                if target.entity.bears_consent:
                    settle_landing(settings, target.source.source, target.name, failed=True, changed=True)
            if progress:
                progress(replace(here, result=reports[-1]))
        idle.store()
    return LandingReport(load.load_id, load.loaded_at, tuple(reports))


def _store_failure(connection: duckdb.DuckDBPyConnection, target: Target, load: Load, reason: str) -> None:
    connection.execute(
        "update raw_ops.loads set status = 'failed', error = ? where load_id = ? and source = ? and entity = ?",
        [reason, load.load_id, target.source.source, target.name],
    )


def ensure_raw_tables(settings: Settings, sources: Sequence[SourceSpec]) -> None:
    """Creates the raw tables of all entities, raw_ops and raw_quarantine, so that dbt models can read them.

    Raises SchemaChangedError if a declared type cannot hold landed values, and WarehouseLockedError.
    """
    with open_warehouse(settings) as connection:
        ensure_operations(connection)
        ensure_consent_landings(settings, connection, sources)
        failures = ensure_tables(connection, sources)
    if failures:
        raise SchemaChangedError("\n".join(failures.values()))


def _next_load(connection: duckdb.DuckDBPyConnection, loaded_at: datetime | None) -> Load:
    moment = loaded_at or datetime.now(UTC)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    [(last,)] = connection.execute("select max(loaded_at) from raw_ops.loads").fetchall()
    if last is not None and moment <= last:
        moment = last + timedelta(microseconds=1)
    return Load(moment.strftime("%Y%m%dT%H%M%S%f"), moment)


def _land_entity(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    target: Target,
    load: Load,
    *,
    failure: str | None,
    allow_empty: bool,
    acceptance: Acceptance | None,
    idle: _Idle | None,
) -> EntityReport:
    """Lands the new files of one entity, or records why not. `failure`: an error that is already known. `idle`: takes
    the record of an entity without new files."""
    files: list[LandingFile] = []
    report: EntityReport | None = None
    skipped: tuple[str, ...] = ()
    refused: list[str] = []
    announced = False
    try:
        if failure is None:
            known = _known_files(connection, target)
            found = find_files(settings, target.entity)
            skipped = found.skipped
            paths = [*found.paths, *find_replays(settings, target.source.source, target.name)]
            files = changed_files(settings, target.entity, paths, known, refused)
            if files and target.entity.bears_consent:
                announce_landing(settings, target.source.source, target.name)
                announced = True
            if idle is not None and not files and not refused and not idle.is_held(target):
                report = idle.add(_LoadLog(connection, target, load))
    except IngestionError as error:
        failure = str(error)
    except duckdb.Error as error:
        failure = _describe(error)
    if report is None:
        report = land_files(
            connection,
            settings,
            target,
            load,
            files,
            failure=failure,
            allow_empty=allow_empty,
            gatekeeper=Gatekeeper(connection, target, load, acceptance),
            refused=refused,
        )
    report = replace(report, warnings=(*skipped, *report.warnings))
    if target.entity.bears_consent:
        changed = not announced or bool(report.landed or report.quarantined or report.deleted)
        try:
            settle_landing(
                settings, report.source, report.entity, failed=report.status in ("failed", "held"), changed=changed
            )
        except IngestionError as error:
            report = replace(report, status="failed", error=report.error or str(error))
    return report


def land_files(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    target: Target,
    load: Load,
    files: Sequence[LandingFile],
    *,
    failure: str | None = None,
    allow_empty: bool = False,
    gatekeeper: Gatekeeper | None = None,
    refused: Sequence[str] = (),
) -> EntityReport:
    """Lands these files of an entity, batch by batch, and records each in raw_ops.

    A file that cannot be read, or has no valid record, stays for the next load, and the others land; the load counts as
    failed. A batch that cannot land ends the load; earlier ones stay landed. If the order of arrival matters, a held
    batch also ends it: later ones wait, unless one is the whole table and so replaces the held one. `failure`: an
    error that is already known. `gatekeeper`: examines each batch; without one, no gate applies. `refused`: errors
    of files that are not among these.
    """
    log = _LoadLog(connection, target, load, refused)
    try:
        log.open()
        if failure is None:
            pending = file_batches(target.entity, files)
            if not pending:
                log.keep(log.report)
            for number, batch in enumerate(pending, start=1):
                later = any(other.is_whole for other in pending[number:])
                attempt = _Attempt(connection, settings, log, gatekeeper, allow_empty=allow_empty, has_later=later)
                _land_batch(attempt, batch)
                if log.report.held and batch.is_ordered and number < len(pending):
                    log.wait(len(pending) - number)
                    break
            if gatekeeper:
                gatekeeper.settle_others()
            return log.close()
    except IngestionError as error:
        failure = str(error)
    except duckdb.Error as error:
        failure = _describe(error)
    finally:
        with suppress(duckdb.Error):  # with a full disk DuckDB may refuse this too; the error is known
            clear_stage(connection)
    failed = replace(log.report, status="failed", error=" ".join([*log.refused[:_REPORTED_FILES], failure]))
    with suppress(duckdb.Error):
        log.keep(failed)
    return failed


@dataclass(frozen=True)
class _Attempt:
    """The context of landing a batch. `has_later`: a later batch of this load is the whole table."""

    connection: duckdb.DuckDBPyConnection
    settings: Settings
    log: _LoadLog
    gatekeeper: Gatekeeper | None
    allow_empty: bool
    has_later: bool

    def land(self, batch: FileBatch, *, try_streaming: bool) -> None:
        """Lands a batch in a transaction. Raises LoadHeldError, and the errors of stage and land_staged."""
        connection, log = self.connection, self.log
        staged = stage(connection, self.settings, log.target.entity, batch.files, try_streaming=try_streaming)
        if batch.is_whole and staged.is_cut_short:
            raise BatchRefusedError(
                f"{batch.files[-1].name} looks cut short: its last record is broken and has no line end. It is"
                " declared to be the whole table, so nothing of it landed; provide the complete file"
            )
        with _streaming(connection, batch) if staged.streams else nullcontext(), log.transaction():
            step = BatchLoad(connection, log.target, log.load, batch.is_whole, batch.is_paged)
            try:
                outcome = land_staged(step, staged, allow_empty=self.allow_empty and not self.has_later)
            except BatchRefusedError:
                refuse_bad_files(connection, log.target, batch.files)
                raise
            if outcome.counts.quarantined and not batch.is_replay:
                refuse_bad_files(connection, log.target, batch.files)
            for file in batch.files:
                refuse_replaced(file)
            records: Mapping[str, int] = {}
            if batch.is_replay:
                mark_replayed(step)
            elif self.gatekeeper:
                records = self.gatekeeper.examine(outcome, staged, batch.files, alone=batch.is_ordered)
            log.add(staged, outcome.counts, batch, records)


def _land_batch(attempt: _Attempt, batch: FileBatch) -> None:
    """Lands one batch, without the files that are held.

    A batch that is refused or held is skipped if a later one is the whole table.
    """
    log = attempt.log
    try:
        try:
            attempt.land(batch, try_streaming=may_stream(log.target.entity))
        except NotStreamableError:
            attempt.land(batch, try_streaming=False)
    except (BatchRefusedError, UnreadableFileError) as error:
        if attempt.has_later:
            with log.transaction():
                log.skip(batch, f"skipped, because there is a later batch: {error}")
            return
        if isinstance(error, BatchRefusedError) or not error.files or batch.is_whole or batch.is_paged:
            raise
        log.refused += error.messages
        rest = tuple(file for file in batch.files if file.name not in error.files)
        if rest:
            _land_batch(attempt, replace(batch, files=rest))
    except LoadHeldError as error:
        if attempt.has_later:
            with log.transaction():
                log.skip(batch, f"would be held, but is skipped because there is a later batch: {error}")
            return
        with log.transaction():
            log.hold(error.held, attempt.gatekeeper)
        names = {name for one in error.held for name in one.files}
        rest = tuple(file for file in batch.files if file.name not in names)
        if rest:
            _land_batch(attempt, replace(batch, files=rest))


@contextmanager
def _streaming(connection: duckdb.DuckDBPyConnection, batch: FileBatch) -> Iterator[None]:
    """The settings for streams: records keep their order, and large streams bypass the log."""
    is_large = sum(file.size_bytes for file in batch.files) >= _LOG_BYTES
    with in_order(connection), direct_commits(connection) if is_large else nullcontext():
        yield


def _describe_held(target: Target, held: Sequence[HeldLoad]) -> str:
    gates = ", ".join(sorted({one.finding.gate for one in held}))
    loads = "; ".join(map(str, held[:3])) + (f"; and {len(held) - 3} more" if len(held) > 3 else "")
    return (
        f"held: {loads}. Nothing of it landed, and the files stay in place. Replace them by corrected files with the"
        f" same names; or, if they are right, land them: merganser ingest {target.source.source} --accept-load"
        f' {gates.replace(", ", " --accept-load ")} --reason "...".'
    )


def _describe(error: duckdb.Error) -> str:
    kind = type(error).__name__
    if "Could not write file" in str(error) or "No space left" in str(error):
        named = re.search(r'file "([^"]+)"', str(error))
        place = named[1] if named else "The warehouse"
        return f"{place} cannot be written; is the disk full? Free space, and run again: nothing is lost."
    if re.search("corrupt|checksum", str(error), re.IGNORECASE):
        return "warehouse.duckdb is damaged. Restore an earlier copy with its .wal. Nothing of this load was kept."
    if isinstance(error, duckdb.OutOfMemoryException):
        return (
            "The load needs more memory than MERGANSER_MEMORY allows; raise it, or split the files. Nothing of this"
            " load was kept."
        )
    if isinstance(error, _SAFE_TO_QUOTE):
        return f"DuckDB: {kind}: {str(error).splitlines()[0]} Nothing of this load was kept."
    return f"DuckDB: {kind} (its text is left out because it may quote a record). Nothing of this load was kept."


def _known_files(connection: duckdb.DuckDBPyConnection, target: Target) -> dict[str, KnownFile]:
    rows = connection.execute(
        "select file_name, arg_max(size_bytes, load_id), arg_max(modified_ns, load_id),"
        " arg_max(coalesce(sha256, ''), load_id) from raw_ops.files where source = ? and entity = ? group by file_name",
        [target.source.source, target.name],
    ).fetchall()
    return {file: KnownFile(size, modified, sha256 or None) for file, size, modified, sha256 in rows}


class _LoadLog:
    """What a load did to an entity so far: the report, which raw_ops.loads has at the end of every transaction."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, target: Target, load: Load, refused: Sequence[str] = ()
    ) -> None:
        self.connection = connection
        self.refused = list(refused)
        self.target = target
        self.load = load
        self.started_at = datetime.now(UTC).replace(tzinfo=None)
        self.report = EntityReport(target.source.source, target.name, "nothing_new")

    def open(self) -> None:
        """Reads the watermark of the last load."""
        before = self._watermark()
        self.report = replace(self.report, watermark_before=before, watermark_after=before)

    def close(self) -> EntityReport:
        """The final report. The load counts as failed if files were refused; they stay for the next one."""
        if self.refused:
            more = (
                f" And {len(self.refused) - _REPORTED_FILES} more files." if len(self.refused) > _REPORTED_FILES else ""
            )
            held = [self.report.error] if self.report.error else []
            error = " ".join([*held, *self.refused[:_REPORTED_FILES]]) + more
            self.keep(replace(self.report, status="failed", error=error))
        return self.report

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction; the report is restored on any exception."""
        before = self.report
        try:
            with transaction(self.connection):
                yield
        except BaseException:
            self.report = before
            raise

    def add(self, staged: Incoming, counts: Counts, batch: FileBatch, records: Mapping[str, int]) -> None:
        """Records a batch that landed."""
        name, changes = self.target.name, None
        if staged.fields and not batch.is_replay:
            changes = note_fields(self.connection, self.target.source, name, self.load.load_id, staged.fields)
        report = self.report
        changed = (f"fields that changed: {changes}.",) if changes else ()
        status: Status = "landed" if counts.changed or report.status == "landed" else "nothing_new"
        self._store_files(batch, records)
        self.keep(
            replace(
                self._with_files(batch),
                status="held" if report.held else status,
                extracted=report.extracted + counts.extracted,
                landed=report.landed + counts.landed,
                quarantined=report.quarantined + counts.quarantined,
                unchanged=report.unchanged + counts.unchanged,
                deleted=report.deleted + counts.deleted,
                watermark_after=self._watermark_reached(staged),
                schema_changes="; ".join(part for part in (report.schema_changes, changes) if part) or None,
                warnings=(*report.warnings, *staged.warnings, *counts.warnings, *changed),
            )
        )

    def hold(self, held: Sequence[HeldLoad], gatekeeper: Gatekeeper | None) -> None:
        """Records held loads. Their files are not recorded, so that the next load examines them again."""
        if gatekeeper:
            gatekeeper.hold(held)
        every = (*self.report.held, *held)
        self.keep(replace(self.report, status="held", held=every, error=_describe_held(self.target, every)))

    def wait(self, count: int) -> None:
        """Records that later batches wait for a held one."""
        waiting = f"{count} later batch{' waits' if count == 1 else 'es wait'} behind it, because their order matters."
        self.keep(replace(self.report, error=f"{self.report.error} {waiting}"))

    def skip(self, batch: FileBatch, warning: str) -> None:
        """Records the files of a batch that is skipped."""
        self._store_files(batch, {})
        self.keep(replace(self._with_files(batch), warnings=(*self.report.warnings, warning)))

    def keep(self, report: EntityReport) -> None:
        """Sets the report, and stores it in raw_ops.loads."""
        line = self.line(report)
        self.connection.execute(
            "delete from raw_ops.loads where load_id = $load_id and source = $source and entity = $entity",
            {key: line[key] for key in ("load_id", "source", "entity")},
        )
        self.connection.execute(_insert_load(line), line)
        self.report = report

    def line(self, report: EntityReport) -> dict[str, object]:
        """The row of raw_ops.loads for a report."""
        return {
            "load_id": self.load.load_id,
            "source": report.source,
            "entity": report.entity,
            "status": report.status,
            "started_at": self.started_at,
            "ended_at": datetime.now(UTC).replace(tzinfo=None),
            "file_count": report.file_count,
            "extracted_count": report.extracted,
            "landed_count": report.landed,
            "quarantined_count": report.quarantined,
            "unchanged_count": report.unchanged,
            "deleted_count": report.deleted,
            "bytes": report.bytes,
            "watermark_before": report.watermark_before,
            "watermark_after": report.watermark_after,
            "schema_changes": report.schema_changes,
            "error": report.error,
            "loaded_at": self.load.loaded_at,
        }

    def _with_files(self, batch: FileBatch) -> EntityReport:
        size = sum(file.size_bytes for file in batch.files)
        count = self.report.file_count + len(batch.files)
        return replace(self.report, file_count=count, bytes=self.report.bytes + size)

    def _store_files(self, batch: FileBatch, records: Mapping[str, int]) -> None:
        source, name, load_id = self.target.source.source, self.target.name, self.load.load_id
        self.connection.executemany(
            "insert into raw_ops.files (source, entity, file_name, size_bytes, modified_ns, sha256, load_id,"
            " record_count) values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(source, name, file.name, file.size_bytes, file.modified_ns, file.sha256, load_id),
                    records.get(file.name),
                )
                for file in batch.files
            ],
        )

    def _watermark(self) -> str | None:
        """The watermark of the last load."""
        source, name, entity = self.target.source.source, self.target.name, self.target.entity
        column = entity.watermark or entity.version
        if column is None:
            return None
        [(stored,)] = self.connection.execute(
            "select arg_max(watermark_after, load_id) from raw_ops.loads"
            " where source = ? and entity = ? and watermark_after is not null",
            [source, name],
        ).fetchall()
        return None if stored is None else str(stored)

    def _watermark_reached(self, staged: Incoming) -> str | None:
        """The watermark with the staged or streamed records."""
        entity = self.target.entity
        column = entity.watermark or entity.version
        if column is None:
            return None
        before = self.report.watermark_after
        loaded = f"{self.target.table} where _load_id = {literal(self.load.load_id)}"
        came = loaded if staged.streams else 'incoming where "$problems" is null'
        known = f"(select max({quote(column)}) from {self.target.table})" if before is None else "null"
        [(reached,)] = self.connection.execute(
            f"select cast(greatest(max({quote(column)}), try_cast(? as {entity.columns[column].type}), {known})"
            f" as varchar) from {came}",
            [before],
        ).fetchall()
        return None if reached is None else str(reached)


def _insert_load(line: Mapping[str, object]) -> str:
    return f"insert into raw_ops.loads ({', '.join(line)}) values ({', '.join(f'${key}' for key in line)})"


class _Idle:
    """The records of entities without new files. They are stored together: each commit waits for the disk."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._lines: list[dict[str, object]] = []
        self._held = set(
            connection.execute(
                "select distinct source, entity from raw_ops.held_loads where outcome is null"
            ).fetchall()
        )

    def is_held(self, target: Target) -> bool:
        """Whether the entity has a held load, which is settled if its files are gone."""
        return (target.source.source, target.name) in self._held

    def add(self, log: _LoadLog) -> EntityReport:
        """Takes the record of an entity, and returns its report."""
        log.open()
        self._lines.append(log.line(log.report))
        return log.report

    def store(self) -> None:
        """Stores the records in one transaction."""
        if self._lines:
            with transaction(self._connection):
                self._connection.executemany(_insert_load(self._lines[0]), self._lines)
