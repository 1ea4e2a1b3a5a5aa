"""The main job at 100,000 customers: seconds and memory per stage, against the bound, and the cost of a run that has
little or nothing to do.

The bound is the work that every pipeline on DuckDB must do: scan every raw table once, and write tables of the marts'
size. Add here: another figure about the whole run. Keep out: the benchmark of one package.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.measuring import Measured, measured_cli, run, timed
from ingestion.synthetic import WorldConfig

CUSTOMERS = 100_000
SMALL = 5_000
STAGES = (("ingest", "--all"), ("build",), ("check",), ("publish",), ("export", "deliver", "--all"))
SEGMENT = "benchmark"
CHECK_FAILED = 3
# The last weeks of a world have events planted for its segments, so their rows differ from all others, and gates hold
# them. The benchmark stops before, on days with a campaign: events without any are held, too.
UNUSUAL_DAYS = 30


def measure(scale: float = 1.0) -> dict[str, Any]:
    """Figures for `scale` times 100,000 customers: seconds, MB and ratios."""
    with tempfile.TemporaryDirectory(prefix="merganser-bench-") as directory:
        return {
            **_large(Path(directory) / "large", max(100, int(CUSTOMERS * scale))),
            "small": _small(Path(directory) / "small", max(100, int(SMALL * scale))),
        }


def _large(home: Path, customers: int) -> dict[str, Any]:
    """A full run, the same again with nothing new, an edited segment, and a run over the next hundredth of the days."""
    world = WorldConfig(customers=customers)
    days = world.history_days - UNUSUAL_DAYS
    last_days = max(1, days // 100)
    cut = (world.until - timedelta(days=UNUSUAL_DAYS)).date()
    end = cut + timedelta(days=last_days)
    home.mkdir()
    environment = {
        "MERGANSER_HOME": str(home),
        "MERGANSER_AS_OF": f"{cut + timedelta(days=1)}T00:00:00",
        "MERGANSER_CUSTOM": str(home / "custom"),
    }
    (home / "custom").mkdir()
    written = _write(world, home, f"through=date({cut.year}, {cut.month}, {cut.day})")
    measured_cli(["new", "segment", SEGMENT, "--json"], environment)
    full = _stages(environment)
    events, raw_rows = _sizes(home)
    bound = float(run([sys.executable, "-m", "benchmarks.full_run", str(home)]).output)
    nothing = _stages(environment)
    edited = _edit_segment(home, environment)
    measured_cli(["build", "--json"], environment)  # so that the increment does not pay for the edit
    since = cut + timedelta(days=1)
    window = f"since=date({since.year}, {since.month}, {since.day}), through=date({end.year}, {end.month}, {end.day})"
    _write(world, home, window)
    increment = _stages({**environment, "MERGANSER_AS_OF": f"{end + timedelta(days=1)}T00:00:00"})
    _, raw_rows_after = _sizes(home)
    return {
        "customers": customers,
        "web_events": events,
        "raw_rows": raw_rows,
        "write_world_seconds": written,
        "full": _summary(full),
        "bound_seconds": bound,
        "ratio_to_bound": round(_seconds(full) / bound, 1),
        "build_ratio_to_bound": round(full["build"].seconds / bound, 1),
        "nothing_new": _summary(nothing, full),
        "nothing_new_build_share": round(nothing["build"].seconds / full["build"].seconds, 3),
        "edited_segment_seconds": edited,
        "increment": {
            "new_rows_share": round((raw_rows_after - raw_rows) / raw_rows, 4),
            **_summary(increment, full),
        },
    }


def _small(home: Path, customers: int) -> dict[str, Any]:
    """The whole demo, and `merganser run` with nothing new, against the start of dbt alone."""
    environment = {"MERGANSER_HOME": str(home), "MERGANSER_AS_OF": ""}
    demo = measured_cli(["demo", "--customers", str(customers), "--json"], environment)
    again = measured_cli(["run", "--json"], environment)
    with tempfile.TemporaryDirectory(prefix="merganser-bench-") as empty:
        program = "from runtime.building import parse; from runtime.home import open_home; parse(open_home())"
        started = run([sys.executable, "-c", program], {"MERGANSER_HOME": empty})
    return {
        "customers": customers,
        "demo_seconds": demo.seconds,
        "nothing_new_seconds": again.seconds,
        "nothing_new_share": round(again.seconds / demo.seconds, 3),
        "dbt_start_seconds": started.seconds,
        "demo_ratio_to_dbt_start": round(demo.seconds / started.seconds, 1),
    }


def _edit_segment(home: Path, environment: Mapping[str, str]) -> float:
    """Seconds of `merganser build seg_x` after an edit of its SQL."""
    model = next((home / "custom").rglob(f"seg_{SEGMENT}.sql"))
    model.write_text(model.read_text() + "-- edited\n")
    return measured_cli(["build", f"seg_{SEGMENT}", "--json"], environment).seconds


def _write(world: WorldConfig, home: Path, window: str) -> float:
    """Writes a window of the world in its own process: a child's peak memory starts with that of its parent."""
    program = (
        "from datetime import date\nfrom pathlib import Path\n"
        "from ingestion.synthetic import WorldConfig, write_world\n"
        f"home = Path({str(home)!r})\n"
        f"write_world(WorldConfig(customers={world.customers}), home / 'landing', home / 'truth', {window})"
    )
    return run([sys.executable, "-c", program]).seconds


def _stages(environment: Mapping[str, str]) -> dict[str, Measured]:
    """Measures each stage. The publication overrides gates that trip: five days of a made-up business at once may."""
    figures, overrides = {}, []
    for stage in STAGES:
        more = overrides if stage[0] == "publish" else []
        accepted = (0, CHECK_FAILED) if stage[0] == "check" else (0,)
        figures[stage[0]] = measured_cli([*stage, *more, "--json"], environment, accepted)
        result = json.loads(figures[stage[0]].output)
        if stage[0] == "check" and not result["passed"]:
            tripped = [f"{one['table']}.{one['rule']}" for one in result["results"] if not one["passed"]]
            overrides = [word for rule in tripped for word in ("--override", rule)] + ["--reason", "benchmark"]
    return figures


def _seconds(stages: Mapping[str, Measured]) -> float:
    return round(sum(stage.seconds for stage in stages.values()), 2)


def _summary(stages: Mapping[str, Measured], full: Mapping[str, Measured] | None = None) -> dict[str, Any]:
    """Seconds, processor seconds and MB by stage, and the share of the full run."""
    return {
        "stages": {
            name: {
                "seconds": stage.seconds,
                "processor_seconds": stage.processor_seconds,
                "peak_mb": stage.peak_mb,
            }
            for name, stage in stages.items()
        },
        "seconds": _seconds(stages),
        "processor_seconds": round(sum(stage.processor_seconds for stage in stages.values()), 2),
        "peak_mb": max(stage.peak_mb for stage in stages.values()),
        **({"share_of_full": round(_seconds(stages) / _seconds(full), 3)} if full else {}),
    }


def _sizes(home: Path) -> tuple[int, int]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        raw = connection.execute("select sum(landed_count) from raw_ops.loads").fetchall()[0][0]
        events = connection.execute("select count(*) from marts.fct_events").fetchall()[0][0]
    return int(events), int(raw)


def _bound(home: Path) -> None:
    """Scans and writes. Runs in its own process: a child's peak memory starts with that of its parent."""
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
    print(timed(lambda: _bound(Path(sys.argv[1])))[0])
