"""What a destination is to the rest of the room: it opens a session for one delivery and sends batches of records in
it.

Add here when: delivery.py needs to know something of every destination. Keep out: what one vendor wants
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
"""remove: no longer in the export. retract: still in it, and the identifiers that were sent before have changed, so
the old ones are withdrawn before the new are sent. In the order in which they are sent: a removal never undoes a
later addition.
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
    """What one call of `Session.send` carries. `records` can be read once; `open_records` gives it anew for each
    attempt.
    """

    number: int
    action: Action
    idempotency_key: str
    record_count: int
    fields: tuple[str, ...]
    records: Iterator[Record] = field(repr=False)


@dataclass(frozen=True)
class BatchResult:
    """What became of the records of a batch: every one that is not named here was accepted."""

    rejected: Mapping[str, str] = field(default_factory=dict)
    """record_key -> code: will not be accepted as it is."""
    deferred: Mapping[str, str] = field(default_factory=dict)
    """record_key -> code: not accepted now, and is planned again by the next delivery."""


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
        """Sends one batch. Called again with the same idempotency key when the outcome of the first call is unknown.

        Raises TransientError (may be called again), BatchRejectedError (this content is refused) or DestinationError.
        """
        ...

    def finish(self) -> None:
        """Called once every batch was sent; makes the delivery visible where that is one step. May be called again."""
        ...

    def abandon(self) -> None:
        """Takes back what was sent and is not visible yet; only called where `is_transactional`."""
        ...

    def is_published(self) -> bool:
        """True where `finish` of this delivery has taken effect before; asked only where `is_transactional`."""
        ...

    def artefacts(self) -> tuple[Path, ...]:
        """Files that the delivery left behind."""
        ...

    def close(self) -> None:
        """Lets go of connections."""
        ...


class Destination(Protocol):
    """Where records go."""

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
        """Raises SpecError or InvalidSettingError for an export that this destination cannot carry."""
        ...

    def rendering(self, spec: ExportSpec) -> Rendering | None:
        """What a row of its files looks like, for a destination whose deliveries can be read back; else None."""
        ...

    def open(self, context: DeliveryContext) -> Session:
        """A session for one delivery."""
        ...
