"""Files of the landing zone: names, formats, changes and bytes.

Add here when landing needs to know something about a file before it reads records. Keep out: parsing (readers/).
"""

from __future__ import annotations

import codecs
import csv
import glob
import gzip
import hashlib
import io
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from ingestion.errors import MissingFileError, SettingError, UnreadableFileError
from ingestion.settings import Settings
from ingestion.spec import EntitySpec

Format = Literal["csv", "tsv", "ndjson", "parquet", "excel"]

MAX_RECORD_BYTES = 16_000_000  # a longer line of text is refused
_KEPT_BYTES = 65_536  # of a record that is too long; the rest is in its file
_START_BYTES = 4096
_GZIP_LIMIT = 1032  # maximum expansion factor (zlib's documentation)
_PLAUSIBLE_RATIO = 200  # of compression; logs and exports reach 10 to 50
HASH_LIMIT_BYTES = 64 * 1024 * 1024  # changes of a larger file are detected only by size and modification time

REPLAYED = "_replayed"  # the folder of the landing zone with records that came back from quarantine

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "excel",
    ".xls": "excel",
}
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BOM = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class LandingFile:
    """A file when it was found. `name` is relative to the landing zone, or absolute outside of it."""

    name: str
    path: Path
    format: Format
    size_bytes: int
    modified_ns: int
    sha256: str | None

    @property
    def is_replay(self) -> bool:
        """Whether it holds records that are replayed from quarantine (quarantine.py wrote it)."""
        return self.name.startswith(f"{REPLAYED}/")


@dataclass(frozen=True)
class KnownFile:
    """The last landing of a file, from raw_ops.files."""

    size_bytes: int
    modified_ns: int
    sha256: str | None


@dataclass(frozen=True)
class Found:
    """Files that match a pattern, sorted by name; and why others that match were skipped."""

    paths: tuple[Path, ...]
    skipped: tuple[str, ...]


def find_files(settings: Settings, entity: EntitySpec, environment: Mapping[str, str] | None = None) -> Found:
    """Finds regular files that match the entity's pattern inside its folder: the landing zone, or the part of an
    absolute pattern without wildcards.

    Names that start with . or _ are left out (tools around Parquet use them for files without data, such as _SUCCESS).
    Symbolic links to other folders, and pipes, sockets and devices, are skipped with a warning. Raises SettingError if
    the pattern has a variable that is not set, MissingFileError if there is no file and the entity is not optional.
    """
    pattern, rooted = _patterns(settings, entity, os.environ if environment is None else environment)
    is_inside = not Path(pattern).is_absolute() and ".." not in Path(pattern).parts
    folder = settings.landing_dir if is_inside else Path(re.split(r"[*?\[]", rooted)[0]).parent
    replayed = settings.landing_dir / REPLAYED
    paths = [Path(found) for found in glob.glob(rooted, recursive=True)]  # noqa: PTH207  absolute patterns
    paths = [path for path in paths if path.name[:1] not in "._" and not path.is_relative_to(replayed)]
    real_folders: dict[Path, Path] = {}
    kept: dict[Path, Path] = {}
    skipped = []
    for path in sorted(paths, key=lambda path: (path.is_symlink(), path)):
        parent = real_folders.setdefault(path.parent, Path(os.path.realpath(path.parent)))
        real = Path(os.path.realpath(path)) if path.is_symlink() else parent / path.name
        what = _kind(real)
        name = printable(file_name(settings, path))
        if what == "directory":
            continue
        if not real.is_relative_to(os.path.realpath(folder)):
            skipped.append(f"{name}: is a symbolic link to a file outside of {folder}, and was skipped.")
        elif what:
            skipped.append(f"{name}: is a {what}, not a file, and was skipped.")
        elif real in kept:
            skipped.append(f"{name}: is the same file as {printable(file_name(settings, kept[real]))}.")
        else:
            kept[real] = path
    if not kept and not entity.optional:
        raise MissingFileError(
            f"no file matches {entity.files!r}, and the entity is not optional; add it, or declare `optional: true`."
        )
    return Found(tuple(sorted(kept.values())), tuple(skipped))


