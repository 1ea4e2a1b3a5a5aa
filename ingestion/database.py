"""Databases: reads tables as Arrow batches into Parquet files in the landing zone, in bounded memory.

Works with any SQLAlchemy dialect. Integers, text, booleans and floats are read as they are. What a driver or Arrow
could round, shift or refuse (decimals, timestamps with infinity, JSON, arrays, uuids, enums, unknown types) is cast to
text by the database; bytes become hexadecimal digits. Landing casts the text to the declared type.

If a table has a cursor, rows are read from the last watermark on, including the boundary and rows without a cursor. The
watermark is the highest value in the database, but never a time in the future, where a wrong date would hide later
rows. It is stored together with the files, as for connectors (extraction.py).

Add here when a type or a dialect needs care. Keep out: how state and files are stored together (extraction.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import dlt
import pyarrow as pa
import sqlalchemy as sa
from dlt.sources.sql_database import TableLoader
from dlt.sources.sql_database.schema_types import table_to_columns
from sqlalchemy.types import TypeEngine

from ingestion.connectors import StreamReport, Window
from ingestion.errors import IngestionError, PermanentError, SettingError, UnreachableError
from ingestion.extraction import finish, open_pipeline, run_resource
from ingestion.settings import Settings
from ingestion.spec import DatabaseSpec, SourceSpec, TableSpec, VariableSpec

CONNECT_SECONDS = 10
BATCH_ROWS = 20_000

# libpq: notice a dead server after a minute; the system's default is hours.
_TIMEOUTS: dict[str, dict[str, Any]] = {
    "postgresql": {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    },
    "mysql": {"connect_timeout": CONNECT_SECONDS},
    "mariadb": {"connect_timeout": CONNECT_SECONDS},
}
_REFUSED = ("28000", "28P01", "3D000")  # SQLSTATE: invalid authorization, invalid password, no such database
_REFUSED_TEXTS = ("authentication failed", "access denied", "no pg_hba.conf entry", "role ", "login failed")


def extract(
    settings: Settings,
    source: SourceSpec,
    *,
    window: Window | None = None,
    tables: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> list[StreamReport]:
    """Reads new rows of a source's tables into the landing zone, table by table.

    A table that fails is reported with its error and keeps its state; the others continue. `window`: read this span of
    the cursors again, without changing state; tables without a time cursor are skipped. `tables`: only these.
    `environment`: used instead of os.environ. `progress`: a callback that receives a table and its rows so far. Raises
    SettingError if the URL is missing or invalid.
    """
    if source.database is None:
        raise SettingError(f"{source.source} has no `database`: bring its files into the landing zone.")
    engine = _engine(source.database, os.environ if environment is None else environment)
    try:
        pipeline = open_pipeline(settings, source.source)
        finish(settings, pipeline, source.source)
        reports = []
        for name, spec in source.database.tables.items():
            if (tables and name not in tables) or (window is not None and spec.cursor is None):
                continue
            table = _Table(engine, source.database, name, spec, window, progress or (lambda table, count: None))
            failure = None
            try:
                run_resource(settings, pipeline, source.source, dlt.resource(table.read(), name=name))
            except IngestionError as error:
                failure, table.after = str(error), table.before
            reports.append(
                StreamReport(source.source, name, {name: table.count}, table.before, table.after, error=failure)
            )
        return reports
    finally:
        engine.dispose()


def try_connection(source: SourceSpec, environment: Mapping[str, str] | None = None) -> None:
    """Reads one row of every table. Raises an IngestionError that says what is wrong."""
    if source.database is None:
        return
    engine = _engine(source.database, os.environ if environment is None else environment)
    try:
        for name, spec in source.database.tables.items():
            _Table(engine, source.database, name, spec, None, lambda table, count: None).look()
    finally:
        engine.dispose()


def variables(source: SourceSpec) -> dict[str, VariableSpec]:
    """The environment variables for this database."""
    if source.database is None:
        return {}
    described = "URL of the database, such as postgresql://user:password@host/name, with a read-only user"
    return {source.database.url_variable: VariableSpec(secret=True, description=described)}


def _engine(spec: DatabaseSpec, environment: Mapping[str, str]) -> sa.Engine:
    """The SQLAlchemy engine. Raises SettingError, which never quotes the URL."""
    given = environment.get(spec.url_variable)
    if not given:
        raise SettingError(
            f"{spec.url_variable} is not set (URL of the database, such as postgresql://user:password@host/name);"
            " set it in the environment."
        )
    try:
        url = sa.make_url(given)
        if url.drivername == "postgres":  # the spelling of several hosting services
            url = url.set(drivername="postgresql")
        kind = url.get_backend_name()
        arguments = {name: value for name, value in _TIMEOUTS.get(kind, {}).items() if name not in url.query}
        engine = sa.create_engine(url, connect_args=arguments, poolclass=sa.NullPool, hide_parameters=True)
    except (sa.exc.ArgumentError, ValueError):
        raise SettingError(
            f"{spec.url_variable} is not the URL of a database, such as postgresql://user:password@host/name."
        ) from None
    except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        name = getattr(error, "name", None) or "its driver"
        raise SettingError(
            f"the database of {spec.url_variable} needs a driver that is not installed: {name}."
        ) from None
    if kind == "postgresql":
        sa.event.listen(engine, "connect", _use_utc)
    return engine


def _use_utc(connection: Any, _record: object) -> None:
    """Makes PostgreSQL write timestamps in UTC and in ISO format."""
    with connection.cursor() as cursor:
        cursor.execute("set time zone 'UTC'")
        cursor.execute("set datestyle = 'ISO'")
    connection.commit()


# --- one table


@dataclass
class _Table:
    """One run over one table. `before`, `after`: watermarks in the form of the state. `count`: rows read so far."""

    engine: sa.Engine
    database: DatabaseSpec
    entity: str
    spec: TableSpec
    window: Window | None
    progress: Callable[[str, int], None]
    before: str | None = None
    after: str | None = None
    count: int = 0

    def read(self) -> Iterator[Any]:
        """The rows as Arrow tables for dlt; updates the watermark in dlt's state."""
        state = dlt.current.resource_state()
        self.before = self.after = state.get("watermark")
        with self._translated_errors():
            table = self._reflect()
            condition = self._condition(table)
            if self.window is None and self.spec.cursor is not None:
                self.after = self._highest(table) or self.before
            is_empty = True
            for batch in self._batches(table, condition):
                is_empty = False
                self.count += batch.num_rows
                self.progress(self.entity, self.count)
                yield dlt.mark.with_table_name(batch, self.entity)
            if is_empty and self.spec.cursor is None:  # an empty table must land as empty
                yield dlt.mark.with_table_name(_empty(table), self.entity)
        if self.after is not None and self.window is None:
            state["watermark"] = self.after

    def look(self) -> None:
        """Reads one row and discards it."""
        with self._translated_errors(), self.engine.connect() as connection:
            connection.execute(sa.select(self._reflect()).limit(1)).first()

    def _reflect(self) -> sa.Table:
        """The table as the database describes it, without excluded columns."""
        name, schema = self.spec.table or self.entity, self.spec.schema_ or self.database.schema_
        table = sa.Table(name, sa.MetaData(), schema=schema, autoload_with=self.engine, resolve_fks=False)
        known = {column.name for column in table.columns}
        for column in (*self.spec.exclude, *([self.spec.cursor] if self.spec.cursor else [])):
            if column not in known:
                raise PermanentError(f"table {name} has no column {column}; correct the declaration.")
        return table

    def _batches(self, table: sa.Table, condition: sa.ColumnElement[bool] | None) -> Iterator[pa.Table]:
        columns = [column for column in table.columns if column.name not in self.spec.exclude]
        query = sa.select(*(_expression(column, self.engine.dialect.name).label(column.name) for column in columns))
        if condition is not None:
            query = query.where(condition)
        hints = table_to_columns(
            table, type_conversion_fallback=lambda kind: _read_type(kind, self.engine.dialect.name)
        )
        for hint in hints.values():
            hint["nullable"] = True  # a view may break what its table promises
        loader = TableLoader(self.engine, "pyarrow", table, hints, BATCH_ROWS, query_adapter_callback=lambda *_: query)
        for batch in loader.load_rows():
            yield _without_bytes(batch)

    # the cursor

    def _condition(self, table: sa.Table) -> sa.ColumnElement[bool] | None:
        if self.spec.cursor is None:
            return None
        cursor = table.c[self.spec.cursor]
        if self.window is not None:
            if _python_type(cursor) not in (datetime, date):
                raise PermanentError(
                    f"the cursor {self.spec.cursor} is not a time, so a span of time cannot be read again."
                )
            since = [cursor >= _as_cursor(self.window.since, cursor)] if self.window.since else []
            until = [cursor < _as_cursor(self.window.until, cursor)] if self.window.until else []
            return sa.and_(sa.true(), *since, *until)
        if self.before is None:
            return None
        start = _parsed(self.before, cursor)
        if isinstance(start, datetime):
            start -= timedelta(minutes=self.spec.overlap_minutes)
        elif isinstance(start, date):
            start -= timedelta(days=-(-self.spec.overlap_minutes // (24 * 60)))
        return sa.or_(cursor >= start, cursor.is_(None))

    def _highest(self, table: sa.Table) -> str | None:
        """The highest value of the cursor; for times, the highest that is not in the future."""
        cursor = table.c[self.spec.cursor or ""]
        query = sa.select(sa.func.max(cursor))
        if _python_type(cursor) in (datetime, date):
            query = query.where(cursor <= sa.func.current_timestamp())
        with self.engine.connect() as connection:
            value = connection.execute(query).scalar()
        return value.isoformat() if isinstance(value, date) else None if value is None else str(value)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Translates errors of the database: their texts may quote a record, and the URL holds a password."""
        variable = self.database.url_variable
        name = self.spec.table or self.entity
        try:
            yield
        except sa.exc.NoSuchTableError as error:
            raise PermanentError(f"there is no table {name}, or the user of {variable} may not see it.") from error
        except sa.exc.DBAPIError as error:
            code = str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or "")
            text = str(error.orig).lower()
            if code in _REFUSED or (not code and any(each in text for each in _REFUSED_TEXTS)):
                raise PermanentError(f"the database refuses the credentials; check {variable}.") from None
            if code == "42501":
                raise PermanentError(f"the user of {variable} may not read table {name}.") from None
            kind = f"{type(error.orig).__name__}{f' {code}' if code else ''}"
            if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
                raise UnreachableError(
                    f"the database of {variable} cannot be reached, or the connection broke ({kind}). Nothing of"
                    f" {name} was kept."
                ) from None
            raise PermanentError(f"table {name} could not be read ({kind}). Nothing of it was kept.") from None


# --- types


def _read_type(kind: TypeEngine[Any], dialect: str) -> TypeEngine[Any]:
    """The type in which a column is read: its own if nothing can be lost, else text."""
    is_time = isinstance(kind, sa.DateTime | sa.Date)
    if isinstance(kind, sa.Enum) or getattr(kind, "unsigned", False) or (is_time and dialect == "postgresql"):
        return sa.Text()
    if isinstance(kind, sa.Numeric) and kind.asdecimal is not False and not isinstance(kind, sa.Float):
        return sa.Text()
    native = (sa.Integer, sa.Float, sa.Boolean, sa.String, sa.LargeBinary, sa.DateTime, sa.Date)
    return kind if isinstance(kind, native) or kind.__visit_name__ in ("BYTEA", "BINARY", "VARBINARY") else sa.Text()


def _expression(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[Any]:
    wanted = _read_type(column.type, dialect)
    if wanted is column.type:
        return column
    if isinstance(column.type, sa.ARRAY) and dialect == "postgresql":
        return sa.cast(sa.func.to_json(column), sa.Text())
    return sa.cast(column, sa.Text() if dialect in ("postgresql", "sqlite") else sa.String())


def _without_bytes(batch: pa.Table) -> pa.Table:
    """Replaces bytes by hexadecimal digits."""
    for index, field in enumerate(batch.schema):
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            digits = [None if value is None else value.hex() for value in batch.column(index).to_pylist()]
            batch = batch.set_column(index, field.name, pa.array(digits, pa.string()))
    return batch


def _empty(table: sa.Table) -> pa.Table:
    return pa.table({column.name: pa.array([], pa.string()) for column in table.columns})


def _python_type(cursor: sa.Column[Any]) -> type:
    try:
        return cursor.type.python_type
    except NotImplementedError:
        return str


def _parsed(text: str, cursor: sa.Column[Any]) -> Any:
    kind = _python_type(cursor)
    if kind is datetime:
        return datetime.fromisoformat(text)
    if kind is date:
        return date.fromisoformat(text)
    return kind(text) if kind in (int, float, Decimal) else text


def _as_cursor(moment: datetime, cursor: sa.Column[Any]) -> datetime | date:
    """A UTC time in the form of this column."""
    if _python_type(cursor) is date:
        return moment.astimezone(UTC).date()
    return moment if getattr(cursor.type, "timezone", False) else moment.astimezone(UTC).replace(tzinfo=None)
