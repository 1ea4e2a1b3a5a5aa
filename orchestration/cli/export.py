"""The commands `merganser export`: the declared syncs, their plans, deliveries and ledgers.

Add here: a command about a sync. Keep out: the work (exports/).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.command_line import EXIT_CODES, HomeOption, JsonOption, end, home_at, raised_by
from orchestration.cli.console import new_table, out, shown_progress
from runtime.errors import WrongUseError
from runtime.locking import held

if TYPE_CHECKING:
    from rich.table import Table

    from exports.adoption import AdoptionReport, Method
    from exports.delivery import DeliveryPlan, DeliveryReceipt, ExportStatus
    from orchestration.stages import ExportOutcome

export_app = typer.Typer(help="What leaves, to whom, and what has left.", epilog=EXIT_CODES, no_args_is_help=True)


@export_app.command("list", epilog=EXIT_CODES)
def export_list(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The declared exports, what each has delivered, and which settings it lacks."""
    from orchestration import stages

    statuses = stages.list_exports(home_at(home, None))
    if not as_json:
        show_exports(statuses)
    end(as_json, "export list", {"exports": statuses})


def show_exports(statuses: list[ExportStatus]) -> None:
    """The declared exports and the state of each."""
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


@export_app.command("plan", epilog=EXIT_CODES)
def export_plan(
    *,
    name: Annotated[str, typer.Argument(help="Name of the export, as `merganser export list` shows it.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a delivery would send now, as counts. Nothing is sent."""
    from orchestration import stages

    plan = stages.plan_export(home_at(home, None), name)
    if not as_json:
        show_plan(plan)
    end(as_json, "export plan", plan)


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
        console.print(f"  first continues {', '.join(plan.unfinished)}, which was interrupted", markup=False)


@export_app.command("deliver", epilog=EXIT_CODES)
def export_deliver(
    *,
    name: Annotated[str | None, typer.Argument(help="Name of the export.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Deliver every declared export.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only: nothing is sent.")] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Deliver although a guard stops it; needs --reason, which is stored."),
    ] = False,
    consent_removals: Annotated[
        bool,
        typer.Option("--consent-removals", help="Send only removals that persons decided; needs --reason."),
    ] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why a guard is overridden.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send the changes since the last delivery."""
    if (name is not None) == every:
        raise WrongUseError("Name an export, or use --all.", "`merganser export list` shows them.")
    if (force or consent_removals) != bool((reason or "").strip()):
        raise WrongUseError(
            "--force and --consent-removals need --reason, and --reason needs one of them.",
            'As in --force --reason "the segment was narrowed on purpose"; the ledger stores it.',
        )
    if consent_removals and (force or every or dry_run):
        raise WrongUseError("--consent-removals takes the name of one export, and neither --force nor --dry-run.")
    from orchestration import stages

    place = home_at(home, None)
    with shown_progress(quiet=as_json) as progress, held(place, "export"):
        if name is None:
            outcomes = stages.deliver_all(
                place, dry_run=dry_run, force=force, reason=reason, progress=progress("export")
            )
        else:
            receipt = stages.deliver_export(
                place,
                name,
                dry_run=dry_run,
                force=force,
                consent_removals=consent_removals,
                reason=reason,
                progress=progress("export"),
            )
            outcomes = [stages.ExportOutcome(name, receipt.status, receipt)]
    if not as_json:
        show_outcomes(outcomes)
    end(as_json, "export deliver", {"exports": outcomes}, raised_by(lambda: stages.fail_unless_delivered(outcomes)))


def show_outcomes(outcomes: list[ExportOutcome]) -> None:
    """The outcome of each export."""
    console = out()
    for outcome in outcomes:
        words = _receipt_words(outcome.receipt) if outcome.receipt else f"{outcome.status}: {outcome.error}"
        console.print(f"{outcome.name}: {words}", markup=False, style="red" if outcome.failed else None)


def delivery_table(outcomes: list[ExportOutcome]) -> Table:
    """The deliveries of a run, with the records withheld and why."""
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


@export_app.command("adopt", epilog=EXIT_CODES)
def export_adopt(
    *,
    name: Annotated[str, typer.Argument(help="Name of the export.")],
    as_delivered: Annotated[
        bool,
        typer.Option("--as-delivered", help="Treat all current records as delivered: nothing is sent again."),
    ] = False,
    as_unsent: Annotated[
        bool, typer.Option("--as-unsent", help="Treat the lost deliveries as never sent: everything is sent again.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Write the ledger. Without it, only show what it would contain.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rebuild a lost ledger from the delivered files, or by your decision. Nothing is sent."""
    if as_delivered and as_unsent:
        raise WrongUseError("--as-delivered and --as-unsent contradict each other.", "Use one of them, or neither.")
    from orchestration import stages

    place = home_at(home, None)
    with held(place, "adopt"):
        method: Method = "as delivered" if as_delivered else "as unsent" if as_unsent else "files"
        report = stages.adopt_export(place, name, method=method, write=yes)
    if not as_json:
        show_adoption(report)
    end(as_json, "export adopt", report)


def show_adoption(report: AdoptionReport) -> None:
    """What a rebuilt ledger contains, or would contain."""
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
        console.print(f"  note: {caution}", markup=False, style="yellow")
    console.print("  The ledger was written." if report.is_written else "  Nothing was written: use --yes to write it.")
