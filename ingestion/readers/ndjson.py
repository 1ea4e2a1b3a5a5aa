"""Files with one JSON object per line.

`stage_objects` is the fast reader for plain files; `stage_ndjson` reads every file, line by line.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from ingestion.fields import Seen
from ingestion.files import MAX_RECORD_BYTES, LandingFile
from ingestion.readers.columns import add_relation, decimal_mark, match_columns
from ingestion.readers.documents import (
    BROKEN,
    MANY_BRACKETS,
    MAX_DEPTH,
    WIDE,
    Field,
    count_keys,
    depth,
    other_fields,
    pointer_list,
    pointer_to,
    read_fields,
)
from ingestion.readers.payloads import COMPLETE, PAGE, PAYLOAD, stage_payloads
from ingestion.readers.relations import MAX_FIELDS, Input, Plan, Relation
from ingestion.readers.text import compression, read_text
from ingestion.settings import Settings
from ingestion.spec import EntitySpec
from ingestion.statements import file_path, literal, quote

QUARANTINE_ID = "_quarantine_id"  # field of a replayed record: its id in quarantine
_PART_BYTES = 4_000_000  # large records are read in parts of this size
_VECTOR_ROWS = 2_048  # DuckDB's unit of work
_NEVER = "\x01"  # delimiter for reading whole lines: a control character, which JSON text must escape (RFC 8259, 7)
_LINES = f"header=false, delim={literal(_NEVER)}, quote='', escape=''"  # options of read_csv: one field per line


def stage_ndjson(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    entity: EntitySpec,
    file: LandingFile,
    plan: Plan,
    *,
    path: Path,
) -> None:
    """Stages a file of JSON lines, read from `path`, its copy in UTF-8."""
    if path == file.path and not file.is_replay and stage_objects(connection, entity, file, plan):
        return
    read_text(connection, settings, file, path, fields=["line"], options=_LINES, header_lines=0)
    connection.execute("delete from lines where line is null or trim(line, chr(9) || chr(13) || ' ') = ''")
    keys = count_keys(connection, _parts_of_lines(connection), [""])
    if keys.total == 0:
        plan.warnings.append(f"{file.name}: the file has no records.")
    if keys.has_broken:
        _refuse_lines(connection, file, "malformed", "not a JSON object", BROKEN)
    if keys.has_giant:
        _refuse_lines(connection, file, "too_large", f"more than {MAX_FIELDS} fields", WIDE)
        _refuse_deep(connection, file)
        keys = count_keys(connection, _parts_of_lines(connection), [""])
    names = sorted(keys.counts[0])
    if file.is_replay and QUARANTINE_ID in names:
        names.remove(QUARANTINE_ID)
        connection.execute(
            f"insert into replays select ?, _row, json_extract_string(line, {literal(pointer_to(QUARANTINE_ID))})"
            " from lines",
            [file.name],
        )
    if PAYLOAD in names:
        wrapped = f"json_extract_string(line, {pointer_list(pointer_to(key) for key in (PAYLOAD, PAGE, COMPLETE))})"
        parts = "wrapped[1] as line, try_cast(wrapped[2] as bigint) as _page"
        parts += ", coalesce(wrapped[3] = 'true', false) as _complete"
        rows = f"select {literal(file.name)} as _file, _row, {wrapped} as wrapped from lines"
        stage_payloads(connection, entity, f"(select _file, _row, {parts} from ({rows}))", plan)
    else:
        matched = match_columns(entity, names)
        types = {key: entity.columns[name].type for name, key in matched.items() if key is not None}
        text, others = None, None
        lines = ["lines"]
        if len(names) - len(types) > plan.named_fields:
            names = sorted(types)
            text, others = "line", other_fields(names)
            lines = _parts_of_lines(connection)
        filled = {key: name for name, key in matched.items()}
        fields = [Field(key, pointer_to(key), types.get(key), decimal_mark(entity, filled.get(key))) for key in names]
        seen = {key: Seen(keys.counts[0][key] >= keys.total) for key in names}
        for part in lines:
            source, inputs = read_fields(part, fields)
            relation = Relation(source, literal(file.name), "_row", inputs, is_text=True, text=text, others=others)
            add_relation(connection, entity, relation, plan, matched=matched, seen=seen)


def _parts_of_lines(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The relation `lines`; if records are large, in parts of some megabytes.

    DuckDB handles 2,048 records at a time, and their fields take a multiple of the memory of their text.
    """
    [(count, size)] = connection.execute("select count(*), coalesce(sum(strlen(line)), 0) from lines").fetchall()
    if size < _PART_BYTES or size / count < _PART_BYTES / _VECTOR_ROWS:
        return ["lines"]
    rows = connection.execute(
        "select min(_row), max(_row) from (select _row, sum(strlen(line)) over (order by _row) as reached from lines)"
        f" group by reached // {_PART_BYTES} order by 1"
    ).fetchall()
    return [f"(select * from lines where _row between {first} and {last})" for first, last in rows]


