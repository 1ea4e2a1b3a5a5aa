"""One run per home: a lock that the operating system releases when the process ends, however it ends.

Add here: another lock of a home. Keep out: what is done under the lock.
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
    """Holds the lock of a home during a block. `work` names the work in the error that other processes get.

    Removes the rights of other users in the home first: files may have been copied into its landing zone.
    Raises LockedError at once, with the holder, if another process has the lock.
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
