"""Payloads: records that a connector landed as JSON text, in a column `_payload`, read by JSON pointer."""

from __future__ import annotations

import duckdb

from ingestion.fields import Seen
from ingestion.readers.columns import add_relation, decimal_mark
from ingestion.readers.documents import BROKEN, Field, count_keys, parent_of, pointer_to, read_fields, unescaped
from ingestion.readers.relations import Plan, Relation
from ingestion.spec import EntitySpec
from ingestion.statements import cast_of_column, literal, quote

PAYLOAD, PAGE, COMPLETE = "_payload", "_page", "_complete"


def payloads_of(relation: Relation) -> str:
    """A relation (_file, _row, line, _page, _complete) of the payloads in Parquet files."""
    types = {column.label: column.type for column in relation.inputs}
    line = f"try(decode({PAYLOAD}))" if types[PAYLOAD] == "BLOB" else f"cast({PAYLOAD} as varchar)"
    page = f"try_cast({PAGE} as bigint)" if PAGE in types else "cast(null as bigint)"
    complete = f"coalesce(try_cast({COMPLETE} as boolean), false)" if COMPLETE in types else "false"
    columns = f"{relation.file} as _file, {relation.row} as _row, {line} as line, {page} as _page"
    return f"(select {columns}, {complete} as _complete from {relation.source})"


def stage_payloads(connection: duckdb.DuckDBPyConnection, entity: EntitySpec, source: str, plan: Plan) -> None:
    """Stages payloads. A row with _complete is not a record: it names a scope that the batch holds completely."""
    if entity.complete_within:
        plan.has_scopes = _stage_scopes(connection, entity, source) or plan.has_scopes
    records = f"(select * from {source} where not _complete)"
    pointers = {
        name: column.path or pointer_to(column.from_ or name)
        for name, column in entity.columns.items()
        if column.value is None
    }
    parents = ["", *sorted({parent_of(pointer) for pointer in pointers.values()} - {""})]
    keys = count_keys(connection, [records], parents)
    if keys.has_broken:
        connection.execute(
            "insert into rejected select _file, _row, coalesce(_page, 0), null, 'malformed',"
            " coalesce('page ' || _page || ': ', '') || 'not a JSON object', line"
            f" from {records} where {BROKEN}"
        )
        records = f"(select * from {records} where not ({BROKEN}))"
    found = {
        parent + pointer_to(key): Seen(count >= keys.total)
        for parent, counts in zip(parents, keys.counts, strict=True)
        for key, count in counts.items()
    }
    declared = {name: pointer for name, pointer in pointers.items() if pointer in found}
    undeclared = [
        pointer for pointer in found if not any(f"{known}/".startswith(f"{pointer}/") for known in pointers.values())
    ]
    seen = {name: found[pointer] for name, pointer in declared.items()}
    seen |= {unescaped(pointer): found[pointer] for pointer in undeclared}
    # A required column that no payload has still is read, so that each record is refused by itself and not the file.
    required = entity.required_columns()
    read = [name for name in pointers if name in declared or name in required]
    fields = [Field(name, pointers[name], entity.columns[name].type, decimal_mark(entity, name)) for name in read]
    if entity.policy.new_columns in ("quarantine", "fail"):
        fields += [Field(unescaped(pointer), pointer, None) for pointer in undeclared]
    documents, inputs = read_fields(records, fields)
    relation = Relation(documents, "_file", "_row", inputs, is_text=True, payload="line", page="coalesce(_page, 0)")
    matched = {name: name if name in read else None for name in entity.columns}
    add_relation(connection, entity, relation, plan, matched=matched, seen=seen)


def _stage_scopes(connection: duckdb.DuckDBPyConnection, entity: EntitySpec, source: str) -> bool:
    """Stores the complete scopes in `scopes`; returns whether there are any."""
    columns = []
    for name in entity.complete_within:
        given = f"json_extract_string(line, {literal(pointer_to(name))})"
        cast = cast_of_column(entity, name, "VARCHAR", given)
        columns.append(f"{cast.expression} as {quote(name)}")
    scopes = f"select distinct {', '.join(columns)} from {source} where _complete"
    connection.execute(f"create temp table if not exists scopes as {scopes} limit 0")
    connection.execute(f"insert into scopes {scopes}")
    return bool(connection.execute("from scopes limit 1").fetchall())
