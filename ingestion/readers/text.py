"""Text files, parsed once into the temporary table `lines`; what DuckDB's parser refuses goes to `rejected`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from ingestion.errors import UnreadableFileError
from ingestion.files import (
    MAX_RECORD_BYTES,
    LandingFile,
    TextSpan,
    is_packed,
    printable,
    read_spans,
    text_encoding,
    with_one_line_end,
    write_as_utf_8,
    write_without_giant_lines,
)
from ingestion.settings import Settings
from ingestion.spec import EntitySpec
from ingestion.statements import file_path, literal

_REPORTED_CHARACTERS = 10_000  # of a refused record, in the parser's report
_REASONS = {
    "MISSING COLUMNS": "fewer fields than the header",
    "TOO MANY COLUMNS": "more fields than the header",
    "UNQUOTED VALUE": "a quote that is never closed, or text after a closing one",
    "LINE SIZE OVER MAXIMUM": f"longer than {MAX_RECORD_BYTES} bytes",
    "INVALID ENCODING": "bytes that are not UTF-8",
}


@contextmanager
def in_utf_8(settings: Settings, entity: EntitySpec, file: LandingFile, *, is_giant: bool) -> Iterator[Path]:
    """The path of a text file in UTF-8: the file itself, or a temporary copy."""
    encoding = None if file.is_replay else text_encoding(file, entity.encoding)
    if encoding is None and not is_giant:
        yield file.path
        return
    with _copy(settings) as copy, _copy(settings) as cut:
        if encoding is not None:
            write_as_utf_8(file, encoding, copy)
        if is_giant:
            write_without_giant_lines(file.path if encoding is None else copy, cut, quote_of(entity, file))
        yield cut if is_giant else copy


@contextmanager
def _copy(settings: Settings) -> Iterator[Path]:
    """The path for a temporary copy, which is deleted afterwards."""
    spill = settings.home / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    copy = spill / f"{secrets.token_hex(8)}.txt"
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def quote_of(entity: EntitySpec, file: LandingFile) -> str:
    """The quote character of a text file. A tab-separated file has none by itself (IANA text/tab-separated-values)."""
    is_plain = file.format == "ndjson" or (file.format == "tsv" and "quote" not in entity.model_fields_set)
    return "" if is_plain else entity.quote


def read_text(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    file: LandingFile,
    path: Path,
    *,
    fields: Sequence[str],
    options: str,
    header_lines: int,
) -> int:
    """Reads a text file into `lines`, with _row, and what the parser refuses into `rejected`; returns how many records.

    `fields`: names of the columns. `options`: more options of read_csv. `header_lines`: lines before the first record.
    """
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in fields)
    statement = (
        "create temp table lines as select *, row_number() over () as _row"
        f" from read_csv(?, auto_detect=false, columns={{{columns}}}, {options}, max_line_size={MAX_RECORD_BYTES},"
        f" buffer_size={2 * MAX_RECORD_BYTES}, {compression(path)}, store_rejects=true,"
        f" rejects_table='text_rejects', rejects_scan='text_scans')"
    )
    try:
        connection.execute(statement, [file_path(path)])
        return _take_rejects(connection, file, path, header_lines)
    except duckdb.InvalidInputException:
        # The parser wants the same line end throughout; a file assembled on several systems may have two kinds.
        connection.execute("drop table if exists text_rejects")
        connection.execute("drop table if exists text_scans")
        with _copy(settings) as copy:
            with_one_line_end(path, copy)
            connection.execute(statement.replace(compression(path), compression(copy)), [str(copy)])
            return _take_rejects(connection, file, copy, header_lines)


def compression(path: Path) -> str:
    """The option of DuckDB's readers for how a file is compressed; by itself DuckDB goes by the name."""
    return f"compression={literal('gzip' if is_packed(path) else 'none')}"


def _take_rejects(connection: duckdb.DuckDBPyConnection, file: LandingFile, path: Path, header_lines: int) -> int:
    """Moves refused records to `rejected`, renumbers the others, and returns how many records there are in all."""
    found = connection.execute(
        "select line, min(line_byte_position), list(cast(error_type as varchar) order by byte_position),"
        " first(csv_line) from text_rejects group by line order by 2"
    ).fetchall()
    connection.execute("drop table text_rejects")
    connection.execute("drop table text_scans")
    rows, messages, records, rules, spans = [], [], [], [], []
    # A quote that is never closed swallows lines. The parser reports only the first characters of them, and nothing at
    # all if they exceed its buffer.
    is_unquoted, swallows = [], []
    unpacked = path.stat().st_size * (5 if is_packed(path) else 1)  # roughly, for a compressed file
    far_from_end = unpacked - 2 * MAX_RECORD_BYTES
    for line, position, kinds, text in found:
        body = text.lstrip("\r\n")
        rows.append(line - header_lines)
        rules.append("encoding" if "INVALID ENCODING" in kinds else "malformed")
        kind = "INVALID ENCODING" if "INVALID ENCODING" in kinds else kinds[0]
        messages.append(_REASONS.get(kind, "not a record of this format"))
        is_unquoted.append("UNQUOTED VALUE" in kinds)
        swallows.append(is_unquoted[-1] and len(text) >= _REPORTED_CHARACTERS and "\n" in body)
        spans.append(TextSpan(position - 1 + len(text) - len(body), body.rstrip("\r\n").count("\n") + 1))
    for index, (line, text) in enumerate(read_spans(path, spans)):
        if swallows[index] or (text.count('"') % 2 and is_unquoted[index] and spans[index].first_byte < far_from_end):
            raise UnreadableFileError(
                f"{printable(file.name)}: a quote that opens in line {line} is never closed, so it swallows the lines"
                ' after it; correct it, or declare `quote: ""` if quotes are ordinary characters in this file.',
                file.name,
            )
        messages[index] = f"line {line}: {messages[index]}"
        records.append(text)
    if rows:
        refused = pa.table({"row": rows, "rule": rules, "message": messages, "record": records})
        connection.register("refused", refused)
        connection.execute(
            "insert into rejected select ?, row, null, null, rule, message, record from refused", [file.name]
        )
        connection.execute(_renumbered())
        connection.unregister("refused")
        connection.execute("drop table lines")
        connection.execute("alter table numbered rename to lines")
    count = connection.execute("select count(*) from lines").fetchall()[0][0]
    return int(count) + len(rows)


def _renumbered() -> str:
    """A statement that restores row numbers: each record moves down by the number of refused records before it."""
    return (
        "create temp table numbered as select lines.* replace (lines._row + coalesce(passed.refused_count, 0) as _row)"
        " from lines asof left join ("
        "select row - nth as good_count, max(nth) as refused_count"
        " from (select row, row_number() over (order by row) as nth from refused) group by 1"
        ") as passed on lines._row > passed.good_count order by lines._row"
    )
