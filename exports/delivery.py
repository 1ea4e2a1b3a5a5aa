"""Plans and delivers one export: sends the changes since the last delivery in batches, with retries, and returns a
receipt.

Add here when: every destination needs it (order, guards, retries, resumption). Keep out: the format of one vendor
(destinations/), SQL on the ledger's tables (ledger.py), when to deliver (orchestration).
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import duckdb

from exports import diff, freshness, ledger, reader, registry, traces
from exports.destination import Batch, DeliveryContext, Destination, Record, Session
from exports.errors import (
    BatchRejectedError,
    DestinationError,
    ExportError,
    GuardError,
    InvalidSettingError,
    MissingSettingError,
    ServingError,
    StaleServingError,
    TransientError,
)
from exports.settings import Settings
from exports.spec import ExportSpec
from runtime.damage import is_full_disk

WRITTEN_FILE = re.compile(r'file "([^"]+)"')


class Progress(Protocol):
    """Called with the records of a delivery that are answered, and the total."""

    def __call__(self, done: int, total: int) -> None: ...


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to retry after a transient failure, before the next run must continue the delivery."""

    attempts: int = 5
    first_delay: float = 0.5
    """Seconds before the second attempt; doubled for each further one."""
    longest_delay: float = 60.0
    """Seconds: the longest wait. A receiver that requests a longer one (Retry-After) ends the run.
    """


@dataclass(frozen=True)
class ExportStatus:
    """One declared export and its state."""

    name: str
    title: str
    destination: str
    mode: str
    purpose: str
    channel: str
    owner: str
    schedule: str | None
    status: str
    """ready | not configured | unfinished | ledger lost (`merganser export adopt` rebuilds it)"""
    missing_settings: tuple[str, ...]
    delivered_count: int
    last_delivered_at: datetime | None


@dataclass(frozen=True)
class GuardVerdict:
    """Whether a guard stops the delivery, and why."""

    tripped: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeliveryPlan:
    """What a delivery would do now. Not stored."""

    export: str
    destination: str
    records: int
    adds: int
    updates: int
    removes: int
    unchanged: int
    held: int
    """Changed records that the destination rejected: not sent again until they change, except with `force`."""
    withheld: Mapping[str, int]
    """Customers who meet the export's conditions and are not sent, by reason; including those in the export whose
    consent has ended since.
    """
    guard: GuardVerdict
    stale: tuple[str, ...] = ()
    """Why the serving file must not be delivered; empty if it may."""
    missing_settings: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    """Ids of deliveries that will be continued first."""

    @property
    def operations(self) -> int:
        return self.adds + self.updates + self.removes


@dataclass(frozen=True)
class DeliveryReceipt:
    """What one call delivered."""

    export: str
    destination: str
    delivery_id: str | None
    """None if there was nothing to send, or for a dry run."""
    status: str
    """delivered | nothing to send | dry run | superseded (a resumed one that is planned again)"""
    adds: int
    updates: int
    removes: int
    """Records that the destination accepted (dry run: that would be sent)."""
    unchanged: int
    held: int
    rejected: Mapping[str, int]
    """Code -> records that the destination rejected."""
    deferred: Mapping[str, int]
    """Code -> records that the next delivery plans again."""
    withheld: Mapping[str, int]
    batches: int
    attempts: int
    artefacts: tuple[Path, ...]
    started_at: datetime
    finished_at: datetime
    guard: GuardVerdict = GuardVerdict(tripped=False)
    stale: tuple[str, ...] = ()
    """For a dry run: why the serving file must not be delivered."""
    resumed: tuple[DeliveryReceipt, ...] = ()
    """Receipts of earlier deliveries that this call continued and finished."""

    @property
    def delivered(self) -> int:
        return self.adds + self.updates + self.removes


