"""Excel workbooks: the cells of one sheet as text, without guessing or rounding.

A cell becomes the text that a CSV file of the same table would hold: whole numbers without a point, dates and times in
ISO 8601, booleans as true and false. A formula is replaced by the value that was saved with it.

Add here when a kind of cell or workbook needs care. Keep out: what the columns mean (readers/).
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from itertools import islice
from typing import Any

import pyarrow as pa
from python_calamine import CalamineError, PasswordError, load_workbook

from ingestion.errors import UnreadableFileError
from ingestion.files import LandingFile

MAX_CELLS = 50_000_000  # a sheet is held in memory, with the empty cells within its bounds
_BATCH_ROWS = 20_000
_BYTES_PER_CELL = 32  # memory for a cell, without its text
_BYTES_PER_BYTE = 1  # memory for a byte of uncompressed XML: texts are shorter than the markup around them
_EXACT_DIGITS = 15  # the precision of a number in Excel (ECMA-376 refers to IEEE 754 binary64)
_CELL = re.compile(rb'<(?:\w+:)?c [^>]*?r="([A-Z]{1,3})(\d{1,7})"')


@dataclass
class Sheet:
    """A sheet's header, its records as Arrow batches (_row, then $0, $1, ...), and warnings.

    `_row` counts from 1 below the header; empty rows count but are left out. `warnings` is complete after the last
    batch.
    """

    header: list[str]
    rows: Iterator[list[Any]]
    warnings: list[str] = field(default_factory=list)

    def batches(self, marks: Sequence[str] = ()) -> Iterator[pa.Table]:
        """The records in batches. `marks`: the decimal mark to write the numbers of each column with."""
        schema = pa.schema([("_row", pa.int64()), *((f"${index}", pa.string()) for index in range(len(self.header)))])
        long_numbers, count = 0, 0
        numbered = enumerate(self.rows, start=1)
        while chunk := list(islice(numbered, _BATCH_ROWS)):
            texts = [(number, [_text(cell) for cell in row]) for number, row in chunk]
            if any(mark != "." for mark in marks):
                _with_marks(chunk, texts, marks)
            kept = [(number, *row) for number, row in texts if any(cell is not None for cell in row)]
            long_numbers += sum(_is_long(cell) for _, row in chunk for cell in row)
            count += len(kept)
            columns = zip(*kept, strict=True) if kept else ((),) * len(schema)
            yield pa.table([pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)], schema)
        if long_numbers:
            self.warnings.append(
                f"{long_numbers} numbers have more than {_EXACT_DIGITS} digits, which Excel does not keep;"
                " save identifiers as text."
            )
        if count == 0:
            self.warnings.append("the sheet has no records.")


def read_sheet(file: LandingFile, name: str | None, header_row: int | None, memory: int = 2**33) -> Sheet:
    """Reads the named sheet of a workbook, or the first. `memory`: the bytes that it may use.

    Raises UnreadableFileError.
    """
    try:
        _refuse_giant(file, memory)
        with load_workbook(str(file.path)) as workbook:
            names = workbook.sheet_names
            if name is not None and name not in names:
                message = (
                    f"{file.name}: no sheet is named {name!r}; the sheets are {', '.join(names)}. Declare one of them."
                )
                raise UnreadableFileError(message, file.name)
            if not names:
                return Sheet([], iter(()))
            sheet = workbook.get_sheet_by_name(name or names[0])
    except PasswordError as error:
        raise UnreadableFileError(
            f"{file.name}: is protected by a password; save it without one.", file.name
        ) from error
    except (CalamineError, OSError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise UnreadableFileError(
            f"{file.name}: cannot be read as a workbook; is the file complete?", file.name
        ) from error
    rows: Iterator[list[Any]] = sheet.iter_rows()
    if header_row is not None:
        header = next(islice(rows, header_row - 1, None), [])
    else:
        header = next((row for row in rows if any(cell != "" for cell in row)), [])
    return Sheet([_text(cell) or "" for cell in header], rows)


def _text(cell: Any) -> str | None:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(cell.total_seconds(), 60)
        return f"{int(minutes // 60):02}:{int(minutes % 60):02}:{seconds:09.6f}".removesuffix(".000000")
    return str(cell) or None


def _with_marks(
    chunk: Sequence[tuple[int, list[Any]]], texts: Sequence[tuple[int, list[str | None]]], marks: Sequence[str]
) -> None:
    """Writes numbers with the decimal mark of their column."""
    for (_, cells), (_, row) in zip(chunk, texts, strict=True):
        for index, (cell, mark) in enumerate(zip(cells, marks, strict=False)):
            if mark != "." and isinstance(cell, float):
                row[index] = (row[index] or "").replace(".", mark)


def _is_long(cell: Any) -> bool:
    return isinstance(cell, int | float) and abs(cell) >= 10**_EXACT_DIGITS


def _refuse_giant(file: LandingFile, memory: int) -> None:
    """Refuses a workbook that would take too much memory, before it is read.

    A single cell in the last corner of a sheet makes the reader allocate all cells before it, and a part may unpack to
    a thousand times its size.
    """
    if not zipfile.is_zipfile(file.path):
        if file.size_bytes * _BYTES_PER_BYTE > memory:
            raise _too_large(file, memory)
        return
    unpacked = 0
    with zipfile.ZipFile(file.path) as package:
        for part in package.namelist():
            is_sheet = re.fullmatch(r"xl/worksheets/[^/]+\.xml", part)
            columns, rows, rest = b"", 0, b""
            with package.open(part) as stream:
                while chunk := stream.read(1 << 20):
                    unpacked += len(chunk)
                    if unpacked * _BYTES_PER_BYTE > memory:
                        raise _too_large(file, memory)
                    for column, row in _CELL.findall(rest + chunk) if is_sheet else ():
                        columns, rows = max(columns, column, key=_column_order), max(rows, int(row))
                    rest = chunk[-1000:]
            cells = _column_number(columns) * rows
            if cells > MAX_CELLS:
                raise UnreadableFileError(
                    f"{file.name}: a sheet spans more than {MAX_CELLS} cells; delete the cells far away from its"
                    " table, or save it as CSV.",
                    file.name,
                )
            if cells * _BYTES_PER_CELL > memory:
                raise _too_large(file, memory)


def _too_large(file: LandingFile, memory: int) -> UnreadableFileError:
    return UnreadableFileError(
        f"{file.name}: a workbook is read into memory, and this one needs more than MERGANSER_MEMORY ({memory}"
        " bytes) allows; raise it, or save the sheet as CSV.",
        file.name,
    )


def _column_order(letters: bytes) -> tuple[int, bytes]:
    return len(letters), letters


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
