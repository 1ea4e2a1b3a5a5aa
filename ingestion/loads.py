"""A load and one batch of it on its way into a raw table: what the steps of landing share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from ingestion.spec import EntitySpec, SourceSpec
from ingestion.statements import content_columns, key_hash, quote
from ingestion.warehouse import raw_table

# Files that one extraction wrote: <load id of dlt>.<file id>.parquet; the group is what they share.
EXTRACTED_FILE = r"^((?:.*/)?\d+\.\d+)\.[^./]+\.parquet$"


@dataclass(frozen=True)
class Load:
    """One call of `land`: its id and its moment."""

    load_id: str
    loaded_at: datetime


@dataclass(frozen=True)
class Target:
    """An entity of a source, and its raw table."""

    source: SourceSpec
    name: str

    @property
    def entity(self) -> EntitySpec:
        """The declaration of the entity."""
        return self.source.entities[self.name]

    @property
    def table(self) -> str:
        """The quoted name of the raw table."""
        return raw_table(self.source, self.name)


@dataclass(frozen=True)
class Counts:
    """What a batch did. extracted = landed + quarantined + unchanged; `deleted`: rows marked as deleted."""

    extracted: int
    landed: int
    quarantined: int
    unchanged: int
    deleted: int
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether raw or quarantine changed."""
        return bool(self.landed or self.quarantined or self.deleted)


@dataclass(frozen=True)
class Outcome:
    """What a batch did, and what the gates need to know about it.

    `first_row`: row id of the first record of a streamed batch. `has_known_keys`: the temporary table `known_rows`
    has the raw rows with keys of the batch. `removed`, `rows_before`: rows that are absent from a whole table or
    scope, and how many there were.
    """

    counts: Counts
    first_row: int | None = None
    has_known_keys: bool = False
    removed: int = 0
    rows_before: int = 0


@dataclass(frozen=True)
class BatchLoad:
    """One staged batch, within a transaction that the caller opened.

    `is_whole`: the batch is the whole table. `is_paged`: its records came in pages, so that a later one is newer.
    """

    connection: duckdb.DuckDBPyConnection
    target: Target
    load: Load
    is_whole: bool
    is_paged: bool

    @property
    def entity(self) -> EntitySpec:
        """The declaration of the entity."""
        return self.target.entity

    @property
    def table(self) -> str:
        """The quoted name of the raw table."""
        return self.target.table

    @property
    def columns(self) -> str:
        """The columns that a file fills, as a SQL list."""
        return column_list((*self.entity.columns, "_extra", "_payload"))

    @property
    def content(self) -> tuple[str, ...]:
        """The columns that decide whether two records of one key are equal."""
        return content_columns(self.entity)

    @property
    def parameters(self) -> Mapping[str, object]:
        """The parameters load, source, entity and loaded_at of a statement."""
        return {
            "load": self.load.load_id,
            "source": self.target.source.source,
            "entity": self.target.name,
            "loaded_at": self.load.loaded_at,
        }

    def count(self, relation: str) -> int:
        """The number of rows of a relation."""
        [(count,)] = self.connection.execute(f"select count(*) from {relation}").fetchall()
        return int(count)

    def has_rows(self, relation: str) -> bool:
        """Whether a relation has any row."""
        return bool(self.connection.execute(f"select 1 from {relation} limit 1").fetchall())


def key_in(entity: EntitySpec, records: str) -> str:
    """A condition: the row's key may be among these records. A single key column is compared without a hash."""
    key = quote(*entity.key) if len(entity.key) == 1 else key_hash(entity)
    return f"{key} in (select {key} from {records})"


def column_list(columns: Sequence[str]) -> str:
    """Quoted column names, separated by commas."""
    return ", ".join(quote(column) for column in columns)


def changed_rows(cursor: duckdb.DuckDBPyConnection) -> int:
    """The number of rows that an insert or update changed."""
    [(count,)] = cursor.fetchall()
    return int(count)
