"""Files of the landing zone: which there are, of which format, whether they changed, and their bytes.

Add here when landing must know something of a file without reading its records. Keep out: parsing records (readers.py).
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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from ingestion.errors import MissingFileError, SettingError, UnreadableFileError
from ingestion.settings import Settings
from ingestion.spec import EntitySpec

Format = Literal["csv", "tsv", "ndjson", "parquet", "excel"]

MAX_RECORD_BYTES = 16_000_000  # a longer line of text is refused
_KEPT_BYTES = 65_536  # of a record that is too long: it stands in its file
_START_BYTES = 4096
_GZIP_LIMIT = 1032  # no more bytes come out of one (zlib's documentation, maximum expansion factor)
_PLAUSIBLE_RATIO = 200  # logs and exports reach 10 to 50
HASH_LIMIT_BYTES = 64 * 1024 * 1024  # a larger file is told from its older self by size and time of change alone

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
    """One file as it was when it was found. `name` is relative to the landing directory, or absolute outside of it."""

    name: str
    path: Path
    format: Format
    size_bytes: int
    modified_ns: int
    sha256: str | None

    @property
    def is_replay(self) -> bool:
        """Whether it holds records that were replayed from quarantine (quarantine.py wrote it)."""
        return self.name.startswith(f"{REPLAYED}/")


@dataclass(frozen=True)
class KnownFile:
    """What raw_ops.files says of a file's last landing."""

    size_bytes: int
    modified_ns: int
    sha256: str | None


@dataclass(frozen=True)
class Found:
    """Files that match a pattern, by name; and why others that match it were passed over."""

    paths: tuple[Path, ...]
    skipped: tuple[str, ...]


def find_files(settings: Settings, entity: EntitySpec, environment: Mapping[str, str] | None = None) -> Found:
    """Regular files that match the entity's pattern and lie in its folder, which is the landing zone, or the fixed part
    of an absolute pattern.

    Left out are names that start with . or _ (in the world of Parquet a mark for files that are not data, such as
    _SUCCESS), and with a word about it what a symbolic link finds outside of the folder, and what is no file (a named
    pipe would block, a device never ends). Raises SettingError when the pattern names a variable that is not set,
    MissingFileError when nothing is there and the entity is not optional.
    """
    pattern = fill_variables(entity.files, os.environ if environment is None else environment, "files")
    rooted = os.path.join(glob.escape(str(settings.landing_dir)), pattern)  # noqa: PTH118  an absolute pattern wins
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
            skipped.append(f"{name}: is a symbolic link to what lies outside of {folder}, and was not followed.")
        elif what:
            skipped.append(f"{name}: is a {what} and no file, and was passed over.")
        elif real in kept:
            skipped.append(f"{name}: is the same file as {printable(file_name(settings, kept[real]))}.")
        else:
            kept[real] = path
    if not kept and not entity.optional:
        raise MissingFileError(
            f"no file matches {entity.files!r}, and the entity is not optional; bring it, or say `optional: true`."
        )
    return Found(tuple(sorted(kept.values())), tuple(skipped))


def _kind(path: Path) -> str:
    """What stands at a path that is no file; nothing for a file, and for what is not there or cannot be looked at."""
    kinds = {stat.S_IFDIR: "directory", stat.S_IFIFO: "named pipe", stat.S_IFSOCK: "socket"}
    kinds |= dict.fromkeys((stat.S_IFCHR, stat.S_IFBLK), "device")
    try:
        return kinds.get(stat.S_IFMT(path.stat().st_mode), "")
    except OSError:
        return ""


def printable(name: str) -> str:
    """A file's name for a message: what is not printable as an escape."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def find_replays(settings: Settings, source: str, entity: str) -> list[Path]:
    """Files of records that were replayed from quarantine, by name."""
    return sorted((settings.landing_dir / REPLAYED / source / entity).glob("[!.]*.ndjson"))


def changed_files(
    settings: Settings,
    entity: EntitySpec,
    paths: Sequence[Path],
    known: Mapping[str, KnownFile],
    refused: list[str] | None = None,
) -> list[LandingFile]:
    """Those files that did not land before as they are now.

    Size and time of change equal: the same file. Else the content decides, for files up to HASH_LIMIT_BYTES. A file
    that cannot be opened, or whose format is not clear, is listed in `refused`; without that list
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
    """Raises UnreadableFileError when a file is another by now than it was when it was found.

    One that only grew is not: what was read of it stands, and the next run brings the rest.
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
        f"{printable(file.name)}: was replaced while it was read, so nothing of it was taken; run again when it is"
        " whole.",
        file.name,
    )


def fill_variables(pattern: str, environment: Mapping[str, str], key: str) -> str:
    """A pattern with each ${VARIABLE} as the environment has it; `key` says where it stands. Raises SettingError."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in environment:
            raise SettingError(f"`{key}` names the environment variable {found[1]}, which is not set; set it.")
        return glob.escape(environment[found[1]])

    return VARIABLE.sub(value, pattern)


