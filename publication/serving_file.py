"""Writes a new serving file: a copy of the last one, in which the rows that differ are replaced.

published.json in the home says what the last file contains: its digest, and the version of each table
(runtime/changes.py). A file that differs from its digest, or that is mostly free space, is not copied: then every table
is written. DuckDB does not erase the blocks of replaced rows, it writes over them later; a file without a trace of
them is written with `whole`.

Add here: how tables get into the file. Keep out: whether a build may be published (publishing.py).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.errors import MerganserError
from runtime.files import write_whole
from runtime.home import Home
from runtime.progress import Progress
from runtime.warehouse import limit_memory, opening_error

if TYPE_CHECKING:
    import duckdb

# Every DuckDB from 1.0 on opens this format. BI tools bundle such a version, and all refuse the default of 2.0.
STORAGE_VERSION = "v1.0.0"
_MOST_FREE_SPACE = 0.5  # share of the file's blocks; above it, every table is written


@dataclass(frozen=True)
class Relation:
    """A table or view of the warehouse that is published as a table, with the descriptions of its contract."""

    schema: str
    name: str
    description: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    published_schema: str = ""  # in the serving file, where it differs

    @property
    def quoted(self) -> str:
        """The name in the warehouse, for SQL."""
        return f"{identifier(self.schema)}.{identifier(self.name)}"

    @property
    def target_schema(self) -> str:
        """The schema in the serving file."""
        return self.published_schema or self.schema

    @property
    def described(self) -> str:
        """The hash of its descriptions."""
        return hashlib.sha256(json.dumps([self.description, self.columns], sort_keys=True).encode()).hexdigest()

    @property
    def label(self) -> str:
        """`schema.table` in the serving file."""
        return f"{self.target_schema}.{self.name}"


@dataclass(frozen=True)
class Published:
    """What the serving file contains. `versions`: the version of each table that a build recorded; a table without one
    is written in each publication. `descriptions`: the hash of each table's descriptions, which the file has too."""

    digest: str
    versions: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)

    def has(self, relation: Relation, version: str) -> bool:
        """Whether the file has this version of a table, with these descriptions."""
        if not version or self.versions.get(relation.label) != version:
            return False
        return self.descriptions.get(relation.label) == relation.described


def read_published(home: Home) -> Published | None:
    """What the serving file contains; None if that is unknown, or the file is not the one that was published."""
    try:
        recorded = Published(**json.loads(home.publication_record.read_text()))
        is_same = recorded.digest == digest(home.serving)
    except (OSError, ValueError, TypeError):
        return None
    return recorded if is_same else None


def unchanged_tables(home: Home, versions: Mapping[str, str]) -> set[str]:
    """The tables whose published rows are those that the warehouse has now. `versions`: of the warehouse."""
    last = read_published(home)
    known = last.versions if last else {}
    return {table for table, version in versions.items() if version and known.get(table) == version}


def record_tables(home: Home, relations: Sequence[Relation], versions: Mapping[str, str]) -> None:
    """Records what the serving file contains, after it has got its name."""
    described = {relation.label: relation.described for relation in relations}
    published = Published(digest(home.serving), dict(versions), described)
    write_whole(home.publication_record, json.dumps(asdict(published)))


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_tables(
    home: Home,
    new: Path,
    relations: Sequence[Relation],
    versions: Mapping[str, str],
    progress: Progress,
    *,
    whole: bool,
    finish: Callable[[duckdb.DuckDBPyConnection], None],
) -> tuple[dict[str, int], int]:
    """Writes the relations to a new file. Returns the rows by table, and how many tables were written.

    `versions`: by label; a table with the version of the last file is kept. `finish` writes what the file contains
    besides; the file is attached as `serving`. Raises MerganserError if a table changes meanwhile, and what DuckDB and
    the disk raise.
    """
    import duckdb

    last = None if whole else _copy_of_last(home, new)
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("set enable_progress_bar = false")
        limit_memory(connection)
        connection.execute(f"set temp_directory = {literal(str(home.spill))}")
        try:
            connection.execute(f"attach {literal(str(home.warehouse))} as warehouse (read_only)")
        except duckdb.Error as error:
            raise opening_error(home, str(error)) from error
        connection.execute(f"attach {literal(str(new))} as serving (storage_version '{STORAGE_VERSION}')")
        chosen = {relation.label for relation in relations}
        present = _tables(connection)
        for table in sorted(present - chosen):
            connection.execute(f"drop table serving.{_quoted(table)}")
        for schema in sorted({relation.target_schema for relation in relations}):
            connection.execute(f"create schema if not exists serving.{identifier(schema)}")
        counts, written = {}, 0
        for number, relation in enumerate(relations):
            progress(number, len(relations), relation.label)
            if last and last.has(relation, versions.get(relation.label, "")) and relation.label in present:
                counts[relation.label] = _count(connection, f"serving.{_quoted(relation.label)}")
                continue
            counts[relation.label] = copy_table(connection, relation, is_present=relation.label in present)
            written += 1
        finish(connection)
        connection.execute("detach warehouse")
        connection.execute("checkpoint serving")
        progress(len(relations), len(relations), "")
    finally:
        connection.close()
    return counts, written


