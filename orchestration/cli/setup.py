"""The commands that set a home up and look at it: demo, init, doctor, status and dev.

Add here: another command about the home itself. Keep out: the work (orchestration/setup.py, doctor.py, demo.py).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from orchestration.cli.build import run_as_mapping, segment_table, show_people, show_run
from orchestration.cli.command_line import AsOfOption, HomeOption, JsonOption, end, home_at
from orchestration.cli.console import new_table, out, shown_progress
from orchestration.cli.ingest import declared_names
from runtime.errors import MerganserError, WrongUseError

if TYPE_CHECKING:
    from rich.table import Table

    from ingestion.spec import SourceSpec
    from orchestration.doctor import Finding
    from orchestration.setup import SetupReport
    from orchestration.summary import SourceTotals, Status
    from runtime.home import Home


def demo(
    *,
    customers: Annotated[int, typer.Option(min=100, help="Customers in the made-up business.")] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same bytes.")] = 7,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the demo in this home and start again.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make up a business and run the whole main job on it. A second run changes nothing."""
    from orchestration import demo as demonstration
    from orchestration.summary import read_summary

    place = home_at(home, None)
    with shown_progress(quiet=as_json) as progress:
        place, report = demonstration.run(place, customers=customers, seed=seed, fresh=fresh, progress=progress)
    summary = read_summary(place)
    if not as_json:
        show_run(place, report, summary)
    end(as_json, "demo", {**run_as_mapping(report), "summary": summary}, report.error)


def init(
    *,
    sources: Annotated[
        list[str] | None,
        typer.Option("--source", help="A source to switch on, as NAME or NAME:LOADER (dlt, fivetran, files)."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the demo that this home holds.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start with real data: choose your sources and see what each needs."""
    from orchestration import setup, stages

    place = home_at(home, None)
    wanted = sources or ([] if as_json or not sys.stdin.isatty() else ask_sources(stages.known_sources(place)))
    if not wanted:
        raise WrongUseError("Name your sources.", f"--source {' --source '.join(declared_names(home)[:2])} ...")
    report = setup.configure(place, wanted, fresh=fresh)
    if not as_json:
        show_setup(report)
    end(as_json, "init", report)


def ask_sources(sources: Mapping[str, SourceSpec]) -> list[str]:
    """Asks at the terminal which of these sources to switch on."""
    from orchestration.setup import default_loader

    console = out()
    table = new_table("Sources", "name", "what it is", "arrives by", numbers=())
    for name, source in sources.items():
        table.add_row(name, source.title, default_loader(source))
    console.print(table)
    console.print("dlt: Merganser fetches it. fivetran, files: its tables or files are put into the landing zone.")
    answer = console.input("Which do you have? Names, separated by commas; NAME:LOADER for another loader: ")
    return [part.strip() for part in answer.split(",") if part.strip()]


def show_setup(report: SetupReport) -> None:
    """The sources that were switched on, and what to do next."""
    console = out()
    console.print(f"Switched on: {', '.join(f'{name} ({how})' for name, how in report.sources.items())}", markup=False)
    console.print(f"Settings: {report.settings}. Variables, with what they are for: {report.example}", markup=False)
    for source, names in report.missing.items():
        console.print(f"  {source} needs {', '.join(names)}", markup=False, style="yellow")
    console.print("Then: merganser doctor, and merganser run.", style="bold")


def doctor(
    *,
    connect: Annotated[bool, typer.Option("--connect", help="Also request a first page from each vendor.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is missing before a run works: variables, files, permissions, disk space."""
    from orchestration import doctor as examination

    place = home_at(home, None)
    with shown_progress(quiet=as_json) as progress:
        findings = examination.examine(place, connect=connect, progress=progress("doctor"))
    if not as_json:
        show_findings(findings)
    missing = [finding for finding in findings if finding.state == "missing"]
    error = (
        MerganserError(f"{len(missing)} things are missing.", "Each line above says what to do.") if missing else None
    )
    end(as_json, "doctor", {"findings": findings}, error)


def show_findings(findings: Sequence[Finding]) -> None:
    """What doctor found; what is missing comes first."""
    table = new_table("Doctor", "", "of", "seen", "what to do", numbers=())
    marks = {"missing": Text("✗", "red"), "look": Text("!", "yellow"), "fine": Text("✓", "green")}
    for finding in sorted(findings, key=lambda finding: list(marks).index(finding.state)):
        table.add_row(marks[finding.state], finding.subject, finding.message, finding.next_step)
    out().print(table)


def status(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What has landed, what the last build and check did, and what readers see."""
    from orchestration.summary import read_status

    place = home_at(home, None)
    found = read_status(place)
    if not as_json:
        show_status(place, found)
    end(as_json, "status", found)


def show_status(home: Home, status: Status) -> None:
    """The state of a home."""
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
        show_people(status.summary)
        console.print(segment_table(status.summary.segments))
    if not (build or status.sources):
        console.print("Nothing is here yet: run `merganser demo`, or `merganser ingest --all`.", markup=False)


def _source_totals(sources: list[SourceTotals]) -> Table:
    columns = ("source", "records", "landed", "quarantined", "unchanged", "held under")
    table = new_table("Landed so far", *columns, numbers=(1, 2, 3, 4))
    for total in sources:
        numbers = (total.extracted, total.landed, total.quarantined, total.unchanged)
        table.add_row(total.source, *(f"{number:,}" for number in numbers), "; ".join(total.held_under))
    return table


def dev(
    *,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
    home: HomeOption = None,
    as_of: AsOfOption = None,
) -> None:
    """Dagster's web UI over this home, on 127.0.0.1."""
    from orchestration import webserver

    raise typer.Exit(webserver.serve(home_at(home, as_of), port))
