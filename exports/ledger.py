"""The ledger of deliveries, ledger/ledger.duckdb: what was planned, sent and acknowledged.

A delivery is stored before anything is sent; each batch has an idempotency key; an answer changes its state in one
transaction; an unfinished delivery is continued before a new one is planned. So a process may be killed at any moment.

Add here when: a state of a delivery must survive the process. Keep out: personal values. The ledger stores keys, row
hashes and the declared removal fields as they were sent, and deletes those of a finished delivery's plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from exports.destination import Action, BatchResult, Record
from exports.diff import UNCERTAIN, Difference
from exports.errors import DestinationError, LedgerBusyError, LedgerDamagedError
from exports.reader import quote_text
from exports.spec import ExportSpec

LEDGER_VERSION = 2
TABLES = """
create table if not exists ledger.ledger_version (version integer not null);
create table if not exists ledger.deliveries (
    delivery_id varchar not null,
    export varchar not null,
    destination varchar not null,
    mode varchar not null,
    purpose varchar not null,
    channel varchar not null,
    status varchar not null,         -- planned | finished | superseded | adopted (rebuilt, adoption.py)
    is_forced boolean not null,
    add_count bigint not null,
    update_count bigint not null,
    remove_count bigint not null,
    unchanged_count bigint not null,
    held_count bigint not null,
    withheld varchar not null,       -- JSON: reason -> customers
    planned_at timestamp not null,
    finished_at timestamp,
    override_reason varchar,         -- why somebody overrode what would have stopped it
    overridden varchar               -- JSON: what would have stopped it
);
alter table ledger.deliveries add column if not exists override_reason varchar;
alter table ledger.deliveries add column if not exists overridden varchar;
create table if not exists ledger.delivery_batches (
    delivery_id varchar not null,
    batch_number integer not null,
    action varchar not null,
    idempotency_key varchar not null,
    record_count bigint not null,
    state varchar not null,          -- planned | sending | answered | rejected | uncertain | superseded
    attempt_count integer not null,
    code varchar,
    first_sent_at timestamp,
    answered_at timestamp
);
create table if not exists ledger.delivery_records (
    delivery_id varchar not null,
    batch_number integer not null,
    record_key varchar not null,
    customer_id varchar,
    action varchar not null,
    row_hash varchar,
    removal_fields varchar,          -- JSON, as sent; dropped when the delivery is finished
    outcome varchar,                 -- accepted | rejected | deferred | skipped | uncertain | superseded
    code varchar
);
create table if not exists ledger.delivered_records (
    export varchar not null,
    destination varchar not null,
    record_key varchar not null,
    customer_id varchar,
    row_hash varchar not null,
    removal_fields varchar,          -- JSON, as sent: a removal uses these, not what would be computed today
    delivery_id varchar not null,
    delivered_at timestamp not null
);
create table if not exists ledger.held_records (
    export varchar not null,
    destination varchar not null,
    record_key varchar not null,
    row_hash varchar not null,
    code varchar not null,
    delivery_id varchar not null
);
"""


@dataclass(frozen=True)
class StoredDelivery:
    """A delivery in the ledger."""

    delivery_id: str
    planned_at: datetime


@dataclass(frozen=True)
class StoredBatch:
    """A batch in the ledger."""

    number: int
    action: Action
    idempotency_key: str
    record_count: int
    state: str


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of a delivery's records: accepted ones by action, the others by code."""

    accepted: Mapping[str, int]
    rejected: Mapping[str, int]
    deferred: Mapping[str, int]


