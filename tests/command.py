"""Runs the real command in its own process, as a user or a scheduler does, and the demo that the tests share.

Add here: how the command is called, how a home is copied. Keep out: fixtures, assertions on the answers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runtime.home import PROJECT_ROOT, Home
from runtime.parsing import shared_parse

DEMO_CUSTOMERS, DEMO_SEED = 300, 7  # small, but every export has something to send
SECONDS_ALLOWED = 600
_OWN = ("MERGANSER_", "DBT_", "DAGSTER_")


def environment(home: Path | None = None, **more: str) -> dict[str, str]:
    """The environment of a call: no variables of the user who runs the tests, and optionally a home for plain dbt."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    if home is not None:
        own |= {
            "MERGANSER_HOME": str(home),
            "DBT_TARGET_PATH": str(home / "dbt" / "target"),
            "DBT_LOG_PATH": str(home / "dbt" / "logs"),
        }
    return {**own, "DO_NOT_TRACK": "1", **more}


def call(
    name: str, *arguments: object, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs an installed command of this environment (merganser, dbt) to its end."""
    return subprocess.run(
        [str(Path(sys.executable).parent / name), *(str(argument) for argument in arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_ALLOWED,
        env=dict(env) if env is not None else environment(),
        cwd=cwd,
        umask=0,  # the widest: the product must remove the rights of others itself
    )


def merganser(*arguments: object, expect: int = 0, **variables: str) -> dict[str, Any]:
    """Runs `merganser ... --json` and returns the parsed answer. Fails the test if the exit code is not the
    expected."""
    ended = call("merganser", *arguments, "--json", env=environment(**variables))
    assert ended.returncode == expect, f"{arguments}: exit {ended.returncode}\n{ended.stdout[-2000:]}\n{ended.stderr}"
    answer = json.loads(ended.stdout)
    assert isinstance(answer, dict)
    return answer


def dbt(place: Path, *arguments: str) -> str:
    """Runs plain dbt on the project for a home, with the shared parse; returns its output."""
    home = Home(place, "2026-06-30T00:00:00")
    home.prepare()
    with shared_parse(PROJECT_ROOT, home):
        ended = call("dbt", *arguments, "--quiet", env={**os.environ, **home.environment()}, cwd=PROJECT_ROOT)
    assert ended.returncode == 0, f"dbt {arguments}: {ended.stdout[-4000:]}{ended.stderr[-2000:]}"
    return ended.stdout


@contextmanager
def held_open(database: Path) -> Iterator[int]:
    """Another process holds a DuckDB file open for writing during the block; yields its process id."""
    code = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.readline()"
    command = [sys.executable, "-c", code, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder.pid
        finally:
            holder.communicate("\n")


def copy_of(home: Home, place: Path) -> Home:
    """Copies a home; files keep their times, by which landing recognises them."""
    shutil.copytree(home.path, place)
    return Home(place, home.as_of)
