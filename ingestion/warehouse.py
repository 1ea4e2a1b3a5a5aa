"""The warehouse for landing: the connection, the raw tables, and the tables of raw_ops and raw_quarantine.

Add here when one of these tables gains a column. Keep out: what a load writes to them (landing.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import duckdb

from ingestion.errors import SchemaChangedError, SettingError, WarehouseDamagedError, WarehouseLockedError
from ingestion.settings import Settings
from ingestion.spec import EntitySpec, SourceSpec
from ingestion.statements import literal, quote, widens

META_TYPES = {
    "_load_id": "varchar",
    "_loaded_at": "timestamp",
    "_file": "varchar",
    "_row": "bigint",
    "_extra": "json",
    "_payload": "json",
    "_superseded_at": "timestamp",
    "_deleted_at": "timestamp",
}

_OPERATIONS = """
create schema if not exists raw_ops;
create schema if not exists raw_quarantine;
create table if not exists raw_ops.loads (
    load_id varchar, source varchar, entity varchar, status varchar, started_at timestamp, ended_at timestamp,
    file_count bigint, extracted_count bigint, landed_count bigint, quarantined_count bigint, unchanged_count bigint,
    error varchar, loaded_at timestamp
);
alter table raw_ops.loads add column if not exists deleted_count bigint;
alter table raw_ops.loads add column if not exists bytes bigint;
alter table raw_ops.loads add column if not exists watermark_before varchar;
alter table raw_ops.loads add column if not exists watermark_after varchar;
alter table raw_ops.loads add column if not exists schema_changes varchar;
create table if not exists raw_ops.files (
    source varchar, entity varchar, file_name varchar, size_bytes bigint, modified_ns bigint, sha256 varchar,
    load_id varchar
);
create table if not exists raw_quarantine.records (
    quarantine_id varchar, source varchar, entity varchar, load_id varchar, file_name varchar, row_number bigint,
    field varchar, rule varchar, message varchar, record varchar, quarantined_at timestamp
);
alter table raw_quarantine.records add column if not exists page bigint;
alter table raw_quarantine.records add column if not exists replayed_at timestamp;
alter table raw_quarantine.records add column if not exists replayed_load_id varchar;
alter table raw_quarantine.records add column if not exists outcome varchar;
create table if not exists raw_ops.fields (
    source varchar, entity varchar, field varchar, type varchar, is_in_every_record boolean, first_load_id varchar,
    lost_load_id varchar
);
alter table raw_ops.files add column if not exists record_count bigint;
create table if not exists raw_ops.load_profiles (
    load_id varchar, source varchar, entity varchar, unit varchar, slice bigint, row_count bigint, column_name varchar,
    filled_count bigint, distinct_count bigint, top_count bigint, low double, median double, high double,
    shapes map(varchar, bigint), hours map(bigint, bigint), mix map(ubigint, bigint)
);
create table if not exists raw_ops.held_loads (
    source varchar, entity varchar, file_names varchar[], gate varchar, column_name varchar, usual varchar,
    found varchar, cause varchar, first_load_id varchar, held_at timestamp, outcome varchar, settled_at timestamp,
    settled_load_id varchar, settled_by varchar, reason varchar
);
"""
_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


@contextmanager
def open_warehouse(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-write connection. Raises WarehouseLockedError if another process holds the file, and
    WarehouseDamagedError if the file is empty.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    if settings.warehouse_path.exists() and not settings.warehouse_path.stat().st_size:
        raise WarehouseDamagedError(
            f"{settings.warehouse_path} is damaged: it is empty. Restore an earlier copy, or delete it and start again."
        )
    try:
        connection = duckdb.connect(str(settings.warehouse_path))
    except (duckdb.IOException, duckdb.ConnectionException) as error:
        locked = _locked(settings, error)
        if locked is None:
            raise
        raise locked from error
    try:
        _configure(connection, settings)
        yield connection
    finally:
        connection.close()


def _locked(settings: Settings, error: duckdb.Error) -> WarehouseLockedError | None:
    text = str(error)
    path = settings.warehouse_path
    if "different configuration" in text:
        return WarehouseLockedError(
            f"{path} is open in this process with other settings; close that connection, then land again."
        )
    if not re.search(r"\block\b", text, re.IGNORECASE):  # errors about damaged files contain `block`
        return None
    holder = _HOLDER.search(text)
    who = f"process {holder['pid']} ({holder['program']})" if holder else "another process"
    return WarehouseLockedError(
        f"{path} is locked by {who}: only one process may write. Wait until it ends, or stop it, then land again."
        " To read data meanwhile, open serving.duckdb."
    )


def _configure(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set preserve_insertion_order = false")
    connection.execute("set enable_progress_bar = false")
    try:
        connection.execute(f"set memory_limit = {literal(settings.memory)}")
    except duckdb.Error as error:
        raise SettingError("DuckDB does not accept MERGANSER_MEMORY; write a size such as 8GB.") from error
    spill = str(settings.home / "spill")
    if connection.execute("select current_setting('temp_directory')").fetchall() != [(spill,)]:
        connection.execute(f"set temp_directory = {literal(spill)}")


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A transaction: commits at the end, rolls back on any exception."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


@contextmanager
def direct_commits(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commits in this context write to the warehouse file directly, and not to its log first.

    DuckDB does so by itself for large transactions. But if a transaction updates the rows that it inserted, DuckDB
    considers even ten million rows small, and writes two gigabytes of log (measured on DuckDB 2.0).
    """
    connection.execute("set auto_checkpoint_skip_wal_threshold = 0; set checkpoint_threshold = '0B'")
    try:
        yield
    finally:
        connection.execute("reset auto_checkpoint_skip_wal_threshold; reset checkpoint_threshold")


