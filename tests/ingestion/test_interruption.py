"""Another process holds the warehouse, and processes that are killed at any time."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest

from ingestion.errors import WarehouseLockedError
from ingestion.landing import ensure_raw_tables, land
from ingestion.rebuilding import rebuild
from ingestion.settings import Settings
from tests.ingestion.landing_zone import Landing, contact, source

KILLS = 50 if os.environ.get("TORTURE") else 3
ROOMS = [300_000, 3_000_000, 100_000_000] if os.environ.get("TORTURE") else [3_000_000, 100_000_000]  # bytes of a file
KINDS = ("extracted", "landed", "quarantined", "unchanged", "deleted")
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
    click=contact(files="click/*", mode="append", version=None),  # lines of JSON, more than the engine's log holds
    price=contact(files="price/*", mode="replace", version=None),
)

REBUILDER = """
import sys
from pathlib import Path
from ingestion.rebuilding import rebuild
from ingestion.settings import Settings
from tests.ingestion.test_interruption import SOURCE
print("started", flush=True)
rebuild(Settings.from_home(Path(sys.argv[1])), SOURCE)
"""

# Simulates a full disk: no file may grow beyond so many bytes.
CRAMPED = """
import resource, signal, sys
from pathlib import Path
from ingestion.landing import land
from ingestion.settings import Settings
from tests.ingestion.test_interruption import SOURCE
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
report = land(Settings.from_home(Path(sys.argv[1])), [SOURCE])
print(*(entity.error for entity in report.entities if entity.error), sep=" ")
sys.exit(0 if report.ok else 1)
"""


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
        f"{i % 4000},{'x' * 60}{i},1.5,{'bad' if i % 500 == 0 else i},2026-01-{1 + i % 28:02d}" for i in range(12_000)
    ]
    for number in range(3):
        zone.write(f"contact/{number}.csv", header + "\n".join(lines[number::3]) + "\n")
    zone.write_parquet(
        "event/1.parquet",
        "select md5(i::varchar) as id, repeat('y', 80) || i as email, i as visits from range(150000) as numbers(i)",
    )
    zone.write("click/1.ndjson", _clicks())
    zone.write_payloads("price/1.1.a.parquet", [[{"id": str(i), "visits": i} for i in range(3000)]])
    zone.write_payloads("price/2.1.a.parquet", [[{"id": str(i), "visits": i // 2 * 2} for i in range(3000) if i % 5]])
    return settings


@cache
def _clicks() -> str:
    """17 MB of lines that do not compress well."""
    noise = random.Random(5)
    lines = ({"id": str(i), "email": noise.randbytes(2000).hex(), "visits": i} for i in range(4_200))
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def _content(settings: Settings) -> list[object]:
    zone = Landing(settings)
    return [
        zone.rows(f"select {columns} from {table} {'group by entity ' * ('sum(e' in columns)}order by all")
        for table, columns in (
            ("raw_crm.contact", "* exclude (_load_id, _loaded_at, _superseded_at), _superseded_at is null"),
            ("raw_crm.event", "count(*), sum(hash(id, email, visits)), count(_superseded_at)"),
            ("raw_crm.click", "count(*), sum(hash(id, email, visits, _row)), count(_superseded_at)"),
            ("raw_crm.price", "id, visits, _file, _row, _superseded_at is null, _deleted_at is null"),
            ("raw_quarantine.records", "entity, file_name, row_number, field, rule, record"),
            ("raw_ops.files", "entity, file_name"),
            (
                "(from raw_ops.loads where extracted_count > 0)",
                f"entity, {', '.join(f'sum({kind}_count)' for kind in KINDS)}",
            ),
        )
    ]


def _kill(code: str, home: Path, after: float) -> bool:
    """Runs code in its own process and kills it after so many seconds; returns whether it was still alive."""
    process = subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def test_a_kill_at_any_moment_leaves_nothing_half_done(tmp_path: Path) -> None:
    undisturbed = _write_files(tmp_path / "undisturbed")
    start = time.monotonic()
    assert land(undisturbed, [SOURCE]).ok
    duration = time.monotonic() - start
    expected = _content(undisturbed)
    chance = random.Random(11)
    killed = 0
    for attempt in range(KILLS):
        settings = _write_files(tmp_path / f"killed-{attempt}")
        killed += _kill(LANDER, settings.home, chance.uniform(0, duration))
        assert land(settings, [SOURCE]).ok
        assert _content(settings) == expected
        shutil.rmtree(settings.home)
    assert killed


def test_a_rebuild_that_is_killed_changes_nothing(tmp_path: Path) -> None:
    settings = _write_files(tmp_path / "home")
    assert land(settings, [SOURCE]).ok
    expected = _content(settings)
    start = time.monotonic()
    rebuild(settings, SOURCE)
    duration = time.monotonic() - start
    assert _content(settings) == expected
    chance = random.Random(12)
    killed = [_kill(REBUILDER, settings.home, chance.uniform(0, duration)) for _ in range(KILLS)]
    assert any(killed)
    assert _content(settings) == expected
    assert land(settings, [SOURCE]).extracted == 0


@pytest.mark.parametrize("room", ROOMS)
def test_a_full_disk_leaves_nothing_half_done(tmp_path: Path, room: int) -> None:
    settings = _write_files(tmp_path / "home")
    cramped = subprocess.run(
        [sys.executable, "-c", CRAMPED, str(settings.home), str(room)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (cramped.returncode == 0) == (room == ROOMS[-1]), cramped.stderr
    assert cramped.returncode == 0 or "is the disk full?" in cramped.stdout
    assert land(settings, [SOURCE]).ok
    free = _write_files(tmp_path / "free")
    assert land(free, [SOURCE]).ok
    assert _content(settings) == _content(free)
