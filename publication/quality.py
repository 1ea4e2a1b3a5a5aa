"""Audits the warehouse with Great Expectations before anything is published, and writes a report.

Add here: how a declared rule is run and reported. Keep out: the rules (expectations.yml), dbt's own tests (they ran
during the build; their outcome is in its record).
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from publication import causes, waivers
from publication.comparison import Comparison, compare
from publication.consent import count_unreadable
from publication.data_rules import SET_ASIDE, data_rule_ids, set_aside_rules, warned_rules
from publication.dbt_rules import dbt_rules, relation_of
from publication.expectations import Rule, TableSuite, declared_exports, load_suites
from publication.gates import gate_ids
from publication.quality_report import write_report
from runtime.building import BuildReport, last_build, load_manifest
from runtime.changes import versions
from runtime.files import damaged, read_mapping, write_whole
from runtime.home import Home
from runtime.progress import Progress, silent
from runtime.redaction import without_values
from runtime.warehouse import fingerprint, opened

_KEYS_SHOWN = 5
_BOOKS = {"raw_ops", "raw_quarantine"}  # landing's own records, not records that landed
_NO_SAMPLES = {"result_format": "BASIC", "partial_unexpected_count": 0}  # counts only, no personal values


@dataclass(frozen=True)
class AuditResult:
    """One rule on one table. `broken_count`: rows that break it (None: the rule could not be run, see `error`);
    `keys`: some of their keys, never personal values.

    `kind`: a broken `contract` stops the publication; a `data` rule is broken if more than `tolerated_share` of
    `row_count` rows break it; a `gate` compares with the last publication; a `notice` is shown and stops nothing.
    `waiver`: who allows a broken data rule or gate (owner, until, reason). `causes`: the loads that contained the rows.
    `next`: what to do.
    """

    table: str
    rule: str
    says: str
    passed: bool
    broken_count: int | None = 0
    keys: list[str] = field(default_factory=list)
    error: str = ""
    kind: str = "contract"
    row_count: int | None = None
    tolerated_share: float | None = None
    waiver: dict[str, str] = field(default_factory=dict)
    causes: list[causes.Cause] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    next: str = ""
    broken_by: str = ""

    @property
    def id(self) -> str:
        """The id of the rule, as waivers and overrides use it."""
        return waivers.rule_id(self.table, self.rule)

    @property
    def is_waived(self) -> bool:
        """True if a waiver allows it today."""
        return bool(self.waiver) and waivers.today().isoformat() <= self.waiver["until"]

    @property
    def stops(self) -> bool:
        """True if it stops the publication."""
        return not self.passed and self.kind != "notice" and not self.is_waived


@dataclass(frozen=True)
class CheckReport:
    """The result of the audit of one build. `passed`: the build is complete and no rule stops the publication.
    `warehouse`: the fingerprint of the audited file, because only that file is published. `consent` counts the
    decisions that cannot be read; they hold customers back and do not stop the publication."""

    build_id: str
    passed: bool
    checked_at: str
    as_of: str
    seconds: float
    warehouse: str
    table_count: int
    build_fault: str = ""
    dbt_tests: dict[str, int] = field(default_factory=dict)
    results: list[AuditResult] = field(default_factory=list)
    consent: dict[str, int] = field(default_factory=dict)
    compared_with: str = ""

    @property
    def waived(self) -> list[AuditResult]:
        """Broken rules that a waiver allows."""
        return [result for result in self.results if not result.passed and result.is_waived]

    @property
    def failures(self) -> list[AuditResult]:
        """The results that stop the publication."""
        return [result for result in self.results if result.stops]

    @property
    def remarks(self) -> list[AuditResult]:
        """Results that are shown and stop nothing: notices, and data rules broken by a tolerated share."""
        return [
            result
            for result in self.results
            if (not result.passed and result.kind == "notice") or (result.passed and result.broken_count)
        ]


def check(home: Home, *, suites: Sequence[TableSuite] | None = None, progress: Progress = silent) -> CheckReport:
    """Audits the warehouse of a home: by expectations.yml, the data rules of dbt's YAML, and the last publication.
    Writes `quality/result.json`, `quality/report.html` and `quality/metrics.json`.

    `suites` replaces the declared ones (tests do that). A broken rule is reported and does not raise.
    Raises LockedError or MerganserError if the warehouse cannot be opened.
    """
    home.prepare()
    started, clock = datetime.now(UTC).replace(tzinfo=None), monotonic()
    build = last_build(home)
    # The moment at which the build judged expiry, not the time of the audit.
    moment = (build and build.moment) or home.as_of or started.isoformat(timespec="seconds")
    with opened(home) as connection:
        known = {f"{schema}.{name}" for schema, name in connection.execute(_all_relations()).fetchall()}
        consent = count_unreadable(connection)
    counted: list[AuditResult] = []
    comparison, manifest = Comparison(), None
    if suites is None:
        manifest = load_manifest(home)
        suites = load_suites(declared_exports(manifest), manifest=manifest)
        known_versions = versions(home)
        with opened(home) as connection:
            counted = _counted(connection, manifest, build, known)
            comparison = compare(home, connection, manifest, known_versions)
    texts = {"<as_of>": f"cast('{moment}' as timestamp)", "<raw_counts>": _raw_counts(known)}
    seen = fingerprint(home)
    results = _run(home, [_filled(suite, texts) for suite in suites], known, progress)
    results += [*counted, *_gate_results(comparison)]
    results = _waived(home, results, build)
    if manifest is not None and "raw_ops.loads" in known and any(not result.passed for result in results):
        with opened(home) as connection:
            results = [_explained(connection, manifest, result, comparison.published_at) for result in results]
    fault = build_fault(build)
    report = CheckReport(
        build_id=build.build_id if build else "",
        passed=not fault and not any(result.stops for result in results),
        checked_at=started.isoformat(timespec="seconds"),
        as_of=moment,
        seconds=round(monotonic() - clock, 2),
        warehouse=seen,
        table_count=len({result.table for result in results}),
        build_fault=fault,
        dbt_tests=_dbt_tests(build),
        results=results,
        consent=consent,
        compared_with=comparison.build_id,
    )
    metrics = {"build_id": report.build_id, "metrics": [asdict(metric) for metric in comparison.metrics]}
    write_whole(home.quality_metrics, json.dumps(metrics))
    write_whole(home.quality_result, json.dumps(asdict(report), indent=2))
    write_report(home.quality_report, asdict(report))
    return report


def confirm(home: Home, build: BuildReport) -> CheckReport | None:
    """Extends the last check to the warehouse as it is now, for a caller who knows that nothing has landed and no node
    was built since. Returns None if that check was of another build, or did not pass: then audit again."""
    last = last_check(home)
    if last is None or not last.passed or last.build_id != build.build_id or not build.confirmed_at:
        return None
    confirmed = replace(last, warehouse=fingerprint(home))
    write_whole(home.quality_result, json.dumps(asdict(confirmed), indent=2))
    return confirmed


def last_check(home: Home) -> CheckReport | None:
    """The last audit of this home; None if there was none."""
    if not home.quality_result.exists():
        return None
    remedy = "Run `merganser check` again: it writes the file."
    recorded = read_mapping(home.quality_result, remedy)
    try:
        results = [_recorded(result) for result in recorded.pop("results")]
        return CheckReport(**recorded, results=results)
    except (KeyError, TypeError) as error:
        raise damaged(home.quality_result, remedy) from error


def waivable_rules(home: Home) -> tuple[set[str], set[str]]:
    """The ids of the rules that can be waived (data rules and gates), and of the contracts, which cannot."""
    manifest = load_manifest(home)
    suites = load_suites(declared_exports(manifest), manifest=manifest)
    known: set[str] = set(data_rule_ids(manifest))
    contracts = {rule.id for rule in dbt_rules(manifest) if rule.is_contract}
    for suite in suites:
        names = [f"not_null: {column}" for column in suite.not_null]
        names += [f"unique: {', '.join(key)}" for key in suite.unique]
        names += [f"accepted_values: {column}" for column in suite.accepted_values]
        names += [*(rule.name for rule in suite.rules if rule.kind != "notice"), "min_rows", "columns", "table_exists"]
        contracts |= {waivers.rule_id(suite.table, name) for name in names}
    known |= gate_ids(manifest)
    return known, contracts - known


def _recorded(result: dict[str, Any]) -> AuditResult:
    """A result from result.json."""
    return AuditResult(**{**result, "causes": [causes.Cause(**cause) for cause in result.get("causes", [])]})


def _gate_results(comparison: Comparison) -> list[AuditResult]:
    """One result per gate that tripped, and one per table that passed all its gates."""
    tripped = {finding.table for finding in comparison.findings}
    passed = [
        AuditResult(
            table, "gates", f"Differs from build {comparison.build_id} no more than its gates allow", True, kind="gate"
        )
        for table in comparison.tables
        if table not in tripped
    ]
    return [
        AuditResult(finding.table, finding.gate, finding.says, False, finding.count, kind="gate")
        for finding in comparison.findings
    ] + passed


def _waived(home: Home, results: list[AuditResult], build: BuildReport | None) -> list[AuditResult]:
    """The results with the waivers of broken data rules and gates. Logs each use."""
    granted = waivers.all_waivers(home)
    waived = []
    for result in results:
        waiver = None
        if not result.passed and result.kind in ("data", "gate"):
            waiver = waivers.waiver_for(granted, result.table, result.rule)
        if waiver is not None:
            about = {"owner": waiver.owner, "until": waiver.until, "reason": waiver.reason}
            waivers.log_use(home, "waived", result.id, build_id=build.build_id if build else "", **about)
            waived.append(replace(result, waiver=about))
        else:
            waived.append(result)
    return waived


def _explained(connection: Any, manifest: Mapping[str, Any], result: AuditResult, published_at: str) -> AuditResult:
    """A broken result with the loads that contained its rows, values that are not personal, and what to do next."""
    if result.passed:
        return result
    entities = causes.upstream(manifest, result.table) if "." in result.table else []
    arrivals, values = [], result.values
    if result.kind == "data" and result.broken_by:
        arrivals = causes.arrivals_of(connection, result.broken_by)
        column = _vocabulary_column(manifest, result)
        values = causes.values_of(connection, result.broken_by, column) if column else []
    loads = causes.loads_of(connection, entities, since=published_at, moments=arrivals)
    return replace(result, causes=loads, values=values, next=_next(result, loads))


def _vocabulary_column(manifest: Mapping[str, Any], result: AuditResult) -> str:
    """The column whose values explain a broken rule, if it is not personal."""
    if result.rule in ("records_set_aside", "waiting_records"):
        return "reason"
    if not result.rule.startswith("accepted_values: "):
        return ""
    column = result.rule.removeprefix("accepted_values: ")
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and relation_of(node) == result.table:
            meta = node["columns"].get(column, {}).get("config", {}).get("meta", {})
            return column if meta.get("pii", "none") == "none" else ""
    return ""


def _next(result: AuditResult, loads: Sequence[causes.Cause]) -> str:
    sources = {load.source for load in loads}
    source = sources.pop() if len(sources) == 1 else "the source"
    again = f"correct what came from {source} and land it again, then build and check"
    if result.kind == "gate":
        return f"If it is wrong, {again}. If it is right: merganser publish --override {result.id} --reason '...'"
    if result.kind == "data":
        waive = f"merganser check waive '{result.id}' --until DATE --owner WHO --reason '...'"
        return f"Best, {again}. Until then: {waive}"
    return f"It cannot be waived: {again}."


def build_fault(build: BuildReport | None) -> str:
    """Why the last build must not be published; empty if it may."""
    if build is None:
        return "nothing was built yet"
    if not build.succeeded:
        failed = ", ".join(failure.name for failure in build.failures[:3])
        return f"build {build.build_id} did not succeed" + (f" ({failed})" if failed else "")
    if build.selection:
        return f"build {build.build_id} built only a selection ({' '.join(build.selection)})"
    return ""


def _counted(
    connection: Any, manifest: Mapping[str, Any], build: BuildReport | None, known: set[str]
) -> list[AuditResult]:
    """The broken data rules, as results."""
    rules = warned_rules(connection, manifest, build) if build else []
    rules += set_aside_rules(connection, manifest) if SET_ASIDE in known else []
    return [
        AuditResult(
            rule.table,
            rule.rule,
            rule.says,
            rule.holds,
            rule.broken_count,
            kind="data",
            row_count=rule.row_count,
            tolerated_share=rule.tolerated_share,
            broken_by=rule.broken_by,
        )
        for rule in rules
    ]


def _filled(suite: TableSuite, texts: Mapping[str, str]) -> TableSuite:
    """The suite with the names in angle brackets replaced in the SQL of its rules."""
    rules = []
    for rule in suite.rules:
        broken_by = rule.broken_by
        for name, text in texts.items():
            broken_by = broken_by.replace(name, text)
        rules.append(replace(rule, broken_by=broken_by))
    return replace(suite, rules=tuple(rules))


def _raw_counts(known: set[str]) -> str:
    """A select of the row counts of all existing raw tables, by source and entity."""
    counts = []
    for schema, table in sorted(name.split(".", 1) for name in known):
        if schema.startswith("raw_") and schema not in _BOOKS:
            source = schema.removeprefix("raw_")
            count = f'(select count(*) from "{schema}"."{table}")'
            counts.append(f"select '{source}' as source, '{table}' as entity, {count} as row_count")
    return " union all ".join(counts) or "select '' as source, '' as entity, 0 as row_count where false"


def _run(home: Home, suites: list[TableSuite], known: set[str], progress: Progress) -> list[AuditResult]:
    results: list[AuditResult] = []
    broken: list[tuple[int, TableSuite, Rule]] = []
    with _great_expectations(home) as validate:
        for number, suite in enumerate(suites):
            progress(number, len(suites), suite.table)
            if suite.table not in known:
                if not suite.optional:
                    results.append(_absent(suite.table, "table_exists", f"There is a table {suite.table}", suite.table))
                continue
            runnable = [rule for rule in suite.rules if known.issuperset(rule.needs)]
            for rule in suite.rules:
                for needed in sorted(set(rule.needs) - known):
                    results.append(_absent(suite.table, rule.name, rule.says, needed))
            for result, rule in validate(suite, runnable):
                if rule is not None and rule.key and result.broken_count:
                    broken.append((len(results), suite, rule))
                results.append(result)
        progress(len(suites), len(suites), "")
    if broken:
        with opened(home) as connection:
            for place, suite, rule in broken:
                rows = connection.execute(_broken_keys(suite.table, rule)).fetchall()
                results[place].keys.extend(str(key) for (key,) in rows)
    return results


def _absent(table: str, rule: str, says: str, missing: str) -> AuditResult:
    return AuditResult(table, rule, says, passed=False, broken_count=None, error=f"{missing} does not exist")


@contextlib.contextmanager
def _great_expectations(home: Home) -> Iterator[Any]:
    """Yields a function that validates one suite on a read-only connection to the warehouse."""
    with _muted():
        import great_expectations
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )

        from publication import autocommit_dialect

        autocommit_dialect.register()
        context = great_expectations.get_context(
            mode="ephemeral",
            project_config=DataContextConfig(
                analytics_enabled=False, store_backend_defaults=InMemoryStoreBackendDefaults()
            ),
        )
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_sql(
            name="warehouse",
            connection_string=f"duckdb+autocommit:///{home.warehouse}?access_mode=read_only",
            create_temp_table=False,
        )

    def validate(suite: TableSuite, rules: Sequence[Rule]) -> list[tuple[AuditResult, Rule | None]]:
        with _muted():
            asset = source.add_query_asset(name=suite.table, query=f"select * from {suite.table}")
            batch = asset.add_batch_definition_whole_table("all")
            expectations = context.suites.add(
                great_expectations.ExpectationSuite(name=suite.table, expectations=_expectations(suite, rules))
            )
            definition = context.validation_definitions.add(
                great_expectations.ValidationDefinition(name=suite.table, data=batch, suite=expectations)
            )
            outcome = definition.run(result_format=_NO_SAMPLES)
        by_name = {rule.name: rule for rule in rules}
        return [_result(suite, one.to_json_dict(), by_name) for one in outcome.results]

    try:
        yield validate
    finally:
        autocommit_dialect.close_all()


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """Suppresses Great Expectations' logging and its output, which would corrupt the JSON on standard output."""
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _expectations(suite: TableSuite, rules: Sequence[Rule]) -> list[Any]:
    """Great Expectations' objects for a suite; each has the rule's name and text in its meta."""
    import great_expectations.expectations as gxe

    made: list[Any] = []

    def add(kind: Any, name: str, says: str, **arguments: Any) -> None:
        made.append(kind(meta={"rule": name, "says": says}, **arguments))

    if suite.min_rows:
        says = f"At least {suite.min_rows} row{'s' if suite.min_rows > 1 else ''}"
        add(gxe.ExpectTableRowCountToBeBetween, "min_rows", says, min_value=suite.min_rows)
    if suite.columns:
        says = f"Has the columns {', '.join(suite.columns)}"
        add(gxe.ExpectTableColumnsToMatchSet, "columns", says, column_set=list(suite.columns), exact_match=False)
    for column in suite.not_null:
        add(gxe.ExpectColumnValuesToNotBeNull, f"not_null: {column}", f"{column} is always filled", column=column)
    for key in suite.unique:
        name, says = f"unique: {', '.join(key)}", f"{', '.join(key)} is there once"
        if len(key) == 1:
            add(gxe.ExpectColumnValuesToBeUnique, name, says, column=key[0])
        else:
            add(gxe.ExpectCompoundColumnsToBeUnique, name, says, column_list=list(key))
    for column, values in suite.accepted_values.items():
        says = f"{column} is one of {', '.join(str(value) for value in values)}"
        name = f"accepted_values: {column}"
        add(gxe.ExpectColumnValuesToBeInSet, name, says, column=column, value_set=list(values))
    for rule in rules:
        add(gxe.UnexpectedRowsExpectation, rule.name, rule.says, unexpected_rows_query=rule.broken_by)
    return made


