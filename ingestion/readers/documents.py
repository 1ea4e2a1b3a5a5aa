"""JSON text in a column `line`: its keys, its fields by JSON pointer, and conditions for text that is not accepted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb

from ingestion.readers.relations import MAX_FIELDS, Input
from ingestion.statements import literal

MAX_DEPTH = 500  # of nested JSON; other parsers stop at a few hundred
WIDE = f"len(json_keys(line)) > {MAX_FIELDS}"
# A necessary condition for deep nesting. The length is checked first because that is cheap.
MANY_BRACKETS = (
    f"strlen(line) > {2 * MAX_DEPTH} and strlen(line) - strlen(replace(replace(line, '{{', ''), '[', '')) > {MAX_DEPTH}"
)
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
BROKEN = "coalesce(try(json_type(line)), '') <> 'OBJECT'"


@dataclass(frozen=True)
class Field:
    """A field to read: its name, its pointer, its declared type (None: undeclared), and its decimal mark."""

    label: str
    pointer: str
    type: str | None
    mark: str = "."


def read_fields(source: str, fields: Sequence[Field]) -> tuple[str, tuple[Input, ...]]:
    """A relation with these fields extracted from `line` in one pass, and its inputs. Undeclared fields stay JSON."""
    as_text = [field.pointer for field in fields if field.type is not None]
    as_json = [field.pointer for field in fields if field.type in (None, "json")]
    inputs = []
    for wanted in fields:
        text = f"texts[{as_text.index(wanted.pointer) + 1}]" if wanted.type else None
        if text and wanted.mark != ".":
            is_text = f"json_type(line, {literal(wanted.pointer)}) = 'VARCHAR'"
            text = f"(case when {is_text} then {text} else replace({text}, '.', {literal(wanted.mark)}) end)"
        document = (
            f"nullif(documents[{as_json.index(wanted.pointer) + 1}], 'null')" if wanted.pointer in as_json else None
        )
        # JSON inside a string is unpacked, so that "{}" equals {}.
        packed = f"coalesce(try_cast({text} as json), {document})" if text and document else text or document
        inputs.append(Input(str(packed), "JSON" if document else "VARCHAR", wanted.label))
    texts = f"json_extract_string(line, {pointer_list(as_text)}) as texts"
    documents = f"json_extract(line, {pointer_list(as_json)}) as documents"
    return f"(select *, {texts}, {documents} from {source})", tuple(inputs)


@dataclass(frozen=True)
class Keys:
    """The keys of the objects of a relation. `counts`: for each parent, how many records have which key."""

    total: int
    counts: list[dict[str, int]]
    has_giant: bool  # an object may have too many fields or be nested too deep
    has_broken: bool  # a line is not an object, or is an empty one
    has_twice: bool  # an object has the same key twice at its root


def count_keys(
    connection: duckdb.DuckDBPyConnection, sources: Sequence[str], parents: Sequence[str], *, is_clean: bool = False
) -> Keys:
    """Counts the keys of the JSON text `line` below each of these parent pointers; the first is the root.

    `sources`: the parts of a relation. `is_clean`: raise for text that is not JSON, which is faster than `try`.
    """
    found = f"json_keys(line, {pointer_list(parents)})"
    # Grouped by one string: DuckDB hashes lists of strings far more slowly.
    columns = f"to_json({found if is_clean else f'try({found})'}) as keys, {MANY_BRACKETS} as is_deep, count(*) as n"
    connection.execute("create or replace temp table key_lists (keys varchar[][], is_deep boolean, n bigint)")
    for source in sources:
        texts = f"select {columns} from (select cast(line as varchar) as line from {source}) group by all"
        connection.execute(f"insert into key_lists select cast(keys as varchar[][]), is_deep, n from ({texts})")
    [(total, giant, broken, twice)] = connection.execute(
        f"select coalesce(sum(n), 0), coalesce(bool_or(is_deep or len(keys[1]) > {MAX_FIELDS}), false),"
        " coalesce(bool_or(keys is null or len(keys[1]) = 0), false),"
        " coalesce(bool_or(len(keys[1]) > len(list_distinct(keys[1]))), false) from key_lists"
    ).fetchall()
    counts: list[dict[str, int]] = [{} for _ in parents]
    counted = connection.execute(
        f"select place, key, sum(n) from (select place, n, unnest(keys[place]) as key from key_lists,"
        f" (select unnest(range(1, {len(parents) + 1})) as place)) group by all"
    )
    while rows := counted.fetchmany(10_000):
        for place, key, count in rows:
            counts[place - 1][key] = int(count)
    connection.execute("drop table key_lists")
    return Keys(int(total), counts, giant, broken, twice)


def pointer_to(key: str) -> str:
    """The JSON pointer (RFC 6901) to a top-level key. It is case-sensitive, unlike a column name."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def pointer_list(pointers: Iterable[str]) -> str:
    """A SQL list of pointers."""
    return "[" + ", ".join(literal(pointer) for pointer in pointers) + "]::varchar[]"


def parent_of(pointer: str) -> str:
    """The pointer to the object that holds a key."""
    return pointer.rpartition("/")[0]


def unescaped(pointer: str) -> str:
    """A pointer in readable form: without the leading slash and the escapes."""
    return pointer[1:].replace("~1", "/").replace("~0", "~")


def depth(text: str) -> int:
    """How deep a JSON text is nested."""
    current, deepest = 0, 0
    for found in _BRACKETS.finditer(text):
        if found[0] in "[{":
            current += 1
            deepest = max(deepest, current)
        elif found[0] in "]}":
            current -= 1
    return deepest


def other_fields(declared: Sequence[str]) -> str:
    """An expression: the fields of `line` except these, as the text of a JSON object."""
    name = "coalesce(nullif(regexp_replace(lower(trim(entry.key)), '[^a-z0-9_]+', '_', 'g'), ''), 'column')"
    texts = ", ".join(literal(text) for text in declared)
    fields = "map_entries(cast(cast(line as json) as map(varchar, json)))"
    kept = f"list_filter({fields}, lambda entry: entry.value is not null and entry.key not in ({texts}))"
    parts = f"list_transform({kept}, lambda entry: cast(to_json({name}) as varchar) || ':' || entry.value)"
    return f"nullif('{{' || array_to_string(list_sort({parts}), ',') || '}}', '{{}}')"
