"""How reports look on a terminal: Rich tables for people on standard output, progress on standard error.

Add here: how another report is shown. Keep out: what stands in a report (lib/), what a command does (cli.py).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from runtime import progress as told
from runtime.printable import printable, printable_lines

if TYPE_CHECKING:
    from exports.adoption import AdoptionReport
    from exports.delivery import DeliveryPlan, DeliveryReceipt, ExportStatus
    from ingestion.landing import LandingReport
    from ingestion.quarantine import QuarantinedRecord, QuarantineList, ReplayReport
    from ingestion.spec import SourceSpec
    from orchestration.additions import AdditionReport
    from orchestration.doctor import Finding
    from orchestration.setup import SetupReport
    from orchestration.stages import ExportOutcome, IngestReport, RunReport
    from orchestration.summary import SegmentSize, SourceTotals, Status, Summary
    from publication.consent import UnreadableDecision
    from publication.publishing import PublishReport
    from publication.quality import AuditResult, CheckReport
    from publication.waivers import Waiver
    from runtime.building import BuildReport
    from runtime.errors import MerganserError
    from runtime.home import Home

_SLOWEST_SHOWN = 5
_WIDTH_OF_A_FILE = 160  # characters: what is piped or kept is not cut to the 80 of an unknown terminal


class PlainConsole(Console):
    """A console to which all text is plain, in lines, tables, titles and prompts: no markup, no emoji, no control
    characters. What has a style gets it from `style=`, or is a `Text` that says nothing from outside."""

    def render_str(self, text: str, **options: Any) -> Text:
        """What Rich makes of each string before it prints it."""
        return super().render_str(printable_lines(text), **{**options, "markup": False, "emoji": False})


def out() -> Console:
    """The console for results; made anew so that tests and pipes see the standard output of the moment."""
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    return PlainConsole(file=sys.stdout, highlight=False, width=width)


def err() -> Console:
    """The console for progress and errors."""
    width = None if sys.stderr.isatty() else _WIDTH_OF_A_FILE
    return PlainConsole(file=sys.stderr, highlight=False, stderr=True, width=width)


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Callable[[str], told.Progress]]:
    """Bars on standard error: a function that gives each stage its own. Nothing when quiet or not a terminal."""
    console = err()
    if quiet or not console.is_terminal:
        yield lambda stage: told.silent
        return
    columns = [
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.fields[stage]:<8}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", style="dim", markup=False),
    ]
    with Progress(*columns, console=console) as bars:

        def finish_last() -> None:
            for task in bars.tasks[-1:]:
                bars.update(task.id, total=task.completed or 1, completed=task.completed or 1, description="")

        def bar(stage: str) -> told.Progress:
            finish_last()
            task = bars.add_task("", total=None, stage=stage)

            def tell(done: int, total: int | None, label: str) -> None:
                bars.update(task, completed=done, total=total, description=printable(label)[:60])

            return tell

        yield bar
        finish_last()


def show_error(error: MerganserError) -> None:
    """What happened and what to do next, on standard error."""
    console = err()
    console.print("Error:", style="bold red", end=" ")
    console.print(error.message, markup=False)
    if error.hint:
        console.print(error.hint, markup=False, style="dim")


def show_note(text: str) -> None:
    """Something that a command did beside what it was called for, on standard error."""
    err().print(text, markup=False, style="yellow")


def ask_sources(sources: Mapping[str, SourceSpec]) -> list[str]:
    """Ask a person at a terminal which of these sources they have."""
    from orchestration.setup import default_loader

    console = out()
    table = new_table("Sources", "name", "what it is", "arrives by", numbers=())
    for name, source in sources.items():
        table.add_row(name, source.title, default_loader(source))
    console.print(table)
    console.print("dlt: Merganser fetches it. fivetran, files: its tables or files are brought to the landing zone.")
    answer = console.input("Which do you have? Names, parted by commas; NAME:LOADER for another way: ")
    return [part.strip() for part in answer.split(",") if part.strip()]


def show_setup(report: SetupReport) -> None:
    """What was switched on, and what to do next."""
    console = out()
    console.print(f"Switched on: {', '.join(f'{name} ({how})' for name, how in report.sources.items())}", markup=False)
    console.print(f"Settings: {report.settings}. Variables, with what they are for: {report.example}", markup=False)
    for source, names in report.missing.items():
        console.print(f"  {source} needs {', '.join(names)}", markup=False, style="yellow")
    console.print("Then: merganser doctor, and merganser run.", style="bold")


def show_addition(report: AdditionReport) -> None:
    """The files of an addition, and what to do next."""
    console = out()
    console.print(f"The {report.kind} {report.name} is in {report.folder}:", markup=False)
    for path in report.files:
        console.print(f"  new      {path.relative_to(report.folder)}", markup=False)
    for path in report.changed:
        console.print(f"  one line {path.relative_to(report.folder)}", markup=False)
    console.print("Then:", style="bold")
    for step in report.next_steps:
        console.print(f"  {step}", markup=False)


def show_findings(findings: Sequence[Finding]) -> None:
    """What was looked at, what is missing first."""
    table = new_table("Doctor", "", "of", "seen", "what to do", numbers=())
    marks = {"missing": Text("✗", "red"), "look": Text("!", "yellow"), "fine": Text("✓", "green")}
    for finding in sorted(findings, key=lambda finding: list(marks).index(finding.state)):
        table.add_row(marks[finding.state], finding.subject, finding.told, finding.next_step)
    out().print(table)


def show_ingest(report: IngestReport) -> None:
    """What was fetched, what landed, and what deserves a look."""
    table = new_table("Fetched", "source", "stream", "records", "read up to", numbers=(2,))
    for stream in report.streams:
        table.add_row(stream.source, stream.stream, f"{sum(stream.records.values()):,}", stream.watermark_after or "")
    if table.row_count:
        out().print(table)
    for stream in report.streams:
        if stream.error:
            out().print(f"  {stream.source}.{stream.stream}: {stream.error}", markup=False, style="yellow")
    show_landing(report.landing)


def show_landing(report: LandingReport) -> None:
    """Records by source of one ingest, and what deserves a look."""
    console = out()
    table = new_table("Landed", "source", "records", "landed", "quarantined", "unchanged")
    quiet = 0
    for source, row in landed_by_source(report).items():
        quiet += not row["extracted"]
        if row["extracted"]:
            table.add_row(source, *(f"{row[name]:,}" for name in ("extracted", "landed", "quarantined", "unchanged")))
    if table.row_count:
        console.print(table)
        console.print(f"Nothing new came from {quiet} more declared sources.", markup=False, style="dim")
    else:
        console.print(f"Nothing new came from any of {quiet} declared sources.", markup=False)
    for entity in report.entities:
        for told_warning in (*entity.warnings, *([entity.error] if entity.error else [])):
            console.print(f"  {entity.source}.{entity.entity}: {told_warning}", markup=False, style="yellow")


def show_quarantine(found: QuarantineList) -> None:
    """Refused records: counts, and where each stood. No value of a record."""
    console = out()
    table = new_table("Quarantine", "id", "record", "stood in", "at", "rule", "message", "replayed")
    for record in found.records:
        at = f"page {record.page}" if record.page else f"record {record.row}"
        outcome = f"{record.replayed_at:%Y-%m-%d}: {record.outcome}" if record.replayed_at else ""
        of = f"{record.source}.{record.entity}"
        table.add_row(record.quarantine_id, of, record.file_name, at, record.rule, record.message, outcome)
    if table.row_count:
        console.print(table)
    for rule, count in found.by_rule.items():
        console.print(f"  {count:,} {rule}", markup=False)
    console.print(f"{found.total:,} records were refused, {found.waiting:,} of them wait.", markup=False)


def show_unreadable_decisions(decisions: Sequence[UnreadableDecision]) -> None:
    """Consent decisions that cannot be read, and how each is repaired. No value of a record."""
    console = out()
    columns = ("record", "key", "quarantine id", "field", "cannot be read", "holds back")
    table = new_table("Consent decisions that cannot be read, as of the last build", *columns)
    for decision in decisions:
        of = f"{decision.source}.{decision.entity}"
        held = f"{decision.customer_count:,} customers" if decision.holds else "nobody"
        table.add_row(of, decision.record_key, decision.quarantine_id, decision.field, decision.reason, held)
    if table.row_count:
        console.print(table)
    for reason, remedy in sorted({(decision.reason, decision.remedy) for decision in decisions}):
        console.print(f"  {reason}: {remedy}", markup=False)


def show_quarantined_records(found: Sequence[tuple[QuarantinedRecord, str]]) -> None:
    """Refused records as they came."""
    for record, text in found:
        out().print(f"{record.quarantine_id}  {record.source}.{record.entity}: {record.message}", markup=False)
        out().print(text, markup=False, soft_wrap=True)


def show_replay(report: ReplayReport) -> None:
    """What became of replayed records."""
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in report.outcomes.items())
    out().print(f"{report.replayed:,} records were replayed{': ' * bool(outcomes)}{outcomes}.", markup=False)
    if report.outcomes.get("quarantined"):
        out().print("  Those that broke a rule again are in quarantine again, each with a new id.", markup=False)
    if report.skipped:
        out().print(f"  {report.skipped:,} are no JSON; replay each with its correction (--record).", markup=False)


def landed_by_source(report: LandingReport) -> dict[str, dict[str, int]]:
    """Counts of a landing report, summed by source."""
    totals: dict[str, dict[str, int]] = {}
    for entity in report.entities:
        row = totals.setdefault(entity.source, {"extracted": 0, "landed": 0, "quarantined": 0, "unchanged": 0})
        for name in row:
            row[name] += getattr(entity, name)
    return dict(sorted(totals.items()))


def show_build(report: BuildReport) -> None:
    """Counts of a build, what failed and what took longest."""
    console = out()
    for kind, outcomes in report.counts.items():
        told_outcomes = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        console.print(f"{kind:<10} {told_outcomes}", markup=False)
    for failure in report.failures:
        console.print(f"failed     {failure.name} ({failure.path}): {failure.message}", markup=False, style="red")
    slowest = [f"{name} {seconds:.1f} s" for name, seconds in list(report.seconds_per_node.items())[:_SLOWEST_SHOWN]]
    console.print(f"slowest    {', '.join(slowest)}", markup=False)
    verdict = "succeeded" if report.succeeded else "failed"
    console.print(f"Build {report.build_id} {verdict} in {report.seconds:.1f} s.", markup=False, style="bold")


def show_check(home: Home, report: CheckReport) -> None:
    """What an audit found: every broken rule, with counts and keys."""
    console = out()
    for result in report.failures:
        told_result = result.error or f"{result.broken_count:,} broken"
        if result.tolerated_share is not None and result.row_count:
            told_result += f" of {result.row_count:,}, at most {result.tolerated_share:.0%} may be"
        keys = f" (for example {', '.join(result.keys)})" if result.keys else ""
        console.print(f"broken  {result.id}: {result.says}: {told_result}{keys}", markup=False, style="red")
        _show_causes(console, result)
    for result in report.waived:
        waiver = f"waived until {result.waiver['until']} by {result.waiver['owner']}: {result.waiver['reason']}"
        console.print(f"waived  {result.id}: {result.says} ({waiver})", markup=False, style="yellow")
    for result in report.remarks:
        told_result = f"{result.broken_count:,}" if result.broken_count else "no"
        values = f": {', '.join(result.values)}" if result.values else ""
        console.print(f"note    {result.id}: {result.says}: {told_result} rows{values}", markup=False)
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
    held = sum(result.passed for result in report.results)
    verdict = "passed" if report.passed else "failed"
    console.print(
        f"Check of build {report.build_id or 'none'} {verdict}: {held} of {len(report.results)} rules hold on "
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
    """Who allows which broken rule, until when and why."""
    from publication.waivers import today

    table = new_table("Waivers", "rule", "until", "owner", "granted", "reason", numbers=())
    for waiver in waivers:
        expired = " (expired)" if not waiver.holds(today()) else ""
        table.add_row(waiver.rule, waiver.until + expired, waiver.owner, waiver.granted_at, waiver.reason)
    out().print(table if waivers else "No rule is waived.")


def show_publication(report: PublishReport) -> None:
    """What readers now see."""
    out().print(
        f"Published build {report.build_id}: {len(report.row_counts)} tables, "
        f"{sum(report.row_counts.values()):,} rows, {report.size_bytes / 1e6:.1f} MB in {report.path}",
        markup=False,
    )


def show_exports(statuses: list[ExportStatus]) -> None:
    """The declared exports and how each stands."""
    table = new_table("Exports", "export", "destination", "mode", "purpose", "delivered", "status", numbers=(4,))
    for status in statuses:
        missing = f": set {', '.join(status.missing_settings)}" if status.missing_settings else ""
        table.add_row(
            status.name,
            status.destination,
            status.mode,
            f"{status.purpose}/{status.channel}",
            f"{status.delivered_count:,}",
            status.status + missing,
        )
    out().print(table)


def show_plan(plan: DeliveryPlan) -> None:
    """What a delivery would send."""
    console = out()
    console.print(
        f"{plan.export} to {plan.destination}: {plan.adds:,} to add, {plan.updates:,} to update, "
        f"{plan.removes:,} to remove, {plan.unchanged:,} unchanged, {plan.held:,} held back after a refusal.",
        markup=False,
    )
    for reason, count in plan.withheld.items():
        console.print(f"  withheld: {count:,} ({reason})", markup=False)
    for reason in plan.stale:
        console.print(f"  may not be delivered: {reason}", markup=False, style="red")
    for reason in plan.guard.reasons:
        console.print(f"  stopped by its guard: {reason}", markup=False, style="red")
    if plan.missing_settings:
        console.print(f"  not configured: set {', '.join(plan.missing_settings)}", markup=False, style="yellow")
    if plan.unfinished:
        console.print(f"  first continues {', '.join(plan.unfinished)}, which was cut short", markup=False)


def show_adoption(report: AdoptionReport) -> None:
    """What the ledger knows of an export after it was rebuilt, or would know."""
    console = out()
    source = "read from the delivered files" if report.method == "files" else f"taken {report.method}"
    console.print(
        f"{report.export} to {report.destination}: the ledger lacks {len(report.deliveries):,} deliveries; by what "
        f"was {source}, the destination holds {report.records:,} records.",
        markup=False,
    )
    console.print(
        f"  the next delivery would add {report.adds:,}, update {report.updates:,} and remove {report.removes:,}; "
        f"{report.unchanged:,} are unchanged",
        markup=False,
    )
    for caution in report.cautions:
        console.print(f"  mind: {caution}", markup=False, style="yellow")
    console.print("  The ledger was written." if report.is_written else "  Nothing was written: say --yes to write it.")


def show_receipt(receipt: DeliveryReceipt) -> None:
    """What one delivery did."""
    out().print(f"{receipt.export}: {_receipt_words(receipt)}", markup=False)


def show_outcomes(outcomes: list[ExportOutcome]) -> None:
    """What became of every export."""
    console = out()
    for outcome in outcomes:
        words = _receipt_words(outcome.receipt) if outcome.receipt else f"{outcome.status}: {outcome.error}"
        console.print(f"{outcome.name}: {words}", markup=False, style="red" if outcome.failed else None)


def show_run(home: Home, report: RunReport, summary: Summary | None) -> None:
    """The summary at the end of a run: what came in, who that is, what left, and what to open next."""
    console = out()
    if report.ingest is not None:
        show_ingest(report.ingest)
    if report.check is not None and not report.check.passed:
        show_check(home, report.check)
    if summary is not None and report.publication is not None:
        _show_people(summary)
        console.print(_segments(summary.segments))
    if report.exports:
        console.print(_deliveries(report.exports))
        _show_artefacts(console, report.exports)
    if report.succeeded:
        _show_next(console, home)


def show_status(home: Home, status: Status) -> None:
    """How a home stands."""
    console = out()
    console.print(f"Home {status.home}, judged as of {status.as_of or 'now'}", markup=False, style="bold")
    if status.note:
        console.print(status.note, markup=False, style="yellow")
    if status.sources:
        console.print(_source_totals(status.sources))
    for hold in status.held:
        column = f" of {hold.column}" if hold.column else ""
        console.print(
            f"held       {hold.source}.{hold.entity}, {hold.gate}{column}: {hold.found}; {hold.usual}"
            f" ({len(hold.files)} file{'s' if len(hold.files) != 1 else ''}, since {hold.held_at:%Y-%m-%d %H:%M} UTC)",
            markup=False,
            style="yellow",
        )
    build, check = status.build, status.check
    if build:
        outcome = "succeeded" if build["succeeded"] else "failed"
        console.print(f"build      {build['build_id']} {outcome}", markup=False)
    if check:
        outcome = "passed" if check["passed"] else "failed"
        console.print(f"check      of {check['build_id']} {outcome}, {check['checked_at']} UTC", markup=False)
    if status.published:
        console.print(
            f"published  {status.published['build_id']}, {status.published['published_at']} UTC", markup=False
        )
    if status.summary is not None:
        _show_people(status.summary)
        console.print(_segments(status.summary.segments))
    if not (build or status.sources):
        console.print("Nothing is here yet: run `merganser demo`, or `merganser ingest --all`.", markup=False)


def _show_people(summary: Summary) -> None:
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


def _segments(segments: list[SegmentSize]) -> Table:
    table = new_table("Segments", "segment", "customers", "title", numbers=(1,))
    for segment in segments:
        table.add_row(segment.name, f"{segment.customers:,}", segment.title)
    return table


def _source_totals(sources: list[SourceTotals]) -> Table:
    columns = ("source", "records", "landed", "quarantined", "unchanged", "held under")
    table = new_table("Landed so far", *columns, numbers=(1, 2, 3, 4))
    for total in sources:
        numbers = (total.extracted, total.landed, total.quarantined, total.unchanged)
        table.add_row(total.source, *(f"{number:,}" for number in numbers), "; ".join(total.held_under))
    return table


def _deliveries(outcomes: list[ExportOutcome]) -> Table:
    columns = ("export", "added", "updated", "removed", "unchanged", "withheld, and why")
    table = new_table("Delivered", *columns, numbers=(1, 2, 3, 4))
    for outcome in outcomes:
        receipt = outcome.receipt
        if receipt is None:
            table.add_row(outcome.name, "", "", "", "", f"{outcome.status}: {outcome.error}")
            continue
        numbers = (receipt.adds, receipt.updates, receipt.removes, receipt.unchanged)
        table.add_row(outcome.name, *(f"{number:,}" for number in numbers), _reasons(receipt.withheld))
    return table


def _show_artefacts(console: Console, outcomes: list[ExportOutcome]) -> None:
    for outcome in outcomes:
        for path in outcome.receipt.artefacts if outcome.receipt else ():
            console.print(f"  {path}", markup=False, style="dim")


def _show_next(console: Console, home: Home) -> None:
    """What to look at now, as commands that run as they stand, whether or not the virtual environment is active."""
    on_path = shutil.which("merganser") is not None
    python = "python" if on_path else os.path.relpath(sys.executable)
    merganser = "merganser" if on_path else os.path.relpath(sys.argv[0])
    query = f"import duckdb; duckdb.connect('{home.serving}', read_only=True).table('marts.dim_customers').show()"
    console.print("Open next", style="bold")
    console.print(f'  the customers  {python} -c "{query}"', markup=False, soft_wrap=True)
    console.print(f"  their audit    {home.quality_report}", markup=False, soft_wrap=True)
    graph = f"{merganser} dev --home {home.path}"
    console.print(f"  the graph      {graph}  (then http://127.0.0.1:3000)", markup=False, soft_wrap=True)


def _receipt_words(receipt: DeliveryReceipt) -> str:
    words = f"{receipt.status}; {receipt.adds:,} added, {receipt.updates:,} updated, {receipt.removes:,} removed"
    words += f", {receipt.unchanged:,} unchanged"
    if receipt.rejected:
        words += f"; rejected: {_reasons(receipt.rejected)}"
    if receipt.deferred:
        words += f"; deferred: {_reasons(receipt.deferred)}"
    if receipt.withheld:
        words += f"; withheld: {_reasons(receipt.withheld)}"
    return words


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.items())


def new_table(title: str, *columns: str, numbers: tuple[int, ...] | None = None) -> Table:
    """A table whose columns from the second on hold numbers, unless `numbers` says which do."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        number = place > 0 if numbers is None else place in numbers
        last = place == len(columns) - 1
        table.add_column(column, justify="right" if number else "left", header_style="dim", no_wrap=not last)
    return table
