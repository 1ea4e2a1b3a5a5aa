"""A writable copy of the project with its own command, in which guides are followed.

Add here: how the copy is made and used. Keep out: documents, assertions.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import msgpack

from runtime.home import Home
from runtime.parsing import _by_profile

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {  # arguments of this interpreter
    "merganser": ("-c", "from orchestration.cli.main import main; main()"),
    "dbt": ("-c", "import sys; from dbt.cli.main import cli; sys.argv[0] = 'dbt'; cli()"),
    "python": (),
}
_FOREIGN = ("GIT_", "MERGANSER_", "DBT_", "DAGSTER_", "PYTHON")  # settings of the user who runs the tests
_SHOWN = 6000  # characters of a failed command's output


@dataclass(frozen=True)
class ProjectCopy:
    """A git clone of the checkout with its uncommitted changes. Its state is in its own `.merganser`, the default of
    every command; `.venv/bin` holds `merganser`, `dbt`, `python`, `activate`."""

    path: Path

    @property
    def home(self) -> Path:
        return self.path / ".merganser"

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    def shell(self, script: str, environment: Mapping[str, str] | None = None) -> str:
        """Runs a script in one shell that stops at the first line that fails; returns its output."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        added = {
            "PATH": f"{self.path / '.venv' / 'bin'}{os.pathsep}{kept.get('PATH', os.defpath)}",
            "DO_NOT_TRACK": "1",
            **(environment or {}),
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.path,
            env={**kept, **added},
            capture_output=True,
            text=True,
            check=False,
        )
        printed = f"{done.stdout[-_SHOWN:]}\n{done.stderr[-_SHOWN:]}"
        assert done.returncode == 0, f"exit code {done.returncode} of\n{script}\n{printed}"
        return done.stdout

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of the warehouse, opened read-only during the call."""
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    def served(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of the serving file."""
        with duckdb.connect(str(self.home / "serving.duckdb"), read_only=True) as connection:
            return connection.execute(sql, list(parameters)).fetchall()


def copy_project(target: Path, home: Path | None = None) -> ProjectCopy:
    """Clone the checkout to `target`, with uncommitted changes of tracked files; `home` is copied into it."""
    _git("clone", "--quiet", "--no-hardlinks", str(ROOT), str(target), cwd=ROOT)
    changes = _git("diff", "HEAD", "--binary", cwd=ROOT)
    if changes:
        _git("apply", "--whitespace=nowarn", cwd=target, given=changes)
    binaries = target / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name, arguments in COMMANDS.items():
        command = binaries / name
        called = shlex.join([sys.executable, *arguments])
        command.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(target))} exec {called} "$@"\n')
        command.chmod(0o755)
    (binaries / "activate").write_text(f'export PATH={shlex.quote(str(binaries))}:"$PATH"\n')
    copy = ProjectCopy(target)
    if home is not None:
        shutil.copytree(home, copy.home)
    _share_parse(copy)
    return copy


def _share_parse(copy: ProjectCopy) -> None:
    """Gives the copy the checkout's parse with the copy's own paths: dbt parses only the files that differ, by their
    checksums."""
    (_, parsed), (_, own) = (_by_profile(project, Home(copy.home)) for project in (ROOT, copy.path))
    if not parsed.exists():
        return

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: moved(part) for name, part in value.items()}
        if isinstance(value, list):
            return [moved(part) for part in value]
        return str(copy.path) if value == str(ROOT) else value

    own.parent.mkdir(parents=True, mode=0o700)
    own.write_bytes(msgpack.packb(moved(msgpack.unpackb(parsed.read_bytes(), strict_map_key=False))))


def restore_project(saved: ProjectCopy, target: Path) -> ProjectCopy:
    """Replaces `target` by `saved`. A copy that is always in the same place is parsed once."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(saved.path, target, symlinks=True)
    return ProjectCopy(target)


def _git(*arguments: str, cwd: Path, given: bytes | None = None) -> bytes:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *arguments], cwd=cwd, env=kept, input=given, capture_output=True, check=False)
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.decode()}"
    return done.stdout