def _patterns(settings: Settings, entity: EntitySpec, environment: Mapping[str, str]) -> tuple[str, str]:
    """The entity's pattern with its variables, and the same below the landing zone unless it is absolute."""
    pattern = fill_variables(entity.files, environment, "files")
    return pattern, os.path.join(glob.escape(str(settings.landing_dir)), pattern)  # noqa: PTH118  an absolute one wins


def unread_folders(settings: Settings, entities: Iterable[EntitySpec]) -> dict[str, int]:
    """Folders of the landing zone with files that no entity reads, relative to it, and how many such files each has.

    Hidden files, those that start with _, and unfinished ones (.tmp, .part) are left out, as is a pattern whose
    variables are not set.
    """
    read: set[str] = set()
    for entity in entities:
        try:
            _, rooted = _patterns(settings, entity, os.environ)
        except SettingError:
            continue
        read.update(glob.glob(rooted, recursive=True))  # noqa: PTH207  absolute patterns
    found: dict[str, int] = {}
    for folder, inner, names in os.walk(settings.landing_dir):
        inner[:] = sorted(name for name in inner if name[:1] not in "._")
        unread = [
            name
            for name in names
            if name[:1] not in "._" and not name.endswith((".tmp", ".part")) and os.path.join(folder, name) not in read  # noqa: PTH118  thousands of files
        ]
        if unread:
            found[Path(folder).relative_to(settings.landing_dir).as_posix()] = len(unread)
    return found


def _kind(path: Path) -> str:
    """The kind of a path that is not a file; empty for a file, and for a path that cannot be accessed."""
    kinds = {stat.S_IFDIR: "directory", stat.S_IFIFO: "named pipe", stat.S_IFSOCK: "socket"}
    kinds |= dict.fromkeys((stat.S_IFCHR, stat.S_IFBLK), "device")
    try:
        return kinds.get(stat.S_IFMT(path.stat().st_mode), "")
    except OSError:
        return ""


def printable(name: str) -> str:
    """A file name for a message, with escapes for unprintable characters."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def find_replays(settings: Settings, source: str, entity: str) -> list[Path]:
    """Files with records that are replayed from quarantine, sorted by name."""
    return sorted((settings.landing_dir / REPLAYED / source / entity).glob("[!.]*.ndjson"))


def changed_files(
    settings: Settings,
    entity: EntitySpec,
    paths: Sequence[Path],
    known: Mapping[str, KnownFile],
    refused: list[str] | None = None,
) -> list[LandingFile]:
    """The files that are new or changed since their last landing.

    A file with the same size and modification time is unchanged. Otherwise the content decides, for files up to
    HASH_LIMIT_BYTES. A file that cannot be opened, or has an unknown format, is added to `refused`; without that list
    UnreadableFileError is raised.
    """
    changed = []
    for path in paths:
        try:
            file = _changed_file(settings, entity, path, known)
        except UnreadableFileError as error:
            if refused is None:
                raise
            refused.append(str(error))
            continue
        if file is not None:
            changed.append(file)
    return changed


def _changed_file(
    settings: Settings, entity: EntitySpec, path: Path, known: Mapping[str, KnownFile]
) -> LandingFile | None:
    name = file_name(settings, path)
    if not name.isascii() and name.encode("utf-8", "replace").decode() != name:
        raise UnreadableFileError(f"{printable(name)}: its name is not UTF-8; rename it.")
    try:
        found = path.stat()
        before = known.get(name)
        if before and (before.size_bytes, before.modified_ns) == (found.st_size, found.st_mtime_ns):
            return None
        sha256 = _sha256(path) if found.st_size <= HASH_LIMIT_BYTES else None
    except OSError as error:
        raise UnreadableFileError(f"{printable(name)}: cannot be opened: {error.strerror}.") from error
    if before and sha256 is not None and sha256 == before.sha256:
        return None
    return LandingFile(name, path, _format(entity, path, name), found.st_size, found.st_mtime_ns, sha256)


def refuse_replaced(file: LandingFile) -> None:
    """Raises UnreadableFileError if a file was replaced since it was found.

    A file that only grew is accepted: what was read is valid, and the next run reads the rest.
    """
    try:
        now = file.path.stat()
        if (now.st_size, now.st_mtime_ns) == (file.size_bytes, file.modified_ns):
            return
        if now.st_size >= file.size_bytes and file.sha256 == _sha256(file.path, file.size_bytes):
            return
    except OSError:
        pass
    raise UnreadableFileError(
        f"{printable(file.name)}: was replaced while it was read, so nothing of it landed; run again when it is"
        " complete.",
        file.name,
    )


def fill_variables(pattern: str, environment: Mapping[str, str], key: str) -> str:
    """Replaces each ${VARIABLE} of a pattern; `key` is the key of the declaration. Raises SettingError."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in environment:
            raise SettingError(f"`{key}` names the environment variable {found[1]}, which is not set; set it.")
        return glob.escape(environment[found[1]])

    return VARIABLE.sub(value, pattern)


