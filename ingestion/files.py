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


def find_files(settings: Settings, entity: EntitySpec, environment: Mapping[str, str] | None = None) -> list[Path]:
    """Files that match the entity's pattern, by name. Left out: directories, and names that start with . or _ (in the
    world of Parquet a mark for files that are not data, such as _SUCCESS).

    Raises SettingError when the pattern names a variable that is not set, MissingFileError when nothing is there and
    the entity is not optional.
    """
    pattern = fill_variables(entity.files, os.environ if environment is None else environment, "files")
    rooted = os.path.join(glob.escape(str(settings.landing_dir)), pattern)  # noqa: PTH118  an absolute pattern wins
    paths = [Path(found) for found in glob.glob(rooted, recursive=True)]  # noqa: PTH207  absolute patterns
    replayed = settings.landing_dir / REPLAYED
    paths = [path for path in paths if not path.is_relative_to(replayed)]
    files = sorted(path for path in paths if not path.is_dir() and path.name[0] not in "._")
    if not files and not entity.optional:
        raise MissingFileError(
            f"no file matches {entity.files!r}, and the entity is not optional; bring it, or say `optional: true`."
        )
    return files


def find_replays(settings: Settings, source: str, entity: str) -> list[Path]:
    """Files of records that were replayed from quarantine, by name."""
    return sorted((settings.landing_dir / REPLAYED / source / entity).glob("[!.]*.ndjson"))


def changed_files(
    settings: Settings, entity: EntitySpec, paths: Sequence[Path], known: Mapping[str, KnownFile]
) -> list[LandingFile]:
    """Those files that did not land before as they are now.

    Size and time of change equal: the same file. Else the content decides, for files up to HASH_LIMIT_BYTES. Raises
    UnreadableFileError when a file cannot be opened or its format is not clear.
    """
    changed = []
    for path in paths:
        name = file_name(settings, path)
        try:
            stat = path.stat()
            before = known.get(name)
            if before and (before.size_bytes, before.modified_ns) == (stat.st_size, stat.st_mtime_ns):
                continue
            sha256 = _sha256(path) if stat.st_size <= HASH_LIMIT_BYTES else None
        except OSError as error:
            raise UnreadableFileError(f"{name}: cannot be opened: {error.strerror}.") from error
        if before and sha256 is not None and sha256 == before.sha256:
            continue
        changed.append(LandingFile(name, path, _format(entity, path, name), stat.st_size, stat.st_mtime_ns, sha256))
    return changed


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


def has_content(file: LandingFile) -> bool:
    """Whether there is anything in the file but a byte order mark. Raises UnreadableFileError."""
    if file.format in ("parquet", "excel"):
        return file.size_bytes > 0
    try:
        with open_bytes(file.path) as stream:
            return len(stream.read(len(_BOM) + 1).removeprefix(_BOM)) > 0
    except (OSError, EOFError) as error:
        raise UnreadableFileError(f"{file.name}: cannot be read; is it complete?") from error


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
        raise UnreadableFileError(f"{file.name}: its header cannot be read; is it a whole CSV file?", file) from error


def _bounded_lines(text: io.TextIOWrapper, file: LandingFile) -> Iterator[str]:
    """The lines of a text, none of them longer than a record may be."""
    while line := text.readline(MAX_RECORD_BYTES + 1):
        if len(line) > MAX_RECORD_BYTES:
            raise UnreadableFileError(
                f"{file.name}: its header is longer than {MAX_RECORD_BYTES} bytes; is it a text with line ends?", file
            )
        yield line


def text_encoding(file: LandingFile, declared: str | None) -> str | None:
    """The encoding that a text file has to be read in, by the name of a codec; None: UTF-8, which needs no copy."""
    try:
        with open_bytes(file.path) as stream:
            mark = stream.read(2)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(f"{file.name}: cannot be read; is it complete?", file) from error
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
            f"{file.name}: is not text in the encoding {encoding}; declare another.", file
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFileError(f"{file.name}: cannot be read; is it complete?", file) from error


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

    Bytes that are not UTF-8 stand as backslash escapes, so that nothing is lost and nothing is guessed.
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
            lines = [stream.readline() for _ in range(span.line_count)]
            data = b"".join(lines)
            yield line, data.rstrip(b"\r\n").decode("utf-8", errors="backslashreplace")
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
        raise UnreadableFileError(f"{name}: its suffix tells no format; rename it, or declare `format:`.")
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
