"""How long a demo world takes, beside copying its files with DuckDB: no generator is faster than writing what it made.

Run `python -m benchmarks synthetic --scale 0.1`: full size is a million customers, for which the aim is at least ten
million events in under 300 seconds and 8 GB on 2 cores. `python -m benchmarks.synthetic --customers N` does one size.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.measuring import run, show, timed
from ingestion.synthetic import World, WorldConfig

FULL_SIZE = 1_000_000
THREADS = 2
_READERS = {".parquet": "read_parquet", ".csv": "read_csv", ".gz": "read_csv", ".ndjson": "read_json"}
_WRITERS = {
    ".parquet": "format parquet, compression zstd, compression_level 1",
    ".csv": "format csv",
    ".gz": "format csv, compression gzip",
    ".ndjson": "format json",
}


def measure(scale: float) -> dict[str, Any]:
    """A world of `scale` million customers (at least 100), made in a process of its own, and the copy of its files."""
    return measure_customers(max(100, round(FULL_SIZE * scale)))


def measure_customers(customers: int) -> dict[str, Any]:
    """Seconds (wall, by stage; of processor time) and peak memory of one world, its size, and the copy's seconds."""
    with tempfile.TemporaryDirectory(prefix="synthetic-") as place:
        load = os.getloadavg()[0]
        made = run([sys.executable, "-m", "benchmarks.synthetic", "--make", place, "--customers", str(customers)])
        copy_seconds, _ = timed(lambda: copy_files(Path(place) / "landing", Path(place) / "copy"))
    world = json.loads(made.output)
    return {
        "customers": customers,
        **world,
        "peak_mb": made.peak_mb,
        "copy_seconds": copy_seconds,
        "times_the_copy": round(world["seconds"]["total"] / max(copy_seconds, 0.01), 2),
        "load_average_before": round(load, 2),
    }


def make_world(customers: int, place: Path) -> dict[str, Any]:
    """Makes and writes the world below `place`, on two threads."""
    processor_began = time.process_time()
    began = time.monotonic()
    with World(WorldConfig(customers=customers), threads=THREADS, spill_dir=place) as world:
        make_seconds = round(time.monotonic() - began, 2)
        raw_seconds, files = timed(lambda: world.write_raw(place / "landing"))
        truth_seconds, truth = timed(lambda: world.write_truth(place / "truth"))
    return {
        "threads": THREADS,
        "events": sum(file.rows for file in files if file.source == "segment"),
        "raw_rows": sum(file.rows for file in files),
        "truth_rows": sum(truth.values()),
        "raw_mb": round(sum(file.path.stat().st_size for file in files) / 2**20, 1),
        "seconds": {
            "make": make_seconds,
            "write_raw": raw_seconds,
            "write_truth": truth_seconds,
            "total": round(time.monotonic() - began, 2),
            "processor": round(time.process_time() - processor_began, 2),
        },
    }


def copy_files(landing: Path, copy: Path) -> None:
    """Reads every raw file and writes it again in the same format, in the order it has."""
    with duckdb.connect(":memory:", config={"threads": str(THREADS), "memory_limit": "4GB"}) as connection:
        for path in sorted(landing.rglob("*.*")):
            target = copy / path.relative_to(landing)
            target.parent.mkdir(parents=True, exist_ok=True)
            source = f"{_READERS[path.suffix]}('{path}')"
            connection.execute(f"copy (from {source}) to '{target}' ({_WRITERS[path.suffix]})")


def main() -> None:
    """Reads the arguments, measures one size and prints JSON; with --make, is the process that is measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthetic", description="Measure, and print JSON.")
    parser.add_argument("--customers", type=int, default=FULL_SIZE)
    parser.add_argument("--make", type=Path, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make is None:
        show({"synthetic": measure_customers(arguments.customers)})
        return
    print(json.dumps(make_world(arguments.customers, arguments.make)))
    print(f"peak_kb={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}", file=sys.stderr)


if __name__ == "__main__":
    main()