def file_name(settings: Settings, path: Path) -> str:
    """The name of a file in raw tables, reports and errors."""
    if path.is_relative_to(settings.landing_dir):
        return path.relative_to(settings.landing_dir).as_posix()
    return path.as_posix()


_SIGNATURES = {
    b"\x1f\x8b": "is compressed by gzip; rename it to end in .gz",
    b"PK\x03\x04": "is a ZIP archive or a workbook; unpack it, or rename it to end in .xlsx",
    b"PAR1": "is a Parquet file; rename it to end in .parquet",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd, which is not supported; use gzip, or decompress it",
    b"BZh": "is compressed by bzip2, which is not supported; use gzip, or decompress it",
    b"\xfd7zXZ\x00": "is compressed by xz, which is not supported; use gzip, or decompress it",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook; rename it to end in .xls",
    b"%PDF-": "is a PDF document",
}
_MARKUP = re.compile(rb"<(!doctype|html|\?xml|head|body|error)", re.IGNORECASE)
_DOCUMENT = re.compile(rb"\[\s*\{|[\[{]\s*\r?\n")


def has_content(file: LandingFile) -> bool:
    """Whether the file has anything but a byte order mark.

    Raises UnreadableFileError for a file that cannot be read, or that starts like a file of another format.
    """
    if file.format in ("parquet", "excel"):
        return file.size_bytes > 0
    try:
        with file.path.open("rb") as raw:
            start = raw.read(_START_BYTES)
        if is_packed(file.path) and start and not start.startswith(b"\x1f\x8b"):
            raise UnreadableFileError(
                f"{printable(file.name)}: its name ends in .gz, but it is not compressed by gzip; rename it.", file.name
            )
        if is_packed(file.path):
            with open_bytes(file.path) as stream:
                start = stream.read(_START_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(f"{printable(file.name)}: cannot be read; is it complete?", file.name) from error
    found = next((message for mark, message in _SIGNATURES.items() if start.startswith(mark)), None)
    text = start.removeprefix(_BOM).lstrip()
    if found is None and _MARKUP.match(text):
        found = "is HTML or XML; is it an error page instead of the data?"
    if found is None and file.format == "ndjson" and _DOCUMENT.match(text):
        found = "is one JSON document, not one object per line; `jq -c '.[]'` converts an array to lines"
    if found:
        raise UnreadableFileError(f"{printable(file.name)}: {found}.", file.name)
    return len(start.removeprefix(_BOM)) > 0


def has_giant_line(file: LandingFile, memory: int) -> bool:
    """Whether a text file has a line that is much longer than a record may be; DuckDB would drop it silently.

    Raises UnreadableFileError for a compressed file that expands to more than `memory` bytes with an implausible ratio.
    A compressed file is read once for this; of a plain file only parts are read.
    """
    if (file.size_bytes * _GZIP_LIMIT if is_packed(file.path) else file.size_bytes) <= MAX_RECORD_BYTES:
        return False
    try:
        if not is_packed(file.path):
            with file.path.open("rb") as stream:
                # Such a line covers at least one of these blocks completely.
                return any(
                    not _has_line_end(stream, start, MAX_RECORD_BYTES)
                    for start in range(0, file.size_bytes, MAX_RECORD_BYTES)
                )
        limit = max(memory, file.size_bytes * _PLAUSIBLE_RATIO)
        unpacked, since_line_end, found = 0, 0, False
        with open_bytes(file.path) as stream:
            while chunk := stream.read(1 << 20):
                unpacked += len(chunk)
                since_line_end = 0 if b"\n" in chunk or b"\r" in chunk else since_line_end + len(chunk)
                found = found or since_line_end > MAX_RECORD_BYTES
                if unpacked > limit:
                    raise UnreadableFileError(
                        f"{printable(file.name)}: {file.size_bytes} bytes decompress to more than {limit}, more than"
                        f" {_PLAUSIBLE_RATIO} times as many, and more than MERGANSER_MEMORY ({memory} bytes): it looks"
                        " like a decompression bomb. If it is real data, decompress it, or raise MERGANSER_MEMORY.",
                        file.name,
                    )
        return found
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(f"{printable(file.name)}: cannot be read; is it complete?", file.name) from error


def _has_line_end(stream: IO[bytes], start: int, size: int) -> bool:
    """Whether so many bytes have a line end or reach the end of the file."""
    stream.seek(start)
    left = size
    while left > 0 and (chunk := stream.read(min(1 << 16, left))):
        if b"\n" in chunk or b"\r" in chunk:
            return True
        left -= len(chunk)
    return left > 0


def write_without_giant_lines(path: Path, copy: Path, quote: str) -> None:
    """Copies a text file and truncates lines that are far too long; they stay too long, so they are refused.

    A quote that the truncation leaves open is closed, so that it does not swallow the next lines.
    """
    with open_bytes(path) as source, copy.open("wb") as target:
        while line := source.readline(MAX_RECORD_BYTES + 2):
            target.write(line)
            if len(line) < MAX_RECORD_BYTES + 2 or line.endswith(b"\n"):
                continue
            while (rest := source.readline(1 << 20)) and not rest.endswith(b"\n"):
                pass
            is_open = quote and line.count(quote.encode()) % 2
            target.write(quote.encode() * bool(is_open) + b"\n")


def is_packed(path: Path) -> bool:
    """Whether a file is compressed by gzip: its name ends in .gz."""
    return path.suffix.lower() == ".gz"


def open_bytes(path: Path) -> IO[bytes]:
    """Opens a file for reading bytes; decompresses it if its name ends in .gz."""
    if is_packed(path):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def csv_header(
    file: LandingFile, path: Path, delimiter: str, quote: str, header_row: int | None
) -> tuple[list[str], int]:
    """The names in the header, and the number of lines up to its end. Raises UnreadableFileError.

    `header_row`: its row, from 1; by default the first row that is not empty.
    """
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    try:
        with open_bytes(path) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="backslashreplace", newline="")
            lines = _bounded_lines(text, file)
            reader = csv.reader(lines, delimiter=delimiter, quotechar=quote or None, quoting=quoting)
            if header_row is not None:
                for _ in range(header_row - 1):  # lines of text, which may not be valid CSV
                    next(lines, "")
                return next(reader, []), header_row - 1 + reader.line_num
            names = next((row for row in reader if row), [])
            return names, reader.line_num
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise UnreadableFileError(
            f"{file.name}: its header cannot be read; is it a complete CSV file?", file.name
        ) from error


