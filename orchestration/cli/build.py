"""The commands from raw tables to what readers see: build, check, publish, and run for the whole main job.

Add here: another option or report of these stages. Keep out: the work (orchestration/stages.py, publication/).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.command_line import EXIT_CODES, AsOfOption, HomeOption, JsonOption, end, home_at, raised_by
from orchestration.cli.console import new_table, out, shown_progress
from orchestration.cli.export import delivery_table
from orchestration.cli.ingest import show_ingest
from runtime.errors import WrongUseError
from runtime.locking import held

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from orchestration.stages import ExportOutcome, RunReport
    from orchestration.summary import SegmentSize, Summary
    from publication.publishing import PublishReport
    from publication.quality import AuditResult, CheckReport
    from publication.waivers import Waiver
    from runtime.building import BuildReport
    from runtime.home import Home

_SLOWEST_SHOWN = 5
_NAMES_SHOWN = 8

check_app = typer.Typer(
    help="Audit the warehouse: is what was built fit to be published?",
    epilog=EXIT_CODES,
    invoke_without_command=True,
)


def build(
    *,
    selection: Annotated[
        list[str] | None, typer.Argument(help="dbt selection, such as dim_customers+ ; by default everything.")
    ] = None,
    select: Annotated[list[str] | None, typer.Option("--select", "-s", help="The same, with dbt's option.")] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="dbt selection to leave out.")] = None,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Rebuild incremental models.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also run what has not changed.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print what would run and why, and run nothing.")] = False,
    unit_tests: Annotated[
        bool, typer.Option("--unit-tests", help="Also run dbt's unit tests: they test the code, not the data.")
    ] = False,
    home: HomeOption = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build the warehouse with dbt: seeds, models, and their tests. What has not changed since does not run.

    A selection always runs what it names.
    """
    from orchestration import stages

    place = home_at(home, as_of)
    chosen = [*(selection or ()), *(select or ())]
    if explain:
        _explain(place, chosen, as_json=as_json)
        return
    with shown_progress(quiet=as_json) as progress, held(place, "build"):
        report = stages.build(
            place,
            chosen,
            exclude=exclude or (),
            full_refresh=full_refresh,
            everything=everything,
            unit_tests=unit_tests,
            progress=progress("build"),
        )
    if not as_json:
        show_build(report)
    end(as_json, "build", report, raised_by(lambda: stages.fail_unless_built(report)))


def _explain(home: Home, selection: Sequence[str], *, as_json: bool) -> None:
    """Prints what a build would run, and why."""
    from orchestration import stages

    if selection:
        raise WrongUseError("--explain takes no selection.", "A selection always runs what it names.")
    with shown_progress(quiet=as_json) as progress, held(home, "build"):
        explanation = stages.explain_build(home, progress=progress("build"))
    if not as_json:
        console = out()
        for reason, names in explanation.by_reason().items():
            more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
            console.print(f"{', '.join(names[:_NAMES_SHOWN])}{more}: {reason}", markup=False, soft_wrap=True)
        console.print(
            f"{len(explanation.running)} of {explanation.node_count} nodes would run.", markup=False, style="bold"
        )
    end(as_json, "build", explanation)


def show_build(report: BuildReport) -> None:
    """Counts of a build, its failures and its slowest nodes."""
    console = out()
    if report.confirmed_at:
        console.print(f"Nothing has changed since build {report.build_id}.", markup=False, style="bold")
        return
    for kind, outcomes in report.counts.items():
        counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        console.print(f"{kind:<10} {counts}", markup=False)
    for failure in report.failures:
        console.print(f"failed     {failure.name} ({failure.path}): {failure.message}", markup=False, style="red")
    if report.unchanged_count:
        ran = sum(report.count(kind) for kind in report.counts)
        console.print(f"unchanged  {report.unchanged_count} of {report.unchanged_count + ran} nodes", markup=False)
    for warning in report.warnings:
        rule = f"{warning.rule} of {warning.columns}, " if warning.rule else ""
        shown = f" (for example {'; '.join(warning.examples)})" if warning.examples else ""
        text = f"counted    {warning.name} ({warning.path}): {rule}{warning.broken_count:,} rows{shown}"
        console.print(text, markup=False, style="yellow")
    slowest = [f"{name} {seconds:.1f} s" for name, seconds in list(report.seconds_per_node.items())[:_SLOWEST_SHOWN]]
    console.print(f"slowest    {', '.join(slowest)}", markup=False)
    verdict = "succeeded" if report.succeeded else "failed"
    console.print(f"Build {report.build_id} {verdict} in {report.seconds:.1f} s.", markup=False, style="bold")