@dataclass
class _Tally:
    """Counts of one run of batches."""

    total: int
    progress: Progress | None
    done: int = 0
    batches: int = 0
    attempts: int = 0
    artefacts: tuple[Path, ...] = ()

    def advance(self, records: int) -> None:
        self.done += records
        if self.progress is not None:
            self.progress(self.done, self.total)


def list_exports(settings: Settings) -> list[ExportStatus]:
    """All declared exports with their states. Reads the manifest and the ledger; sends nothing, writes nothing.

    Raises SpecError for an invalid declaration, LedgerBusyError while a delivery runs in another process.
    """
    specs = registry.load_exports(settings.manifest_path)
    with (
        explained(settings),
        ledger.open_ledger(settings.ledger_path, spill_path=_spill(settings), write=False) as connection,
    ):
        return [_status(connection, spec, settings) for spec in specs.values()]


def plan(settings: Settings, name: str, *, now: Callable[[], datetime] | None = None) -> DeliveryPlan:
    """What `deliver` would send now, as counts. Sends nothing, writes nothing.

    Raises UnknownExportError, SpecError, ServingError, LedgerBusyError. A guard that would stop it, a serving file that
    is too old, and a missing variable are in the plan and do not raise.
    """
    moment = (now or _utc_now)()
    spec = registry.find_export(settings.manifest_path, name)
    destination = registry.open_destination(spec.destination, settings)
    destination.check(spec)
    with workspace(settings, write=False) as connection:
        traces.refuse_unknown_deliveries(connection, settings, spec)
        withheld = compute_current(connection, spec, settings, moment)
        staleness = freshness.check_freshness(connection, settings, moment)
        difference = diff.compute_operations(connection, spec, retry_held=False)
        return DeliveryPlan(
            export=spec.name,
            destination=spec.destination,
            records=difference.records,
            adds=difference.adds,
            updates=difference.updates,
            removes=difference.removes,
            unchanged=difference.unchanged,
            held=difference.held,
            withheld=withheld,
            guard=_check_guard(spec, difference),
            stale=staleness.reasons,
            missing_settings=destination.missing_settings(),
            unfinished=tuple(stored.delivery_id for stored in ledger.unfinished_deliveries(connection, spec)),
        )


