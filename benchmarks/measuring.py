"""How a process is measured, and what it was measured on.

Add here: a figure that every benchmark wants. Keep out: what is measured.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import psutil


@dataclass(frozen=True)
class Measured:
    """One finished process: wall clock in seconds, peak resident memory in MB, what it printed on standard output."""

    seconds: float
    peak_mb: float
    output: str


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Run a process to its end and measure it. Raises CalledProcessError, with its standard error, when it fails."""
    started = time.monotonic()
    with subprocess.Popen(
        list(command),
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        output, errors = process.communicate()
        seconds = time.monotonic() - started
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, list(command), output, errors)
    peak = next((line for line in errors.splitlines() if line.startswith("peak_kb=")), "peak_kb=0")
    return Measured(round(seconds, 2), round(int(peak.split("=")[1]) / 1024, 1), output)


def measured_cli(arguments: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Run the `merganser` command in a process of its own that tells its own peak memory at its end."""
    program = (
        "import resource, sys\n"
        "from orchestration.cli import main\n"
        "code = 0\n"
        "try:\n    main()\n"
        "except SystemExit as ended:\n    code = ended.code or 0\n"
        "print(f'peak_kb={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}', file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    return run([sys.executable, "-c", program, *arguments], environment)


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call took, and what it returned."""
    started = time.monotonic()
    result = action()
    return round(time.monotonic() - started, 2), result


def machine() -> dict[str, Any]:
    """What a figure was measured on."""
    return {
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "dbt_core": version("dbt-core"),
    }


def show(result: Mapping[str, Any]) -> None:
    """Print a benchmark's result as JSON, with the machine."""
    print(json.dumps({"machine": machine(), **result}, indent=2))
