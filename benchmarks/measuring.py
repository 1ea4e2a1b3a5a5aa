"""Measures a process, and describes the machine.

Add here: a figure that every benchmark needs. Keep out: what is measured.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import psutil


@dataclass(frozen=True)
class Measured:
    """One finished process: wall clock in seconds, peak resident memory in MB, its output, and seconds of processor
    time, which vary less on a busy machine."""

    seconds: float
    peak_mb: float
    output: str
    processor_seconds: float = 0.0


def run(
    command: Sequence[str], environment: Mapping[str, str] | None = None, accepted: Sequence[int] = (0,)
) -> Measured:
    """Runs a process to its end and measures it, by the kernel's accounting.

    Raises CalledProcessError with its output if its exit code is not among the accepted ones.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            list(command), env={**os.environ, **(environment or {})}, stdout=output, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode not in accepted:
            raise subprocess.CalledProcessError(process.returncode, list(command), output.read(), errors.read())
        processor = round(usage.ru_utime + usage.ru_stime, 2)
        return Measured(round(seconds, 2), round(usage.ru_maxrss / 1024, 1), output.read(), processor)


def measured_cli(arguments: Sequence[str], environment: Mapping[str, str], accepted: Sequence[int] = (0,)) -> Measured:
    """Runs the `merganser` command in its own process."""
    command = [sys.executable, "-c", "from orchestration.cli.main import main; main()", *arguments]
    return run(command, environment, accepted)


def middle(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The run with the median of the seconds (of `work_seconds`, if runs have them), and in `each` the seconds of all.
    Single runs differ by a fifth on a shared machine."""
    unit = "work_seconds" if "work_seconds" in runs[0] else "seconds"
    ranked = sorted(runs, key=lambda one: float(one[unit]))
    return {**ranked[len(ranked) // 2], "each": [one[unit] for one in runs]}


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call took, and what it returned."""
    started = time.monotonic()
    result = action()
    return round(time.monotonic() - started, 2), result


def machine() -> dict[str, Any]:
    """The machine of a measurement."""
    return {
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "dbt_core": version("dbt-core"),
    }


def show(result: Mapping[str, Any]) -> None:
    """Prints a benchmark's result as JSON, with the machine."""
    print(json.dumps({"machine": machine(), **result}, indent=2))
