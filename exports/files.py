"""Deliveries as files: one per action, each written completely or not at all, and at the end a `.done` manifest with
counts and checksums.

Readers wait for `<delivery_id>.done`, apply its files in the listed order, and check each file's row count and SHA-256.
Files without a manifest may change. UTF-8 without byte-order mark, lines end with LF.

Add here when: every file destination needs it. Keep out: a receiver's own columns (destinations/<name>/rendering.py).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

from exports.destination import Batch, BatchResult, Cell, DeliveryContext, Record, Rendering
from exports.errors import DestinationError
from runtime.files import whole_file

# A spreadsheet treats a cell that begins with one of these, or with its full-width or small form, as a formula.
FORMULA_STARTS = ("=", "+", "-", "@")
# A phone number, a negative amount or a single dash has no letter, so it cannot call a function.
_HARMLESS = re.compile(r"[+-]\d[\d .,()/-]*%?|-|\+", re.ASCII)
_IGNORED_FIRST = re.compile(r"\A[\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]*")
FLUSH_AT = 1 << 20


class RecordUnfitError(Exception):
    """A record that the receiver cannot use; has a code, never a value."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class FileUnreadableError(Exception):
    """A delivered file is absent or was changed; the message names it."""


@dataclass(frozen=True)
class WrittenFile:
    """A finished file of a delivery, as the manifest lists it."""

    name: str
    action: str
    row_count: int
    sha256: str


