"""Landing: files become raw tables, with a quarantine for what breaks a rule. The one writer of raw.

A load of an entity is one transaction, so that a crash at any moment leaves all of it or none. It holds that
extracted = landed + quarantined + unchanged, or it does not commit. Records are never touched in Python: every step is
a statement of DuckDB.

How records of one key are told apart. Most keys of a load are new and single; those are inserted as they stream by. The
others are found by 64 bits of hash and then compared whole: *settled* is a key that is once in the load and equal to a
raw row; *contested* is a key that is otherwise in the raw table, or twice in the load:

- append: the record that came first stands. An equal one is unchanged, another content is quarantined as duplicate_key.
- merge with a version: every content lands once. The highest version is current; between equal ones (or none given) the
  later arrival is. An older version that comes late lands as superseded.
- merge without a version: a load brings one content for a key (the first; others are quarantined as duplicate_key), and
  it replaces the current one unless it equals it.

Arrival is the order of loads, then of file names, then of records in a file. Without a key (append only) the whole
content is the key; with the key [_file, _row] each line of a file is a record of its own, equal lines too.

Add here when a load does something new to raw tables. Keep out: parsing (readers.py), DDL and books (warehouse.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import duckdb

from ingestion.errors import IngestionError, SchemaChangedError
from ingestion.files import KnownFile, LandingFile, changed_files, find_files
from ingestion.readers import Incoming, clear_stage, stage
from ingestion.settings import Settings
from ingestion.spec import EntitySpec, SourceSpec
from ingestion.statements import content_columns, identity_columns, json_record, key_hash, literal, quote, same
from ingestion.warehouse import ensure_books, ensure_tables, open_warehouse, raw_table, transaction

Status = Literal["landed", "nothing_new", "failed"]

# An expression: where a payload stood, as the start of a message.
PAGE_PREFIX = """coalesce('page ' || "$page" || ': ', '')"""

# Errors of DuckDB whose text is about the engine or a file, never about a value of a record.
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
    """Said before and after each entity. `number` counts from 1 to `total`; `result` is None before."""

    source: str
    entity: str
    number: int
    total: int
    result: EntityReport | None


@dataclass(frozen=True)
class EntityReport:
    """What one load did to one entity. extracted = landed + quarantined + unchanged."""

    source: str
    entity: str
    status: Status
    file_count: int = 0
    extracted: int = 0
    landed: int = 0
    quarantined: int = 0
    unchanged: int = 0
    warnings: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class LandingReport:
    """What one call of `land` did. `loaded_at` is UTC, without zone."""

    load_id: str
    loaded_at: datetime
    entities: tuple[EntityReport, ...]

    @property
    def ok(self) -> bool:
        """Whether no entity failed. Quarantined records are no failure: they are counted and kept."""
        return all(entity.status != "failed" for entity in self.entities)

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
        """Records that were there already, over all entities."""
        return sum(entity.unchanged for entity in self.entities)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What deserves a look though nothing failed."""
        return tuple(warning for entity in self.entities for warning in entity.warnings)


@dataclass(frozen=True)
class _Load:
    load_id: str
    loaded_at: datetime


@dataclass(frozen=True)
class _Target:
    source: SourceSpec
    name: str

    @property
    def entity(self) -> EntitySpec:
        return self.source.entities[self.name]

    @property
    def table(self) -> str:
        return raw_table(self.source, self.name)

    def report(self, status: Status, **counts: Any) -> EntityReport:
        return EntityReport(self.source.source, self.name, status, **counts)


class _CountMismatchError(IngestionError):
    """Records went missing or were counted twice within a load."""