def file_name(settings: Settings, path: Path) -> str:
    """The name that raw tables, reports and errors carry."""
    if path.is_relative_to(settings.landing_dir):
        return path.relative_to(settings.landing_dir).as_posix()
    return path.as_posix()


_SIGNATURES = {
    b"\x1f\x8b": "is packed by gzip; let its name end in .gz",
    b"PK\x03\x04": "is a ZIP archive or a workbook; unpack it, or let its name end in .xlsx",
    b"PAR1": "is a Parquet file; let its name end in .parquet",
    b"\x28\xb5\x2f\xfd": "is packed by zstd, which is not read; pack it by gzip, or unpack it",
    b"BZh": "is packed by bzip2, which is not read; pack it by gzip, or unpack it",
    b"\xfd7zXZ\x00": "is packed by xz, which is not read; pack it by gzip, or unpack it",
    b"\xd0\xcf\x11\xe0": "is a workbook of Excel; let its name end in .xls",
    b"%PDF-": "is a PDF document",
}
_MARKUP = re.compile(rb"<(!doctype|html|\?xml|head|body|error)", re.IGNORECASE)
_DOCUMENT = re.compile(rb"\[\s*\{|[\[{]\s*\r?\n")


def has_content(file: LandingFile) -> bool:
    """Whether there is anything in the file but a byte order mark.

    Raises UnreadableFileError for a file that cannot be read, or that begins as one of another format does.
    """
    if file.format in ("parquet", "excel"):
        return file.size_bytes > 0
    try:
        with file.path.open("rb") as raw:
            start = raw.read(_START_BYTES)
        if is_packed(file.path) and start and not start.startswith(b"\x1f\x8b"):
            raise UnreadableFileError(
                f"{printable(file.name)}: its name ends in .gz, but it is not packed by gzip; rename it.", file.name
            )
        if is_packed(file.path):
            with open_bytes(file.path) as stream:
                start = stream.read(_START_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(f"{printable(file.name)}: cannot be read; is it complete?", file.name) from error
    found = next((told for mark, told in _SIGNATURES.items() if start.startswith(mark)), None)
    text = start.removeprefix(_BOM).lstrip()
    if found is None and _MARKUP.match(text):
        found = "is HTML or XML; is it an error page instead of the data?"
    if found is None and file.format == "ndjson" and _DOCUMENT.match(text):
        found = "is one JSON document, and not one object a line; `jq -c '.[]'` makes lines of an array"
    if found:
        raise UnreadableFileError(f"{printable(file.name)}: {found}.", file.name)
    return len(start.removeprefix(_BOM)) > 0


def has_giant_line(file: LandingFile, memory: int) -> bool:
    """Whether a text file has a line that is much longer than a record may be: the engine drops it without a word.

    Raises UnreadableFileError for a packed file that unpacks to more than `memory` bytes, and to so many times its size
    as no data does. To unpack it once is the only way to know; of a plain file a part of the bytes is read.
    """
    if (file.size_bytes * _GZIP_LIMIT if is_packed(file.path) else file.size_bytes) <= MAX_RECORD_BYTES:
        return False
    try:
        if not is_packed(file.path):
            with file.path.open("rb") as stream:
                # A line that long covers one of these places and what follows it whole.
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
                        f"{printable(file.name)}: {file.size_bytes} bytes unpack to more than {limit}, more than"
                        f" {_PLAUSIBLE_RATIO} times as many, and more than MERGANSER_MEMORY ({memory} bytes): it looks"
                        " like a decompression bomb. If it is data indeed, unpack it, or raise MERGANSER_MEMORY.",
                        file.name,
                    )
        return found
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(f"{printable(file.name)}: cannot be read; is it complete?", file.name) from error