def _bounded_lines(text: io.TextIOWrapper, file: LandingFile) -> Iterator[str]:
    """The lines of a text. Raises UnreadableFileError for one that is longer than a record may be."""
    while line := text.readline(MAX_RECORD_BYTES + 1):
        if len(line) > MAX_RECORD_BYTES:
            raise UnreadableFileError(
                f"{file.name}: its header is longer than {MAX_RECORD_BYTES} bytes; is it a text file with line ends?",
                file.name,
            )
        yield line


def text_encoding(file: LandingFile, declared: str | None) -> str | None:
    """The codec of a text file; None for UTF-8, which needs no copy."""
    try:
        with open_bytes(file.path) as stream:
            mark = stream.read(2)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(f"{file.name}: cannot be read; is it complete?", file.name) from error
    if mark in _UTF_16_MARKS:
        return "utf-16"
    named = codecs.lookup(declared or "utf-8").name
    return None if named in ("utf-8", "utf-8-sig", "ascii") else named


def write_as_utf_8(file: LandingFile, encoding: str, copy: Path) -> None:
    """Copies a text file in UTF-8. Invalid bytes stay as they are, so that their records are refused.

    Raises UnreadableFileError if the bytes cannot be of this encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")
    try:
        with open_bytes(file.path) as source, copy.open("wb") as target:
            while chunk := source.read(1 << 20):
                target.write(decoder.decode(chunk).encode("utf-8", "surrogateescape"))
            target.write(decoder.decode(b"", final=True).encode("utf-8", "surrogateescape"))
    except UnicodeError as error:
        raise UnreadableFileError(
            f"{file.name}: is not text in the encoding {encoding}; declare another encoding.", file.name
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFileError(f"{file.name}: cannot be read; is it complete?", file.name) from error


def with_one_line_end(path: Path, copy: Path) -> None:
    """Copies a text file with a line feed at the end of every line."""
    with open_bytes(path) as source, copy.open("wb") as target:
        pending = b""
        while chunk := source.read(1 << 20):
            data = pending + chunk
            pending = b"\r" if data.endswith(b"\r") else b""
            target.write(data[: len(data) - len(pending)].replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        target.write(pending.replace(b"\r", b"\n"))


@dataclass(frozen=True)
class TextSpan:
    """The place of a broken record: its first byte (from 0) and its number of lines."""

    first_byte: int
    line_count: int


def read_spans(path: Path, spans: Sequence[TextSpan]) -> Iterator[tuple[int, str]]:
    """For each span, sorted by bytes: the number of its first line (from 1), and its text.

    Invalid bytes become backslash escapes, so that nothing is lost or guessed. A text that is longer than a record may
    be is truncated.
    """
    with open_bytes(path) as stream:
        position, line = 0, 1
        for span in spans:
            while position < span.first_byte:
                chunk = stream.read(min(1 << 20, span.first_byte - position))
                if not chunk:
                    break
                position += len(chunk)
                line += chunk.count(b"\n")
            lines: list[bytes] = []
            left = MAX_RECORD_BYTES
            while len(lines) < span.line_count and left > 0 and (text := stream.readline(left)):
                lines.append(text)
                left -= len(text)
            data = b"".join(lines)
            kept = data if left > 0 else data[:_KEPT_BYTES]
            yield line, kept.rstrip(b"\r\n").decode("utf-8", errors="backslashreplace")
            position += len(data)
            line += data.count(b"\n")


def _format(entity: EntitySpec, path: Path, name: str) -> Format:
    if entity.format != "auto" and not name.startswith(f"{REPLAYED}/"):
        return entity.format
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    found = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    if found is None or (found in ("parquet", "excel") and path.suffix == ".gz"):
        raise UnreadableFileError(f"{printable(name)}: unknown suffix; rename it, or declare `format:`.")
    return found


def _sha256(path: Path, size: int | None = None) -> str:
    """The hash of a file, or of its first `size` bytes."""
    with path.open("rb") as stream:
        if size is None:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        digest, left = hashlib.sha256(), size
        while left > 0 and (chunk := stream.read(min(1 << 20, left))):
            digest.update(chunk)
            left -= len(chunk)
        return digest.hexdigest()
