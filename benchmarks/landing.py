"""How fast landing is, beside DuckDB's own insert of the same Parquet file: no loader can be faster than that.

Run `python -m benchmarks.landing [--rows 2000000] [--memory 4GB]`. Prints JSON: seconds and rows per second of both
for a first load of events (append), their ratio (plain seconds / our seconds; 1.0 = as fast as the bound), the peak
memory of each, an incremental load of 1 % new rows, and a run with nothing new; each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb

from ingestion.landing import land
from ingestion.settings import Settings
from ingestion.spec import SourceSpec

COLUMNS = {
    "id": {"type": "varchar", "required": True},
    "anonymous_id": "varchar",
    "user_id": "varchar",
    "event": "varchar",
    "event_text": "varchar",
    "product_id": "varchar",
    "product_name": "varchar",
    "category": "varchar",
    "price": "decimal(18,2)",
    "quantity": "bigint",
    "cart_id": "varchar",
    "context_ip": "varchar",
    "context_user_agent": "varchar",
    "context_page_url": "varchar",
    "context_campaign_source": "varchar",
    "context_campaign_medium": "varchar",
    "received_at": "timestamp",
    "timestamp": "timestamp",
}
SOURCE = SourceSpec.model_validate(
    {
        "source": "bench",
        "title": "Events for a benchmark",
        "loader": "files",
        "legal_basis": "contract",
        "entities": {"event": {"files": "event/*", "mode": "append", "key": ["id"], "columns": COLUMNS}},
    }
)
META = "'load' as _load_id, timestamp '2026-01-01' as _loaded_at, '1.parquet' as _file, 1::bigint as _row"


def write_events(path: Path, first: int, count: int) -> None:
    """Events as an analytics tool writes them: long identifiers, long user agents, a few hundred products."""
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.connect().execute(
        f"""
        copy (
            select
                md5('event' || i) as id,
                md5('visitor' || (i // 20)) as anonymous_id,
                case when i % 3 = 0 then cast(i // 60 as varchar) end as user_id,
                ['product_viewed', 'product_added', 'checkout_started', 'order_completed'][1 + i * 7919 % 4] as event,
                ['Product Viewed', 'Product Added', 'Checkout', 'Order Completed'][1 + i * 7919 % 4] as event_text,
                'sku-' || hash(i) % 500 as product_id,
                'Product number ' || hash(i) % 500 as product_name,
                ['coffee', 'tea', 'kitchen', 'garden', 'outdoor', 'office'][1 + i * 7919 % 6] as category,
                cast(hash(i) % 20000 / 100 as decimal(18, 2)) as price,
                1 + hash(i) % 3 as quantity,
                md5('cart' || (i // 25)) as cart_id,
                '10.' || i // 20 % 255 || '.' || i // 5100 % 255 || '.' || i % 255 as context_ip,
                'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/' || hash(i // 20) % 90
                    as context_user_agent,
                'https://shop.example/products/' || hash(i) % 500 || '?ref=' || i % 1000 as context_page_url,
                case when i % 5 = 0 then 'newsletter' end as context_campaign_source,
                case when i % 5 = 0 then 'email' end as context_campaign_medium,
                timestamp '2025-01-01' + to_seconds(i) as received_at,
                timestamp '2025-01-01' + to_seconds(i) - interval 2 second as timestamp
            from range({first}, {first + count}) as numbers(i)
        ) to '{path}' (format parquet, compression zstd)
        """
    )


def land_once(home: Path) -> dict[str, float]:
    """One landing run of the home, as a user would start it."""
    start = time.perf_counter()
    report = land(Settings.from_home(home), [SOURCE])
    seconds = time.perf_counter() - start
    if not report.ok:
        raise SystemExit(str(report.entities[0].error))
    return {"seconds": seconds, "rows": report.landed, **_memory()}


def insert_plainly(home: Path) -> dict[str, float]:
    """DuckDB's insert of every file, with the meta columns, and with nothing checked."""
    start = time.perf_counter()
    settings = Settings.from_home(home)
    with duckdb.connect(str(home / "plain.duckdb")) as connection:
        connection.execute(f"set memory_limit = '{settings.memory}'; set preserve_insertion_order = false")
        columns = ", ".join(COLUMNS)
        select = (
            f"select {columns}, {META}, null::json as _extra, null::timestamp as _superseded_at"
            f" from read_parquet('{settings.landing_dir}/event/*.parquet')"
        )
        connection.execute(f"create table if not exists event as {select} limit 0")
        connection.execute(f"insert into event {select}")
        [(rows,)] = connection.execute("select count(*) from event").fetchall()
    return {"seconds": time.perf_counter() - start, "rows": rows, **_memory()}


def _memory() -> dict[str, float]:
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _measure(step: str, home: Path, memory: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.landing", "--step", step, "--home", str(home)]
    environment = {**os.environ, "MERGANSER_MEMORY": memory}
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    measured: dict[str, float] = json.loads(found.stdout)
    measured["rows_per_second"] = measured["rows"] / measured["seconds"]
    return {key: round(value, 3) for key, value in measured.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--step", choices=["land", "plain"])
    parser.add_argument("--home", type=Path)
    chosen = parser.parse_args(arguments)
    if chosen.step:
        print(json.dumps((land_once if chosen.step == "land" else insert_plainly)(chosen.home)))
        return
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        write_events(home / "landing/event/1.parquet", 0, chosen.rows)
        plain = _measure("plain", home, chosen.memory)
        ours = _measure("land", home, chosen.memory)
        added = chosen.rows // 100
        write_events(home / "landing/event/2.parquet", chosen.rows, added)
        result = {
            "rows": chosen.rows,
            "memory_limit": chosen.memory,
            "ours": ours,
            "duckdb_plain_insert": plain,
            "ratio": round(plain["seconds"] / ours["seconds"], 3),
            "incremental_1_percent": _measure("land", home, chosen.memory),
            "nothing_new": _measure("land", home, chosen.memory),
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
