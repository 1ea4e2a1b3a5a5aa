"""The commands `merganser segment`: which segments there are, who would be in one, and why somebody is in or out.

Add here: a command about a segment. Keep out: the work (publication/segments.py), new segments (additions.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.command_line import EXIT_CODES, HomeOption, JsonOption, end, home_at
from orchestration.cli.console import new_table, out
from runtime.errors import WrongUseError
from runtime.printable import printable

if TYPE_CHECKING:
    from publication.segments import Preview, Segment, SegmentDetail, Why

segment_app = typer.Typer(
    help="Segments: how large they are, who would be in one, and why a customer is in or out.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)

NameArgument = Annotated[
    str, typer.Argument(metavar="SEGMENT", help="Name of the segment, as `segment list` shows it.")
]


@segment_app.command("list", epilog=EXIT_CODES)
def segment_list(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All segments with their sizes, and who entered and left in the last thirty days."""
    from publication import segments

    found = segments.list_segments(home_at(home, None))
    if not as_json:
        show_segments(found)
    end(as_json, "segment list", {"segments": found})


def show_segments(found: list[Segment]) -> None:
    """The segments, one line each."""
    table = new_table("Segments", "segment", "customers", "entered", "left", "owner", "title", numbers=(1, 2, 3))
    for segment in found:
        moves = ["" if moved is None else f"{moved:,}" for moved in (segment.entered_count, segment.left_count)]
        table.add_row(segment.name, f"{segment.member_count:,}", *moves, segment.owner, segment.title)
    out().print(table)


@segment_app.command(epilog=EXIT_CODES)
def show(*, name: NameArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """One segment: what it means, its conditions, its size by day, and the syncs that deliver it."""
    from publication import segments

    detail = segments.show_segment(home_at(home, None), name)
    if not as_json:
        show_detail(detail)
    end(as_json, "segment show", detail)


def show_detail(detail: SegmentDetail) -> None:
    """What a segment means and how it developed."""
    console, segment = out(), detail.segment
    console.print(f"{segment.title}: {segment.member_count:,} customers", markup=False, style="bold")
    console.print(segment.description, markup=False)
    console.print(f"A customer enters when {segment.entered_when}.", markup=False)
    console.print(f"Owner: {segment.owner}", markup=False)
    for condition in detail.conditions:
        console.print(f"  {printable(condition)}", markup=False, style="dim")
    if detail.exports:
        console.print(f"Delivered by {', '.join(detail.exports)}.", markup=False)
    if detail.days:
        table = new_table("By day", "day", "customers", "entered", "left")
        for day, members, entered, left in detail.days:
            table.add_row(day, f"{members:,}", f"{entered:,}", f"{left:,}")
        console.print(table)


@segment_app.command(epilog=EXIT_CODES)
def preview(
    *,
    asked: Annotated[
        str, typer.Argument(metavar="SEGMENT|SQL|FILE", help="A segment, a query with customer_id, or a .sql file.")
    ],
    against: Annotated[str, typer.Option("--against", help="Segment with whose members a query is compared.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Who would be in a segment, without a build: the count, some customers, who would enter and who would leave.

    A segment is read as its file is now, so that an edit can be tried. A query reads the tables of the warehouse, and
    may use dbt's ref() and the project's macros. Nothing is written.

    Example: merganser segment preview "select customer_id from marts.dim_customers where order_count > 3"
    """
    from publication import segments

    place = home_at(home, None)
    if asked.endswith(".sql"):
        try:
            asked = Path(asked).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUseError(f"The file {asked} cannot be read.", "Name a file of SQL text.") from error
    found = segments.preview(place, asked, against)
    if not as_json:
        show_preview(found)
    end(as_json, "segment preview", found)


def show_preview(found: Preview) -> None:
    """Who would be in a segment."""
    console = out()
    console.print(f"{found.customer_count:,} customers", markup=False, style="bold")
    if found.present_count is not None:
        console.print(
            f"{found.segment} has {found.present_count:,} now: {found.entrant_count:,} would enter, "
            f"{found.leaver_count:,} would leave.",
            markup=False,
        )
    if found.sample:
        console.print(f"For example {', '.join(map(printable, found.sample))}.", markup=False)
    if found.leaver_sample:
        console.print(f"Would leave, for example: {', '.join(map(printable, found.leaver_sample))}.", markup=False)


@segment_app.command(epilog=EXIT_CODES)
def why(
    *,
    name: NameArgument,
    customer: Annotated[
        str, typer.Argument(metavar="CUSTOMER", help="type:value, a value that only one type has, or a customer's id.")
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why a customer is in a segment: the facts and since when. Why not: the conditions that keep the customer out.

    Example: merganser segment why lapsed_buyers email:ann@shop.example
    """
    from identity import graph as identity_graph
    from publication import segments

    place = home_at(home, None)
    with identity_graph.opened_published_graph(place) as connection:
        found = identity_graph.resolve(connection, customer)
    if found.customer_id is None:
        raise WrongUseError("That identifier has no customer.", "`merganser identity explain` says why.")
    answer = segments.why(place, name, found.customer_id)
    if not as_json:
        show_why(answer)
    end(as_json, "segment why", answer)


def show_why(answer: Why) -> None:
    """Why a customer is a member or not."""
    console = out()
    verdict = "is in" if answer.is_member else "is not in"
    console.print(f"{answer.customer_id} {verdict} {answer.segment}.", markup=False, style="bold")
    for column, value in answer.facts.items():
        if column != "customer_id" and value is not None:
            console.print(f"  {column}: {printable(str(value))}", markup=False)
    if answer.kept_out_by:
        console.print("Would be a member without:", markup=False)
    elif not answer.has_rows:
        console.print("The customer has no row in what the segment reads.", markup=False)
    elif not answer.is_member:
        console.print("More than two conditions keep the customer out. All conditions:", markup=False)
    for condition in answer.kept_out_by or ([] if answer.is_member or not answer.has_rows else answer.conditions):
        console.print(f"  {printable(condition)}", markup=False)
    for stay in answer.stays:
        end_of_stay = f"to {stay.exited_at:%Y-%m-%d} ({stay.exit_reason})" if stay.exited_at else "until now"
        console.print(f"In it from {stay.entered_at:%Y-%m-%d} {end_of_stay}.", markup=False)
