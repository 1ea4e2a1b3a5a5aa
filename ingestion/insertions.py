"""Records into the raw table."""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.loads import BatchLoad, changed_rows
from ingestion.spec import EntitySpec
from ingestion.statements import literal, quote


@dataclass(frozen=True)
class Inserted:
    """How many records were inserted, and how many of them are current and say of themselves that they are deleted."""

    count: int = 0
    deleted: int = 0

    def __add__(self, other: Inserted) -> Inserted:
        return Inserted(self.count + other.count, self.deleted + other.deleted)


def is_flagged(entity: EntitySpec) -> str:
    """A condition: the record says of itself that it is deleted."""
    if entity.flag is None:
        return "false"
    values = ", ".join(literal(value) for value in entity.flag.values)
    return f"coalesce(cast({quote(entity.flag.column)} as varchar) in ({values}), false)"


def insert_new(batch: BatchLoad, records: str) -> Inserted:
    """Inserts records (content, file, row) as current ones."""
    return _insert(batch, f"select *, cast(null as timestamp) as superseded_at from ({records})")


def insert_contested(batch: BatchLoad) -> Inserted:
    """Inserts the contested records whose verdict is `landed`, in the order of their versions."""
    version = batch.entity.version
    order = f"{quote(version)} nulls first, arrival" if version else "arrival"
    return _insert(
        batch,
        f"select {batch.columns}, _file, _row, superseded_at from contested inner join verdicts using (arrival)"
        f" where verdict = 'landed' order by {order}",
    )


def _insert(batch: BatchLoad, records: str) -> Inserted:
    """Inserts records (content, file, row, superseded_at) with the load's id and moment."""
    flagged = is_flagged(batch.entity)
    cursor = batch.connection.execute(
        f"insert into {batch.table}"
        f" ({batch.columns}, _file, _row, _superseded_at, _load_id, _loaded_at, _deleted_at)"
        " select *, cast($load as varchar), cast($loaded_at as timestamp),"
        f" case when {flagged} then cast($loaded_at as timestamp) end from ({records})",
        {"load": batch.load.load_id, "loaded_at": batch.load.loaded_at},
    )
    count = changed_rows(cursor)
    if not count or batch.entity.flag is None:
        return Inserted(count)
    return Inserted(count, batch.count(f"({records}) where superseded_at is null and {flagged}"))