def _copy_of_last(home: Home, new: Path) -> Published | None:
    """Copies the last serving file to `new`; returns what it contains, or None where it is not usable."""
    import duckdb

    last = read_published(home)
    if last is None:
        return None
    new.touch(mode=0o600)
    shutil.copyfile(home.serving, new)
    try:
        with duckdb.connect(str(new)) as connection:
            row: Any = connection.execute(
                "select free_blocks, total_blocks from pragma_database_size() where database_name <> 'temp'"
            ).fetchone()
            connection.execute("drop table if exists main.build_info")
            connection.execute("drop table if exists main.quality_metrics")
    except duckdb.Error:
        row = (1, 1)
    if row[0] > _MOST_FREE_SPACE * row[1]:
        new.unlink()
        return None
    return last


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    found = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'serving' and schema_name <> 'main'"
    ).fetchall()
    return {f"{schema}.{name}" for schema, name in found}


def copy_table(connection: duckdb.DuckDBPyConnection, relation: Relation, *, is_present: bool) -> int:
    """Writes a table of the database `warehouse` to `serving`, with its descriptions; if it `is_present`, only
    the rows that differ. Returns its number of rows. Raises MerganserError if the table changes meanwhile.
    """
    target = f"serving.{identifier(relation.target_schema)}.{identifier(relation.name)}"
    origin = f"warehouse.{relation.quoted}"
    if not (is_present and _write_differences(connection, target, origin)):
        connection.execute(f"create or replace table {target} as select * from {origin}")
    copied = _count(connection, target)
    if copied != _count(connection, origin):
        raise MerganserError(
            f"{relation.schema}.{relation.name} changed while it was being published.", "Run `merganser publish` again."
        )
    connection.execute(f"comment on table {target} is {_comment(relation.description)}")
    for column, _ in _columns(connection, target):
        description = relation.columns.get(column, "")
        connection.execute(f"comment on column {target}.{identifier(column)} is {_comment(description)}")
    return copied


def _write_differences(connection: duckdb.DuckDBPyConnection, target: str, origin: str) -> bool:
    """Deletes and inserts the rows that differ, by a hash of all columns. Returns False where the table must be written
    as a whole: it has other columns or types, equal rows, or mostly rows that differ.
    """
    columns = _columns(connection, target)
    if columns != _columns(connection, origin):
        return False
    names = ", ".join(identifier(column) for column, _ in columns)
    connection.execute(
        "create or replace temporary table known_rows as"
        f" select rowid as known_row, hash({names}) as row_hash from {target}"
    )
    connection.execute(
        "create or replace temporary table differences as"
        f" select current_rows.*, known_rows.known_row from (select *, hash({names}) as row_hash from {origin})"
        " as current_rows full outer join known_rows on current_rows.row_hash = known_rows.row_hash"
        " where current_rows.row_hash is null or known_rows.row_hash is null"
    )
    row: Any = connection.execute(
        "select (select count(*) from known_rows), (select count(distinct row_hash) from known_rows),"
        " (select count(known_row) from differences), (select count(*) from differences where known_row is null)"
    ).fetchone()
    known, distinct, gone, new = row
    if known != distinct or gone + new > known:
        return False
    connection.execute("begin")
    connection.execute(
        f"delete from {target} where rowid in (select known_row from differences where known_row is not null)"
    )
    connection.execute(f"insert into {target} select {names} from differences where known_row is null")
    is_complete = _count(connection, target) == _count(connection, origin)  # not if the warehouse has equal rows
    connection.execute("commit" if is_complete else "rollback")
    return is_complete


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in connection.execute(f"describe {relation}").fetchall()]


def _comment(description: str) -> str:
    return literal(description) if description else "null"


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return int(row[0]) if row else 0


def _quoted(label: str) -> str:
    schema, name = label.split(".", 1)
    return f"{identifier(schema)}.{identifier(name)}"


def identifier(name: str) -> str:
    """A name, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text, quoted for SQL."""
    return "'" + text.replace("'", "''") + "'"
