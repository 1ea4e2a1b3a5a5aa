"""A connector that is killed at any time: the next run has the result of an undisturbed one.

TORTURE=<anything> in the environment kills every vendor's connector at fifty random moments.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.registry import load_sources
from ingestion.settings import Settings
from tests.ingestion.servers.base import VendorServer
from tests.ingestion.servers.vendors import VENDORS, Vendor

TORTURE = bool(os.environ.get("TORTURE"))
KILLS = 50 if TORTURE else 6
ROOT = Path(__file__).parents[2]

INGESTER = """
import sys
from pathlib import Path
from ingestion.fetching import fetch
from ingestion.landing import land
from ingestion.registry import load_sources
from ingestion.settings import Settings
print("started", flush=True)
settings, source = Settings.from_home(Path(sys.argv[1])), load_sources()[sys.argv[2]]
(stream,) = fetch(settings, source, streams=[sys.argv[3]])
assert stream.error is None, stream.error
assert land(settings, [source]).ok
"""


class Runs:
    """Runs of one vendor's connector, each in its own process."""

    def __init__(self, vendor: Vendor, server: VendorServer) -> None:
        self.vendor = vendor
        self.environment = {**os.environ, **vendor.environment(server)}

    def start(self, home: Path) -> subprocess.Popen[bytes]:
        started = subprocess.Popen(
            [sys.executable, "-c", INGESTER, str(home), self.vendor.source, self.vendor.stream],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=self.environment,
        )
        assert started.stdout is not None
        assert started.stdout.readline() == b"started\n"
        return started

    def finish(self, home: Path) -> float:
        """A complete run: its seconds after the imports, to time kills."""
        started = self.start(home)
        began = time.monotonic()
        _, output = started.communicate()
        assert started.returncode == 0, output.decode()[-3000:]
        return time.monotonic() - began

    def rows(self, home: Path) -> list[tuple[Any, ...]]:
        """All raw rows of the stream's entities, every version, with whether it is live."""
        source = load_sources()[self.vendor.source]
        assert source.api is not None
        found = []
        with duckdb.connect(str(Settings.from_home(home).warehouse_path), read_only=True) as connection:
            for name in source.api.streams[self.vendor.stream].entities:
                entity = source.entities[name]
                columns = ", ".join(f'"{column}"' for column, spec in entity.columns.items() if spec.compared)
                live = "_superseded_at is null, _deleted_at is null"
                statement = f'select {columns}, {live} from "{source.raw_schema}"."{name}" order by all'
                found += [(name, *row) for row in connection.execute(statement).fetchall()]
        return found


@pytest.fixture(params=VENDORS if TORTURE else VENDORS[:1], ids=lambda vendor: vendor.source)
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    with request.param.server() as server:
        yield Runs(request.param, server)


def test_a_kill_at_any_moment_costs_nothing(runs: Runs, tmp_path: Path) -> None:
    undisturbed = tmp_path / "undisturbed"
    duration = runs.finish(undisturbed)
    expected = runs.rows(undisturbed)
    assert expected
    chance = random.Random(5)
    killed = 0
    for attempt in range(KILLS):
        home = tmp_path / f"killed-{attempt}"
        started = runs.start(home)
        try:
            started.wait(timeout=chance.uniform(0, duration))
        except subprocess.TimeoutExpired:
            started.send_signal(signal.SIGKILL)
            started.wait()
            killed += 1
        runs.finish(home)
        assert runs.rows(home) == expected
    assert killed
