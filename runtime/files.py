"""Files of a home: only their owner can read them, and each is written completely or not at all.

Add here: how a file of a home is written, read back or closed to others. Keep out: its content.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from runtime.errors import DamagedFileError, MerganserError

PRIVATE_UMASK = 0o077
_FILE, _DIRECTORY = 0o600, 0o700
_ASIDE_SUFFIX = ".tmp"


def create_private_files() -> None:
    """Makes this process and its children create files that only their owner can read.

    DuckDB, dbt, dlt, Dagster and Great Expectations write files of their own, and none takes a mode.
    """
    os.umask(PRIVATE_UMASK)


def make_private_directory(path: Path) -> None:
    """Creates a directory and its parents; only their owner can enter. Raises OSError."""
    create_private_files()
    path.mkdir(parents=True, exist_ok=True)


def is_private(root: Path) -> bool:
    """Whether no other user can enter a directory; true if it does not exist."""
    try:
        return not root.stat().st_mode & PRIVATE_UMASK
    except OSError:
        return True


def make_private(root: Path) -> int:
    """Removes all rights of other users from a directory and its content; returns how many paths had some.

    Does not follow symbolic links. Files of another user stay as they are: only that user may change them.
    """
    narrowed = int(_narrow(root, _DIRECTORY))
    for directory, subdirectories, names in os.walk(root):
        for name in subdirectories:
            narrowed += _narrow(Path(directory, name), _DIRECTORY)
        for name in names:
            narrowed += _narrow(Path(directory, name), _FILE)
    return narrowed


def _narrow(path: Path, mode: int) -> bool:
    with suppress(OSError):  # deleted meanwhile, or a file system that is read-only or has no modes
        found = path.lstat()
        is_ours = found.st_uid == os.geteuid() and (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode))
        if is_ours and found.st_mode & PRIVATE_UMASK:
            path.chmod(mode)
            return True
    return False


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Yields a stream whose content replaces the file when the block ends, on disk before anybody sees it.

    If the block fails or the process dies, the old file stays. Only the owner can read the new one. Raises OSError.
    """
    make_private_directory(path.parent)
    _delete_leftovers(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}{_ASIDE_SUFFIX}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _FILE)
            yield file
            file.flush()
            os.fsync(descriptor)
        aside.replace(path)
        sync(path.parent)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def _delete_leftovers(path: Path) -> None:
    """Deletes temporary files that killed processes left: they may hold personal data, and nobody reads them."""
    prefix = f".{path.name}."
    for found in path.parent.iterdir():
        pid = found.name.removeprefix(prefix).removesuffix(_ASIDE_SUFFIX)
        if found.name == f"{prefix}{pid}{_ASIDE_SUFFIX}" and pid.isdecimal() and not _is_running(int(pid)):
            with suppress(OSError):
                found.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def write_whole(path: Path, content: str | bytes) -> None:
    """Replaces a file by this content, completely or not at all.

    Raises MerganserError that names the file if it cannot be written, on a full disk for example.
    """
    try:
        with whole_file(path) as file:
            file.write(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise MerganserError(
            f"{path} cannot be written: {error.strerror}.",
            f"Free space on the disk of {path.parent}, or correct its permissions, and run the command again.",
        ) from error


def append_line(path: Path, line: str) -> None:
    """Appends a line to a file and flushes it to the disk. A last line without an end gets one. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _FILE)
    with os.fdopen(descriptor, "a+b") as file:
        size = file.seek(0, os.SEEK_END)
        is_ended = size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
        file.write(f"{'' if is_ended else chr(10)}{line}\n".encode())
        file.flush()
        os.fsync(descriptor)


def sync(path: Path) -> None:
    """Flushes a file or directory to the disk, so that a rename never survives a crash without its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_mapping(path: Path, remedy: str) -> dict[str, Any]:
    """The JSON object in a file. Raises DamagedFileError with the hint `remedy` if there is none."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, remedy) from error
    if not isinstance(content, dict):
        raise damaged(path, remedy)
    return content


def damaged(path: Path, remedy: str) -> DamagedFileError:
    """The error about a file that Merganser did not write like this: truncated, or changed by something else."""
    return DamagedFileError(f"{path} is damaged: it was truncated or changed.", remedy)
