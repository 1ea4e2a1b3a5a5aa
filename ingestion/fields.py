"""The known fields of each entity (raw_ops.fields), so that a new or lost field is reported once.

A field is known by the declared column that it fills, else by its name or JSON pointer. It is lost when every record so
far had it and no record of a batch does. Nothing is reported for the first batch of an entity.

Add here when a change of fields is to be reported. Keep out: what it does to records (readers/, by policy).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import duckdb

from ingestion.spec import SourceSpec

_REPORTED = 20  # names of fields in one message


@dataclass(frozen=True)
class Seen:
    """A field of a batch: whether every record has it, and its type if the format has types."""

    always: bool
    type: str | None = None


def merged(parts: Iterable[Mapping[str, Seen]]) -> dict[str, Seen]:
    """The fields of all files of a batch. A field that one file does not have is not in every record."""
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
    """Updates the known fields; returns what has changed since the last batch, or None."""
    rows = connection.execute(
        "select field, is_in_every_record, type, first_load_id, lost_load_id from raw_ops.fields"
        " where source = ? and entity = ? order by field",
        [source.source, name],
    ).fetchall()
    policies = source.entities[name].policy
    known = {field: _Entry(*rest) for field, *rest in rows}
    lost = [field for field, entry in known.items() if field not in fields and entry.always and not entry.lost]
    changes = [
        ("new", [field for field in fields if field not in known], policies.new_columns),
        ("lost", lost, policies.missing_columns),
        ("back", [field for field in fields if field in known and known[field].lost], policies.missing_columns),
        ("other type", _other_types(known, fields), policies.type_changes),
    ]
    after = {field: _after(field, entry, fields, load_id) for field, entry in known.items()}
    after |= {field: _Entry(seen.always, seen.type, load_id) for field, seen in fields.items() if field not in known}
    if after != known:
        columns = [list(values) for values in zip(*map(astuple, after.values()), strict=True)]
        connection.execute("delete from raw_ops.fields where source = ? and entity = ?", [source.source, name])
        connection.execute(
            "insert into raw_ops.fields (source, entity, field, is_in_every_record, type, first_load_id, lost_load_id)"
            " select ?, ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)",
            [source.source, name, list(after), *columns],
        )
    reported = [f"{kind}: {_names(names)}" for kind, names, policy in changes if names and policy != "ignore"]
    return "; ".join(reported) if known and reported else None


@dataclass(frozen=True)
class _Entry:
    """A known field. `lost`: the first load without it."""

    always: bool
    type: str | None
    first: str
    lost: str | None = None


def _after(field: str, entry: _Entry, fields: Mapping[str, Seen], load_id: str) -> _Entry:
    seen = fields.get(field)
    if seen is None:
        return replace(entry, always=False, lost=load_id if entry.always and not entry.lost else entry.lost)
    return replace(entry, always=entry.always and seen.always, type=seen.type or entry.type, lost=None)


def _other_types(known: Mapping[str, _Entry], fields: Mapping[str, Seen]) -> list[str]:
    return [
        f"{field} ({known[field].type} to {seen.type})".lower()
        for field, seen in fields.items()
        if field in known and known[field].type and seen.type and known[field].type != seen.type
    ]


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _REPORTED} more" if len(names) > _REPORTED else ""
    return ", ".join(names[:_REPORTED]) + more