def land(
    settings: Settings,
    sources: Sequence[SourceSpec],
    *,
    loaded_at: datetime | None = None,
    progress: Callable[[LandingProgress], None] | None = None,
) -> LandingReport:
    """Lands the new and changed files of these sources.

    `loaded_at`: the moment that the load is known by (without zone, or with any: it becomes UTC); default now. It is
    moved to one microsecond after the last load's where it is not later already. `progress` is called before and after
    each entity. An entity that fails is in the report with its error and keeps what it had; the others go on. Raises
    WarehouseLockedError when another process holds the warehouse, SettingError when a setting has no sense.
    """
    with open_warehouse(settings) as connection:
        ensure_books(connection)
        load = _next_load(connection, loaded_at)
        failures = ensure_tables(connection, sources)
        targets = [_Target(source, name) for source in sources for name in source.entities]
        reports = []
        for number, target in enumerate(targets, start=1):
            here = LandingProgress(target.source.source, target.name, number, len(targets), None)
            if progress:
                progress(here)
            failure = failures.get((target.source.source, target.name))
            reports.append(_land_entity(connection, settings, target, load, failure))
            if progress:
                progress(replace(here, result=reports[-1]))
    return LandingReport(load.load_id, load.loaded_at, tuple(reports))


def ensure_raw_tables(settings: Settings, sources: Sequence[SourceSpec]) -> None:
    """Makes every entity's raw table with every declared column, and landing's books, so that models find them.

    Raises SchemaChangedError when a declared type cannot hold what has landed, and WarehouseLockedError.
    """
    with open_warehouse(settings) as connection:
        ensure_books(connection)
        failures = ensure_tables(connection, sources)
    if failures:
        raise SchemaChangedError("\n".join(failures.values()))


def _next_load(connection: duckdb.DuckDBPyConnection, loaded_at: datetime | None) -> _Load:
    moment = loaded_at or datetime.now(UTC)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    [(last,)] = connection.execute("select max(loaded_at) from raw_ops.loads").fetchall()
    if last is not None and moment <= last:
        moment = last + timedelta(microseconds=1)
    return _Load(moment.strftime("%Y%m%dT%H%M%S%f"), moment)


def _land_entity(
    connection: duckdb.DuckDBPyConnection, settings: Settings, target: _Target, load: _Load, failure: str | None
) -> EntityReport:
    """Lands one entity, or books why not: `failure` is known before it starts."""
    started_at = datetime.now(UTC).replace(tzinfo=None)
    files: list[LandingFile] = []
    try:
        if failure is None:
            known = _known_files(connection, target)
            files = changed_files(settings, target.entity, find_files(settings, target.entity), known)
            staged = stage(connection, settings, target.entity, files) if files else None
            with transaction(connection):
                report = (
                    _load_staged(connection, target, load, files, staged) if staged else target.report("nothing_new")
                )
                _keep_books(connection, load, started_at, report)
            return report
    except IngestionError as error:
        failure = str(error)
    except duckdb.Error as error:
        failure = _describe(error)
    finally:
        clear_stage(connection)
    report = target.report("failed", file_count=len(files), error=failure)
    _keep_books(connection, load, started_at, report)
    return report


def _describe(error: duckdb.Error) -> str:
    kind = type(error).__name__
    if isinstance(error, _SAFE_TO_QUOTE):
        return f"DuckDB: {kind}: {str(error).splitlines()[0]} Nothing of this load was kept."
    return f"DuckDB: {kind} (its text is left out, as it may quote a record). Nothing of this load was kept."


def _known_files(connection: duckdb.DuckDBPyConnection, target: _Target) -> dict[str, KnownFile]:
    rows = connection.execute(
        "select file_name, arg_max(size_bytes, load_id), arg_max(modified_ns, load_id),"
        " arg_max(coalesce(sha256, ''), load_id) from raw_ops.files where source = ? and entity = ? group by file_name",
        [target.source.source, target.name],
    ).fetchall()
    return {file: KnownFile(size, modified, sha256 or None) for file, size, modified, sha256 in rows}


