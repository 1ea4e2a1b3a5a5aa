"""Starts Dagster's web UI on the loopback address, for one home.

Add here: what the UI needs before it starts. Keep out: definitions (orchestration/definitions.py).
"""

from __future__ import annotations

import os
import subprocess
import sys

from runtime.building import parse
from runtime.files import write_whole
from runtime.home import PROJECT_ROOT, Home
from runtime.project import VARIABLE, custom_folder

_SETTINGS = """\
# Written by Merganser: no telemetry, because the product holds personal data; one process at a time writes the
# warehouse.
telemetry:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
  pools:
    default_limit: 1
    granularity: op
"""


def write_settings(home: Home) -> None:
    """Writes dagster.yaml into the home if there is none: changes by users stay."""
    home.prepare()
    settings = home.dagster / "dagster.yaml"
    if not settings.exists():
        write_whole(settings, _SETTINGS)


def prepare(home: Home) -> None:
    """Writes dagster.yaml if there is none, and parses the dbt project: its manifest names the assets."""
    write_settings(home)
    parse(home)


def serve(home: Home, port: int) -> int:
    """Runs the UI on 127.0.0.1 until it is stopped; returns its exit code."""
    prepare(home)
    command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)]
    command += ["-m", "orchestration.definitions"]
    folder = custom_folder()  # absolute, as Dagster runs in another directory
    variables = {**os.environ, **home.environment(), **({VARIABLE: str(folder)} if folder else {})}
    try:
        return subprocess.run(  # noqa: S603 our own interpreter and arguments
            command, cwd=PROJECT_ROOT, env=variables, check=False
        ).returncode
    except KeyboardInterrupt:
        return 0