@check_app.callback(epilog=EXIT_CODES)
def check(
    context: typer.Context, *, home: HomeOption = None, as_of: AsOfOption = None, as_json: JsonOption = False
) -> None:
    """Audit the warehouse: is what was built fit to be published?"""
    if context.invoked_subcommand is not None:
        return
    from orchestration import stages
    from publication import quality

    place = home_at(home, as_of)
    with shown_progress(quiet=as_json) as progress, held(place, "check"):
        report = quality.check(place, progress=progress("check"))
    if not as_json:
        show_check(place, report)
    end(as_json, "check", report, raised_by(lambda: stages.fail_unless_checked(place, report)))


@check_app.command("waive", epilog=EXIT_CODES)
def check_waive(
    *,
    rule: Annotated[str, typer.Argument(help="A gate or data rule, as `merganser check` names it.")],
    until: Annotated[str, typer.Option("--until", help="The last day of the waiver (ISO, UTC).")],
    owner: Annotated[str, typer.Option("--owner", help="Who is responsible for it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why the data may be published anyway.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Allow publication although this rule is broken, until a date. A contract cannot be waived."""
    from publication import quality, waivers

    place = home_at(home, None)
    known, contracts = quality.waivable_rules(place)
    granted = waivers.waive(place, rule, until=until, owner=owner, reason=reason, known=known, contracts=contracts)
    if not as_json:
        show_waivers([granted])
    end(as_json, "check waive", granted)


@check_app.command("waivers", epilog=EXIT_CODES)
def check_waivers(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The waivers of this home, expired ones included."""
    from publication import waivers

    found = waivers.all_waivers(home_at(home, None))
    if not as_json:
        show_waivers(found)
    end(as_json, "check waivers", {"waivers": found})


def show_check(home: Home, report: CheckReport) -> None:
    """The result of an audit: every broken rule, with counts and keys."""
    console = out()
    for result in report.failures:
        count = result.error or f"{result.broken_count:,} broken"
        if result.tolerated_share is not None and result.row_count:
            count += f" of {result.row_count:,}, at most {result.tolerated_share:.0%} may be"
        keys = f" (for example {', '.join(result.keys)})" if result.keys else ""
        console.print(f"broken  {result.id}: {result.says}: {count}{keys}", markup=False, style="red")
        _show_causes(console, result)
    for result in report.waived:
        waiver = f"waived until {result.waiver['until']} by {result.waiver['owner']}: {result.waiver['reason']}"
        console.print(f"waived  {result.id}: {result.says} ({waiver})", markup=False, style="yellow")
    for result in report.remarks:
        count = f"{result.broken_count:,}" if result.broken_count else "no"
        values = f": {', '.join(result.values)}" if result.values else ""
        console.print(f"note    {result.id}: {result.says}: {count} rows{values}", markup=False)
        _show_causes(console, result)
    if report.build_fault:
        console.print(f"broken  {report.build_fault}", markup=False, style="red")
    if report.consent.get("unreadable"):
        console.print(
            "consent {unreadable:,} decisions cannot be read: {holding:,} hold {customers_held:,} customers back,"
            " {reaching_nobody:,} reach nobody yet. `merganser quarantine list` shows them.".format(**report.consent),
            markup=False,
            style="yellow",
        )
    kept = sum(result.passed for result in report.results)
    verdict = "passed" if report.passed else "failed"
    console.print(
        f"Check of build {report.build_id or 'none'} {verdict}: {kept} of {len(report.results)} rules hold on "
        f"{report.table_count} tables. Report: {home.quality_report}",
        markup=False,
        style="bold",
    )


def _show_causes(console: Console, result: AuditResult) -> None:
    if result.values and not result.passed:
        console.print(f"        values: {', '.join(result.values)}", markup=False)
    for cause in result.causes:
        deleted = f", {cause.deleted:,} deleted" if cause.deleted else ""
        files = f", {', '.join(cause.files)}" if cause.files else ""
        console.print(
            f"        from {cause.source}.{cause.entity}, load {cause.load_id}, landed {cause.landed_at}: "
            f"{cause.landed:,} records{deleted}{files}",
            markup=False,
        )
    if result.next:
        console.print(f"        next: {result.next}", markup=False)


def show_waivers(waivers: Sequence[Waiver]) -> None:
    """Which broken rules are allowed, by whom, until when and why."""
    from publication.waivers import today

    table = new_table("Waivers", "rule", "until", "owner", "granted", "reason", numbers=())
    for waiver in waivers:
        expired = " (expired)" if not waiver.holds(today()) else ""
        table.add_row(waiver.rule, waiver.until + expired, waiver.owner, waiver.granted_at, waiver.reason)
    out().print(table if waivers else "No rule is waived.")


def publish(
    *,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--override", help="A broken gate or data rule that this publication ignores."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why the override is right. It is logged.")] = "",
    whole: Annotated[
        bool,
        typer.Option("--whole", help="Write every table, and leave no trace of replaced rows in the file."),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replace the serving file by what was built and passed its check."""
    from publication import publishing

    place = home_at(home, None)
    with shown_progress(quiet=as_json) as progress, held(place, "publish"):
        report = publishing.publish(
            place, overrides=overrides or (), reason=reason, whole=whole, progress=progress("publish")
        )
    if not as_json:
        show_publication(report)
    end(as_json, "publish", report)


def show_publication(report: PublishReport) -> None:
    """What was published."""
    out().print(
        f"Published build {report.build_id}: {len(report.row_counts)} tables ({report.written_count} written), "
        f"{sum(report.row_counts.values()):,} rows, {report.size_bytes / 1e6:.1f} MB in {report.path}",
        markup=False,
    )


def run(
    *,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Rebuild incremental models.")] = False,
    home: HomeOption = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """The main job: ingest, build, check, publish, export. A stage that fails stops the ones after it."""
    from orchestration import stages
    from orchestration.summary import read_summary

    place = home_at(home, as_of)
    with shown_progress(quiet=as_json) as progress:
        report = stages.run(place, full_refresh=full_refresh, progress=progress)
    summary = read_summary(place)
    if not as_json:
        show_run(place, report, summary)
    end(as_json, "run", {**run_as_mapping(report), "summary": summary}, report.error)


def run_as_mapping(report: RunReport) -> dict[str, Any]:
    """The report of a run as its JSON holds it."""
    return {
        "failed_stage": report.failed_stage,
        "landing": report.ingest.landing if report.ingest else None,
        "streams": report.ingest.streams if report.ingest else [],
        "build": report.build,
        "check": report.check,
        "publication": report.publication,
        "exports": report.exports,
    }


def show_run(home: Home, report: RunReport, summary: Summary | None) -> None:
    """The summary of a run: records landed, customers, deliveries, and what to open next."""
    console = out()
    if report.ingest is not None:
        show_ingest(report.ingest)
    if report.check is not None and not report.check.passed:
        show_check(home, report.check)
    if summary is not None and report.publication is not None:
        show_people(summary)
        console.print(segment_table(summary.segments))
    if report.exports:
        console.print(delivery_table(report.exports))
        _show_artefacts(console, report.exports)
    if report.succeeded:
        _show_next(console, home)


def show_people(summary: Summary) -> None:
    """How many identifiers became how many customers."""
    console = out()
    console.print()
    console.print(
        f"{summary.identifiers:,} identifiers, joined {summary.joins:,} times, are {summary.customers:,} customers, "
        f"{summary.identified_customers:,} of them identified."
    )
    console.print(
        f"{summary.identifiers_withheld:,} identifiers join nobody (shared, blocked or invalid). "
        f"{summary.merges:,} customers were merged into another since they first appeared."
    )
    console.print()


def segment_table(segments: list[SegmentSize]) -> Table:
    """The segments with their sizes."""
    table = new_table("Segments", "segment", "customers", "title", numbers=(1,))
    for segment in segments:
        table.add_row(segment.name, f"{segment.customers:,}", segment.title)
    return table


def _show_artefacts(console: Console, outcomes: list[ExportOutcome]) -> None:
    for outcome in outcomes:
        for path in outcome.receipt.artefacts if outcome.receipt else ():
            console.print(f"  {path}", markup=False, style="dim")


def _show_next(console: Console, home: Home) -> None:
    """Commands that show the results. They run as printed, with or without an active virtual environment."""
    on_path = shutil.which("merganser") is not None
    python = "python" if on_path else os.path.relpath(sys.executable)
    merganser = "merganser" if on_path else os.path.relpath(sys.argv[0])
    query = f"import duckdb; duckdb.connect('{home.serving}', read_only=True).table('marts.dim_customers').show()"
    console.print("Open next", style="bold")
    console.print(f'  the customers  {python} -c "{query}"', markup=False, soft_wrap=True)
    console.print(f"  their audit    {home.quality_report}", markup=False, soft_wrap=True)
    graph = f"{merganser} dev --home {home.path}"
    console.print(f"  the graph      {graph}  (then http://127.0.0.1:3000)", markup=False, soft_wrap=True)
