"""Creates a demo world in an in-memory DuckDB and writes it: raw files by window of arrival, and truth tables.

Add here when writing changes (formats, windows, the report). Keep out: the content of the world (config.py and SQL).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import TracebackType

import duckdb

from ingestion.synthetic.config import WorldConfig

Progress = Callable[[str, int, int], None]

_HERE = Path(__file__).parent
_WRITERS = {
    "parquet": "format parquet, compression zstd, compression_level 1",
    "csv": "format csv, header true",
    "csv.gz": "format csv, header true, compression gzip",
    "ndjson": "format json",
}
_DEFAULT_FORMAT = "parquet"
_FORMATS = {
    "consent_banner": "ndjson",
    "google_ads": "csv",
    "meta_ads": "csv",
    "partner": "csv",
    "third_party": "csv.gz",
    "zendesk": "csv",
}
_LARGEST_MEMORY = 6 * 2**30


@dataclass(frozen=True)
class WrittenFile:
    """A raw file of the world: its path and its number of records."""

    source: str
    entity: str
    path: Path
    rows: int


@dataclass(frozen=True)
class WorldReport:
    """The written files (none for an entity without a record in the window), and rows by truth table."""

    files: tuple[WrittenFile, ...]
    truth: dict[str, int]

    @property
    def row_counts(self) -> dict[str, int]:
        """Records by `source.entity`."""
        return {f"{file.source}.{file.entity}": file.rows for file in self.files}

    @property
    def event_count(self) -> int:
        """Web events: calls of identify, track and page."""
        return sum(file.rows for file in self.files if file.source == "segment")


class World:
    """A world that is created once and can be written in several windows. Use it as a context manager."""

    def __init__(
        self,
        config: WorldConfig,
        *,
        threads: int | None = None,
        spill_dir: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Creates the world.

        threads: by default DuckDB's choice; the bytes do not depend on it. spill_dir: the directory for what does not
        fit in memory, by default the system's temporary directory. progress: a callback that receives (step, done,
        total), to create the world, write it once, and write its truth.
        """
        self.config = config
        self._progress = progress or _silent
        self._steps = (0, sum(len(_scripts(folder)) for folder in ("model", "shapes", "truth")))
        if spill_dir is not None:
            spill_dir.mkdir(parents=True, exist_ok=True)
        self._spill = tempfile.TemporaryDirectory(prefix="world-", dir=spill_dir)
        self._connection = duckdb.connect(":memory:", config={"memory_limit": f"{_memory_limit() >> 20}MiB"})
        self._connection.execute("set enable_progress_bar = false")
        try:
            self._connection.execute("set temp_directory = $place", {"place": self._spill.name})
            if threads is not None:
                self._connection.execute("set threads = $threads", {"threads": threads})
            self._connection.execute("set timezone = 'UTC'")
            # A large world fits in memory only when it is compressed, which DuckDB does at a checkpoint.
            self._connection.execute("attach ':memory:' as world (compress)")
            self._connection.execute("use world")
            self._make()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> World:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees the memory and the temporary files."""
        self._connection.close()
        self._spill.cleanup()

    def write_raw(
        self, landing_dir: Path, *, since: date | None = None, through: date | None = None
    ) -> tuple[WrittenFile, ...]:
        """Writes landing_dir/<source>/<entity>/<since>_<through>.<suffix>: the records of those days, both included.

        By default from the first day of the world to the last. Raises ValueError if since is after through.
        """
        first, last = self._window(since, through)
        self._set("window_start", datetime.combine(first, time()))
        self._set("window_end", min(datetime.combine(last + timedelta(days=1), time()), self.config.until))
        written = []
        for shape in _scripts("shapes"):
            source, entity = shape.stem.split("__", 1)
            suffix = _FORMATS.get(source, _DEFAULT_FORMAT)
            path = landing_dir / source / entity / f"{first.isoformat()}_{last.isoformat()}.{suffix}"
            rows = self._copy(self._window_query(shape.read_text(encoding="utf-8")), path, suffix)
            if rows:
                written.append(WrittenFile(source, entity, path, rows))
            else:
                path.unlink()
            self._step(f"{source}.{entity}")
        return tuple(written)

    def write_truth(self, truth_dir: Path) -> dict[str, int]:
        """Writes truth_dir/<table>.parquet for the whole world; returns rows by table."""
        rows = {}
        for query in _scripts("truth"):
            path = truth_dir / f"{query.stem}.parquet"
            rows[query.stem] = self._copy(query.read_text(encoding="utf-8"), path, "parquet")
            self._step(f"truth: {query.stem}")
        return rows

    def _make(self) -> None:
        config = self.config
        variables = {
            **config.mess.rates(),
            "seed": config.seed,
            "customers": config.customers,
            "visitors": config.customers // 2,
            "companies": max(5, config.customers // 25),
            "bot_count": max(1, round(config.customers * config.mess.bots)) if config.mess.bots else 0,
            "world_start": config.starts_at,
            "world_end": config.until,
            "world_seconds": (config.until - config.starts_at).total_seconds(),
        }
        for name, value in variables.items():
            self._set(name, value)
        for script in _scripts("model"):
            self._connection.execute(script.read_text(encoding="utf-8"))
            self._connection.execute("force checkpoint world")
            self._step(f"world: {script.stem.split('_', 1)[1].replace('_', ' ')}")

    def _step(self, what: str) -> None:
        done, total = self._steps
        self._steps = (done + 1, max(total, done + 1))
        self._progress(what, *self._steps)

    def _window(self, since: date | None, through: date | None) -> tuple[date, date]:
        first = since or self.config.starts_at.date()
        last = through or (self.config.until - timedelta(microseconds=1)).date()
        if first > last:
            raise ValueError(f"the window starts on {first} and ends on {last}, before it; give since <= through.")
        return first, last

    def _window_query(self, shape: str) -> str:
        """A query of the records of a shape that arrived in the window, in the order of arrival."""
        columns = {row[0] for row in self._connection.execute(f"describe {shape}").fetchall()}
        extra, order = (
            ("_arrived_at, _order", " order by _arrived_at, _order") if "_order" in columns else ("_arrived_at", "")
        )
        return (
            f"select * exclude ({extra}) from ({shape}) as shape"
            " where _arrived_at >= getvariable('window_start') and _arrived_at < getvariable('window_end')"
            f"{order}"
        )

    def _set(self, name: str, value: object) -> None:
        self._connection.execute(f"set variable {name} = $value", {"value": value})

    def _copy(self, query: str, path: Path, suffix: str) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = str(path).replace("'", "''")
        row = self._connection.execute(f"copy ({query}) to '{target}' ({_WRITERS[suffix]})").fetchone()
        return int(row[0]) if row else 0


def write_world(
    config: WorldConfig,
    landing_dir: Path,
    truth_dir: Path,
    *,
    since: date | None = None,
    through: date | None = None,
    progress: Progress | None = None,
    threads: int | None = None,
) -> WorldReport:
    """Creates a world and writes raw files to landing_dir and truth to truth_dir.

    since and through limit the day of arrival, both included; consecutive windows together have the records of one
    complete write. Truth is always that of the whole world. Equal configs give equal bytes. Raises ValueError if since
    is after through. To write many windows, create one World and call write_raw.
    """
    with World(config, threads=threads, progress=progress) as world:
        files = world.write_raw(landing_dir, since=since, through=through)
        return WorldReport(files=files, truth=world.write_truth(truth_dir))


def _scripts(folder: str) -> list[Path]:
    """The SQL files of model, shapes or truth, sorted by name."""
    return sorted((_HERE / folder).glob("*.sql"))


def _memory_limit() -> int:
    """Three fifths of the machine's memory, at most six GiB; DuckDB spills the rest to disk."""
    return min(_LARGEST_MEMORY, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 5)


def _silent(what: str, done: int, total: int) -> None:
    """Ignores progress."""
