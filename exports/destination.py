"""The interface of a destination: it opens a session for one delivery, which sends batches of records.

Add here when: delivery.py needs something of every destination. Keep out: the format of one vendor
(destinations/<name>/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal, Protocol

from exports.spec import ExportSpec

Cell = str | int | float | bool | Decimal | date | datetime | None
Action = Literal["remove", "retract", "add", "update"]
"""remove: no longer in the export. retract: still in it, but its identifiers have changed, so the old ones are
withdrawn before the new ones are sent. Actions are sent in this order: a removal never undoes a later addition.
"""


@dataclass(frozen=True)
class Record:
    """One record to send: its key, and the destination's fields (for remove and retract: the fields kept from when it
    was sent).
    """

    record_key: str
    fields: Mapping[str, Cell] = field(repr=False)


@dataclass(frozen=True)
class Batch:
    """The content of one call of `Session.send`. `records` can be read once."""

    number: int
    action: Action
    idempotency_key: str
    record_count: int
    fields: tuple[str, ...]
    records: Iterator[Record] = field(repr=False)


@dataclass(frozen=True)
class BatchResult:
    """The outcome of a batch: records that are not named here were accepted."""

    rejected: Mapping[str, str] = field(default_factory=dict)
    """record_key -> code: not accepted unless the record changes."""
    deferred: Mapping[str, str] = field(default_factory=dict)
    """record_key -> code: not accepted now; the next delivery plans it again."""


@dataclass(frozen=True)
class DeliveryContext:
    """The delivery that a session is opened for."""

    spec: ExportSpec
    delivery_id: str
    planned_at: datetime


class Rendering(Protocol):
    """How the files of one destination show a record."""

    def header(self, batch: Batch) -> Sequence[str]:
        """Names of the columns of the batch's file."""
        ...

    def line(self, batch: Batch, record: Record) -> Sequence[Cell]:
        """Values in the order of the header. Raises RecordUnfitError (exports/files.py)."""
        ...

    def read(self, row: Mapping[str, str | None]) -> tuple[str | None, dict[str, str | None]]:
        """The reverse: the record's key in a row of a file (None if it has none), and the export's fields."""
        ...


class Session(Protocol):
    """One delivery to one destination."""

    def send(self, batch: Batch) -> BatchResult:
        """Sends one batch. Called again with the same idempotency key if the outcome of the first call is unknown.

        Raises TransientError (may be called again), BatchRejectedError (the content is rejected) or DestinationError.
        """
        ...

    def finish(self) -> None:
        """Called after all batches; makes the delivery visible if that is one step. May be called again."""
        ...

    def abandon(self) -> None:
        """Withdraws what was sent and is not visible yet; called only if `is_transactional`."""
        ...

    def is_published(self) -> bool:
        """True if `finish` of this delivery has taken effect; called only if `is_transactional`."""
        ...

    def artefacts(self) -> tuple[Path, ...]:
        """Files that the delivery wrote."""
        ...

    def close(self) -> None:
        """Closes connections."""
        ...


class Destination(Protocol):
    """A receiver of records."""

    name: str
    is_transactional: bool
    """True: nothing is visible before `finish`, so a delivery counts as a whole. False: each batch counts when it is
    accepted.
    """
    batch_size: int | None
    """Most records in one batch; None: one batch per action."""

    def missing_settings(self) -> tuple[str, ...]:
        """Names of the variables that must be set first."""
        ...

    def check(self, spec: ExportSpec) -> None:
        """Raises SpecError or InvalidSettingError for an export that this destination cannot deliver."""
        ...

    def rendering(self, spec: ExportSpec) -> Rendering | None:
        """The shape of its files' rows, if its deliveries can be read back; else None."""
        ...

    def open(self, context: DeliveryContext) -> Session:
        """A session for one delivery."""
        ...
