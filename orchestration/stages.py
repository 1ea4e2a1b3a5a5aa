"""The stages of the main job, ingest -> build -> check -> publish -> export: one function each, and one for all.

Add here: a stage, or what stops the stages after it. Keep out: how a stage works, how its report is shown.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestration.translation import as_merganser_errors
from publication import publishing, quality
from publication.arrivals import forget_published, published_until
from runtime import building
from runtime.errors import MerganserError, PublicationRefusedError, WrongUseError
from runtime.home import Home, normal_moment, sources_in_settings, value_in_settings
from runtime.locking import held
from runtime.progress import Progress, silent
from runtime.warehouse import probe

if TYPE_CHECKING:
    from exports.adoption import AdoptionReport, Method
    from exports.delivery import DeliveryPlan, DeliveryReceipt, ExportStatus
    from exports.settings import Settings as ExportSettings
    from exports.spec import ExportSpec
    from ingestion.connectors import StreamReport, Window
    from ingestion.holding import Acceptance
    from ingestion.landing import LandingReport
    from ingestion.settings import Settings as IngestionSettings
    from ingestion.spec import SourceSpec

# Variables of exports that settings.yml may set under these names; the environment takes precedence.
SETTINGS_OF_EXPORTS = {"MERGANSER_SERVING_MAX_AGE_HOURS": "serving_max_age_hours"}
STAGES = ("ingest", "build", "check", "publish", "export")


@dataclass(frozen=True)
class IngestReport:
    """The result of one ingest: the streams that were fetched, what landed, and the folders of the landing zone with
    files that no declared source reads (with how many).
    """

    landing: LandingReport
    streams: list[StreamReport] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ExportOutcome:
    """The outcome of one export: its receipt, or why there is none.

    `status`: delivered, nothing to send, dry run, failed, or not configured (a variable is unset, which is not a
    failure).
    """

    name: str
    status: str
    receipt: DeliveryReceipt | None = None
    error: str = ""

    @property
    def failed(self) -> bool:
        return self.status == "failed"


@dataclass
class RunReport:
    """The result of one run of the main job. `failed_stage`: the stage that stopped it, empty if all succeeded."""

    ingest: IngestReport | None = None
    build: building.BuildReport | None = None
    check: quality.CheckReport | None = None
    publication: publishing.PublishReport | None = None
    exports: list[ExportOutcome] = field(default_factory=list)
    failed_stage: str = ""
    error: MerganserError | None = None

    @property
    def succeeded(self) -> bool:
        return not self.failed_stage


def known_sources(home: Home, *, shipped: bool = True) -> dict[str, SourceSpec]:
    """Every declared source by name; without `shipped` only what users declare. Raises WrongUseError."""
    from ingestion.registry import load_sources

    with as_merganser_errors():
        return load_sources(shipped=shipped, home=home.path)


def known_exports(home: Home) -> dict[str, ExportSpec]:
    """Every declared export by name, by the manifest of the home. Raises WrongUseError."""
    from exports.registry import load_exports

    building.load_manifest(home)
    with as_merganser_errors():
        return load_exports(home.manifest)


def ingest(
    home: Home,
    names: Sequence[str] = (),
    *,
    window: Window | None = None,
    streams: Sequence[str] = (),
    allow_empty: bool = False,
    dialect: Mapping[str, str] | None = None,
    accepted_gates: Sequence[str] = (),
    reason: str = "",
    progress: Progress = silent,
) -> IngestReport:
    """Fetches and lands the new records of the named sources, or of all that are switched on.

    `window` and `streams` read a period, or some streams, of one fetched source again. `allow_empty` accepts an empty
    batch of files that is the whole table. `dialect` overrides the declared one of text files. `accepted_gates` (or
    "all") lands the loads that these gates hold now, for a `reason`, and fetches nothing. A source or stream that fails
    is reported and stops no other. Raises WrongUseError for an undeclared source and for a gate that holds nothing,
    LockedError, MerganserError.
    """
    from ingestion.fetching import entities_of, fetch, is_fetched_by_default
    from ingestion.files import unread_folders
    from ingestion.landing import land
    from ingestion.registry import get_source
    from ingestion.settings import Settings

    home.prepare()
    with as_merganser_errors():
        switched_on = sources_in_settings(home)
        sources = known_sources(home)
        chosen = [get_source(name, sources) for name in names] or _switched_on(home, sources, switched_on)
        fetched = [
            source
            for source in chosen
            if (switched_on or {}).get(source.source, "dlt" if is_fetched_by_default(source) else "files") == "dlt"
        ]
        chosen = _in_dialect(chosen, dialect)
        _check_window(chosen, fetched, window, streams)
        settings = Settings.from_home(home.path)
        acceptance = _acceptance(settings, chosen, accepted_gates, reason)
        reports = []
        for source in fetched if acceptance is None else ():

            def show(stream: str, count: int, name: str = source.source) -> None:
                progress(count, None, f"{name}: {stream}")

            reports += fetch(settings, source, window=window, streams=streams, progress=show)
        unfetched = {
            (report.source, entity): report.error
            for report in reports
            if report.error
            for entity in entities_of(sources[report.source], report.stream)
        }
        landing = land(
            settings,
            chosen,
            allow_empty=allow_empty,
            acceptance=acceptance,
            unfetched=unfetched,
            progress=lambda step: progress(
                step.number - (step.result is None), step.total, f"{step.source}.{step.entity}"
            ),
        )
        declared = [entity for source in sources.values() for entity in source.entities.values()]
        unread = unread_folders(settings, declared)
    return IngestReport(landing, reports, unread)


def _in_dialect(sources: list[SourceSpec], dialect: Mapping[str, str] | None) -> list[SourceSpec]:
    """The sources with another text dialect than declared. Raises WrongUseError for an invalid dialect."""
    try:
        return [source.in_dialect(dict(dialect)) for source in sources] if dialect else sources
    except ValueError as error:
        raise WrongUseError(f"The dialect is invalid: {error}", "See docs/connect/files.md.") from error


def _acceptance(
    settings: IngestionSettings, sources: Sequence[SourceSpec], gates: Sequence[str], reason: str
) -> Acceptance | None:
    """The decision to land the loads that these gates hold. Raises WrongUseError for a gate that holds none of them."""
    from getpass import getuser

    from ingestion.holding import Acceptance, open_holds
    from ingestion.warehouse import open_warehouse

    if not gates:
        return None
    if not reason.strip():
        raise WrongUseError("A held load needs a reason to be landed.", 'Give --reason "...": it is stored in the log.')
    with open_warehouse(settings) as connection:
        held = {hold.gate for source in sources for hold in open_holds(connection, source.source)}
    unknown = sorted(set(gates) - held - {"all"})
    if unknown or not held:
        raise WrongUseError(
            f"No load of {', '.join(source.source for source in sources)} is held by {', '.join(unknown or gates)}.",
            f"Held by: {', '.join(sorted(held)) or 'no gate'}.",
        )
    try:
        user = getuser()
    except (OSError, KeyError):  # a container may run as a user without a name
        user = f"user {os.getuid()}"
    return Acceptance(frozenset(gates), reason.strip(), user)


def rebuild(home: Home, names: Sequence[str], progress: Progress = silent) -> IngestReport:
    """Rebuilds the raw tables of these sources from their landing files, each source in one transaction.

    Raises WrongUseError for an undeclared source, LockedError, and MerganserError if files are gone.
    """
    from ingestion.landing import LandingReport
    from ingestion.rebuilding import rebuild as rebuild_source
    from ingestion.registry import get_source
    from ingestion.settings import Settings

    forget_published(home)  # rows keep the moment of their first arrival
    with as_merganser_errors():
        sources = known_sources(home)
        reports = [
            rebuild_source(
                Settings.from_home(home.path),
                source,
                progress=lambda step: progress(
                    step.number - (step.result is None), step.total, f"{step.source}.{step.entity}"
                ),
            )
            for source in [get_source(name, sources) for name in names]
        ]
    entities = tuple(entity for report in reports for entity in report.entities)
    return IngestReport(LandingReport(reports[-1].load_id, reports[-1].loaded_at, entities))


def build(home: Home, selection: Sequence[str] = (), **options: Any) -> building.BuildReport:
    """Runs `dbt build` (`options`: those of building.build), after creating the raw tables that do not exist yet.

    The build's record says which consent decisions had landed before it; deliveries compare them.
    """
    landed = prepare_build(home)
    moment = "" if options.get("full_refresh") else published_until(home)
    return building.build(replace(home, published_until=moment), selection, consent_landings=landed, **options)


@dataclass(frozen=True)
class Explanation:
    """What a build would run: the reason for each node, by its name, parents first, and what it would leave out."""

    running: dict[str, str]
    unchanged: list[str]

    @property
    def node_count(self) -> int:
        return len(self.running) + len(self.unchanged)

    def by_reason(self) -> dict[str, list[str]]:
        """The names of the nodes that run, by reason, in the order of the build."""
        grouped: dict[str, list[str]] = {}
        for name, reason in self.running.items():
            grouped.setdefault(reason, []).append(name)
        return grouped


def explain_build(home: Home, progress: Progress = silent) -> Explanation:
    """What `build` without a selection would run, and why. Builds nothing. Raises LockedError, MerganserError."""
    prepare_build(home)
    changes, plan = building.plan_build(home, progress)
    names = {key: node["name"] for key, node in changes.nodes.items()}
    return Explanation(
        {names[key]: reason for key, reason in plan.running.items()}, [names[key] for key in plan.unchanged]
    )


def prepare_build(home: Home) -> dict[str, str] | None:
    """Creates the declared raw tables that do not exist. Returns the tokens of consent landings (read_tokens)."""
    from ingestion.consent_landings import read_tokens
    from ingestion.landing import ensure_raw_tables
    from ingestion.settings import Settings

    home.prepare()
    probe(home)
    with as_merganser_errors():
        ensure_raw_tables(Settings.from_home(home.path), list(known_sources(home).values()))
    return read_tokens(home.path)


def span(since: str | None, until: str | None) -> Window | None:
    """The window between two moments in ISO 8601; None without any. Raises WrongUseError."""
    from ingestion.connectors import Window

    moments = [
        datetime.fromisoformat(normal_moment(text)).replace(tzinfo=UTC) if text else None for text in (since, until)
    ]
    if moments == [None, None]:
        return None
    if moments[0] and moments[1] and moments[0] >= moments[1]:
        raise WrongUseError("The period ends before it begins.", "Give --from the earlier moment.")
    return Window(*moments)


def _switched_on(
    home: Home, sources: Mapping[str, SourceSpec], switched_on: Mapping[str, str] | None
) -> list[SourceSpec]:
    """The sources in settings.yml and those that the home itself declares; without settings, all."""
    if switched_on is None:
        return list(sources.values())
    unknown = sorted(set(switched_on) - set(sources))
    if unknown:
        raise WrongUseError(
            f"{home.settings} names {', '.join(unknown)}, which is not declared.",
            f"Declared are {', '.join(sources)}.",
        )
    own = known_sources(home, shipped=False)
    return [source for name, source in sources.items() if name in switched_on or name in own]


def _check_window(
    chosen: Sequence[SourceSpec], fetched: Sequence[SourceSpec], window: Window | None, streams: Sequence[str]
) -> None:
    if window is None and not streams:
        return
    if len(chosen) != 1 or not fetched:
        raise WrongUseError(
            "A period or a stream can be read again only for one source, which Merganser fetches itself.",
            "Name a source that has the loader dlt in settings.yml, or that declares a database, as in"
            " `merganser ingest shopify --from 2026-01-01`.",
        )
    from ingestion.fetching import stream_names

    known = stream_names(chosen[0])
    unknown = sorted(set(streams) - set(known))
    if unknown:
        raise WrongUseError(
            f"{chosen[0].source} has no stream {', '.join(unknown)}.", f"It has {', '.join(known) or 'none'}."
        )


def require_sources(home: Home) -> None:
    """Raises WrongUseError, with what to do next, if a home has nothing that could land."""
    if sources_in_settings(home) is None and not known_sources(home, shipped=False) and not home.warehouse.exists():
        files = (path for path in home.landing.rglob("*") if path.is_file())
        if next(files, None) is None:
            raise WrongUseError(
                f"No source is configured in {home.path}.",
                "`merganser init` lets you choose sources and shows what each needs; `merganser demo` shows the"
                " whole product on a made-up business.",
            )


def export_settings(home: Home, variables: Mapping[str, str] | None = None) -> ExportSettings:
    """The settings of exports for a home; `variables` are added to those of the environment."""
    from exports.settings import Settings

    in_settings = {
        variable: str(value)
        for variable, name in SETTINGS_OF_EXPORTS.items()
        if (value := value_in_settings(home, name)) is not None
    }
    return Settings.from_home(home.path, {**in_settings, **os.environ, **home.environment(), **(variables or {})})


def list_exports(home: Home) -> list[ExportStatus]:
    """All declared exports with their states."""
    from exports import delivery

    with as_merganser_errors():
        building.load_manifest(home)
        return delivery.list_exports(export_settings(home))


def plan_export(home: Home, name: str) -> DeliveryPlan:
    """What a delivery of one export would send now. Raises WrongUseError for an undeclared name."""
    from exports import delivery

    with as_merganser_errors():
        building.load_manifest(home)
        return delivery.plan(export_settings(home), name)


def deliver_export(
    home: Home,
    name: str,
    *,
    dry_run: bool = False,
    force: bool = False,
    consent_removals: bool = False,
    reason: str | None = None,
    variables: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> DeliveryReceipt:
    """Delivers one export. `force` and `consent_removals` need a reason (exports/delivery.py).

    Raises WrongUseError, LockedError, or MerganserError with the message of the destination or guard.
    """
    from exports import delivery

    with as_merganser_errors():
        building.load_manifest(home)
        return delivery.deliver(
            export_settings(home, variables),
            name,
            dry_run=dry_run,
            force=force,
            consent_removals=consent_removals,
            reason=reason,
            progress=lambda done, total: progress(done, total, name),
        )


def adopt_export(home: Home, name: str, *, method: Method = "files", write: bool = False) -> AdoptionReport:
    """Rebuilds the ledger of an export, or shows what it would contain. Raises WrongUseError, LockedError, or
    MerganserError with why it cannot be rebuilt.
    """
    from exports import adoption

    with as_merganser_errors():
        building.load_manifest(home)
        return adoption.adopt(export_settings(home), name, method=method, write=write)


def deliver_all(
    home: Home,
    *,
    dry_run: bool = False,
    force: bool = False,
    reason: str | None = None,
    variables: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> list[ExportOutcome]:
    """Delivers every declared export. One that fails does not stop the others; one not configured is skipped."""
    from exports.errors import ExportError, MissingSettingError

    outcomes = []
    for name in known_exports(home):
        try:
            receipt = deliver_export(
                home, name, dry_run=dry_run, force=force, reason=reason, variables=variables, progress=progress
            )
        except MerganserError as error:
            if not isinstance(error.__cause__, ExportError):
                raise
            status = "not configured" if isinstance(error.__cause__, MissingSettingError) else "failed"
            outcomes.append(ExportOutcome(name, status, error=error.message))
        else:
            outcomes.append(ExportOutcome(name, receipt.status, receipt))
    return outcomes


def run(
    home: Home,
    *,
    variables: Mapping[str, str] | None = None,
    full_refresh: bool = False,
    progress: Callable[[str], Progress] = lambda stage: silent,
) -> RunReport:
    """Runs all stages in order, under the home's lock. A stage that fails stops the stages after it.

    Destinations get `variables` in addition to the environment. Raises LockedError if another run has the home.
    """
    require_sources(home)
    report = RunReport()
    with held(home, "run"):
        for stage in STAGES:
            try:
                _run_stage(stage, home, report, variables, full_refresh=full_refresh, progress=progress(stage))
            except MerganserError as error:
                report.failed_stage, report.error = stage, error
                break
    return report


def _run_stage(
    stage: str,
    home: Home,
    report: RunReport,
    variables: Mapping[str, str] | None,
    *,
    full_refresh: bool,
    progress: Progress,
) -> None:
    if stage == "ingest":
        report.ingest = ingest(home, progress=progress)
        fail_unless_landed(report.ingest)
    elif stage == "build":
        report.build = build(home, full_refresh=full_refresh, progress=progress)
        fail_unless_built(report.build)
    elif stage == "check":
        report.check = _confirmed_check(home, report) or quality.check(home, progress=progress)
        fail_unless_checked(home, report.check)
    elif stage == "publish":
        report.publication = publishing.publish(home, progress=progress)
    else:
        report.exports = deliver_all(home, variables=variables, progress=progress)
        fail_unless_delivered(report.exports)


def _confirmed_check(home: Home, report: RunReport) -> quality.CheckReport | None:
    """The last check, if this run has landed nothing and built nothing."""
    if report.ingest is None or report.build is None:
        return None
    for entity in report.ingest.landing.entities:
        if entity.status != "nothing_new" or entity.quarantined or entity.deleted:
            return None
    return quality.confirm(home, report.build)


def fail_unless_landed(report: IngestReport) -> None:
    """Raises MerganserError naming what was not fetched, did not land or is held. Quarantine is not a failure."""
    failed = [f"{stream.source}.{stream.stream}: {stream.error}" for stream in report.streams if stream.error]
    failed += [f"{e.source}.{e.entity}: {e.error}" for e in report.landing.entities if e.status in ("failed", "held")]
    if failed:
        more = f" (and {len(failed) - 3} more)" if len(failed) > 3 else ""
        count = len(report.streams) + len(report.landing.entities)
        raise MerganserError(
            f"{len(failed)} of {count} streams and entities did not arrive or are held: {'; '.join(failed[:3])}{more}",
            "The others did. Fix what is named and run `merganser ingest --all` again.",
        )


def fail_unless_built(report: building.BuildReport) -> None:
    """Raises MerganserError naming the nodes that failed."""
    if report.succeeded:
        return
    first = report.failures[0] if report.failures else None
    example = f" First: {first.name} ({first.path}): {first.message}" if first else ""
    raise MerganserError(
        f"The build failed in {len(report.failures)} place{'s' if len(report.failures) != 1 else ''}.{example}",
        "Fix what it names and run `merganser build` again; readers keep the last good serving file.",
    )


def fail_unless_checked(home: Home, report: quality.CheckReport) -> None:
    """Raises PublicationRefusedError naming the rules that are broken."""
    if report.passed:
        return
    broken = "; ".join(f"{result.id}: {result.says}" for result in report.failures[:3])
    raise PublicationRefusedError(
        f"The check failed: {report.build_fault or broken}.",
        f"Open {home.quality_report}. Readers keep the last good serving file, and nothing is exported.",
    )


def fail_unless_delivered(outcomes: Sequence[ExportOutcome]) -> None:
    """Raises MerganserError naming the exports that failed."""
    failed = [outcome for outcome in outcomes if outcome.failed]
    if failed:
        errors = "; ".join(outcome.error for outcome in failed)
        message = f"{len(failed)} of {len(outcomes)} exports failed: {errors}"
        raise MerganserError(message, "Completed deliveries are recorded; `merganser export deliver --all` continues.")