@contextmanager
def open_ledger(ledger_path: Path, *, spill_path: Path, write: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the ledger attached as `ledger`. If it is absent, it is created (`write`) or an empty one is
    used instead.

    Raises LedgerBusyError while another process holds it, LedgerDamagedError if this version cannot read it,
    DestinationError if its directory cannot be written.
    """
    connection = duckdb.connect(":memory:", config={"temp_directory": str(spill_path)})
    connection.execute("set enable_progress_bar = false")
    try:
        if write:
            _attach_for_writing(connection, ledger_path)
        elif _is_begun(ledger_path):
            _attach(connection, ledger_path, "(read_only)")
            _check(connection, ledger_path)
        else:
            connection.execute("attach ':memory:' as ledger")
            connection.execute(TABLES)
        yield connection
    finally:
        connection.close()


def _is_begun(ledger_path: Path) -> bool:
    """Whether the file has content: a process that is killed while it creates the ledger leaves an empty file."""
    return ledger_path.exists() and ledger_path.stat().st_size > 0


def _attach_for_writing(connection: duckdb.DuckDBPyConnection, ledger_path: Path) -> None:
    try:
        ledger_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _is_begun(ledger_path):
            ledger_path.unlink(missing_ok=True)
    except OSError as error:
        raise DestinationError(f"{ledger_path.parent} cannot be created: {error.strerror}; nothing was sent") from None
    _attach(connection, ledger_path, "")
    if _check(connection, ledger_path) < LEDGER_VERSION:
        with transaction(connection):
            connection.execute(TABLES)
            connection.execute("delete from ledger.ledger_version")
            connection.execute("insert into ledger.ledger_version values (?)", [LEDGER_VERSION])


def _attach(connection: duckdb.DuckDBPyConnection, ledger_path: Path, options: str) -> None:
    try:
        connection.execute(f"attach {quote_text(str(ledger_path))} as ledger {options}")
    except duckdb.Error as error:
        text = str(error).lower()
        if "could not set lock" in text or "conflicting lock" in text:
            raise LedgerBusyError(
                f"another process is delivering and holds {ledger_path}: wait for it, then run again"
            ) from None
        if "no space left" in text or "permission denied" in text or not _is_begun(ledger_path):
            raise DestinationError(
                f"{ledger_path} cannot be opened: check its directory's permissions and free space"
            ) from None
        raise damaged_ledger(ledger_path, type(error).__name__) from None


def _check(connection: duckdb.DuckDBPyConnection, ledger_path: Path) -> int:
    """The version of the attached ledger, 0 if it is empty. Raises LedgerDamagedError if it is not a ledger."""
    rows = connection.execute(
        "select table_name, column_name from duckdb_columns() where database_name = 'ledger'"
    ).fetchall()
    present = set(rows)
    if not present:
        return 0
    version = 1
    if ("ledger_version", "version") in present:
        row = connection.execute("select max(version) from ledger.ledger_version").fetchone()
        version = row[0] if row and row[0] is not None else 0
    if version > LEDGER_VERSION:
        raise LedgerDamagedError(
            f"{ledger_path} was written by a newer version of Merganser (its format is {version}, this one reads up to "
            f"{LEDGER_VERSION}): deliver with that version, or upgrade this one. Nothing was sent",
            code="ledger_version",
        )
    connection.execute("attach ':memory:' as expected")
    connection.execute(TABLES.replace("ledger.", "expected."))
    expected = set(
        connection.execute(
            "select table_name, column_name from duckdb_columns() where database_name = 'expected'"
        ).fetchall()
    )
    connection.execute("detach expected")
    added_since = {("ledger_version", "version"), ("deliveries", "override_reason"), ("deliveries", "overridden")}
    absent = expected - present - (added_since if version < LEDGER_VERSION else set())
    if absent:
        raise damaged_ledger(ledger_path, f"{len(absent)} of its columns are absent")
    return int(version)


def damaged_ledger(ledger_path: Path, kind: str) -> LedgerDamagedError:
    """The error of a ledger that cannot be read."""
    return LedgerDamagedError(
        f"{ledger_path} is damaged or is not a ledger ({kind}). It records what was delivered: restore it from "
        "a backup, or move it away and run `merganser export adopt <name>` for each export, which rebuilds it. Nothing "
        "more was sent",
        code="ledger_damaged",
    )


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commits the block, or rolls it back."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):  # the transaction may have ended already, if the file cannot be written
            connection.execute("rollback")
        raise
    connection.execute("commit")


def store_plan(
    connection: duckdb.DuckDBPyConnection,
    spec: ExportSpec,
    difference: Difference,
    *,
    delivery: StoredDelivery,
    batch_size: int | None,
    withheld: Mapping[str, int],
    override: str | None,
    overridden: Sequence[str],
) -> None:
    """Stores the delivery, its batches and its records from the temporary table `operations`, in one transaction.

    Removals come first, then additions, so that a removal by a shared identifier never undoes a later addition.
    `override`: the reason of a user who overrode what `overridden` lists.
    """
    with transaction(connection):
        connection.execute(
            "insert into ledger.deliveries values (?, ?, ?, ?, ?, ?, 'planned', ?, ?, ?, ?, ?, ?, ?, ?, null, ?, ?)",
            [delivery.delivery_id, spec.name, spec.destination, spec.mode, spec.purpose, spec.channel,
             override is not None, difference.adds, difference.updates, difference.removes, difference.unchanged,
             difference.held, json.dumps(dict(withheld)), delivery.planned_at, override,
             json.dumps(list(overridden)) if override is not None else None],
        )  # fmt: skip
        connection.execute(
            """
            insert into ledger.delivery_records
            with chunked as (
                select
                    *,
                    case action when 'remove' then 1 when 'retract' then 2 when 'add' then 3 else 4 end as action_rank,
                    (row_number() over (partition by action order by record_key) - 1) // $batch_size as chunk
                from operations
            )

            select
                $delivery_id,
                dense_rank() over (order by action_rank, chunk),
                record_key,
                customer_id,
                action,
                row_hash,
                removal_fields,
                null,
                null
            from chunked
            """,
            {"delivery_id": delivery.delivery_id, "batch_size": batch_size or 2**62},
        )
        connection.execute(
            """
            delete from ledger.held_records
            where export = ? and destination = ? and record_key not in (select record_key from current_rows)
            """,
            [spec.name, spec.destination],
        )
        connection.execute(
            """
            insert into ledger.delivery_batches
            select $delivery_id, batch_number, action,
                $delivery_id || '-' || lpad(cast(batch_number as varchar), 6, '0'), count(*), 'planned', 0,
                null, null, null
            from ledger.delivery_records
            where delivery_id = $delivery_id
            group by batch_number, action
            """,
            {"delivery_id": delivery.delivery_id},
        )


def unfinished_deliveries(connection: duckdb.DuckDBPyConnection, spec: ExportSpec) -> tuple[StoredDelivery, ...]:
    """Deliveries of the export that were planned and not finished, the oldest first."""
    rows = connection.execute(
        """
        select delivery_id, planned_at from ledger.deliveries
        where export = ? and destination = ? and status = 'planned'
        order by planned_at, delivery_id
        """,
        [spec.name, spec.destination],
    ).fetchall()
    return tuple(StoredDelivery(*row) for row in rows)


def open_batches(connection: duckdb.DuckDBPyConnection, delivery_id: str) -> tuple[StoredBatch, ...]:
    """Batches that have no answer yet, in the order in which they are sent."""
    rows = connection.execute(
        """
        select batch_number, action, idempotency_key, record_count, state from ledger.delivery_batches
        where delivery_id = ? and state in ('planned', 'sending')
        order by batch_number
        """,
        [delivery_id],
    ).fetchall()
    return tuple(StoredBatch(*row) for row in rows)


def changed_batches(connection: duckdb.DuckDBPyConnection, delivery_id: str) -> set[int]:
    """Batches whose records are no longer in the export as they were planned (against `current_rows`)."""
    rows = connection.execute(
        """
        select distinct planned.batch_number
        from ledger.delivery_records as planned
        left join current_rows as now on now.record_key = planned.record_key
        where planned.delivery_id = ?
            and planned.action in ('add', 'update')
            and planned.outcome is distinct from 'skipped'
            and now.row_hash is distinct from planned.row_hash
        """,
        [delivery_id],
    ).fetchall()
    return {row[0] for row in rows}


def live_record_count(connection: duckdb.DuckDBPyConnection, delivery_id: str, number: int) -> int:
    """Records of a batch to send: those not skipped since it was planned."""
    row = connection.execute(
        """
        select count(*) from ledger.delivery_records
        where delivery_id = ? and batch_number = ? and outcome is distinct from 'skipped'
        """,
        [delivery_id, number],
    ).fetchone()
    return int(row[0]) if row else 0


def read_removals(connection: duckdb.DuckDBPyConnection, delivery_id: str, number: int) -> Iterator[Record]:
    """The records of a remove or retract batch, with the fields that were sent before."""
    cursor = connection.cursor()
    try:
        rows = cursor.execute(
            """
            select record_key, removal_fields from ledger.delivery_records
            where delivery_id = ? and batch_number = ?
            order by record_key
            """,
            [delivery_id, number],
        )
        while chunk := rows.fetchmany(4096):
            for record_key, fields in chunk:
                kept: dict[str, Any] = json.loads(fields) if fields else {}
                yield Record(record_key=record_key, fields=kept)
    finally:
        cursor.close()


def mark_sending(connection: duckdb.DuckDBPyConnection, delivery_id: str, number: int, now: datetime) -> None:
    """Records that a batch is being sent: its outcome is unknown until an answer is stored."""
    connection.execute(
        """
        update ledger.delivery_batches
        set state = 'sending', attempt_count = attempt_count + 1, first_sent_at = coalesce(first_sent_at, ?)
        where delivery_id = ? and batch_number = ?
        """,
        [now, delivery_id, number],
    )


def mark_unsent(connection: duckdb.DuckDBPyConnection, delivery_id: str, number: int) -> None:
    """Records that a batch was refused before it was read (access, address), so nothing of it arrived.

    Has an effect only for a first attempt: an earlier attempt without an answer may have arrived.
    """
    connection.execute(
        """
        update ledger.delivery_batches set state = 'planned', attempt_count = 0
        where delivery_id = ? and batch_number = ? and attempt_count = 1
        """,
        [delivery_id, number],
    )


def store_answer(
    connection: duckdb.DuckDBPyConnection,
    spec: ExportSpec,
    delivery_id: str,
    number: int,
    result: BatchResult,
    *,
    now: datetime,
    apply: bool,
) -> None:
    """Stores the outcome of a batch, and (`apply`) what the destination now holds, in one transaction.

    Skips an update whose old identifiers could not be retracted, so that the ledger keeps them.
    """
    with transaction(connection):
        connection.execute(
            """
            update ledger.delivery_records set outcome = 'accepted', code = null
            where delivery_id = ? and batch_number = ? and outcome is distinct from 'skipped'
            """,
            [delivery_id, number],
        )
        for outcome, codes in (("rejected", result.rejected), ("deferred", result.deferred)):
            if codes:
                connection.execute(
                    """
                    update ledger.delivery_records set outcome = $outcome, code = answers.code
                    from (select unnest($keys::varchar[]) as record_key, unnest($codes::varchar[]) as code) as answers
                    where delivery_records.delivery_id = $delivery_id
                        and delivery_records.batch_number = $number
                        and delivery_records.record_key = answers.record_key
                    """,
                    {"outcome": outcome, "keys": list(codes), "codes": list(codes.values()), "delivery_id": delivery_id,
                     "number": number},
                )  # fmt: skip
        connection.execute(
            """
            update ledger.delivery_records set outcome = 'skipped', code = 'not_retracted'
            where delivery_id = $delivery_id and action = 'update' and record_key in (
                select record_key from ledger.delivery_records
                where delivery_id = $delivery_id and batch_number = $number and action = 'retract'
                    and outcome in ('rejected', 'deferred')
            )
            """,
            {"delivery_id": delivery_id, "number": number},
        )
        connection.execute(
            """
            update ledger.delivery_batches set state = 'answered', answered_at = ?
            where delivery_id = ? and batch_number = ?
            """,
            [now, delivery_id, number],
        )
        if apply:
            _apply(connection, spec, delivery_id, (number, number), now)


def store_rejection(
    connection: duckdb.DuckDBPyConnection,
    spec: ExportSpec,
    delivery_id: str,
    number: int,
    code: str,
    *,
    now: datetime,
    apply: bool,
) -> None:
    """Stores that a batch was rejected as a whole.

    If an earlier attempt had no answer, its additions may have arrived (a receiver may reject a key that it has seen):
    they count as delivered in an unknown version, so that their removal is not forgotten.
    """
    if apply:
        connection.execute(
            """
            insert into ledger.delivered_records
            select $export, $destination, planned.record_key, planned.customer_id, $uncertain, planned.removal_fields,
                planned.delivery_id, $now
            from ledger.delivery_records as planned
            inner join ledger.delivery_batches as batches
                on batches.delivery_id = planned.delivery_id and batches.batch_number = planned.batch_number
            where planned.delivery_id = $delivery_id and planned.batch_number = $number
                and planned.action = 'add' and batches.attempt_count > 1
                and planned.record_key not in (
                    select record_key from ledger.delivered_records
                    where export = $export and destination = $destination
                )
            """,
            {
                "export": spec.name,
                "destination": spec.destination,
                "uncertain": UNCERTAIN,
                "delivery_id": delivery_id,
                "number": number,
                "now": now,
            },
        )
    keys = connection.execute(
        """
        select record_key from ledger.delivery_records
        where delivery_id = ? and batch_number = ? and outcome is distinct from 'skipped'
        """,
        [delivery_id, number],
    ).fetchall()
    result = BatchResult(rejected={key[0]: code for key in keys})
    store_answer(connection, spec, delivery_id, number, result, now=now, apply=apply)
    connection.execute(
        "update ledger.delivery_batches set state = 'rejected', code = ? where delivery_id = ? and batch_number = ?",
        [code, delivery_id, number],
    )


def store_uncertain(
    connection: duckdb.DuckDBPyConnection, spec: ExportSpec, delivery_id: str, number: int, *, now: datetime
) -> None:
    """Gives up a batch that may have arrived and cannot be sent again unchanged, because the export has changed.

    Its records count as delivered in an unknown version: the next plan updates those still in the export and removes
    the others.
    """
    with transaction(connection):
        _set_outcome(connection, delivery_id, number, UNCERTAIN)
        _apply(connection, spec, delivery_id, (number, number), now)


def supersede_batch(connection: duckdb.DuckDBPyConnection, delivery_id: str, number: int) -> None:
    """Gives up a batch that was never sent: the next plan decides about its records."""
    with transaction(connection):
        _set_outcome(connection, delivery_id, number, "superseded")


def _set_outcome(connection: duckdb.DuckDBPyConnection, delivery_id: str, number: int, outcome: str) -> None:
    connection.execute(
        """
        update ledger.delivery_records set outcome = ?
        where delivery_id = ? and batch_number = ? and outcome is distinct from 'skipped'
        """,
        [outcome, delivery_id, number],
    )
    connection.execute(
        "update ledger.delivery_batches set state = ? where delivery_id = ? and batch_number = ?",
        [outcome, delivery_id, number],
    )


def supersede_delivery(connection: duckdb.DuckDBPyConnection, delivery_id: str, now: datetime) -> None:
    """Gives up a delivery of which nothing became visible."""
    with transaction(connection):
        connection.execute(
            """
            update ledger.delivery_records set outcome = 'superseded', removal_fields = null where delivery_id = ?
            """,
            [delivery_id],
        )
        connection.execute(
            "update ledger.delivery_batches set state = 'superseded' where delivery_id = ?", [delivery_id]
        )
        connection.execute(
            "update ledger.deliveries set status = 'superseded', finished_at = ? where delivery_id = ?",
            [now, delivery_id],
        )


def reopen_batches(connection: duckdb.DuckDBPyConnection, delivery_id: str) -> None:
    """Resets all batches to planned, for a destination at which nothing is visible before the end."""
    connection.execute(
        "update ledger.delivery_batches set state = 'planned', answered_at = null where delivery_id = ?", [delivery_id]
    )


def finish_delivery(
    connection: duckdb.DuckDBPyConnection, spec: ExportSpec, delivery_id: str, *, now: datetime, apply: bool
) -> None:
    """Closes a delivery, (`apply`) records all its records as delivered, and deletes the removal fields of its plan."""
    with transaction(connection):
        if apply:
            _apply(connection, spec, delivery_id, (0, 2**31 - 1), now)
        connection.execute(
            "update ledger.delivery_records set removal_fields = null where delivery_id = ?", [delivery_id]
        )
        connection.execute(
            "update ledger.deliveries set status = 'finished', finished_at = ? where delivery_id = ?",
            [now, delivery_id],
        )


def _apply(
    connection: duckdb.DuckDBPyConnection,
    spec: ExportSpec,
    delivery_id: str,
    first_last: tuple[int, int],
    now: datetime,
) -> None:
    """Applies the answers of some batches to the records that the destination holds and rejects."""
    scope = "delivery_id = $delivery_id and batch_number between $first and $last"
    bounds = {"delivery_id": delivery_id, "first": first_last[0], "last": first_last[1]}
    names = {"export": spec.name, "destination": spec.destination}
    connection.execute(
        f"""
        delete from ledger.delivered_records
        where export = $export and destination = $destination and record_key in (
            select record_key from ledger.delivery_records where {scope} and outcome in ('accepted', 'uncertain')
        )
        """,
        {**bounds, **names},
    )
    connection.execute(
        f"""
        insert into ledger.delivered_records
        select $export, $destination, record_key, customer_id,
            case outcome when 'accepted' then row_hash else outcome end, removal_fields, delivery_id, $now
        from ledger.delivery_records
        where {scope} and action in ('add', 'update') and outcome in ('accepted', 'uncertain')
        """,
        {**bounds, **names, "now": now},
    )
    connection.execute(
        f"""
        delete from ledger.held_records
        where export = $export and destination = $destination and record_key in (
            select record_key from ledger.delivery_records
            where {scope} and action in ('add', 'update') and outcome in ('accepted', 'uncertain', 'rejected')
        )
        """,
        {**bounds, **names},
    )
    connection.execute(
        f"""
        insert into ledger.held_records
        select $export, $destination, record_key, row_hash, code, delivery_id
        from ledger.delivery_records
        where {scope} and action in ('add', 'update') and outcome = 'rejected'
        """,
        {**bounds, **names},
    )


def adopt(
    connection: duckdb.DuckDBPyConnection,
    spec: ExportSpec,
    deliveries: Sequence[str],
    *,
    method: str,
    now: datetime,
) -> None:
    """Replaces the records that the destination holds by the temporary table `adopted_records`, in one transaction.

    Adds the rebuilt deliveries, and gives up unfinished ones, because these include their effects.
    """
    for stored in unfinished_deliveries(connection, spec):
        supersede_delivery(connection, stored.delivery_id, now)
    names = {"export": spec.name, "destination": spec.destination}
    with transaction(connection):
        connection.execute("delete from ledger.deliveries where delivery_id in (select unnest(?::varchar[]))",
                           [list(deliveries)])  # fmt: skip
        connection.execute(
            """
            insert into ledger.deliveries
            select unnest($ids::varchar[]), $export, $destination, $mode, $purpose, $channel, 'adopted', false,
                0, 0, 0, 0, 0, '{}', $now, $now, $reason, null
            """,
            {**names, "ids": list(deliveries), "mode": spec.mode, "purpose": spec.purpose, "channel": spec.channel,
             "now": now, "reason": f"rebuilt: {method}"},
        )  # fmt: skip
        connection.execute(
            "delete from ledger.delivered_records where export = $export and destination = $destination", names
        )
        connection.execute(
            """
            insert into ledger.delivered_records
            select $export, $destination, record_key, customer_id, row_hash, removal_fields, $id, $now
            from adopted_records
            """,
            {**names, "id": deliveries[-1] if deliveries else "adopted", "now": now},
        )


def read_outcomes(connection: duckdb.DuckDBPyConnection, delivery_id: str) -> Outcomes:
    """Counts of a delivery's records by outcome."""
    rows = connection.execute(
        """
        select action, outcome, coalesce(code, outcome), count(*) from ledger.delivery_records
        where delivery_id = ? and outcome is not null
        group by 1, 2, 3 order by 1, 2, 3
        """,
        [delivery_id],
    ).fetchall()
    accepted: dict[str, int] = {}
    rejected: dict[str, int] = {}
    deferred: dict[str, int] = {}
    for action, outcome, code, count in rows:
        if outcome == "accepted":
            accepted[action] = accepted.get(action, 0) + count
        elif outcome == "rejected":
            rejected[code] = rejected.get(code, 0) + count
        else:
            deferred[code] = deferred.get(code, 0) + count
    return Outcomes(accepted=accepted, rejected=rejected, deferred=deferred)


def delivered_count(connection: duckdb.DuckDBPyConnection, spec: ExportSpec) -> int:
    """The number of records that the destination holds or may hold."""
    row = connection.execute(
        "select count(*) from ledger.delivered_records where export = ? and destination = ?",
        [spec.name, spec.destination],
    ).fetchone()
    return int(row[0]) if row else 0


def last_finished_at(connection: duckdb.DuckDBPyConnection, spec: ExportSpec) -> datetime | None:
    """When the export's last delivery was finished (UTC), or None."""
    row = connection.execute(
        """
        select max(finished_at) from ledger.deliveries where export = ? and destination = ? and status = 'finished'
        """,
        [spec.name, spec.destination],
    ).fetchone()
    moment: datetime | None = row[0] if row else None
    return moment
