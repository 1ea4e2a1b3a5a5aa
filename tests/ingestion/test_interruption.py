"""Another process in the way, and a process that is killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingestion.errors import WarehouseLockedError
from ingestion.landing import ensure_raw_tables, land
from ingestion.settings import Settings
from tests.ingestion.landing_zone import Landing, contact, source

KILLS = 100 if os.environ.get("TORTURE") else 4
ROOT = Path(__file__).parents[2]

HOLDER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""

LANDER = """
import sys
from pathlib import Path
from ingestion.landing import land
from ingestion.settings import Settings
from tests.ingestion.test_interruption import SOURCE
print("started", flush=True)
land(Settings.from_home(Path(sys.argv[1])), [SOURCE])
"""

SOURCE = source(
    contact=contact(files="contact/*"),
    event=contact(files="event/*", mode="append", version=None),
)


def test_a_warehouse_that_another_process_holds_is_told(landing: Landing) -> None:
    ensure_raw_tables(landing.settings, [landing.source])
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(landing.settings.warehouse_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(WarehouseLockedError) as error:
            landing.land()
        for word in (str(landing.settings.warehouse_path), f"process {holder.pid}", "Wait until it ends"):
            assert word in str(error.value)
    finally:
        holder.communicate(b"\n")
    assert landing.land().ok


def _write_files(home: Path) -> Settings:
    settings = Settings.from_home(home)
    zone = Landing(settings)
    header = "id,email,amount,visits,updated_at\n"
    lines = [
        f"{i % 9000},{'x' * 60}{i},1.5,{'bad' if i % 500 == 0 else i},2026-01-{1 + i % 28:02d}" for i in range(30_000)
    ]
    for number in range(3):
        zone.write(f"contact/{number}.csv", header + "\n".join(lines[number::3]) + "\n")
    zone.write_parquet(
        "event/1.parquet",
        "select md5(i::varchar) as id, repeat('y', 80) || i as email, i as visits from range(300000) as numbers(i)",
    )
    return settings


def _content(settings: Settings) -> list[object]:
    zone = Landing(settings)
    return [
        zone.rows(f"select {columns} from {table} order by all")
        for table, columns in (
            ("raw_crm.contact", "* exclude (_load_id, _loaded_at, _superseded_at), _superseded_at is null"),
            ("raw_crm.event", "count(*), sum(hash(id, email, visits)), count(_superseded_at)"),
            ("raw_quarantine.records", "entity, file_name, row_number, field, rule, record"),
            ("raw_ops.files", "entity, file_name"),
            ("raw_ops.loads", "entity, extracted_count, landed_count, quarantined_count, unchanged_count"),
        )
    ]


def test_a_kill_at_any_moment_leaves_nothing_half_done(tmp_path: Path) -> None:
    undisturbed = _write_files(tmp_path / "undisturbed")
    start = time.monotonic()
    report = land(undisturbed, [SOURCE])
    duration = time.monotonic() - start
    assert report.ok
    expected = _content(undisturbed)
    chance = random.Random(11)
    killed = 0
    for attempt in range(KILLS):
        settings = _write_files(tmp_path / f"killed-{attempt}")
        lander = subprocess.Popen(
            [sys.executable, "-c", LANDER, str(settings.home)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert lander.stdout is not None
        assert lander.stdout.readline() == b"started\n"
        try:
            lander.wait(timeout=chance.uniform(0, duration))
        except subprocess.TimeoutExpired:
            lander.send_signal(signal.SIGKILL)
            lander.wait()
            killed += 1
        assert land(settings, [SOURCE]).ok
        loads = expected[-1]
        found = _content(settings)
        assert found[:-1] == expected[:-1]
        # A load that was done before the kill is followed by one that found nothing new.
        assert [load for load in found[-1] if load[1]] == loads  # type: ignore[attr-defined]
    assert killed or not KILLS