def _has_line_end(stream: IO[bytes], start: int, size: int) -> bool:
    """Whether there is a line end among so many bytes, or the end of the file."""
    stream.seek(start)
    left = size
    while left > 0 and (chunk := stream.read(min(1 << 16, left))):
        if b"\n" in chunk or b"\r" in chunk:
            return True
        left -= len(chunk)
    return left > 0


def write_without_giant_lines(path: Path, copy: Path, quote: str) -> None:
    """Writes a copy of a text file in which what is too long a line is cut to be just that, and is refused so.

    A quote that the cut leaves open is closed, so that it swallows none of the next lines.
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
    """Whether a file is packed by gzip: its name ends in .gz."""
    return path.suffix.lower() == ".gz"


def open_bytes(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked when its name ends in .gz."""
    if is_packed(path):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def csv_header(
    file: LandingFile, path: Path, delimiter: str, quote: str, header_row: int | None
) -> tuple[list[str], int]:
    """The header's names as they stand, and how many lines it and all before it take. Raises UnreadableFileError.

    `header_row`: its row, from 1; without it, the first that is not empty.
    """
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    try:
        with open_bytes(path) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="backslashreplace", newline="")
            lines = _bounded_lines(text, file)
            reader = csv.reader(lines, delimiter=delimiter, quotechar=quote or None, quoting=quoting)
            if header_row is not None:
                for _ in range(header_row - 1):  # lines of text, which need not be rows of this dialect
                    next(lines, "")
                return next(reader, []), header_row - 1 + reader.line_num
            names = next((row for row in reader if row), [])
            return names, reader.line_num
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise UnreadableFileError(
            f"{file.name}: its header cannot be read; is it a whole CSV file?", file.name
        ) from error


def _bounded_lines(text: io.TextIOWrapper, file: LandingFile) -> Iterator[str]:
    """The lines of a text, none of them longer than a record may be."""
    while line := text.readline(MAX_RECORD_BYTES + 1):
        if len(line) > MAX_RECORD_BYTES:
            raise UnreadableFileError(
                f"{file.name}: its header is longer than {MAX_RECORD_BYTES} bytes; is it a text with line ends?",
                file.name,
            )
        yield line


def text_encoding(file: LandingFile, declared: str | None) -> str | None:
    """The encoding that a text file has to be read in, by the name of a codec; None: UTF-8, which needs no copy."""
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
    """Writes a copy of a text file in UTF-8. A byte that is no character stays as it is: its record is refused.

    Raises UnreadableFileError when the bytes cannot be of this encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")
    try:
        with open_bytes(file.path) as source, copy.open("wb") as target:
            while chunk := source.read(1 << 20):
                target.write(decoder.decode(chunk).encode("utf-8", "surrogateescape"))
            target.write(decoder.decode(b"", final=True).encode("utf-8", "surrogateescape"))
    except UnicodeError as error:
        raise UnreadableFileError(
            f"{file.name}: is not text in the encoding {encoding}; declare another.", file.name
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFileError(f"{file.name}: cannot be read; is it complete?", file.name) from error


def with_one_line_end(path: Path, copy: Path) -> None:
    """Writes a copy of a text file in which every line ends in a line feed."""
    with open_bytes(path) as source, copy.open("wb") as target:
        pending = b""
        while chunk := source.read(1 << 20):
            data = pending + chunk
            pending = b"\r" if data.endswith(b"\r") else b""
            target.write(data[: len(data) - len(pending)].replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        target.write(pending.replace(b"\r", b"\n"))


@dataclass(frozen=True)
class TextSpan:
    """Where a broken record stands: its first byte (from 0) and how many lines it takes."""

    first_byte: int
    line_count: int


def read_spans(path: Path, spans: Sequence[TextSpan]) -> Iterator[tuple[int, str]]:
    """For each span, in rising order of bytes: the number of its first line (from 1), and its text.

    Bytes that are not UTF-8 stand as backslash escapes, so that nothing is lost and nothing is guessed. Of a text that
    is longer than a record may be there is the beginning.
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
        raise UnreadableFileError(f"{printable(name)}: its suffix tells no format; rename it, or declare `format:`.")
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