def _refuse_lines(
    connection: duckdb.DuckDBPyConnection, file: LandingFile, rule: str, message: str, condition: str
) -> None:
    """Moves lines from `lines` to `rejected`."""
    connection.execute(
        f"insert into rejected select ?, _row, null, null, ?, 'line ' || _row || ': ' || ?, line from lines"
        f" where {condition}",
        [file.name, rule, message],
    )
    connection.execute(f"delete from lines where {condition}")


def _refuse_deep(connection: duckdb.DuckDBPyConnection, file: LandingFile) -> None:
    """Refuses lines that are nested too deep: SQL finds those with many brackets, Python measures their depth."""
    candidates = connection.execute(f"select _row, line from lines where {MANY_BRACKETS}")
    deep = []
    while rows := candidates.fetchmany(100):
        deep += [row for row, line in rows if depth(line) > MAX_DEPTH]
    if deep:
        numbers = ", ".join(map(str, deep))
        _refuse_lines(connection, file, "too_large", f"nested deeper than {MAX_DEPTH}", f"_row in ({numbers})")


def stage_objects(
    connection: duckdb.DuckDBPyConnection,
    entity: EntitySpec,
    file: LandingFile,
    plan: Plan,
    *,
    streams: bool = False,
) -> bool:
    """Stages a file in which every line is a plain JSON object with DuckDB's own JSON reader, which is parallel.

    Returns False, and stages nothing, for any other file. `streams`: adds the file as a stream.
    """
    if any(decimal_mark(entity, name) != "." for name in entity.columns):
        return False  # DuckDB's reader does not distinguish a JSON number from a string
    given = f"{literal(file_path(file.path))}, maximum_object_size={MAX_RECORD_BYTES}, {compression(file.path)}"
    try:
        keys = count_keys(connection, [f"(select json as line from read_ndjson_objects({given}))"], [""], is_clean=True)
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.OutOfMemoryException):
        return False
    names = sorted(keys.counts[0])
    if keys.has_giant or len(names) - len(entity.columns) > plan.named_fields:
        return False
    are_distinct = len({name.lower() for name in names}) == len(names)
    if keys.total == 0 or keys.has_broken or keys.has_twice or not are_distinct or PAYLOAD in names or "" in names:
        return False
    matched = match_columns(entity, names)
    needed = entity.columns if entity.policy.missing_columns == "quarantine" else entity.required_columns()
    if any(matched[name] is None for name in needed) or not any(matched.values()):
        return False
    types = {key: entity.columns[name].type for name, key in matched.items() if key is not None}
    columns, inputs = [], []
    for name in names:
        is_document = types.get(name) in (None, "json")
        columns.append(f"{literal(name)}: {literal('JSON' if is_document else 'VARCHAR')}")
        # JSON inside a string is unpacked, as in documents.read_fields; an undeclared field stays as it is.
        packed = f"coalesce(try_cast(json_extract_string({quote(name)}, '$') as json), {quote(name)})"
        expression = packed if types.get(name) == "json" else quote(name)
        inputs.append(Input(expression, "JSON" if is_document else "VARCHAR", name))
    objects = f"read_json({given}, format='newline_delimited', columns={{{', '.join(columns)}}})"
    relation = Relation(objects, literal(file.name), "null", tuple(inputs), is_text=True, is_numbered=False)
    seen = {key: Seen(count >= keys.total) for key, count in keys.counts[0].items()}
    try:
        add_relation(
            connection, entity, relation, plan, matched=matched, seen=seen, streamed=keys.total if streams else None
        )
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.OutOfMemoryException):
        plan.fields.pop()
        return False
    return True
