"""Files of a home: only their owner can read them, and each is written whole or not at all.

Add here: how a file of a home is written, read back or closed to others. Keep out: what stands in it.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from runtime.errors import DamagedFileError, MerganserError

PRIVATE_UMASK = 0o077
_FILE, _DIRECTORY = 0o600, 0o700


def create_private_files() -> None:
    """From here on this process and its children create files that only their owner can read.

    DuckDB, dbt, dlt, Dagster and Great Expectations write files of their own, and none takes a mode.
    """
    os.umask(PRIVATE_UMASK)


def make_private_directory(path: Path) -> None:
    """Make a directory, and its parents, that only their owner can enter. Raises OSError."""
    create_private_files()
    path.mkdir(parents=True, exist_ok=True)


def is_private(root: Path) -> bool:
    """Whether no other user can enter a directory; true where there is none."""
    try:
        return not root.stat().st_mode & PRIVATE_UMASK
    except OSError:
        return True


def make_private(root: Path) -> int:
    """Take every right of others from a directory and all in it; returns how many files and directories had one.

    Symbolic links are not followed. What belongs to another user stays as it is: only that user may change it.
    """
    narrowed = int(_narrow(root, _DIRECTORY))
    for directory, subdirectories, names in os.walk(root):
        for name in subdirectories:
            narrowed += _narrow(Path(directory, name), _DIRECTORY)
        for name in names:
            narrowed += _narrow(Path(directory, name), _FILE)
    return narrowed


def _narrow(path: Path, mode: int) -> bool:
    with suppress(OSError):  # gone meanwhile, or on a file system that is read-only or has no modes
        found = path.lstat()
        is_ours = found.st_uid == os.geteuid() and (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode))
        if is_ours and found.st_mode & PRIVATE_UMASK:
            path.chmod(mode)
            return True
    return False


def write_whole(path: Path, content: str | bytes) -> None:
    """Replace a file by this content, on disk before anybody sees it: a process that dies leaves the old file.

    Raises MerganserError that names the file when it cannot be written, on a full disk for example.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        make_private_directory(path.parent)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _FILE)
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(descriptor)
        aside.replace(path)
        sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise MerganserError(
            f"{path} cannot be written: {error.strerror}.",
            f"Free space on the disk of {path.parent}, or correct its permissions, and run the command again.",
        ) from error


def sync(path: Path) -> None:
    """Have the operating system write a file or directory out, so that a rename never outlives its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_mapping(path: Path, remedy: str) -> dict[str, Any]:
    """The JSON object in a file. Raises DamagedFileError, with `remedy` as what to do, when the file holds none."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, remedy) from error
    if not isinstance(content, dict):
        raise damaged(path, remedy)
    return content


def damaged(path: Path, remedy: str) -> DamagedFileError:
    """The error that a file is not what Merganser writes there: cut short, or changed by something else."""
    return DamagedFileError(f"{path} is damaged: it was cut short or changed.", remedy)
