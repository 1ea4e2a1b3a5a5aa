"""Judging: which records of a batch land, which supersede or delete others, and which are unchanged.

Most keys of a batch are new and occur once; their records are inserted directly. The others are found by a 64 bit
hash and then compared completely. An *unchanged* key occurs once in the batch, with the content of its raw row. Any
other key that is in the raw table, or twice in the batch, is *contested*:

- append: the record that came first stays. An equal one is unchanged, one with other content is a duplicate_key.
- merge with a version: every content lands once. The highest version is current; between equal ones (or none) the later
  arrival is. An older version that comes late lands as superseded.
- merge without a version: a batch has one content for a key (the first; others are duplicate_key), and it replaces
  the current one unless they are equal. If records came in pages, the last page has the newest.
- replace: like merge, but a batch is the whole table: only current rows count, and an absent key is deleted.
- snapshot: a batch is the whole table and lands completely; all earlier rows are superseded.

A delete is a mark (`_deleted_at`) on the current row, or on the new row if a declared flag says so. A key that comes
back after it was absent lands again.

The order of arrival is that of batches, then of file names (in one extraction: of pages), then of records in a file.
Without a key the whole content is the key; with the key [_file, _row] each line of a file is a record of its own.

Add here when a batch does something new to a raw table. Keep out: parsing (readers/), what a load is (landing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from ingestion.absences import delete_absent, refuse_empty
from ingestion.errors import IngestionError
from ingestion.insertions import Inserted, insert_contested, insert_new, is_flagged
from ingestion.loads import EXTRACTED_FILE, BatchLoad, Counts, Outcome, column_list, key_in
from ingestion.readers.incoming import Incoming
from ingestion.readers.relations import Stream
from ingestion.refusals import quarantine_duplicates, quarantine_problems, quarantine_rejected
from ingestion.spec import EntitySpec
from ingestion.statements import identity_columns, key_hash, literal, quote, same
from ingestion.verdicts import append_verdicts, keeps_history, ranked_verdicts, unversioned_verdicts


class _CountMismatchError(IngestionError):
    """Records of a batch were lost or counted twice."""


class NotStreamableError(IngestionError):
    """A record of a streamed batch is invalid, or its key is not new; the batch has to be staged."""


@dataclass(frozen=True)
class _Judged:
    """What became of the valid records of a batch."""

    inserted: Inserted
    unchanged: int = 0
    duplicates: int = 0
    has_known_keys: bool = False


def may_stream(entity: EntitySpec) -> bool:
    """Whether records of this entity may be inserted while they are parsed, before they are judged."""
    return entity.mode == "append" and entity.flag is None


def land_staged(batch: BatchLoad, staged: Incoming, *, allow_empty: bool) -> Outcome:
    """Lands the staged records of a batch.

    Raises BatchRefusedError if a whole batch is empty and the raw table is not, and NotStreamableError if a
    record of a stream is invalid, or its key is in the raw table or twice in the batch.
    """
    if staged.streams:
        return _land_streams(batch, staged.streams)
    extracted = batch.count("incoming") + batch.count("rejected")
    refused = quarantine_rejected(batch)
    broken = quarantine_problems(batch) if staged.may_have_problems else 0
    good = '(select * from incoming where "$problems" is null)' if broken else "incoming"
    if batch.is_whole and not allow_empty:
        refuse_empty(batch, good)
    absences = delete_absent(batch, staged, has_unreadable=refused > 0)
    judged = _land_good(batch, good)
    quarantined = refused + broken + judged.duplicates
    if extracted != judged.inserted.count + quarantined + judged.unchanged:
        raise _CountMismatchError(
            f"{extracted} records were read, but {judged.inserted.count} landed, {quarantined} were quarantined and"
            f" {judged.unchanged} were unchanged. Nothing of this batch was kept; this is a bug, please report it."
        )
    deleted = absences.deleted + judged.inserted.deleted
    return Outcome(
        Counts(extracted, judged.inserted.count, quarantined, judged.unchanged, deleted, absences.warnings),
        has_known_keys=judged.has_known_keys,
        removed=absences.removed,
        rows_before=absences.rows_before,
    )


# --- streams


def _land_streams(batch: BatchLoad, streams: Sequence[Stream]) -> Outcome:
    """Inserts records while they are parsed, then checks that all keys are new and single, as they nearly always are.

    The caller makes the connection keep their order.
    """
    table = batch.table
    was_empty = not batch.has_rows(table)
    first_rows = []
    for stream in streams:
        try:
            insert_new(batch, f"select {batch.columns}, _file, cast(null as bigint) from ({stream.select})")
        except duckdb.InvalidInputException as error:
            raise NotStreamableError from error
        first_rows.append(_number_streamed(batch, stream))
    total = sum(stream.count for stream in streams)
    arrived = f"{table} where _load_id = {literal(batch.load.load_id)} and rowid >= {first_rows[0]}"
    key = key_hash(batch.entity)
    if batch.has_rows(f"(select {key} as hash from {arrived} group by hash having count(*) > 1)"):
        raise NotStreamableError
    # The whole table is searched, not only the rows before: for a filtered table DuckDB underestimates the rows, and
    # builds the hash table on the larger side.
    if not was_empty and batch.count(f"{table} where {key_in(batch.entity, arrived)}") > total:
        raise NotStreamableError
    return Outcome(Counts(total, total, 0, 0, 0), first_row=first_rows[0])


def _number_streamed(batch: BatchLoad, stream: Stream) -> int:
    """Numbers the inserted records of a stream in their order; returns the row id of the first."""
    here = f"{batch.table} where _load_id = {literal(batch.load.load_id)} and _row is null"
    [(first, last, count)] = batch.connection.execute(f"select min(rowid), max(rowid), count(*) from {here}").fetchall()
    if not last - first + 1 == count == stream.count:
        raise NotStreamableError
    batch.connection.execute(
        f"update {batch.table} set _row = rowid - {first} + 1"
        f" where _load_id = {literal(batch.load.load_id)} and _row is null"
    )
    return int(first)


# --- staged records


def _land_good(batch: BatchLoad, good: str) -> _Judged:
    """Lands the valid records."""
    entity, records = batch.entity, f"select {batch.columns}, _file, _row from {good}"
    if entity.mode == "snapshot" and not entity.key:
        return _Judged(insert_new(batch, records))
    has_known_keys = _sort_keys(batch, good)
    unchanged, contested = batch.count("unchanged_keys"), batch.count("contested_keys")
    if unchanged + contested == 0:
        return _Judged(insert_new(batch, records), has_known_keys=has_known_keys)
    known = f"{key_hash(entity)} in (from unchanged_keys union all from contested_keys)"
    inserted = insert_new(batch, f"{records} where not ({known})")
    if contested == 0:
        return _Judged(inserted, unchanged, has_known_keys=has_known_keys)
    _collect_contested(batch, good)
    if entity.mode == "append":
        batch.connection.execute(append_verdicts(entity))
    elif entity.version is None and not batch.is_paged:
        batch.connection.execute(unversioned_verdicts(entity))
    else:
        batch.connection.execute(ranked_verdicts(entity), [batch.load.loaded_at])
    duplicates = quarantine_duplicates(batch)
    unchanged += batch.count("(from verdicts where verdict = 'unchanged')")
    if entity.mode != "append":
        _supersede_replaced(batch)
    return _Judged(inserted + insert_contested(batch), unchanged, duplicates, has_known_keys)


def _sort_keys(batch: BatchLoad, good: str) -> bool:
    """Sorts the keys of the batch by their hashes; returns whether `known_rows` was filled.

    `unchanged_keys`: once in the batch and equal to a raw row, like most of a full export. `contested_keys`: other
    keys that are in the raw table (`known_rows` has these rows) or twice in the batch. The rest is new and single.
    """
    entity, table, connection = batch.entity, batch.table, batch.connection
    key = key_hash(entity)
    current = "" if keeps_history(entity) else " and _superseded_at is null"
    connection.execute("create temp table known_rows (raw_row bigint, hash ubigint, is_absent boolean)")
    has_known_keys = batch.has_rows(table)
    if has_known_keys:
        connection.execute(
            f"insert into known_rows select rowid, {key}, _superseded_at is null and {_is_absent(entity)} from {table}"
            f" where {key_in(entity, good)}{current}"
        )
    connection.execute(
        "create temp table repeated_keys as"
        f" select hash from (select {key} as hash from {good}) group by hash having count(*) > 1"
    )
    connection.execute("create temp table unchanged_keys (hash ubigint)")
    if batch.has_rows("known_rows"):
        content = batch.content
        raw_columns = ", ".join(f"raw.{quote(column)}" for column in content)
        connection.execute(
            "insert into unchanged_keys select given.hash"
            f" from (select {key} as hash, {column_list(content)} from {good}) as given inner join"
            f" (select known_rows.hash, {raw_columns} from {table} as raw"
            " inner join known_rows on raw.rowid = known_rows.raw_row) as known"
            f" on given.hash = known.hash and {same(content, 'given', 'known')}"
            " where given.hash not in (from repeated_keys union all select hash from known_rows where is_absent)"
        )
    connection.execute(
        "create temp table contested_keys as"
        " (select hash from known_rows union select hash from repeated_keys) except from unchanged_keys"
    )
    return has_known_keys


def _is_absent(entity: EntitySpec) -> str:
    """A condition on a raw row: it was deleted because a batch did not have it. Equal content is new then."""
    return f"(_deleted_at is not null and not {is_flagged(entity)})"


def _collect_contested(batch: BatchLoad, good: str) -> None:
    """Creates `contested`, the records of contested keys in order of arrival, and `existing`, their raw rows."""
    extraction = f"coalesce(nullif(regexp_extract(_file, {literal(EXTRACTED_FILE)}, 1), ''), _file)"
    batch.connection.execute(
        f'create temp table contested as select row_number() over (order by {extraction}, "$page", _file, _row)'
        f' as arrival, {batch.columns}, _file, _row, "$page" from {good}'
        f" where {key_hash(batch.entity)} in (from contested_keys)"
    )
    is_absent = f"bool_or(known_rows.is_absent) over (partition by {column_list(identity_columns(batch.entity))})"
    batch.connection.execute(
        f"create temp table existing as select known_rows.raw_row, {batch.columns}, _file, _row,"
        f" _superseded_at is null as is_current, {is_absent} as is_absent"
        f" from {batch.table} as raw inner join known_rows on raw.rowid = known_rows.raw_row"
        " where known_rows.hash in (from contested_keys)"
    )


def _supersede_replaced(batch: BatchLoad) -> None:
    """Supersedes the current raw rows that landing records replace."""
    batch.connection.execute(
        f"update {batch.table} set _superseded_at = ? where rowid in ("
        " select existing.raw_row from existing inner join contested"
        f" on {same(batch.entity.key, 'existing', 'contested')}"
        " inner join verdicts on contested.arrival = verdicts.arrival"
        " where existing.is_current and verdicts.verdict = 'landed' and verdicts.superseded_at is null)",
        [batch.load.loaded_at],
    )
