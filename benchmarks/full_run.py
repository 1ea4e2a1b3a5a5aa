"""The main job at 100,000 customers: seconds and memory per stage, the ratio to the bound, a re-run over 1 % new data.

The bound is the work that every pipeline on DuckDB must do: scan every raw table once, and write tables of the marts'
size. Add here: another figure about the whole run. Keep out: the benchmark of one package.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.measuring import measured_cli, run, show, timed
from ingestion.synthetic import WorldConfig

CUSTOMERS = 100_000
STAGES = (("ingest", "--all"), ("build",), ("check",), ("publish",), ("export", "deliver", "--all"))


def measure(scale: float = 1.0) -> dict[str, Any]:
    """Full run, bound and increment for `scale` times 100,000 customers; seconds, MB and ratios."""
    world = WorldConfig(customers=max(100, int(CUSTOMERS * scale)))
    # The last hundredth of the days has about a hundredth of the rows; the result contains the exact share.
    last_days = max(1, world.history_days // 100)
    cut = (world.until - timedelta(days=last_days)).date()
    with tempfile.TemporaryDirectory(prefix="merganser-bench-") as directory:
        home = Path(directory)
        environment = {"MERGANSER_HOME": directory, "MERGANSER_AS_OF": f"{world.until:%Y-%m-%dT%H:%M:%S}"}
        written = _write(world, home, f"through=date({cut.year}, {cut.month}, {cut.day})")
        full = _stages(environment)
        events, raw_rows = _sizes(home)
        bound, _ = timed(lambda: _bound(home))
        after = cut + timedelta(days=1)
        _write(world, home, f"since=date({after.year}, {after.month}, {after.day})")
        increment = _stages(environment)
        _, raw_rows_after = _sizes(home)
    total = sum(stage["seconds"] for stage in full.values())
    total_increment = sum(stage["seconds"] for stage in increment.values())
    return {
        "customers": world.customers,
        "web_events": events,
        "raw_rows": raw_rows,
        "write_world_seconds": written,
        "full": {"stages": full, "seconds": round(total, 2), "peak_mb": max(s["peak_mb"] for s in full.values())},
        "bound_seconds": bound,
        "ratio_to_bound": round(total / bound, 1),
        "build_ratio_to_bound": round(full["build"]["seconds"] / bound, 1),
        "increment": {
            "new_rows_share": round((raw_rows_after - raw_rows) / raw_rows, 4),
            "stages": increment,
            "seconds": round(total_increment, 2),
            "share_of_full": round(total_increment / total, 3),
        },
    }


def _write(world: WorldConfig, home: Path, window: str) -> float:
    """Writes a window of the world in its own process: a child's peak memory starts with that of its parent."""
    program = (
        "from datetime import date\nfrom pathlib import Path\n"
        "from ingestion.synthetic import WorldConfig, write_world\n"
        f"home = Path({str(home)!r})\n"
        f"write_world(WorldConfig(customers={world.customers}), home / 'landing', home / 'truth', {window})"
    )
    return run([sys.executable, "-c", program]).seconds


def _stages(environment: dict[str, str]) -> dict[str, dict[str, float]]:
    figures = {}
    for stage in STAGES:
        done = measured_cli([*stage, "--json"], environment)
        json.loads(done.output)
        figures[stage[0]] = {"seconds": done.seconds, "peak_mb": done.peak_mb}
    return figures


def _sizes(home: Path) -> tuple[int, int]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        raw = connection.execute("select sum(landed_count) from raw_ops.loads").fetchall()[0][0]
        events = connection.execute("select count(*) from marts.fct_events").fetchall()[0][0]
    return int(events), int(raw)


def _bound(home: Path) -> None:
    with duckdb.connect(str(home / "bound.duckdb"), config={"memory_limit": "8GB"}) as connection:
        connection.execute("set preserve_insertion_order = false")
        connection.execute(f"attach '{home / 'warehouse.duckdb'}' as warehouse (read_only)")
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_catalog = 'warehouse' and (table_schema like 'raw\\_%' escape '\\' or table_schema = 'marts')"
        ).fetchall()
        for schema, table in tables:
            if schema == "marts":
                connection.execute(f'create table "{table}" as select * from warehouse.marts."{table}"')
            else:
                # Reads every column of every row and stores nothing.
                connection.execute(
                    f'select max(hash(scanned)) from warehouse."{schema}"."{table}" as scanned'
                ).fetchall()


if __name__ == "__main__":
    show(measure())
