"""Absent keys: records that are deleted because a whole batch, or a complete scope, does not have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from ingestion.errors import BatchRefusedError
from ingestion.loads import BatchLoad, changed_rows, column_list
from ingestion.readers.incoming import Incoming
from ingestion.statements import quote

# A list may be emptied, and an order may lose its lines; so many scopes do not lose a third of their rows at once.
_MANY_SCOPES = 10
_CURRENT = "_superseded_at is null and _deleted_at is null"


@dataclass(frozen=True)
class Absences:
    """What was deleted or superseded. `removed` of `rows_before` rows is what the gate on removals compares."""

    deleted: int = 0
    removed: int = 0
    rows_before: int = 0
    warnings: tuple[str, ...] = ()


def refuse_empty(batch: BatchLoad, good: str) -> None:
    """Raises BatchRefusedError if a whole batch has no valid record and the raw table has rows."""
    if batch.has_rows(f"{batch.table} where {_CURRENT}") and not batch.has_rows(good):
        raise BatchRefusedError(
            f"the newest batch of files of {batch.target.source.source}.{batch.target.name} has no valid record, and it"
            " is declared to be the whole table, which has rows. If the source really is empty, run with --allow-empty"
        )


def delete_absent(batch: BatchLoad, staged: Incoming, *, has_unreadable: bool) -> Absences:
    """Deletes keys that a whole batch, or a complete scope, does not have; supersedes the rows of a snapshot.

    `has_unreadable`: some records of the batch could not be read.
    """
    entity, table = batch.entity, batch.table
    is_whole = batch.is_whole and bool(entity.key)
    if not is_whole and not staged.has_scopes:
        return _supersede_unkeyed(batch) if batch.is_whole else Absences()
    null_key = " or ".join(f"{quote(name)} is null" for name in entity.key)
    has_unreadable = has_unreadable or (
        staged.may_have_problems and batch.has_rows(f'incoming where "$problems" is not null and ({null_key})')
    )
    if has_unreadable and entity.mode != "snapshot":
        warning = "some records of this batch of files have no readable key, so no absent record was deleted."
        return Absences(warnings=(warning,))
    scoped = None if is_whole else _rows_in_scopes(batch)
    cursor = batch.connection.execute(
        f"update {table} set _deleted_at = ? where rowid in (select raw.rowid from {table} as raw"
        f" anti join (select {column_list(entity.key)} from incoming) as given on {_equal(entity.key, 'raw', 'given')}"
        f" where raw._superseded_at is null and raw._deleted_at is null"
        f"{f' and raw.rowid in ({scoped})' if scoped else ''})",
        [batch.load.loaded_at],
    )
    deleted = changed_rows(cursor)
    removed, rows_before = 0, 0
    if deleted and (is_whole or batch.count("scopes") >= _MANY_SCOPES):
        left = batch.count(f"{table} where {_CURRENT}{f' and rowid in ({scoped})' if scoped else ''}")
        removed, rows_before = deleted, deleted + left
    if entity.mode == "snapshot":
        _supersede_all(batch)
    return Absences(deleted, removed, rows_before)


def _supersede_unkeyed(batch: BatchLoad) -> Absences:
    """Supersedes all rows of a snapshot without a key: they cannot be compared one by one."""
    before = batch.count(f"{batch.table} where {_CURRENT}")
    after = batch.count('incoming where "$problems" is null')
    _supersede_all(batch)
    return Absences(removed=max(before - after, 0), rows_before=before)


def _supersede_all(batch: BatchLoad) -> None:
    batch.connection.execute(
        f"update {batch.table} set _superseded_at = ? where _superseded_at is null", [batch.load.loaded_at]
    )


def _rows_in_scopes(batch: BatchLoad) -> str:
    """A select of the raw rows in complete scopes. A scope may name only some of the possible columns."""
    columns = batch.entity.complete_within
    selects = []
    for named in (part for size in range(len(columns)) for part in combinations(columns, size + 1)):
        are_named = " and ".join(f"{quote(name)} is {'not ' if name in named else ''}null" for name in columns)
        selects.append(
            f"select raw.rowid from {batch.table} as raw semi join (from scopes where {are_named}) as scopes"
            f" on {_equal(named, 'raw', 'scopes')}"
        )
    return " union all ".join(selects)


def _equal(columns: Sequence[str], left: str, right: str) -> str:
    return " and ".join(f"{left}.{quote(name)} = {right}.{quote(name)}" for name in columns)
