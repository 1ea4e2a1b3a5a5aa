"""From files to the temporary relations `incoming`, `rejected`, `scopes` and `replays` of one batch.

`incoming` has the declared columns in their types, _extra, _payload, _file, _row, $page, and for a record that breaks a
rule $problems (a list of field and rule) and $record (its text). Text is parsed once into a temporary table. Parquet
stays a view, so that landing it costs as much as DuckDB's own insert. Plain files of JSON lines can be inserted while
they are parsed (`streams`). Only temporary relations are written, so a failure leaves nothing behind.

Add here when a format is added. Keep out: raw tables and keys (judging.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from ingestion.errors import SchemaChangedError, UnreadableFileError
from ingestion.fields import Seen, merged
from ingestion.files import LandingFile, has_content, has_giant_line, is_packed
from ingestion.readers.columns import PROBLEMS, add_relation
from ingestion.readers.delimited import stage_csv
from ingestion.readers.ndjson import stage_ndjson, stage_objects
from ingestion.readers.parquet import parquet_relations
from ingestion.readers.payloads import PAYLOAD, payloads_of, stage_payloads
from ingestion.readers.relations import Plan, Stream, for_each, needs_memory, unreadable
from ingestion.readers.text import in_utf_8
from ingestion.readers.workbooks import stage_sheet
from ingestion.settings import Settings
from ingestion.spec import EntitySpec
from ingestion.statements import quote
from runtime.damage import is_full_disk

_BYTES_PER_FIELD = 5_000_000  # of memory, for each undeclared field that becomes a column of its own; with less memory,
# undeclared fields are read as one map, which is three times slower
_REJECTED_COLUMNS = (
    "_file varchar, _row bigint, _page bigint, _field varchar, _rule varchar, _message varchar, _record varchar"
)


@dataclass(frozen=True)
class Incoming:
    """What was staged.

    `may_have_problems`: whether any record can break a rule. `has_scopes`: whether `scopes` has rows. `is_cut_short`: a
    text file ends in the middle of a record. `fields`: the fields that the records had. `streams`: selects to insert
    from in place of `incoming`; they fail if a record breaks a rule.
    """

    warnings: tuple[str, ...]
    may_have_problems: bool
    has_scopes: bool
    is_cut_short: bool
    fields: Mapping[str, Seen]
    streams: tuple[Stream, ...] = ()


def stage(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    entity: EntitySpec,
    files: Sequence[LandingFile],
    *,
    try_streaming: bool = False,
) -> Incoming:
    """Reads these files into `incoming` and `rejected`.

    Also creates `scopes`, which the batch holds completely, and `replays`, the quarantined records that are landed
    again. `try_streaming`: if every file is plain JSON lines, return `streams` instead; every record must then be
    valid. Raises UnreadableFileError, and SchemaChangedError if the entity's policy is to fail.
    """
    named_fields = settings.memory_bytes // _BYTES_PER_FIELD
    plan = Plan(named_fields)
    has_records = for_each(files, has_content)
    filled = [file for file, has in zip(files, has_records, strict=True) if has]
    texts = [file for file in filled if file.format in ("csv", "tsv", "ndjson")]
    are_giant = for_each(texts, lambda file: has_giant_line(file, settings.memory_bytes))
    plan.giants = [file for file, is_giant in zip(texts, are_giant, strict=True) if is_giant]
    plan.warnings += [f"{file.name}: the file is empty." for file in files if file not in filled]
    may_stream = try_streaming and filled and not plan.giants
    if may_stream and all(file.format == "ndjson" and not file.is_replay for file in filled):
        streams = Plan(named_fields)
        if all(stage_objects(connection, entity, file, streams, streams=True) for file in filled):
            warnings = tuple(plan.warnings)
            return Incoming(warnings, False, False, False, merged(streams.fields), tuple(streams.streams))
    clear_stage(connection)
    connection.execute(f"create temp table rejected ({_REJECTED_COLUMNS})")
    connection.execute("create temp table replays (_file varchar, _row bigint, _quarantine_id varchar)")
    connection.execute(f"create temp table typed as {_no_record(entity)}")
    text = [file for file in filled if file.format != "parquet"]
    for_each(text, lambda file: _stage_text(connection, settings, entity, file, plan))
    parquet = [file for file in filled if file.format == "parquet"]
    for relation in parquet_relations(connection, settings, parquet):
        if any(column.label == PAYLOAD for column in relation.inputs):
            stage_payloads(connection, entity, payloads_of(relation), plan)
        else:
            add_relation(connection, entity, relation, plan)
    selects = plan.selects
    if not selects or connection.execute("from typed limit 1").fetchall():
        selects = ["select * from typed", *selects]
    connection.execute(f"create temp view incoming as {' union all '.join(selects)}")
    if plan.may_have_problems and entity.policy.type_changes == "fail":
        _fail_on_types(connection)
    is_cut_short = any(_is_cut_short(connection, file) for file in text)
    return Incoming(tuple(plan.warnings), plan.may_have_problems, plan.has_scopes, is_cut_short, merged(plan.fields))


def _stage_text(
    connection: duckdb.DuckDBPyConnection, settings: Settings, entity: EntitySpec, file: LandingFile, plan: Plan
) -> None:
    """Stages a text file or a workbook. Raises UnreadableFileError; part of the file may be staged then."""
    try:
        with in_order(connection):
            if file.format == "excel":
                stage_sheet(connection, settings, entity, file, plan)
                return
            with in_utf_8(settings, entity, file, is_giant=file in plan.giants) as path:
                if file.format == "ndjson":
                    stage_ndjson(connection, settings, entity, file, plan, path=path)
                else:
                    stage_csv(connection, settings, entity, file, plan, path=path)
    except duckdb.OutOfMemoryException as error:
        raise UnreadableFileError(needs_memory(file, settings), file.name) from error
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        if is_full_disk(str(error)):
            raise
        raise UnreadableFileError(unreadable(file), file.name) from error
    finally:
        for table in ("lines", "text_rejects", "text_scans"):
            connection.execute(f"drop table if exists {table}")


def clear_stage(connection: duckdb.DuckDBPyConnection) -> None:
    """Drops every temporary view and table of the connection."""
    found = connection.execute(
        "select view_name, 'view' from duckdb_views() where temporary and not internal"
        " union all select table_name, 'table' from duckdb_tables() where temporary order by 2 desc"
    ).fetchall()
    for name, kind in found:
        connection.execute(f"drop {kind} {quote('temp', 'main', name)}")


@contextmanager
def in_order(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """DuckDB keeps the order of text records within this context, so that they can be numbered."""
    connection.execute("set preserve_insertion_order = true")
    try:
        yield
    finally:
        connection.execute("set preserve_insertion_order = false")


def _no_record(entity: EntitySpec) -> str:
    """A select of the columns of `incoming` without rows."""
    columns = [f"cast(null as {column.type}) as {quote(name)}" for name, column in entity.columns.items()]
    meta = [
        "cast(null as json) as _extra",
        "cast(null as json) as _payload",
        "cast(null as varchar) as _file",
        "cast(null as bigint) as _row",
        'cast(null as bigint) as "$page"',
        f'cast(null as {PROBLEMS}) as "$problems"',
        'cast(null as varchar) as "$record"',
    ]
    return f"select {', '.join([*columns, *meta])} where false"


def _fail_on_types(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute(
        'select problem.field, count(*) from (select unnest("$problems") as problem from incoming)'
        " where problem.rule = 'type' group by 1 order by 1"
    ).fetchall()
    if found:
        columns = ", ".join(f"{column} ({count})" for column, count in found)
        raise SchemaChangedError(f"records have values of another type than declared, in {columns}; change the type.")


def _is_cut_short(connection: duckdb.DuckDBPyConnection, file: LandingFile) -> bool:
    """Whether a text file ends without a line end, in a record that was refused."""
    if is_packed(file.path) or file.format == "excel":
        return False  # a compressed file that is cut short cannot be read at all
    with file.path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        if stream.read(1) in (b"\n", b"\r"):
            return False
    [(refused, read)] = connection.execute(
        "select (select max(_row) from rejected where _file = $file),"
        " (select max(_row) from typed where _file = $file)",
        {"file": file.name},
    ).fetchall()
    return refused is not None and refused > (read or 0)
