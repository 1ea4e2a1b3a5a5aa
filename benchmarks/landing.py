"""The speed of landing, compared with DuckDB's own insert of the same file (the bound) and with dlt.

Run `python -m benchmarks.landing [--rows 10000000] [--dlt-rows 200000] [--memory 4GB] [--format parquet]`. Prints JSON,
for Parquet and for NDJSON: seconds and rows per second of each for a first load of events (append), our ratio (plain
seconds / our seconds; 1.0 = as fast as the bound), the share of processor time that the gates take, the peak memory, an
incremental load of 1 % new rows, its share of the full load less what starting up costs, and a run with nothing new;
each in a process of its own. dlt reads fewer rows, because its rate does not depend on their number.
`incremental_share_of_plain_insert` is the share of our full load that DuckDB's own insert of the 1 % takes; the rest is
the lookup of every new key in all landed rows.
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb

from ingestion.holding import Gatekeeper
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
    form = "format parquet, compression zstd" if path.suffix == ".parquet" else "format json"
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
        ) to '{path}' ({form})
        """
    )


def land_once(home: Path) -> dict[str, float]:
    """One landing run of the home."""
    start, began = time.perf_counter(), time.process_time()
    with _timed_gates() as gates:
        report = land(Settings.from_home(home), [SOURCE])
    seconds, worked = time.perf_counter() - start, time.process_time() - began
    if not report.ok:
        raise SystemExit(str(report.entities[0].error))
    return {"seconds": seconds, "rows": report.landed, "gates_share": sum(gates) / worked, **_memory()}


@contextmanager
def _timed_gates() -> Iterator[list[float]]:
    """The seconds of processor time of each check by the gates."""
    examine, seconds = Gatekeeper.examine, list[float]()

    def timed(*arguments: Any, **options: Any) -> Any:
        began = time.process_time()
        try:
            return examine(*arguments, **options)
        finally:
            seconds.append(time.process_time() - began)

    with mock.patch.object(Gatekeeper, "examine", timed):
        yield seconds


def insert_plainly(home: Path, files: str = "*") -> dict[str, float]:
    """DuckDB's insert of the files, with the meta columns and without checks."""
    start = time.perf_counter()
    settings = Settings.from_home(home)
    with duckdb.connect(str(home / "plain.duckdb")) as connection:
        connection.execute(f"set memory_limit = '{settings.memory}'; set preserve_insertion_order = false")
        columns = ", ".join(COLUMNS)
        types = {name: kind if isinstance(kind, str) else kind["type"] for name, kind in COLUMNS.items()}
        path = f"'{settings.landing_dir}/event/{files}'"
        source = f"read_parquet({path})" if _form(home) == "parquet" else f"read_json({path}, columns={types})"
        meta = "null::json as _extra, null::json as _payload, null::timestamp as _superseded_at"
        select = f"select {columns}, {META}, {meta}, null::timestamp as _deleted_at from {source}"
        connection.execute(f"create table if not exists event as {select} limit 0")
        [(rows,)] = connection.execute(f"insert into event {select}").fetchall()
    return {"seconds": time.perf_counter() - start, "rows": rows, **_memory()}


def load_with_dlt(home: Path) -> dict[str, float]:
    """dlt's plain path: records as Python objects, normalised and loaded into DuckDB."""
    import dlt  # slow to import, and its memory is its own

    def events() -> Iterator[list[dict[str, Any]]]:
        path = next((home / "landing/event").iterdir())
        reader = duckdb.connect().execute(f"from '{path}'")
        while rows := reader.fetchmany(10_000):
            yield [dict(zip(COLUMNS, row, strict=False)) for row in rows]

    start = time.perf_counter()
    destination = dlt.destinations.duckdb(str(home / "dlt.duckdb"))
    pipeline = dlt.pipeline("bench", pipelines_dir=str(home / "dlt"), destination=destination, dataset_name="raw")
    pipeline.run(dlt.resource(events, name="event"))
    seconds = time.perf_counter() - start
    with duckdb.connect(str(home / "dlt.duckdb")) as connection:
        [(rows,)] = connection.execute("select count(*) from raw.event").fetchall()
    return {"seconds": seconds, "rows": rows, **_memory()}


def _form(home: Path) -> str:
    return next((home / "landing/event").iterdir()).suffix.lstrip(".")


def _memory() -> dict[str, float]:
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _measure(step: str, home: Path, memory: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.landing", "--step", step, "--home", str(home)]
    environment = {**os.environ, "MERGANSER_MEMORY": memory}
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    measured: dict[str, float] = json.loads(found.stdout)
    measured["rows_per_second"] = measured["rows"] / measured["seconds"]
    return {key: round(value, 3) for key, value in measured.items()}


def measure(form: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """All measures of one format."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        write_events(home / f"landing/event/1.{form}", 0, chosen.rows)
        plain = _measure("plain", home, chosen.memory)
        ours = _measure("land", home, chosen.memory)
        nothing_new = _measure("land", home, chosen.memory)
        added = chosen.rows // 100
        write_events(home / f"landing/event/2.{form}", chosen.rows, added)
        more = _measure("land", home, chosen.memory)
        more_plain = _measure("plain_more", home, chosen.memory)
        small = Path(directory) / "small"
        write_events(small / f"landing/event/1.{form}", 0, chosen.dlt_rows)
        return {
            "ours": ours,
            "duckdb_plain_insert": plain,
            "dlt_plain": _measure("dlt", small, chosen.memory),
            "ratio": round(plain["seconds"] / ours["seconds"], 3),
            "incremental_1_percent": more,
            "incremental_share": round((more["seconds"] - nothing_new["seconds"]) / ours["seconds"], 4),
            "incremental_share_of_plain_insert": round(more_plain["seconds"] / ours["seconds"], 4),
            "nothing_new": nothing_new,
        }


STEPS = {
    "land": land_once,
    "plain": insert_plainly,
    "plain_more": lambda home: insert_plainly(home, "2.*"),
    "dlt": load_with_dlt,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--dlt-rows", type=int, default=200_000)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--format", choices=["parquet", "ndjson"])
    parser.add_argument("--step", choices=list(STEPS))
    parser.add_argument("--home", type=Path)
    chosen = parser.parse_args(arguments)
    if chosen.step:
        print(json.dumps(STEPS[chosen.step](chosen.home)))
        return
    forms = [chosen.format] if chosen.format else ["parquet", "ndjson"]
    result = {"rows": chosen.rows, "memory_limit": chosen.memory}
    print(json.dumps(result | {form: measure(form, chosen) for form in forms}, indent=2))


if __name__ == "__main__":
    main()
