"""Shares dbt's parse of the project between homes, so that a new home's first build parses only what changed.

dbt stores its parse in a home's target directory, and reuses it only with the profile that it was parsed with. The
profile contains the warehouse's path, which differs between homes. So a copy of the parse, with the profile's checksum
blanked, is stored beside the project, and a home without a parse of its own takes that copy with its own checksum.
dbt itself detects every other reason for a new parse: a file, a variable, the environment, dbt's version.

dbt needs seconds to detect that nothing has changed. So a home notes which files its manifest is of, by their size and
the times of their last change, and where these are the same, dbt is not asked.

Add here: what saves dbt a parse. Keep out: how dbt is called (building.py).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pprint
import re
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from runtime.errors import MerganserError
from runtime.files import write_whole
from runtime.home import Home

if TYPE_CHECKING:
    from dbt.config.profile import Profile

PARSE = "partial_parse.msgpack"
_BLANK = b"0" * 64
ENVIRONMENT = re.compile(r"env_var\(\s*['\"](\w+)['\"]")
_FOLDERS = {  # dbt's own, where a project names none
    "model": "models",
    "macro": "macros",
    "test": "tests",
    "seed": "seeds",
    "snapshot": "snapshots",
    "analysis": "analyses",
}
_NOTED = "parsed_files.json"


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


def files_of(project: Path, home: Home) -> dict[str, str]:
    """What a parse depends on, except for variables of the environment that models read: the state of the files."""
    digest = hashlib.sha256(f"{home.path}\0{project}\0{sys.version}".encode())
    for root in ("dbt_project.yml", "profiles.yml", "selectors.yml", "packages.yml", *_folders(project)):
        for path in sorted(_files_below(project / root)):
            state = path.stat()
            digest.update(
                f"{path}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ctime_ns}\0{state.st_ino}\n".encode()
            )
    settings = "".join((project / name).read_text() for name in ("dbt_project.yml", "profiles.yml"))
    read = {*ENVIRONMENT.findall(settings), *(name for name in os.environ if name.startswith("DBT_"))}
    return {
        "files": digest.hexdigest(),
        "settings": _values(sorted(read - set(home.environment()))),
        "packages": _digest(installed_packages()),
    }


def note_parse(home: Home, files: dict[str, str], variables: Mapping[str, str]) -> None:
    """Records that the manifest of this home is that of these files and of these variables of the environment."""
    read = sorted(set(variables) - set(home.environment()))
    noted = {**files, "read": read, "values": _values(read), "manifest": _state_of(home.manifest)}
    write_whole(home.dbt_target / _NOTED, json.dumps(noted))


def is_parsed(project: Path, home: Home) -> bool:
    """Whether the manifest of this home is that of the project's files as they are now."""
    try:
        noted = json.loads((home.dbt_target / _NOTED).read_bytes())
        read = list(noted["read"])
        now = {**files_of(project, home), "read": read, "values": _values(read), "manifest": _state_of(home.manifest)}
        return bool((home.dbt_target / PARSE).exists() and noted == now)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return False


def _folders(project: Path) -> list[str]:
    """The folders that dbt reads, by the project's settings."""
    given = yaml.safe_load((project / "dbt_project.yml").read_text())
    found = {folder for kind, folder in _FOLDERS.items() if f"{kind}-paths" not in given}
    found |= {folder for kind in (*_FOLDERS, "docs", "function") for folder in given.get(f"{kind}-paths") or ()}
    return sorted(found)


def installed_packages() -> list[str]:
    """The names and versions of the installed packages."""
    found = set()
    for place in sys.path:
        with contextlib.suppress(OSError):
            found |= {path.name for path in Path(place).iterdir() if path.suffix == ".dist-info"}
    return sorted(found)


def _files_below(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    for directory, folders, names in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
        yield from (Path(directory, name) for name in names)


def _values(names: Sequence[str]) -> str:
    """A digest, because a variable may hold a secret."""
    return _digest([os.environ.get(name) for name in names])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _state_of(path: Path) -> list[int]:
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]