def _load_staged(
    connection: duckdb.DuckDBPyConnection,
    target: _Target,
    load: _Load,
    files: Sequence[LandingFile],
    staged: Incoming,
) -> EntityReport:
    """Lands what is staged, within a transaction that the caller opens."""
    loading = _Loading(connection, target, load)
    extracted = loading.count("incoming") + loading.count("rejected")
    refused = loading.quarantine_rejected()
    broken = loading.quarantine_problems() if staged.may_have_problems else 0
    landed, unchanged, duplicates = loading.insert(has_problems=broken > 0)
    quarantined = refused + broken + duplicates
    if extracted != landed + quarantined + unchanged:
        raise _CountMismatchError(
            f"{extracted} records were read, but {landed} landed, {quarantined} were quarantined and {unchanged}"
            " were unchanged. Nothing of this load was kept; this is a defect of landing, please report it."
        )
    connection.executemany(
        "insert into raw_ops.files values (?, ?, ?, ?, ?, ?, ?)",
        [
            (target.source.source, target.name, file.name, file.size_bytes, file.modified_ns, file.sha256, load.load_id)
            for file in files
        ],
    )
    return target.report(
        "landed" if landed or quarantined else "nothing_new",
        file_count=len(files),
        extracted=extracted,
        landed=landed,
        quarantined=quarantined,
        unchanged=unchanged,
        warnings=staged.warnings,
    )


def _keep_books(connection: duckdb.DuckDBPyConnection, load: _Load, started_at: datetime, report: EntityReport) -> None:
    connection.execute(
        "insert into raw_ops.loads values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            load.load_id,
            report.source,
            report.entity,
            report.status,
            started_at,
            datetime.now(UTC).replace(tzinfo=None),
            report.file_count,
            report.extracted,
            report.landed,
            report.quarantined,
            report.unchanged,
            report.error,
            load.loaded_at,
        ],
    )