def raw_table(source: SourceSpec, entity: str) -> str:
    """The quoted name of an entity's raw table."""
    return quote(source.raw_schema, entity)


def ensure_operations(connection: duckdb.DuckDBPyConnection) -> None:
    """Creates the tables of raw_ops and raw_quarantine."""
    with transaction(connection):
        connection.execute(_OPERATIONS)


def ensure_tables(connection: duckdb.DuckDBPyConnection, sources: Sequence[SourceSpec]) -> dict[tuple[str, str], str]:
    """Creates or alters the raw table of every entity; returns (source, entity) -> error for those that failed."""
    present: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns()"
        " where database_name = current_database() and schema_name like 'raw\\_%' escape '\\'"
    ).fetchall():
        present.setdefault((schema, table), {})[column] = kind
    failures = {}
    for source in sources:
        for name, entity in source.entities.items():
            landed = present.get((source.raw_schema, name))
            try:
                _ensure_table(connection, source, name, entity, landed)
            except SchemaChangedError as error:
                failures[source.source, name] = str(error)
    return failures


def _ensure_table(
    connection: duckdb.DuckDBPyConnection,
    source: SourceSpec,
    name: str,
    entity: EntitySpec,
    landed: dict[str, str] | None,
) -> None:
    if landed is None:
        columns = {**{column: spec.type for column, spec in entity.columns.items()}, **META_TYPES}
        listed = ", ".join(f"{quote(column)} {kind}" for column, kind in columns.items())
        with transaction(connection):
            connection.execute(f"create schema if not exists {quote(source.raw_schema)}")
            connection.execute(f"create table if not exists {raw_table(source, name)} ({listed})")
        return
    changes = list(_alterations(source, name, entity, landed))
    if changes:
        with transaction(connection):
            for change in changes:
                connection.execute(f"alter table {raw_table(source, name)} {change}")


def _alterations(source: SourceSpec, name: str, entity: EntitySpec, landed: dict[str, str]) -> Iterable[str]:
    for column, spec in entity.columns.items():
        kind = landed.get(column)
        if kind is None:
            yield f"add column {quote(column)} {spec.type}"
        elif kind.upper() != spec.type.upper():
            if not widens(kind, spec.type):
                raise SchemaChangedError(
                    f"{source.raw_schema}.{name}: column {column} has landed as {kind.lower()} and is now declared"
                    f" {spec.type}, which cannot hold every landed value; declare {kind.lower()} again, or add another"
                    " column of the new type with `from:`."
                )
            yield f"alter column {quote(column)} set data type {spec.type}"
    for column, meta_type in META_TYPES.items():
        if column not in landed:
            yield f"add column {quote(column)} {meta_type}"