def _result(
    suite: TableSuite, outcome: Mapping[str, Any], rules: Mapping[str, Rule]
) -> tuple[AuditResult, Rule | None]:
    meta = outcome["expectation_config"]["meta"]
    error = _error(outcome.get("exception_info") or {})
    found = outcome.get("result") or {}
    count = found.get("unexpected_count")
    rule = rules.get(meta["rule"])
    if rule is not None:
        count = found.get("observed_value")
    if not outcome["success"] and meta["rule"] == "columns" and not error:
        missing = found.get("details", {}).get("mismatched", {}).get("missing", [])
        error, count = f"missing: {', '.join(missing)}", len(missing)
    if not outcome["success"] and meta["rule"] == "min_rows" and not error:
        error, count = f"{found.get('observed_value')} rows", None
    passed = bool(outcome["success"])
    if passed:
        count = 0
    result = AuditResult(
        suite.table, meta["rule"], meta["says"], passed, count, [], error, kind=rule.kind if rule else "contract"
    )
    return result, rule


def _error(information: Mapping[str, Any]) -> str:
    """The first line of the exception of a rule, such as DuckDB's message about a missing column."""
    for detail in information.values():
        if isinstance(detail, Mapping) and detail.get("raised_exception"):
            lines = [line for line in str(detail.get("exception_message", "")).splitlines() if line.strip()]
            return without_values(lines[0]) if lines else "the rule could not be run"
    return ""


def _dbt_tests(build: BuildReport | None) -> dict[str, int]:
    """Outcomes of the data tests of the build, with dbt's warnings counted separately."""
    return dict(build.counts.get("test", {})) if build else {}


def _all_relations() -> str:
    return "select table_schema, table_name from information_schema.tables where table_catalog = current_database()"


def _broken_keys(table: str, rule: Rule) -> str:
    broken = rule.broken_by.rstrip("; \n").replace("{batch}", table)
    return f'select distinct "{rule.key}" as broken_key from ({broken}) as broken order by 1 limit {_KEYS_SHOWN}'
