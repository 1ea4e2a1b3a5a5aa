"""Opens the warehouse and serving files, and explains why one cannot be opened.

Add here: what concerns the files themselves. Keep out: what a table means.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runtime.damage import full_disk, is_damage, is_full_disk, remedies
from runtime.errors import LockedError, MerganserError
from runtime.files import damaged
from runtime.home import Home

if TYPE_CHECKING:
    import duckdb

DEFAULT_MEMORY = "8GB"  # of MERGANSER_MEMORY, as in profiles.yml
_LOCK_HINT = "Close the program that holds it (readers open serving.duckdb, never warehouse.duckdb) and run again."


def limit_memory(connection: duckdb.DuckDBPyConnection) -> None:
    """Lets a connection use as much memory as profiles.yml allows dbt: MERGANSER_MEMORY. Beyond it, DuckDB uses the
    disk. Raises MerganserError if the variable is not a size.
    """
    import duckdb

    memory = os.environ.get("MERGANSER_MEMORY") or DEFAULT_MEMORY
    try:
        connection.execute("set memory_limit = $memory", {"memory": memory})
    except duckdb.Error as error:
        raise MerganserError("MERGANSER_MEMORY is not a size.", "Write a number and a unit, such as 8GB.") from error


@contextmanager
def opened(home: Home, *, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the warehouse during a block.

    Raises LockedError if another process holds the file, MerganserError if there is none or it cannot be read.
    """
    import duckdb

    if read_only and not home.warehouse.exists():
        raise MerganserError(
            f"There is no warehouse in {home.path}.", "Run `merganser ingest --all`, then `merganser build`."
        )
    if home.warehouse.exists() and not home.warehouse.stat().st_size:  # DuckDB would create a new database in it
        raise damaged(home.warehouse, remedies(home)[home.warehouse])
    try:
        connection = duckdb.connect(str(home.warehouse), read_only=read_only)
    except duckdb.Error as error:
        raise opening_error(home, str(error)) from error
    try:
        connection.execute("set enable_progress_bar = false")  # it would write between the lines of --json
        limit_memory(connection)
        yield connection
    finally:
        connection.close()


@contextmanager
def opened_serving(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the serving file, which must exist, during a block. Raises MerganserError."""
    import duckdb

    remedy = remedies(home)[home.serving]
    connection = None
    try:
        connection = duckdb.connect(str(home.serving), read_only=True)
        connection.execute("select build_id from main.build_info")  # an empty file opens as an empty database
        yield connection
    except duckdb.Error as error:
        raise damaged(home.serving, remedy) from error
    finally:
        if connection is not None:
            connection.close()


def opening_error(home: Home, message: str) -> MerganserError:
    """The error about a warehouse that DuckDB cannot open."""
    if re.search(r"\block\b", message, re.IGNORECASE):  # an error about a damaged file names its blocks
        holder = re.search(r"\(PID (\d+)\)", message)
        return LockedError(
            f"The warehouse {home.warehouse} is locked by another process"
            + (f" (process {holder[1]})" if holder else "")
            + ".",
            _LOCK_HINT,
        )
    if is_full_disk(message):
        return full_disk(home, message)
    if is_damage(message):
        return damaged(home.warehouse, remedies(home)[home.warehouse])
    return MerganserError(
        f"The warehouse {home.warehouse} cannot be opened: {message.splitlines()[0]}",
        "Correct the permissions of the file and of its directory.",
    )


def probe(home: Home) -> None:
    """Checks that this process can write the warehouse. Raises LockedError or MerganserError if not."""
    with opened(home, read_only=False):
        pass


def fingerprint(home: Home) -> str:
    """A text that changes with the warehouse file, to make sure that the checked state is the one published."""
    parts = []
    for path in (home.warehouse, home.warehouse.with_name(home.warehouse.name + ".wal")):
        if path.exists():
            status = path.stat()
            parts.append(f"{path.name}:{status.st_size}:{status.st_mtime_ns}")
    return " ".join(parts)
