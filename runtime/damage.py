"""Finds the damaged file of a home, or the full disk, after an error of DuckDB or the operating system.

DuckDB reports a block with a wrong checksum but not its file, so the files are read through once after such an error.
Add here: another way in which storage fails. Keep out: JSON records of the home (files.py).
"""

from __future__ import annotations

import errno
import re
from pathlib import Path

from runtime.errors import DamagedFileError, MerganserError
from runtime.files import damaged
from runtime.home import Home

_DAMAGE = re.compile(
    r"corrupt|checksum|not a valid DuckDB|Could not read enough bytes|deserializ|Serialization Error|"
    r"file is too (?:small|short)|INTERNAL Error|database has been invalidated|malformed|WAL file|"
    r"version number|older version",
    re.IGNORECASE,
)
_FULL = re.compile(
    r"No space left on device|Could not write|disk quota exceeded|disk is full|File too large", re.IGNORECASE
)


def remedies(home: Home) -> dict[Path, str]:
    """What to do about each database of a home if it is damaged."""
    return {
        home.serving: "Run `merganser publish`: it writes the file from the warehouse.",
        home.warehouse: "Restore a backup, with its .wal; or move the file away, then run `merganser ingest --all`"
        " and `merganser build`. Customer ids and their history, which only this file holds, then start again.",
        home.path / "ledger" / "ledger.duckdb": "Restore a backup. Do not remove it: without it everything would be"
        " sent a second time.",
    }


def is_damage(message: str) -> bool:
    """Whether a message of DuckDB says that a file is damaged."""
    return bool(_DAMAGE.search(message))


def is_full_disk(message: str) -> bool:
    """Whether a message says that no space is left."""
    return bool(_FULL.search(message))


def full_disk(home: Home, message: str) -> MerganserError:
    """The error about a full disk. Names the file if the message does, else the home."""
    named = re.search(r"file \"([^\"]+)\"|'([^']+)'", message)
    place = next(filter(None, named.groups()), None) if named else None
    return MerganserError(
        f"No space is left on the disk of {place or home.path}.",
        f"Free space on the disk of {home.path} and run the command again: what was published before is untouched.",
    )


def explained(home: Home, error: BaseException) -> MerganserError | None:
    """An error with a remedy if storage failed; None for any other error."""
    import duckdb

    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    for found in chain:
        message = str(found)
        if (isinstance(found, OSError) and found.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)) or (
            isinstance(found, duckdb.Error) and is_full_disk(message)
        ):
            return full_disk(home, message)
        if isinstance(found, duckdb.Error) and is_damage(message):
            return damaged_database(home) or DamagedFileError(
                f"A database in {home.path} is damaged: {message.splitlines()[0]}", "Restore a backup."
            )
    return None


def damaged_database(home: Home) -> DamagedFileError | None:
    """The error about the first database of a home that cannot be read completely; None if all can."""
    for path, remedy in remedies(home).items():
        if path.exists() and not _is_whole(path):
            return damaged(path, remedy)
    return None


def _is_whole(path: Path) -> bool:
    import duckdb

    if path.stat().st_size == 0:
        return False
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables() where not internal"
            ).fetchall()
            for schema, table in tables:
                name = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, table))
                connection.execute(f"select bit_xor(hash(found)) from {name} as found").fetchall()
    except duckdb.Error as error:
        return bool(re.search(r"\block\b", str(error)))  # another process has it open: not known to be damaged
    return True