def deliver(
    settings: Settings,
    name: str,
    *,
    dry_run: bool = False,
    force: bool = False,
    consent_removals: bool = False,
    reason: str | None = None,
    progress: Progress | None = None,
    retry: RetryPolicy | None = None,
    now: Callable[[], datetime] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> DeliveryReceipt:
    """Sends the changes since the last delivery, after finishing any delivery that was interrupted.

    `dry_run`: count only; sends and writes nothing. `force`: deliver although a guard, or a failed load of consent
    decisions, stops it, and send rejected records again. `consent_removals`: send only the removals that persons
    decided, however many they are. Both need a `reason`, which the ledger stores. `progress`: called with (records
    answered, records in all). `now`: the clock, in UTC.

    Raises MissingSettingError if the destination is not configured, StaleServingError if the serving file is too old,
    GuardError if a guard stops it (the first two before anything is sent; the last after the removals that persons
    decided, if those alone pass the guard), TransientError if the destination could not be reached in the attempts that
    `retry` allows (accepted batches are kept, the next call continues), DestinationError if it refuses access, and what
    `plan` raises.
    """
    clock = now or _utc_now
    if dry_run:
        return _dry_run(plan(settings, name, now=clock), clock())
    if (force or consent_removals) and not (reason or "").strip():
        raise InvalidSettingError(
            "an override needs a reason: the ledger stores why a guard was overridden", code="no_reason"
        )
    started_at = clock()
    spec = registry.find_export(settings.manifest_path, name)
    destination = registry.open_destination(spec.destination, settings)
    destination.check(spec)
    if missing := destination.missing_settings():
        raise MissingSettingError(missing, spec.name)
    if not settings.ledger_path.exists():  # so that an error leaves no empty ledger, which would look like the real one
        with ledger.open_ledger(settings.ledger_path, spill_path=_spill(settings), write=False) as connection:
            traces.refuse_unknown_deliveries(connection, settings, spec)
    with workspace(settings, write=True) as connection:
        traces.refuse_unknown_deliveries(connection, settings, spec)
        withheld = compute_current(connection, spec, settings, started_at)
        staleness = freshness.check_freshness(connection, settings, started_at)
        _refuse_stale(spec, staleness, force=force)
        override = (reason or "").strip() if force or consent_removals else None
        run = _Run(
            settings,
            connection,
            spec,
            destination,
            retry or RetryPolicy(),
            clock,
            sleep,
            progress,
            withheld,
            override,
            staleness.reasons,
        )
        resumed = tuple(run.resume(stored) for stored in ledger.unfinished_deliveries(connection, spec))
        receipt = run.deliver_decided_removals() if consent_removals else run.deliver_new(force=force)
        return replace(receipt, resumed=resumed, started_at=started_at)


def compute_current(
    connection: duckdb.DuckDBPyConnection, spec: ExportSpec, settings: Settings, moment: datetime
) -> dict[str, int]:
    """Fills `current_rows` with the rows that may be delivered at a moment; returns the customers withheld, by
    reason."""
    reader.check_relation(connection, spec)
    withheld = reader.withheld_counts(connection, spec)
    for reason, count in reader.find_unconsented(connection, spec, settings.as_of or moment).items():
        withheld[reason] = withheld.get(reason, 0) + count
    diff.compute_current(connection, spec)
    return withheld


def _refuse_stale(spec: ExportSpec, staleness: freshness.Staleness, *, force: bool) -> None:
    reasons = staleness.too_old if force else staleness.reasons
    if not reasons:
        return
    way_out = ""
    if not staleness.too_old:
        way_out = (
            f" To deliver anyway: `merganser export deliver {spec.name} --force --reason ...`; the ledger stores "
            "the reason"
        )
    raise StaleServingError(
        f"{spec.name}: the serving file may not be delivered: {'; '.join(reasons)}. Nothing was sent.{way_out}",
        code="stale",
    )


@dataclass(frozen=True)
class _Run:
    """The state of one call of `deliver`. Tests replace its clock."""

    settings: Settings
    connection: duckdb.DuckDBPyConnection
    spec: ExportSpec
    destination: Destination
    policy: RetryPolicy
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    progress: Progress | None
    withheld: Mapping[str, int]
    override: str | None
    """Why a user overrides what would stop the delivery; None if nothing is overridden."""
    overridden: tuple[str, ...]
    """What is overridden, besides the guard."""

    def deliver_new(self, *, force: bool) -> DeliveryReceipt:
        """Plans the current difference, stores the plan, and sends it.

        If a guard stops it, sends the removals that persons decided, if these alone pass the guard.
        """
        difference = diff.compute_operations(self.connection, self.spec, retry_held=force)
        verdict = _check_guard(self.spec, difference)
        if not verdict.tripped or force:
            return self._deliver_operations(difference, verdict)
        decided = diff.keep_decided_removals(self.connection, self.spec)
        sent = 0
        if decided.removes and not _check_removals(self.spec, decided):
            sent = self._deliver_operations(decided, verdict).removes
        raise GuardError(self._guard_message(verdict, decided.removes, sent), code="guard")

    def deliver_decided_removals(self) -> DeliveryReceipt:
        """Sends only the removals that persons decided, and the records that must be sent again because of them."""
        verdict = _check_guard(self.spec, diff.compute_operations(self.connection, self.spec, retry_held=False))
        return self._deliver_operations(diff.keep_decided_removals(self.connection, self.spec), verdict)

    def _guard_message(self, verdict: GuardVerdict, decided: int, sent: int) -> str:
        command = f"merganser export deliver {self.spec.name}"
        if sent:
            outcome = f"Only the {sent} removals that persons decided were sent"
        elif decided:
            outcome = (
                f"Nothing was sent, and {decided} persons who said no, or whose consent expired, are still at the "
                f"destination. To send their removals alone: `{command} --consent-removals --reason ...`"
            )
        else:
            outcome = "Nothing was sent"
        return (
            f"{self.spec.name}: {'; '.join(verdict.reasons)}. {outcome}. If the whole change is right: "
            f"`{command} --force --reason ...`; the ledger stores the reason"
        )

    def _deliver_operations(self, difference: diff.Difference, verdict: GuardVerdict) -> DeliveryReceipt:
        """Stores the computed operations as a delivery, and sends it."""
        spec, withheld = self.spec, self.withheld
        if difference.operations:
            planned_at = self.now()
            stored = ledger.StoredDelivery(f"{planned_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}", planned_at)
            ledger.store_plan(
                self.connection,
                spec,
                difference,
                delivery=stored,
                batch_size=self.destination.batch_size,
                withheld=withheld,
                override=self.override,
                overridden=(*self.overridden, *verdict.reasons),
            )
            receipt = self._receipt(stored, "delivered", self._send_delivery(stored))
        else:
            receipt = self._receipt(None, "nothing to send", _Tally(0, None))
        return replace(receipt, unchanged=difference.unchanged, held=difference.held, withheld=withheld, guard=verdict)

    def resume(self, stored: ledger.StoredDelivery) -> DeliveryReceipt:
        """Finishes an interrupted delivery: sends what can still be sent as planned, with the same keys.

        Batches that the export no longer holds as planned are left to the next plan: as never sent, or, if an attempt
        had begun, as possibly delivered.
        """
        changed = ledger.changed_batches(self.connection, stored.delivery_id)
        if self.destination.is_transactional:
            if not self._settle_transactional(stored, changed=bool(changed)):
                return self._receipt(stored, "superseded", _Tally(0, None))
        else:
            for batch in ledger.open_batches(self.connection, stored.delivery_id):
                if batch.number in changed and batch.state == "sending":
                    ledger.store_uncertain(self.connection, self.spec, stored.delivery_id, batch.number, now=self.now())
                elif batch.number in changed:
                    ledger.supersede_batch(self.connection, stored.delivery_id, batch.number)
        return self._receipt(stored, "delivered", self._send_delivery(stored))

    def _settle_transactional(self, stored: ledger.StoredDelivery, *, changed: bool) -> bool:
        """Decides about an interrupted delivery that is invisible before its end; False if it was given up."""
        with closing(self._open_session(stored)) as session:
            if session.is_published():
                return True
            if changed:
                session.abandon()
                ledger.supersede_delivery(self.connection, stored.delivery_id, self.now())
                return False
        ledger.reopen_batches(self.connection, stored.delivery_id)
        return True

    def _send_delivery(self, stored: ledger.StoredDelivery) -> _Tally:
        """Sends every batch that has no answer yet, and finishes the delivery."""
        traces.note_delivery(self.settings, self.spec, stored.delivery_id)
        batches = ledger.open_batches(self.connection, stored.delivery_id)
        tally = _Tally(sum(batch.record_count for batch in batches), self.progress)
        with closing(self._open_session(stored)) as session:
            for batch in batches:
                self._send_batch(session, stored, batch, tally)
                tally.advance(batch.record_count)
            session.finish()
            tally.artefacts = session.artefacts()
            ledger.finish_delivery(
                self.connection,
                self.spec,
                stored.delivery_id,
                now=self.now(),
                apply=self.destination.is_transactional,
            )
        return tally

    def _send_batch(
        self, session: Session, stored: ledger.StoredDelivery, batch: ledger.StoredBatch, tally: _Tally
    ) -> None:
        """Sends one batch until it is answered or rejected, or there are no more attempts."""
        connection, delivery_id, number = self.connection, stored.delivery_id, batch.number
        apply = not self.destination.is_transactional
        count = ledger.live_record_count(connection, delivery_id, number)
        if not count:
            ledger.supersede_batch(connection, delivery_id, number)
            return
        tally.batches += 1
        delay = self.policy.first_delay
        for attempt in range(1, self.policy.attempts + 1):
            ledger.mark_sending(connection, delivery_id, number, self.now())
            tally.attempts += 1
            try:
                result = session.send(self._open_batch(delivery_id, batch, count))
            except TransientError as error:
                wait = delay if error.retry_after is None else error.retry_after
                delay = min(delay * 2, self.policy.longest_delay)
                if attempt == self.policy.attempts or wait > self.policy.longest_delay:
                    raise self._give_up(batch, tally, error, attempt) from None
                self.sleep(wait)
            except BatchRejectedError as error:
                ledger.store_rejection(
                    connection, self.spec, delivery_id, number, error.code, now=self.now(), apply=apply
                )
                return
            except DestinationError:
                ledger.mark_unsent(connection, delivery_id, number)
                raise
            else:
                ledger.store_answer(connection, self.spec, delivery_id, number, result, now=self.now(), apply=apply)
                return

    def _give_up(self, batch: ledger.StoredBatch, tally: _Tally, error: TransientError, attempt: int) -> TransientError:
        wait = f" and requests a wait of {error.retry_after:.0f} s" if error.retry_after is not None else ""
        return TransientError(
            f"{self.spec.name}: {error}{wait}; gave up on batch {batch.number} after {attempt} attempt(s). "
            f"{tally.done} of {tally.total} records are settled, the rest stays planned: run "
            f"`merganser export deliver {self.spec.name}` again to continue",
            code=error.code,
            retry_after=error.retry_after,
        )

    def _open_session(self, stored: ledger.StoredDelivery) -> Session:
        return self.destination.open(DeliveryContext(self.spec, stored.delivery_id, stored.planned_at))

    def _open_batch(self, delivery_id: str, batch: ledger.StoredBatch, count: int) -> Batch:
        records: Iterator[Record]
        if batch.action in ("remove", "retract"):
            fields = self.spec.removal_fields
            records = ledger.read_removals(self.connection, delivery_id, batch.number)
        else:
            fields = self.spec.column_names
            records = reader.read_records(self.connection, self.spec, delivery_id, batch.number)
        return Batch(
            number=batch.number,
            action=batch.action,
            idempotency_key=batch.idempotency_key,
            record_count=count,
            fields=fields,
            records=records,
        )

    def _receipt(self, stored: ledger.StoredDelivery | None, status: str, tally: _Tally) -> DeliveryReceipt:
        outcomes = ledger.Outcomes({}, {}, {})
        if stored is not None:
            outcomes = ledger.read_outcomes(self.connection, stored.delivery_id)
        moment = self.now()
        return DeliveryReceipt(
            export=self.spec.name,
            destination=self.spec.destination,
            delivery_id=stored.delivery_id if stored is not None else None,
            status=status,
            adds=outcomes.accepted.get("add", 0),
            updates=outcomes.accepted.get("update", 0),
            removes=outcomes.accepted.get("remove", 0),
            unchanged=0,
            held=0,
            rejected=outcomes.rejected,
            deferred=outcomes.deferred,
            withheld={},
            batches=tally.batches,
            attempts=tally.attempts,
            artefacts=tally.artefacts,
            started_at=stored.planned_at if stored is not None else moment,
            finished_at=moment,
        )


def _check_guard(spec: ExportSpec, difference: diff.Difference) -> GuardVerdict:
    """Whether a guard stops the delivery: the export is almost empty, or too large a share would be removed.

    The cause of a removal does not matter: a wrong load of consent decisions removes people just as a failed model
    does.
    """
    reasons = []
    few = difference.removes < spec.guard.min_removed and difference.removes == difference.decided_removes
    if difference.operations and difference.records < spec.guard.min_records and not few:
        reasons.append(f"the export holds {difference.records} records, its guard requires {spec.guard.min_records}")
    reasons += _check_removals(spec, difference)
    return GuardVerdict(tripped=bool(reasons), reasons=tuple(reasons))


def _check_removals(spec: ExportSpec, difference: diff.Difference) -> list[str]:
    """Why a delivery has too many removals; empty if it does not."""
    guard, removed, delivered = spec.guard, difference.removes, difference.delivered
    if not delivered or removed < guard.min_removed or removed / delivered <= guard.max_removed_share:
        return []
    reason = (
        f"{removed} of {delivered} delivered records would be removed ({difference.decided_removes} of them because "
        f"their persons' consent ended), its guard allows a share of {guard.max_removed_share:g}"
    )
    return [reason]


def _dry_run(planned: DeliveryPlan, moment: datetime) -> DeliveryReceipt:
    return DeliveryReceipt(
        export=planned.export,
        destination=planned.destination,
        delivery_id=None,
        status="dry run",
        adds=planned.adds,
        updates=planned.updates,
        removes=planned.removes,
        unchanged=planned.unchanged,
        held=planned.held,
        rejected={},
        deferred={},
        withheld=planned.withheld,
        batches=0,
        attempts=0,
        artefacts=(),
        started_at=moment,
        finished_at=moment,
        guard=planned.guard,
        stale=planned.stale,
    )


def _status(connection: duckdb.DuckDBPyConnection, spec: ExportSpec, settings: Settings) -> ExportStatus:
    missing = registry.open_destination(spec.destination, settings).missing_settings()
    status = "ready"
    if ledger.unfinished_deliveries(connection, spec):
        status = "unfinished"
    if missing:
        status = "not configured"
    if traces.find_unknown_deliveries(connection, settings, spec):
        status = "ledger lost"
    return ExportStatus(
        name=spec.name,
        title=spec.description.split("\n", maxsplit=1)[0],
        destination=spec.destination,
        mode=spec.mode,
        purpose=spec.purpose,
        channel=spec.channel,
        owner=spec.owner,
        schedule=spec.schedule,
        status=status,
        missing_settings=missing,
        delivered_count=ledger.delivered_count(connection, spec),
        last_delivered_at=ledger.last_finished_at(connection, spec),
    )


@contextmanager
def workspace(settings: Settings, *, write: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the ledger and the read-only serving file.

    Errors of DuckDB become ExportErrors, which name the file and what to do.
    """
    with (
        explained(settings),
        ledger.open_ledger(settings.ledger_path, spill_path=_spill(settings), write=write) as connection,
    ):
        reader.attach_serving(connection, settings.serving_path)
        yield connection


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Errors of DuckDB become ExportErrors, which name the full or damaged file and what to do."""
    try:
        yield
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException):
        raise  # a wrong statement, not a file
    except duckdb.Error as error:
        raise _explain(error, settings) from None


def _explain(error: duckdb.Error, settings: Settings) -> ExportError:
    text = str(error)
    if is_full_disk(text):
        named = WRITTEN_FILE.search(text)
        path = named[1] if named else f"{settings.ledger_path} or {settings.home / 'spill'}"
        return DestinationError(
            f"{path} cannot be written (is the disk full?): free space, then run the same command again; what was "
            "planned or sent is stored, and nothing is sent twice",
            code="not_writable",
        )
    kind = type(error).__name__
    for path in (settings.ledger_path, settings.serving_path):
        if reader.is_damaged(path):
            if path == settings.ledger_path:
                return ledger.damaged_ledger(path, kind)
            return ServingError(f"{path} is damaged ({kind}): run `merganser publish` again. Nothing more was sent")
    return ExportError(
        f"{settings.ledger_path} or {settings.serving_path} could not be read ({kind}): check whether both are "
        "complete, and run the same command again; what was planned or sent is stored, and nothing is sent twice"
    )


def _spill(settings: Settings) -> Path:
    return settings.home / "spill"


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
