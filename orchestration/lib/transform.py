"""Runs dbt in this process for one home, tells progress node by node, and records what the build did.

Add here: how dbt is called and what its results amount to. Keep out: what a model means (dbt_project/), when it runs.
"""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from orchestration.lib.errors import CorridorError, WrongUseError
from orchestration.lib.home import PROJECT_ROOT, Home
from orchestration.lib.progress import Progress, silent
from orchestration.lib.redaction import without_values
from orchestration.lib.warehouse import opening_error, probe

_GOOD = {"success", "pass", "warn", "no-op", "partial success"}
_LONGEST_MESSAGE = 2000  # characters of a database's message that are kept; the rest stands in dbt's log


@dataclass(frozen=True)
class NodeFailure:
    """A dbt node that failed: its name (`dim_customers`, or a test's), its kind, its file and dbt's message."""

    name: str
    kind: str
    path: str
    message: str


@dataclass(frozen=True)
class BuildReport:
    """What one build did.

    `counts`: nodes by kind and outcome, `{"model": {"success": 80}, "test": {"pass": 400, "fail": 1}}`.
    `selection`: what dbt was asked for; empty means everything, and only then may the result be published.
    `seconds`: wall clock of the build; `seconds_per_node`: of the nodes, by name, slowest first.
    """

    build_id: str
    started_at: str
    seconds: float
    succeeded: bool
    selection: list[str] = field(default_factory=list)
    full_refresh: bool = False
    as_of: str = ""
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    failures: list[NodeFailure] = field(default_factory=list)
    seconds_per_node: dict[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """True when every node of the project was built and none failed."""
        return self.succeeded and not self.selection

    def count(self, kind: str, *outcomes: str) -> int:
        """Nodes of one kind with one of the given outcomes; all outcomes when none is given."""
        counted = self.counts.get(kind, {})
        return sum(number for outcome, number in counted.items() if not outcomes or outcome in outcomes)


def build(
    home: Home,
    selection: Sequence[str] = (),
    *,
    exclude: Sequence[str] = (),
    full_refresh: bool = False,
    unit_tests: bool = True,
    progress: Progress = silent,
) -> BuildReport:
    """Run `dbt build` (seeds, models, snapshots and their tests) for a home and record it in `dbt/build.json`.

    `selection` and `exclude` are dbt's selection syntax. A failing node does not raise: it stands in the report.
    Raises LockedError when another process holds the warehouse, WrongUseError when the selection matches nothing,
    CorridorError when the project does not compile.
    """
    home.prepare()
    with home.entered():
        probe(home)
        _make_raw_tables(home)
        started, clock = datetime.now(UTC), monotonic()
        build_id = f"{started:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        arguments = ["build"]
        arguments += ["--select", *selection] if selection else []
        arguments += ["--exclude", *exclude] if exclude else []
        arguments += ["--full-refresh"] if full_refresh else []
        arguments += [] if unit_tests else ["--exclude-resource-type", "unit_test"]
        # A build that dies leaves this record: whatever it was doing, it did not succeed.
        unfinished = BuildReport(build_id, _text(started), 0.0, succeeded=False, selection=[*selection, *exclude])
        _record(home, unfinished)
        try:
            results = _invoke(home, arguments, progress)
        finally:
            _release_warehouse()
    if selection and not results:
        raise WrongUseError(
            f"No model, seed or test matches {' '.join(selection)}.",
            "`dbt ls`, from the repository, lists what there is.",
        )
    report = BuildReport(
        build_id=build_id,
        started_at=_text(started),
        seconds=round(monotonic() - clock, 2),
        succeeded=all(_outcome(result) in _GOOD for result in results),
        selection=[*selection, *(f"-{name}" for name in exclude)],
        full_refresh=full_refresh,
        as_of=home.as_of,
        counts=_counts(results),
        failures=[_failure(result) for result in results if _outcome(result) not in _GOOD | {"skipped"}],
        seconds_per_node=_seconds(results),
    )
    _record(home, report)
    return report


def parse(home: Home, progress: Progress = silent) -> Path:
    """Run `dbt parse` for a home and return the path of its manifest. Reads no table; raises CorridorError."""
    home.prepare()
    with home.entered():
        try:
            _invoke(home, ["parse"], progress)
        finally:
            _release_warehouse()
    return home.manifest


def load_manifest(home: Home) -> dict[str, Any]:
    """The manifest of the project as this home knows it; parses the project when there is none yet."""
    path = home.manifest if home.manifest.exists() else parse(home)
    manifest: dict[str, Any] = json.loads(path.read_text())
    return manifest


def last_build(home: Home) -> BuildReport | None:
    """What the last build of this home did; None when there was none."""
    if not home.build_record.exists():
        return None
    recorded = json.loads(home.build_record.read_text())
    failures = [NodeFailure(**failure) for failure in recorded.pop("failures")]
    return BuildReport(**recorded, failures=failures)


def _make_raw_tables(home: Home) -> None:
    """Every declared raw table exists before staging reads it, with or without a file ever having come."""
    from ingestion.landing import ensure_raw_tables
    from ingestion.registry import load_sources
    from ingestion.settings import Settings

    settings = Settings.from_home(home.path)
    ensure_raw_tables(settings, list(load_sources().values()))


def _invoke(home: Home, arguments: list[str], progress: Progress) -> list[Any]:
    """Call dbt and return its node results; raises CorridorError when it could not start on them."""
    from dbt.cli.main import dbtRunner

    common = ["--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)]
    quiet = ["--log-level", "none", "--log-level-file", "info", "--no-use-colors-file"]
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        outcome = dbtRunner(callbacks=[_NodeCounter(progress)]).invoke([*arguments, *common, *quiet])
    if outcome.exception is not None:
        message = str(outcome.exception).strip()
        if "Could not set lock on file" in message:
            raise opening_error(home, message) from outcome.exception
        raise CorridorError(
            f"dbt could not {arguments[0]} the project: {message[:_LONGEST_MESSAGE]}",
            f"dbt's log is in {home.dbt_logs}.",
        ) from outcome.exception
    return list(getattr(outcome.result, "results", None) or [])


class _NodeCounter:
    """Turns dbt's events into progress: one step per node that has ended."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done = 0
        self._total = 0
        self._lock = threading.Lock()

    def __call__(self, event: Any) -> None:
        with self._lock:  # dbt calls back from each of its threads
            self._total = max(self._total, getattr(event.data, "total", 0))
            if event.info.name in {"NodeStart", "NodeFinished"}:
                self._done += event.info.name == "NodeFinished"
                self._progress(self._done, self._total or None, event.data.node_info.node_name)


def _release_warehouse() -> None:
    """dbt-duckdb keeps its connection for a next command in the same process; the next stage opens the file itself."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    with DuckDBConnectionManager._LOCK:
        if DuckDBConnectionManager._ENV is not None:
            DuckDBConnectionManager._ENV.close()
            DuckDBConnectionManager._ENV = None


def _outcome(result: Any) -> str:
    return str(getattr(result.status, "value", result.status))


def _counts(results: list[Any]) -> dict[str, dict[str, int]]:
    counted: dict[str, Counter[str]] = {}
    for result in results:
        kind = str(getattr(result.node.resource_type, "value", result.node.resource_type))
        counted.setdefault(kind, Counter())[_outcome(result)] += 1
    return {kind: dict(sorted(outcomes.items())) for kind, outcomes in sorted(counted.items())}


def _failure(result: Any) -> NodeFailure:
    kind = str(getattr(result.node.resource_type, "value", result.node.resource_type))
    message = without_values((result.message or "").strip())[:_LONGEST_MESSAGE]
    return NodeFailure(result.node.name, kind, result.node.original_file_path, message)


def _seconds(results: list[Any]) -> dict[str, float]:
    timed = ((result.node.name, round(result.execution_time, 3)) for result in results)
    return dict(sorted(timed, key=lambda pair: (-pair[1], pair[0])))


def _record(home: Home, report: BuildReport) -> None:
    home.build_record.parent.mkdir(parents=True, exist_ok=True)
    new = home.build_record.with_suffix(".tmp")
    new.write_text(json.dumps(asdict(report), indent=2))
    new.replace(home.build_record)


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")
