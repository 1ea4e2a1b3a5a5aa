"""Shares dbt's parse of the project between homes, so that a new home's first build parses only what changed.

dbt stores its parse in a home's target directory, and reuses it only with the profile that it was parsed with. The
profile contains the warehouse's path, which differs between homes. So a copy of the parse, with the profile's checksum
blanked, is stored beside the project, and a home without a parse of its own takes that copy with its own checksum.
dbt itself detects every other reason for a new parse: a file, a variable, the environment, dbt's version.

Add here: what saves dbt a parse. Keep out: how dbt is called (building.py).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pprint
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import MerganserError
from runtime.files import write_whole
from runtime.home import Home

if TYPE_CHECKING:
    from dbt.config.profile import Profile

PARSE = "partial_parse.msgpack"
_BLANK = b"0" * 64


@contextmanager
def shared_parse(project: Path, home: Home) -> Iterator[None]:
    """Gives dbt, during a block, the last parse of this project by any home, and stores the parse that it makes."""
    from dbt_common.exceptions import DbtBaseException

    try:
        checksum, kept = _by_profile(project, home)
    except DbtBaseException:  # dbt itself reports what is wrong with the profile
        yield
        return
    own = home.dbt_target / PARSE
    if kept.exists() and not (own.exists() and checksum in own.read_bytes()):
        write_whole(own, kept.read_bytes().replace(_BLANK, checksum))
    before = own.stat().st_mtime_ns if own.exists() else None
    yield
    if own.exists() and (own.stat().st_mtime_ns != before or not kept.exists()):
        parsed = own.read_bytes()
        if checksum in parsed and str(home.path).encode() not in parsed:  # else it is specific to the home
            with contextlib.suppress(MerganserError):  # the project may belong to another user
                write_whole(kept, parsed.replace(checksum, _BLANK))


def _by_profile(project: Path, home: Home) -> tuple[bytes, Path]:
    """dbt's checksum of this home's profile, and the path of the parse that all homes with such a profile share."""
    from dbt.contracts.files import FileHash

    profile = profile_of(project, home)
    connection = pprint.pformat(sorted(profile.credentials.connection_info()))
    anywhere = [str(project), profile.target_name, connection.replace(str(home.path), "")]
    name = hashlib.sha256("\0".join(anywhere).encode()).hexdigest()[:16]
    return FileHash.from_contents(connection).checksum.encode(), project / "target" / "parsed" / f"{name}.msgpack"


def profile_of(project: Path, home: Home) -> Profile:
    """The profile of a project as dbt loads it for this home. Raises DbtBaseException if it is invalid."""
    from dbt.config.runtime import load_profile
    from dbt.flags import set_from_args
    from dbt_common.context import set_invocation_context

    set_invocation_context({**os.environ, **home.environment()})
    set_from_args(Namespace(profiles_dir=str(project)), None)
    return load_profile(str(project), {})
