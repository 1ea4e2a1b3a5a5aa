"""The commands `merganser new ...`: files of a user's own source, segment, sync or attribute.

Add here: a kind of addition. Keep out: what is written (orchestration/additions.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.command_line import EXIT_CODES, JsonOption, end
from orchestration.cli.console import out

if TYPE_CHECKING:
    from orchestration.additions import AdditionReport

new_app = typer.Typer(
    help="Write the files of your own source, segment, sync or attribute into custom/, ready to build.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)


@new_app.command("source", epilog=EXIT_CODES)
def new_source(
    *,
    name: Annotated[str, typer.Argument(help="Name of the source, in snake_case.")],
    orders: Annotated[bool, typer.Option("--orders", help="The source has orders, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """A source of customers: its declaration, staging, conformed models, and its line in vars.yml."""
    from orchestration import additions

    _finish(additions.add_source(name, orders=orders), as_json)


@new_app.command("segment", epilog=EXIT_CODES)
def new_segment(
    *,
    name: Annotated[str, typer.Argument(help="Name of the segment, in snake_case.")],
    as_json: JsonOption = False,
) -> None:
    """A segment: its SQL and its YAML."""
    from orchestration import additions

    _finish(additions.add_segment(name), as_json)


@new_app.command("sync", epilog=EXIT_CODES)
def new_sync(
    *,
    name: Annotated[str, typer.Argument(help="Name of the sync, as <destination>__<payload>.")],
    segment: Annotated[str, typer.Option("--segment", help="Segment whose members are delivered.")],
    purpose: Annotated[str, typer.Option("--purpose", help="Purpose, as in seeds/privacy/purposes.csv.")],
    channel: Annotated[str, typer.Option("--channel", help="Channel of that purpose.")],
    destination: Annotated[str, typer.Option("--destination", help="What receives the records.")] = "crm_file",
    as_json: JsonOption = False,
) -> None:
    """A sync of a segment's members: its SQL and its YAML."""
    from orchestration import additions

    report = additions.add_sync(name, segment=segment, purpose=purpose, channel=channel, destination=destination)
    _finish(report, as_json)


@new_app.command("attribute", epilog=EXIT_CODES)
def new_attribute(
    *,
    name: Annotated[str, typer.Argument(help="Name of the attribute, in snake_case.")],
    data_type: Annotated[
        str, typer.Option("--type", help="string, date, bigint, double, boolean, timestamp.")
    ] = "string",
    pii: Annotated[
        str, typer.Option("--pii", help="direct, indirect or none: how far it identifies a person.")
    ] = "direct",
    source: Annotated[str | None, typer.Option("--source", help="A source of yours that offers it.")] = None,
    column: Annotated[str | None, typer.Option("--column", help="Its column in staging; else the name.")] = None,
    as_json: JsonOption = False,
) -> None:
    """A golden attribute: its entry in vars.yml, and the line of the source that offers it."""
    from orchestration import additions

    report = additions.add_attribute(name, data_type=data_type, pii=pii, source=source, column=column)
    _finish(report, as_json)


def _finish(report: AdditionReport, as_json: bool) -> None:
    if not as_json:
        show_addition(report)
    end(as_json, f"new {report.kind}", report)


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