class FileSession:
    """One delivery as files in one directory."""

    def __init__(self, context: DeliveryContext, directory: Path, rendering: Rendering) -> None:
        self._context = context
        self._directory = directory
        self._rendering = rendering
        self._written: list[WrittenFile] = []

    @property
    def _done_path(self) -> Path:
        return self._directory / f"{self._context.delivery_id}.done"

    def send(self, batch: Batch) -> BatchResult:
        """Writes the batch's file. Raises DestinationError if that fails."""
        suffix = self._context.spec.format
        path = self._directory / f"{self._context.delivery_id}.{batch.action}.{suffix}"
        rejected: dict[str, str] = {}
        digest = hashlib.sha256()
        rows = 0

        def write(file: BinaryIO) -> None:
            nonlocal rows
            lines = _csv_lines if suffix == "csv" else _ndjson_lines
            for chunk, count in lines(self._rendering, batch, rejected):
                digest.update(chunk)
                file.write(chunk)
                rows += count

        self._replace(path, write)
        self._written.append(WrittenFile(path.name, batch.action, rows, digest.hexdigest()))
        return BatchResult(rejected=rejected)

    def finish(self) -> None:
        """Writes the `.done` manifest, which makes the delivery valid."""
        if self.is_published():
            return
        spec = self._context.spec
        manifest = {
            "export": spec.name,
            "delivery_id": self._context.delivery_id,
            "planned_at": self._context.planned_at.isoformat() + "Z",
            "purpose": spec.purpose,
            "channel": spec.channel,
            "files": [
                {
                    "file": file.name,
                    "action": file.action,
                    "operation": "remove" if file.action in ("remove", "retract") else "upsert",
                    "rows": file.row_count,
                    "sha256": file.sha256,
                }
                for file in self._written
            ],
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        self._replace(self._done_path, lambda file: file.write(text.encode()))

    def abandon(self) -> None:
        """Deletes what was written; only before `finish`."""
        for path in self._own_files():
            path.unlink(missing_ok=True)

    def is_published(self) -> bool:
        """True once the `.done` manifest is there."""
        return self._done_path.exists()

    def artefacts(self) -> tuple[Path, ...]:
        """The delivery's files, the manifest last."""
        return (*(self._directory / file.name for file in self._written), self._done_path)

    def close(self) -> None:
        """Nothing is open."""

    def _own_files(self) -> list[Path]:
        if not self._directory.is_dir():
            return []
        marks = (f"{self._context.delivery_id}.", f".{self._context.delivery_id}.")
        return [path for path in self._directory.iterdir() if path.name.startswith(marks)]

    def _replace(self, path: Path, write: Callable[[BinaryIO], object]) -> None:
        """Writes a file completely or not at all. Raises DestinationError."""
        try:
            with whole_file(path) as file:
                write(file)
        except OSError as error:
            raise DestinationError(
                f"{path} cannot be written to ({error.strerror}): free space or correct its "
                f"permissions, then run `merganser export deliver {self._context.spec.name}` again; the plan is kept",
                code="not_writable",
            ) from None


def _csv_lines(rendering: Rendering, batch: Batch, rejected: dict[str, str]) -> Iterator[tuple[bytes, int]]:
    """Chunks of a CSV file with a header, and the rows in each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rendering.header(batch))
    rows = 0
    for line in _lines(rendering, batch, rejected):
        writer.writerow([_csv_cell(cell) for cell in line])
        rows += 1
        if text.tell() >= FLUSH_AT:
            yield text.getvalue().encode(), rows
            rows = 0
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode(), rows


def _ndjson_lines(rendering: Rendering, batch: Batch, rejected: dict[str, str]) -> Iterator[tuple[bytes, int]]:
    """Chunks of a file with one JSON object per line, and the rows in each."""
    header = rendering.header(batch)
    parts: list[str] = []
    size = 0
    for line in _lines(rendering, batch, rejected):
        part = json.dumps(dict(zip(header, map(json_cell, line), strict=True)), ensure_ascii=False)
        parts.append(part)
        size += len(part)
        if size >= FLUSH_AT:
            yield ("\n".join(parts) + "\n").encode(), len(parts)
            parts, size = [], 0
    if parts:
        yield ("\n".join(parts) + "\n").encode(), len(parts)


def _lines(rendering: Rendering, batch: Batch, rejected: dict[str, str]) -> Iterator[Sequence[Cell]]:
    for record in batch.records:
        try:
            yield rendering.line(batch, record)
        except RecordUnfitError as error:
            rejected[record.record_key] = error.code


def read_file(path: Path, expected: str) -> list[dict[str, str | None]]:
    """The rows of a delivered file by column, as they were written.

    Raises FileUnreadableError if it is absent or was changed (`expected`: SHA-256 in the manifest).
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileUnreadableError(f"{path.name} cannot be read ({error.strerror})") from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise FileUnreadableError(f"{path.name} was changed after it was delivered")
    text = io.StringIO(content.decode("utf-8"), newline="")
    if path.suffix == ".csv":
        return [dict(row) for row in csv.DictReader(text)]
    return [{name: _as_text(cell) for name, cell in json.loads(line).items()} for line in text if line.strip()]


def rendered_row(rendering: Rendering, batch: Batch, record: Record, suffix: str) -> dict[str, str | None]:
    """A record as `read_file` would return it. Raises RecordUnfitError."""
    line = rendering.line(batch, record)
    cells = [_csv_cell(cell) if suffix == "csv" else json_cell(cell) for cell in line]
    return dict(zip(rendering.header(batch), map(_as_text, cells), strict=True))


def unguarded(cell: str | None) -> str | None:
    """A cell without the apostrophe that stops a spreadsheet from running it."""
    return cell[1:] if cell is not None and cell.startswith("'") and is_formula(cell[1:]) else cell


def _as_text(cell: object) -> str | None:
    return cell if cell is None or isinstance(cell, str) else json.dumps(cell)


def json_cell(cell: Cell) -> str | int | float | bool | None:
    """A value in JSON: money as exact text, moments as ISO 8601 in UTC."""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds") + "Z"
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return str(cell)
    return cell


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may treat a text as a formula: by its first visible character, or because it begins with a
    tab or a line end."""
    if _HARMLESS.fullmatch(text):
        return False
    first = unicodedata.normalize("NFKC", _IGNORED_FIRST.sub("", text, count=1)[:1])
    return text.startswith(("\t", "\r", "\n")) or first.startswith(FORMULA_STARTS)


def _csv_cell(cell: Cell) -> str | int | float:
    """A value as a CSV cell; a text that a spreadsheet would run as a formula gets an apostrophe before it."""
    value = json_cell(cell)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(cell, str):
        # A bare carriage return would end the line for some readers, and the csv module does not quote it.
        guarded = "'" + cell if is_formula(cell) else cell
        return guarded.replace("\r\n", "\n").replace("\r", "\n")
    return value
