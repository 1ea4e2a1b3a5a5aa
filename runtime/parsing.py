"""What dbt parsed of the project, handed from home to home, so that a new home's first build parses only what changed.

dbt keeps its parse in a home's target directory, and reads it again only under the profile that it was parsed by. The
profile names the warehouse's path, which is another one in each home. So a parse is kept beside the project as well,
with the profile's checksum blanked, and a home that has none of its own takes it over with its own checksum. Whatever
else could make it stale (a file, a variable, the environment, dbt's version) dbt compares itself.

Add here: what spares dbt a parse. Keep out: how dbt is called (transform.py).
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
def handed_on(project: Path, home: Home) -> Iterator[None]:
    """For the length of a call of dbt for a home: it finds what dbt parsed of this project last,
    for whichever home, and leaves what it parses for the next one."""
    from dbt_common.exceptions import DbtBaseException

    try:
        checksum, kept = _by_profile(project, home)
    except DbtBaseException:  # dbt will say itself what is wrong with the profile
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
    """The checksum by which dbt knows this home's profile, and where parses under it are kept, whatever the home."""
    from dbt.contracts.files import FileHash

    profile = profile_of(project, home)
    connection = pprint.pformat(sorted(profile.credentials.connection_info()))
    anywhere = [str(project), profile.target_name, connection.replace(str(home.path), "")]
    name = hashlib.sha256("\0".join(anywhere).encode()).hexdigest()[:16]
    return FileHash.from_contents(connection).checksum.encode(), project / "target" / "parsed" / f"{name}.msgpack"


def profile_of(project: Path, home: Home) -> Profile:
    """The profile of a project as dbt has it in this environment. Raises DbtBaseException where it makes no sense."""
    from dbt.config.runtime import load_profile
    from dbt.flags import set_from_args
    from dbt_common.context import set_invocation_context

    set_invocation_context({**os.environ, **home.environment()})
    set_from_args(Namespace(profiles_dir=str(project)), None)
    return load_profile(str(project), {})