class _Loading:
    """The statements of one entity's load, within its transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, target: _Target, load: _Load) -> None:
        self.connection = connection
        self.target = target
        self.entity = target.entity
        self.table = target.table
        self.load = load
        self.content = content_columns(target.entity)
        self.columns = ", ".join(quote(column) for column in (*target.entity.columns, "_extra", "_payload"))

    def count(self, relation: str) -> int:
        """Rows of a relation."""
        [(count,)] = self.connection.execute(f"select count(*) from {relation}").fetchall()
        return int(count)

    def quarantine_rejected(self) -> int:
        """Records that could not be read, or whose file lacks a column."""
        return self._quarantine("select _file, _row, _field, _rule, _message, _record from rejected")

    def quarantine_problems(self) -> int:
        """Records with a field that breaks a rule. The first such field is named, all of them are told."""
        types = " ".join(
            f"when {literal(name)} then {literal('not a ' + column.type)}"
            for name, column in self.entity.columns.items()
        )
        message = (
            "case problem.rule when 'required' then 'is null or empty' when 'encoding' then 'not UTF-8'"
            f" when 'expiry' then {literal(self._expiry_message())} else case problem.field {types} end end"
        )
        return self._quarantine(
            'select _file, _row, "$problems"[1].field, "$problems"[1].rule,'
            f""" {PAGE_PREFIX} || array_to_string(list_transform("$problems","""
            f" lambda problem: problem.field || ': ' || {message}), '; '),"
            ' "$record" from incoming where "$problems" is not null'
        )

    def _expiry_message(self) -> str:
        expires = self.entity.expires
        return f"more than {expires.months} months after {expires.after}" if expires else ""

    def _quarantine(self, records: str) -> int:
        """Inserts `records` (file, row, field, rule, message, text). The id is of the load, the file and the row."""
        cursor = self.connection.execute(
            "insert into raw_quarantine.records"
            " select md5(concat_ws('|', $load, $source, $entity, file, row)), $source, $entity, $load, file, row,"
            " field, rule, message, record, $loaded_at"
            f" from ({records}) as broken(file, row, field, rule, message, record)",
            {
                "load": self.load.load_id,
                "source": self.target.source.source,
                "entity": self.target.name,
                "loaded_at": self.load.loaded_at,
            },
        )
        return _changed(cursor)

    def insert(self, has_problems: bool) -> tuple[int, int, int]:
        """Lands the good records. Returns how many landed, were unchanged, and were quarantined as duplicates."""
        good = '(select * from incoming where "$problems" is null)' if has_problems else "incoming"
        settled, contested = self._sort_out(good)
        if settled + contested == 0:
            return self._insert_new(f"select {self.columns}, _file, _row from {good}"), 0, 0
        known = f"{key_hash(self.entity)} in (from settled union all from contested_hashes)"
        landed = self._insert_new(f"select {self.columns}, _file, _row from {good} where not ({known})")
        if contested == 0:
            return landed, settled, 0
        self._take_contested(good)
        if self.entity.mode == "append":
            self._judge_append()
        elif self.entity.version is None:
            self._judge_merge_without_version()
        else:
            self._judge_merge_with_version()
        duplicates = self._quarantine_duplicates()
        unchanged = self.count("(from judged where verdict = 'unchanged')")
        if self.entity.mode == "merge":
            self._supersede_landed()
        return landed + self._insert_judged(), settled + unchanged, duplicates

    def _sort_out(self, good: str) -> tuple[int, int]:
        """Parts the keys of the load by their hashes, and counts two of three kinds.

        `settled`: once in the load, and equal to a raw row, as most of a full export is. `contested_hashes`: other keys
        that are in the raw table (`met` has the rows) or twice in the load. The rest is new and single.
        """
        key = key_hash(self.entity)
        current = "" if self._needs_history() else " and _superseded_at is null"
        self.connection.execute("create temp table met (raw_row bigint, hash ubigint)")
        if self.count(self.table):
            self.connection.execute(
                f"insert into met select rowid, {key} from {self.table}"
                f" where {key} in (select {key} from {good}){current}"
            )
        self.connection.execute(
            "create temp table multiples as"
            f" select hash from (select {key} as hash from {good}) group by hash having count(*) > 1"
        )
        self.connection.execute("create temp table settled (hash ubigint)")
        if self.count("met"):
            raw_columns = ", ".join(f"raw.{quote(column)}" for column in self.content)
            content = ", ".join(quote(column) for column in self.content)
            self.connection.execute(
                "insert into settled select given.hash"
                f" from (select {key} as hash, {content} from {good}) as given inner join"
                f" (select met.hash, {raw_columns} from {self.table} as raw inner join met on raw.rowid = met.raw_row)"
                f" as held on given.hash = held.hash and {same(self.content, 'given', 'held')}"
                " where given.hash not in (from multiples)"
            )
        self.connection.execute(
            "create temp table contested_hashes as (select hash from met union from multiples) except from settled"
        )
        return self.count("settled"), self.count("contested_hashes")

    def _needs_history(self) -> bool:
        return self.entity.mode == "merge" and self.entity.version is not None

    def _take_contested(self, good: str) -> None:
        self.connection.execute(
            f"create temp table contested as select row_number() over (order by _file, _row) as arrival,"
            f' {self.columns}, _file, _row, "$page" from {good}'
            f" where {key_hash(self.entity)} in (from contested_hashes)"
        )
        self.connection.execute(
            f"create temp table existing as select met.raw_row, {self.columns}, _file, _row,"
            f" _superseded_at is null as is_current from {self.table} as raw inner join met on raw.rowid = met.raw_row"
            " where met.hash in (from contested_hashes)"
        )

    def _judge_append(self) -> None:
        identity = identity_columns(self.entity)
        self.connection.execute(
            f"create temp table judged as with {self._first_of_key()}"
            " select contested.arrival, case"
            " when existing.raw_row is null and contested.arrival = first_of_key.arrival then 'landed'"
            f" when existing.raw_row is null and {same(self.content, 'contested', 'first_of_key')} then 'unchanged'"
            f" when existing.raw_row is not null and {same(self.content, 'contested', 'existing')} then 'unchanged'"
            " else 'duplicate_key' end as verdict, cast(null as timestamp) as superseded_at"
            f" from contested inner join first_of_key on {same(identity, 'contested', 'first_of_key')}"
            f" left join existing on {same(identity, 'contested', 'existing')}"
        )

    def _judge_merge_without_version(self) -> None:
        identity = identity_columns(self.entity)
        self.connection.execute(
            f"create temp table judged as with {self._first_of_key()}"
            " select contested.arrival, case"
            f" when not ({same(self.content, 'contested', 'first_of_key')}) then 'duplicate_key'"
            " when contested.arrival <> first_of_key.arrival then 'unchanged'"
            f" when existing.raw_row is not null and {same(self.content, 'contested', 'existing')} then 'unchanged'"
            " else 'landed' end as verdict, cast(null as timestamp) as superseded_at"
            f" from contested inner join first_of_key on {same(identity, 'contested', 'first_of_key')}"
            f" left join existing on {same(identity, 'contested', 'existing')}"
        )

    def _first_of_key(self) -> str:
        key = ", ".join(quote(column) for column in identity_columns(self.entity))
        return (
            "first_of_key as (select * from contested"
            f" qualify row_number() over (partition by {key} order by arrival) = 1)"
        )

    def _judge_merge_with_version(self) -> None:
        key = ", ".join(quote(column) for column in self.entity.key)
        version = quote(self.entity.version or "")
        content = ", ".join(quote(column) for column in self.content)
        self.connection.execute(
            "create temp table judged as with numbered as ("
            f" select *, row_number() over (partition by {content} order by arrival) as copy from contested),"
            " fresh as (select numbered.* from numbered where copy = 1 and not exists ("
            f" select 1 from existing where {same(self.content, 'existing', 'numbered')})),"
            f" versions as (select arrival, {key}, {version} as version from fresh"
            f" union all select 0, {key}, {version} from existing where is_current),"
            f" ranked as (select arrival, row_number() over (partition by {key}"
            " order by version desc nulls last, arrival desc) as rank from versions)"
            " select contested.arrival, case when ranked.arrival is null then 'unchanged' else 'landed' end as verdict,"
            " case when ranked.rank > 1 then cast(? as timestamp) end as superseded_at"
            " from contested left join ranked on contested.arrival = ranked.arrival",
            [self.load.loaded_at],
        )

    def _supersede_landed(self) -> None:
        """Marks the raw rows that a landing record replaces: the current ones of its key."""
        self.connection.execute(
            f"update {self.table} set _superseded_at = ? where rowid in ("
            " select existing.raw_row from existing inner join contested"
            f" on {same(self.entity.key, 'existing', 'contested')}"
            " inner join judged on contested.arrival = judged.arrival"
            " where existing.is_current and judged.verdict = 'landed' and judged.superseded_at is null)",
            [self.load.loaded_at],
        )

    def _quarantine_duplicates(self) -> int:
        fields = [(spec.from_ or name, f"contested.{quote(name)}") for name, spec in self.entity.columns.items()]
        record = json_record([*fields, ("_extra", "contested._extra")])
        message = "'the key has come with another content, and no version tells which is newer'"
        return self._quarantine(
            f"select _file, _row, {literal(', '.join(self.entity.key) or '*')}, 'duplicate_key',"
            f" {PAGE_PREFIX} || {message},"
            f" coalesce(cast(contested._payload as varchar), {record})"
            " from contested inner join judged using (arrival) where verdict = 'duplicate_key'"
        )

    def _insert_new(self, records: str) -> int:
        return self._insert(f"select *, cast(null as timestamp) from ({records})")

    def _insert_judged(self) -> int:
        order = f"{quote(self.entity.version)} nulls first, arrival" if self.entity.version else "arrival"
        return self._insert(
            f"select {self.columns}, _file, _row, superseded_at from contested inner join judged using (arrival)"
            f" where verdict = 'landed' order by {order}"
        )

    def _insert(self, records: str) -> int:
        """Inserts records (content, file, row, superseded_at) as landed by this load."""
        cursor = self.connection.execute(
            f"insert into {self.table} ({self.columns}, _file, _row, _superseded_at, _load_id, _loaded_at)"
            f" select *, cast(? as varchar), cast(? as timestamp) from ({records})",
            [self.load.load_id, self.load.loaded_at],
        )
        return _changed(cursor)


def _changed(cursor: duckdb.DuckDBPyConnection) -> int:
    [(count,)] = cursor.fetchall()
    return int(count)
