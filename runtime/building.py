"""Runs dbt in this process for one home, reports progress per node, and records the result of the build.

Add here: how dbt is called and how its results are read. Keep out: models (dbt_project/), when a build runs.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import re
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from runtime.broken_rules import TEST, BrokenRule, read_broken_rules
from runtime.changes import Changes, Plan
from runtime.damage import damaged_database, full_disk, is_damage, is_full_disk
from runtime.errors import MerganserError, WrongUseError
from runtime.files import damaged, read_mapping, sync, write_whole
from runtime.home import PROJECT_ROOT, Home
from runtime.parsing import PARSE, files_of, is_parsed, note_parse, shared_parse
from runtime.progress import Progress, silent
from runtime.project import project_of
from runtime.redaction import without_values
from runtime.warehouse import opening_error

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_GOOD = {"success", "pass", "warn", "no-op", "partial success"}
_HEADING = re.compile(r"\A\w+ Error in \w+ \w+ \([^)]*\)\n")
_WRITES_MANIFEST = "Run `merganser build` again: it writes the file."
_RUNS = "merganser_runs"  # the tag of the nodes that a build runs
_LONGEST_MESSAGE = 2000  # characters of a database's message; dbt's log has all of it


@dataclass(frozen=True)
class NodeFailure:
    """A dbt node that failed: its name (`dim_customers`, or a test's), its kind, its file and dbt's message."""

    name: str
    kind: str
    path: str
    message: str


@dataclass(frozen=True)
class NodeWarning:
    """A dbt test of severity warn that failed: its name, its file and the number of rows; of a `keeps_rules` test,
    one rule that is broken (broken_rules.py)."""

    name: str
    path: str
    broken_count: int
    rule: str = ""
    columns: str = ""
    row_count: int = 0
    broken_rows: str = ""
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class BuildReport:
    """The result of one build.

    `counts`: nodes by kind and outcome, `{"model": {"success": 80}, "test": {"pass": 400, "fail": 1}}`.
    `selection`: the dbt selection; empty means everything, and only then may the result be published.
    `unchanged_count`: nodes that did not run, because nothing that they are built from had changed. The warnings of
    unchanged tests are among `warnings`.
    `confirmed_at`: when a later build found that nothing had changed since (UTC); empty if none did.
    `seconds`: wall clock of the build; `seconds_per_node`: of the nodes, by name, slowest first.
    `consent_landings`: the token of each entity that bears consent, when the build began (ingestion/
    consent_landings.py); None if they could not be read.
    """

    build_id: str
    started_at: str
    seconds: float
    succeeded: bool
    selection: list[str] = field(default_factory=list)
    full_refresh: bool = False
    as_of: str = ""
    consent_landings: dict[str, str] | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    unchanged_count: int = 0
    confirmed_at: str = ""
    failures: list[NodeFailure] = field(default_factory=list)
    warnings: list[NodeWarning] = field(default_factory=list)
    seconds_per_node: dict[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """True if every node of the project was built or had not changed, and none failed."""
        return self.succeeded and not self.selection

    @property
    def current_at(self) -> str:
        """The latest moment at which the warehouse was known to hold everything that had landed (UTC)."""
        return self.confirmed_at or self.started_at

    @property
    def moment(self) -> str:
        """The moment at which segments, expiry and consent were judged (UTC)."""
        return self.as_of or self.current_at

    def count(self, kind: str, *outcomes: str) -> int:
        """Number of nodes of one kind with one of the given outcomes; without outcomes, all nodes of that kind."""
        counted = self.counts.get(kind, {})
        return sum(number for outcome, number in counted.items() if not outcomes or outcome in outcomes)


def build(
    home: Home,
    selection: Sequence[str] = (),
    *,
    exclude: Sequence[str] = (),
    full_refresh: bool = False,
    everything: bool = False,
    unit_tests: bool = False,
    manifest: Manifest | None = None,
    consent_landings: dict[str, str] | None = None,
    progress: Progress = silent,
) -> BuildReport:
    """Runs `dbt build` (seeds, models, snapshots and their tests) for a home and records it in `dbt/build.json`.

    Without a selection, nodes that have not changed do not run (changes.py), unless `everything` or `full_refresh`. If
    none has changed, dbt does not start, and the result is the record of the last build with a new `confirmed_at`.
    `selection` and `exclude` are dbt's selection syntax; `unit_tests` also runs dbt's unit tests; `manifest` is the
    parsed project, if the caller knows that no file has changed since. A failing node is reported and does not raise.
    Raises LockedError if another process holds the warehouse, WrongUseError if the selection matches nothing,
    MerganserError if the project does not compile.
    """
    home.prepare()
    chosen = [*selection, *(f"-{name}" for name in exclude)]
    record = BuildRecord.begin(home, chosen, full_refresh=full_refresh, consent_landings=consent_landings)
    counter = _NodeCounter(progress)
    try:
        manifest = manifest or _parse_if_changed(home, counter)
        changes = read_changes(home, record.unfinished.moment)
        plan = None
        if not selection:
            tests = "resource_type:test" not in exclude
            plan = changes.plan(everything=everything or full_refresh or not changes.is_possible, tests=tests)
        if plan is not None and not plan.running and not unit_tests:
            return record.end_unchanged(plan, changes)
        arguments = ["build", *(["--full-refresh"] if full_refresh else [])]
        arguments += ["--exclude", *exclude] if exclude else []
        arguments += [] if unit_tests else ["--exclude-resource-type", "unit_test"]
        manifest = manifest or parsed_manifest(home)
        with _selected(manifest, selection, plan, unit_tests=unit_tests) as selected:
            at_that_moment = replace(home, as_of=record.unfinished.moment)
            ran = _run(at_that_moment, [*arguments, *selected], counter, manifest, write=True)
        results = [_node_result(result) for result in ran]
    except MerganserError:
        if not counter.started:
            record.withdraw()
        raise
    finally:
        release_warehouse()
    results = [result for result in results if result.kind != "operation" or result.outcome not in _GOOD]
    if selection and not results:
        record.withdraw()
        raise WrongUseError(
            f"No model, seed or test matches {' '.join(selection)}.",
            "Run `dbt ls` in the repository to list them.",
        )
    report = record.end(results, plan, changes)
    for failure in report.failures:
        if is_full_disk(failure.message):
            raise full_disk(home, failure.message)
        if is_damage(failure.message) and (fault := damaged_database(home)):
            raise fault
    return report


def compiled_sql(home: Home, model: str = "", text: str = "") -> str:
    """The SQL of a model as its file is now, or of a text that may contain Jinja. Runs and writes nothing.

    Raises WrongUseError if there is no such model, MerganserError if it does not compile.
    """
    home.prepare()
    counter = _NodeCounter(silent)
    try:
        manifest = _parse_if_changed(home, counter) or parsed_manifest(home)
        asked = ["--select", model] if model else ["--inline", text]
        results = _run(home, ["compile", *asked], counter, manifest)
    finally:
        release_warehouse()
    if not results:
        raise WrongUseError(f"There is no model {model}.", "Run `dbt ls` in the repository to list them.")
    return str(results[0].node.compiled_code)


def plan_build(home: Home, progress: Progress = silent) -> tuple[Changes, Plan]:
    """What `build` without a selection would run, and why. Runs nothing; parses the project if a file changed."""
    home.prepare()
    try:
        _parse_if_changed(home, _NodeCounter(progress))
    finally:
        release_warehouse()
    changes = read_changes(home, home.as_of or _now())
    return changes, changes.plan(everything=not changes.is_possible)


def read_changes(home: Home, moment: str) -> Changes:
    """The state of a home and of its project, by the manifest of its last parse. `moment`: as_of of the build."""
    return Changes.read(home, project_of(home, PROJECT_ROOT), load_manifest(home), moment)


def is_current(home: Home) -> bool:
    """Whether the manifest of a home is that of the project's files as they are now."""
    return is_parsed(project_of(home, PROJECT_ROOT), home)


@contextlib.contextmanager
def _selected(
    manifest: Manifest, selection: Sequence[str], plan: Plan | None, *, unit_tests: bool
) -> Iterator[list[str]]:
    """dbt's options that select the nodes to run, during a block.

    The nodes of a plan get a tag, because dbt compares each name of a selection with each node of the project.
    """
    if plan is None:
        yield ["--select", *selection]
    elif not plan.unchanged:
        yield []
    else:
        tagged = [manifest.nodes[key] for key in plan.running if key in manifest.nodes]
        for node in tagged:
            node.tags.append(_RUNS)
        try:
            kinds = ["resource_type:unit_test"] if unit_tests else []
            yield ["--select", f"tag:{_RUNS}", *kinds, "--indirect-selection", "empty"]
        finally:
            for node in tagged:
                node.tags.remove(_RUNS)


@dataclass(frozen=True)
class NodeResult:
    """The result of one node of a build: dbt's outcome (success, pass, fail, error, skipped) and its duration.

    `code`: what a `keeps_rules` test ran; empty for all other nodes.
    """

    name: str
    kind: str
    path: str
    outcome: str
    message: str
    seconds: float
    broken_count: int = 0
    unique_id: str = ""
    code: str = ""


@dataclass(frozen=True)
class BuildRecord:
    """The record of a build while it runs: if the process dies, the record says that the build did not succeed."""

    home: Home
    unfinished: BuildReport
    clock: float
    before: bytes | None
    last_whole: BuildReport | None

    @classmethod
    def begin(
        cls,
        home: Home,
        selection: Sequence[str] = (),
        *,
        full_refresh: bool = False,
        consent_landings: dict[str, str] | None = None,
    ) -> BuildRecord:
        """Records that a build has begun. `selection`: as in BuildReport."""
        started = datetime.now(UTC)
        report = BuildReport(
            build_id=f"{started:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
            started_at=started.replace(tzinfo=None).isoformat(timespec="seconds"),
            seconds=0.0,
            succeeded=False,
            selection=list(selection),
            full_refresh=full_refresh,
            as_of=home.as_of,
            consent_landings=consent_landings,
        )
        before = home.build_record.read_bytes() if home.build_record.exists() else None
        last_whole = last_whole_build(home)
        _record(home, report)
        return cls(home, report, monotonic(), before, last_whole)

    def end(self, results: Sequence[NodeResult], plan: Plan | None, changes: Changes) -> BuildReport:
        """Records the results of the nodes that ran. `plan`: which ones these were; None for a selection."""
        failed = [result for result in results if result.outcome not in _GOOD | {"skipped"}]
        broken = _broken_rules(self.home, results)
        timed = sorted(results, key=lambda result: (-result.seconds, result.name))
        warnings = {
            result.unique_id: _warnings(result, broken.get(result.name, []))
            for result in results
            if result.kind == "test" and result.outcome == "warn"
        }
        earlier = [NodeWarning(**known) for known in changes.warnings(plan.unchanged if plan else ())]
        report = replace(
            self.unfinished,
            seconds=round(monotonic() - self.clock, 2),
            succeeded=all(result.outcome in _GOOD for result in results),
            counts=_counts(results),
            failures=[
                NodeFailure(result.name, result.kind, result.path, message)
                for result in failed
                for message in [rule.message for rule in broken.get(result.name, [])] or [result.message]
            ],
            warnings=[warning for given in warnings.values() for warning in given] + earlier,
            unchanged_count=len(plan.unchanged) if plan else 0,
            seconds_per_node={result.name: round(result.seconds, 3) for result in timed},
        )
        if results:
            changes.record(
                report.build_id,
                {result.unique_id: result.outcome in _GOOD for result in results},
                {key: [asdict(warning) for warning in given] for key, given in warnings.items()},
            )
        _record(self.home, report)
        return report

    def end_unchanged(self, plan: Plan, changes: Changes) -> BuildReport:
        """Records that no node had to run: the last build holds what this one would have created, if it was whole."""
        if self.last_whole is None or self.unfinished.selection:
            return self.end([], plan, changes)
        confirmed = replace(
            self.last_whole,
            confirmed_at=self.unfinished.started_at,
            consent_landings=self.unfinished.consent_landings,
        )
        _record(self.home, confirmed)
        return confirmed

    def withdraw(self) -> None:
        """Restores the record of the previous build: no node of this one began."""
        if self.before is None:
            self.home.build_record.unlink(missing_ok=True)
        else:
            write_whole(self.home.build_record, self.before)


def results_in(artifact: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[NodeResult]:
    """The results of a build in another process, from its run_results.json and its manifest."""
    nodes = {**manifest["nodes"], **manifest.get("unit_tests", {}), **manifest.get("exposures", {})}
    return [
        NodeResult(
            name=nodes[result["unique_id"]]["name"],
            kind=nodes[result["unique_id"]]["resource_type"],
            path=nodes[result["unique_id"]]["original_file_path"],
            outcome=result["status"],
            message=_message(result.get("message")),
            seconds=result["execution_time"],
            broken_count=result.get("failures") or 0,
            unique_id=result["unique_id"],
            code=_code(nodes[result["unique_id"]].get("test_metadata"), result.get("compiled_code")),
        )
        for result in artifact["results"]
        if nodes[result["unique_id"]]["resource_type"] != "operation" or result["status"] not in _GOOD
    ]


def parse(home: Home, progress: Progress = silent) -> Path:
    """Runs `dbt parse` for a home and returns the path of its manifest. Reads no table; raises MerganserError."""
    home.prepare()
    try:
        _parse(home, _NodeCounter(progress))
    finally:
        release_warehouse()
    return home.manifest


def parsed_manifest(home: Home) -> Manifest:
    """The manifest of this home's last build, as dbt loads it. Parses the project if there is none."""
    from dbt.contracts.graph.manifest import Manifest

    kept = home.dbt_target / PARSE
    if not kept.exists():
        parse(home)
    try:
        manifest = Manifest.from_msgpack(kept.read_bytes())
    except Exception as error:  # whatever msgpack and mashumaro raise for a truncated file
        raise damaged(kept, f"Remove {kept}, then run `merganser build`.") from error
    manifest.build_flat_graph()  # macros read it as `graph`; dbt builds it only if it parses the project itself
    return manifest


def load_manifest(home: Home) -> dict[str, Any]:
    """The manifest.json of this home as a mapping. Parses the project if there is none."""
    path = home.manifest if home.manifest.exists() else parse(home)
    manifest = read_mapping(path, _WRITES_MANIFEST)
    if not isinstance(manifest.get("nodes"), dict):
        raise damaged(path, _WRITES_MANIFEST)
    return manifest


def last_whole_build(home: Home) -> BuildReport | None:
    """The last build of this home if it was whole; None if there was none, or its record cannot be read."""
    try:
        before = last_build(home)
    except MerganserError:
        return None
    return before if before is not None and before.whole else None


def last_build(home: Home) -> BuildReport | None:
    """The last build of this home; None if there was none."""
    if not home.build_record.exists():
        return None
    remedy = "Run `merganser build` again: it writes the file."
    recorded = read_mapping(home.build_record, remedy)
    try:
        failures = [NodeFailure(**failure) for failure in recorded.pop("failures")]
        warnings = [NodeWarning(**warning) for warning in recorded.pop("warnings", [])]
        return BuildReport(**recorded, failures=failures, warnings=warnings)
    except (KeyError, TypeError) as error:
        raise damaged(home.build_record, remedy) from error


@contextlib.contextmanager
def rare_garbage_collection() -> Iterator[None]:
    """Collects garbage a thousand times less often within the block.

    dbt creates hundreds of thousands of objects that live until it ends. Python scans them again and again otherwise,
    which takes 1.5 of the 7 processor seconds of a command, and a tenth of a build; this costs some 100 MB.
    """
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _parse_if_changed(home: Home, counter: _NodeCounter) -> Manifest | None:
    """Parses the project and returns it, unless its last parse by this home is of the same files."""
    return None if is_current(home) else _parse(home, counter)


def _parse(home: Home, counter: _NodeCounter) -> Manifest:
    """Parses the project of a home, which writes its manifest. Raises MerganserError."""
    project = project_of(home, PROJECT_ROOT)
    with shared_parse(project, home):
        files = files_of(project, home)  # before dbt reads them
        outcome = _invoke(home, project, ["parse"], counter)
        if _may_be_stale(home, outcome.exception):
            outcome = _invoke(home, project, ["parse", "--no-partial-parse"], counter)
    _raise_fault(home, "parse", outcome)
    manifest = outcome.result
    aside = home.manifest.with_name(f".{home.manifest.name}.tmp")
    manifest.write(str(aside))
    sync(aside)
    aside.replace(home.manifest)
    note_parse(home, files, manifest.env_vars)
    return manifest


def _run(
    home: Home, arguments: list[str], counter: _NodeCounter, manifest: Manifest, *, write: bool = False
) -> list[Any]:
    """Runs nodes of the parsed project and returns dbt's results; `write`s them for other tools, too.

    Raises MerganserError if no node could run.
    """
    outcome = _invoke(home, project_of(home, PROJECT_ROOT), arguments, counter, manifest)
    if write and getattr(outcome.result, "results", None):
        outcome.result.write(str(home.dbt_target / "run_results.json"))
    _raise_fault(home, arguments[0], outcome)
    return list(getattr(outcome.result, "results", None) or [])


def _invoke(
    home: Home, project: Path, arguments: list[str], counter: _NodeCounter, manifest: Manifest | None = None
) -> Any:
    """Calls dbt and returns its outcome."""
    common = ["--project-dir", str(project), "--profiles-dir", str(project), "--no-write-json"]
    common += ["--target-path", str(home.dbt_target), "--log-path", str(home.dbt_logs)]
    common += ["--no-send-anonymous-usage-stats"]
    quiet = ["--log-level", "none", "--log-level-file", "info", "--no-use-colors-file"]
    with contextlib.redirect_stdout(io.StringIO()), rare_garbage_collection():
        from dbt.cli.main import dbtRunner

        runner = dbtRunner(manifest=manifest, callbacks=[_environment_of(home), counter])
        return runner.invoke([*arguments, *common, *quiet])


def _raise_fault(home: Home, command: str, outcome: Any) -> None:
    """Raises what made dbt end early, as MerganserError or LockedError."""
    if isinstance(outcome.exception, KeyboardInterrupt):
        raise outcome.exception
    if outcome.exception is not None:
        message = str(outcome.exception).strip()
        if "Could not set lock on file" in message:
            raise opening_error(home, message) from outcome.exception
        raise MerganserError(
            f"dbt could not {command} the project: {message[:_LONGEST_MESSAGE]}",
            f"dbt's log is in {home.dbt_logs}.",
        ) from outcome.exception


def _environment_of(home: Home) -> Callable[[Any], None]:
    """A callback that gives this invocation of dbt the home's variables, and leaves the process's as they are.

    dbt copies the process's environment when it starts, then reports its version, and only then reads profiles.yml.
    """

    def on_event(event: Any) -> None:
        if event.info.name == "MainReportVersion":
            from dbt_common.context import set_invocation_context

            set_invocation_context({**os.environ, **home.environment()})

    return on_event


def _may_be_stale(home: Home, error: BaseException | None) -> bool:
    """Whether dbt rejects the project by an earlier parse: after an upgrade moved descriptions to other files, dbt's
    partial parse calls them duplicates. A parse of everything tells such an error from a user's mistake."""
    from dbt.exceptions import ParsingError
    from dbt_common.exceptions import CompilationError

    return isinstance(error, CompilationError | ParsingError) and (home.dbt_target / PARSE).exists()


class _NodeCounter:
    """Turns dbt's events into progress: one step per finished node."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done = 0
        self._total = 0
        self._lock = threading.Lock()
        self.started = False

    def __call__(self, event: Any) -> None:
        with self._lock:  # dbt calls back from each of its threads
            self._total = max(self._total, getattr(event.data, "total", 0))
            if event.info.name in {"NodeStart", "NodeFinished"}:
                self.started = True
                self._done += event.info.name == "NodeFinished"
                self._progress(self._done, self._total or None, event.data.node_info.node_name)


def release_warehouse() -> None:
    """Closes the connection that dbt-duckdb keeps for its next command, so that the next stage can open the file."""
    if "dbt.adapters.duckdb.connections" not in sys.modules:  # dbt did not start, and its import takes seconds
        return
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    with DuckDBConnectionManager._LOCK:
        if DuckDBConnectionManager._ENV is not None:
            DuckDBConnectionManager._ENV.close()
            DuckDBConnectionManager._ENV = None


def _node_result(result: Any) -> NodeResult:
    node = result.node
    return NodeResult(
        name=node.name,
        kind=_text(node.resource_type),
        path=node.original_file_path,
        outcome=_text(result.status),
        message=_message(result.message),
        seconds=result.execution_time,
        broken_count=getattr(result, "failures", None) or 0,
        unique_id=node.unique_id,
        code=_code(getattr(node, "test_metadata", None), getattr(node, "compiled_code", None)),
    )


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def _code(metadata: Any, compiled: str | None) -> str:
    """The compiled code of a test, if it is one that reports its rules."""
    name = metadata.get("name") if isinstance(metadata, Mapping) else getattr(metadata, "name", "")
    return (compiled or "") if name == TEST else ""


def _broken_rules(home: Home, results: Sequence[NodeResult]) -> dict[str, list[BrokenRule]]:
    """The broken rules of the tests that failed, by the test's name."""
    codes = {result.name: result.code for result in results if result.code and result.outcome in ("fail", "warn")}
    return read_broken_rules(home, codes, load_manifest(home)) if codes else {}


def _warnings(result: NodeResult, broken: Sequence[BrokenRule]) -> list[NodeWarning]:
    if not broken:
        return [NodeWarning(result.name, result.path, result.broken_count)]
    return [
        NodeWarning(
            result.name, result.path, rule.broken_count, rule.rule, rule.columns, rule.row_count, rule.broken_rows,
            rule.examples,
        )
        for rule in broken
    ]  # fmt: skip


def _text(value: Any) -> str:
    """The text of one of dbt's enumerations, or of a plain string."""
    return str(getattr(value, "value", value))


def _message(message: str | None) -> str:
    """dbt's message without values, and without a first line that only repeats the node."""
    text = _HEADING.sub("", (message or "").strip())
    return without_values(text)[:_LONGEST_MESSAGE].strip()


def _counts(results: Sequence[NodeResult]) -> dict[str, dict[str, int]]:
    counted: dict[str, Counter[str]] = {}
    for result in results:
        counted.setdefault(result.kind, Counter())[result.outcome] += 1
    return {kind: dict(sorted(outcomes.items())) for kind, outcomes in sorted(counted.items())}


def _record(home: Home, report: BuildReport) -> None:
    write_whole(home.build_record, json.dumps(asdict(report), indent=2))
