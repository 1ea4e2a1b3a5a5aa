"""The book of fields: which fields each entity's files have brought, so that a new or a lost one is told once.

A field is known by the declared column that it fills, else by its name or JSON pointer. It is lost when it was in every
record so far and is in none of a delivery. The first delivery of an entity tells nothing.

Add here when a change of shape is to be told. Keep out: what it does to records (readers.py, by the entity's policy).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import duckdb

from ingestion.spec import SourceSpec

_TOLD = 20  # names of fields that one message holds


@dataclass(frozen=True)
class Seen:
    """A field of a delivery: whether every record has it, and its type where the format knows types."""

    always: bool
    type: str | None = None


def merged(parts: Iterable[Mapping[str, Seen]]) -> dict[str, Seen]:
    """What files of one delivery have together: a field that one of them lacks is not in every record."""
    every = list(parts)
    fields: dict[str, Seen] = {}
    for name in sorted({name for part in every for name in part}):
        found = [part[name] for part in every if name in part]
        types = {field.type for field in found}
        always = len(found) == len(every) and all(field.always for field in found)
        fields[name] = Seen(always, types.pop() if len(types) == 1 else None)
    return fields


def note_fields(
    connection: duckdb.DuckDBPyConnection,
    source: SourceSpec,
    name: str,
    load_id: str,
    fields: Mapping[str, Seen],
) -> str | None:
    """Brings the book up to date; returns what has changed since the last delivery, or None."""
    rows = connection.execute(
        "select field, is_in_every_record, type, first_load_id, lost_load_id from raw_ops.fields"
        " where source = ? and entity = ? order by field",
        [source.source, name],
    ).fetchall()
    policy = source.entities[name].policy
    book = {field: _Entry(*rest) for field, *rest in rows}
    lost = [field for field, entry in book.items() if field not in fields and entry.always and not entry.lost]
    changes = [
        ("new", [field for field in fields if field not in book], policy.new_columns),
        ("lost", lost, policy.missing_columns),
        ("back", [field for field in fields if field in book and book[field].lost], policy.missing_columns),
        ("other type", _other_types(book, fields), policy.type_changes),
    ]
    after = {field: _after(field, entry, fields, load_id) for field, entry in book.items()}
    after |= {field: _Entry(seen.always, seen.type, load_id) for field, seen in fields.items() if field not in book}
    if after != book:
        columns = [list(values) for values in zip(*map(astuple, after.values()), strict=True)]
        connection.execute("delete from raw_ops.fields where source = ? and entity = ?", [source.source, name])
        connection.execute(
            "insert into raw_ops.fields (source, entity, field, is_in_every_record, type, first_load_id, lost_load_id)"
            " select ?, ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)",
            [source.source, name, list(after), *columns],
        )
    told = [f"{kind}: {_names(names)}" for kind, names, then in changes if names and then != "ignore"]
    return "; ".join(told) if book and told else None


@dataclass(frozen=True)
class _Entry:
    """A line of the book. `lost`: the load that did not have the field any more."""

    always: bool
    type: str | None
    first: str
    lost: str | None = None


def _after(field: str, entry: _Entry, fields: Mapping[str, Seen], load_id: str) -> _Entry:
    seen = fields.get(field)
    if seen is None:
        return replace(entry, always=False, lost=load_id if entry.always and not entry.lost else entry.lost)
    return replace(entry, always=entry.always and seen.always, type=seen.type or entry.type, lost=None)


def _other_types(book: Mapping[str, _Entry], fields: Mapping[str, Seen]) -> list[str]:
    return [
        f"{field} ({book[field].type} to {seen.type})".lower()
        for field, seen in fields.items()
        if field in book and book[field].type and seen.type and book[field].type != seen.type
    ]


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(names[:_TOLD]) + more
