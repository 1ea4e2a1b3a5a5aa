"""One run per home: a lock file that the operating system frees when its holder dies, however it dies.

Add here: what must not interleave. Keep out: what is done under the lock.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import LockedError
from runtime.files import make_private

if TYPE_CHECKING:
    from runtime.home import Home


@contextmanager
def held(home: Home, work: str) -> Iterator[None]:
    """Hold the lock of a home for the length of a block; `work` tells others what is being done.

    What lies in the home is closed to other users first, landing files that somebody copied there included.
    Raises LockedError at once, naming the holder, when another process has it.
    """
    home.prepare()
    make_private(home.path)
    with home.lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(
                f"Another run works on {home.path}{_holder(home.lock)}.",
                "Wait until it has ended, or name another home with --home.",
            ) from error
        file.truncate(0)
        started = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        file.write(json.dumps({"pid": os.getpid(), "work": work, "started_at": started}))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
            fcntl.flock(file, fcntl.LOCK_UN)


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
    except (OSError, ValueError):
        return ""
    if not isinstance(holder, dict):
        return ""
    return f": `{holder.get('work')}`, process {holder.get('pid')}, since {holder.get('started_at')} UTC"
