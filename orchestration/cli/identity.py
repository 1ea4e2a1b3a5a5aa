"""The commands `merganser identity`: why are these one customer, what is in conflict, and the decisions of people.

An identifier is given as type:value, as a value alone where only one type has it, or as a customer's id, which stands
for its oldest identifier. Add here: a verb about identity. Keep out: what it finds out (lib/), how it looks
(identity_console.py).
"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli.command_line import EXIT_CODES, HomeOption, JsonOption, end, home_at
from runtime.errors import WrongUseError

SHOWN_FIRST = "What would change is shown first.\n\nWith --json nothing is asked, and nothing is written without --yes."
IDENTIFIER_HELP = "type:value, a value that only one type has, or a customer's id (its oldest identifier)."

identity_app = typer.Typer(
    help="Who is who, and why: paths of evidence, conflicts, history, and decisions of people.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)

FirstArgument = Annotated[str, typer.Argument(metavar="IDENTIFIER", help=IDENTIFIER_HELP)]
SecondArgument = Annotated[str, typer.Argument(metavar="OTHER", help="Another identifier.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why: it is kept with the decision.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who decides; else the user of this machine.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Write the decision without asking once more.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]


@identity_app.command(epilog=EXIT_CODES)
def explain(
    *,
    identifier: FirstArgument,
    other: Annotated[str | None, typer.Argument(metavar="[OTHER]", help="Show the path to this one.")] = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Also draw a picture into this file.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why two identifiers are one customer, edge by edge, or what stands between them; of one, its whole customer.

    Each edge says its rule, its source and record, and when it was first and last seen. A refused edge says why.
    Example: merganser identity explain email:ann@shop.example phone:+4915112345678
    """
    from identity import graph as identity_graph
    from identity import picture as identity_picture
    from orchestration.cli import identity_console

    place = home_at(home, None)
    answer: Any
    if other is None:
        answer = identity_graph.explain_customer(place, identifier)
        show, draw = identity_console.show_graph, identity_picture.draw_graph
    else:
        answer = identity_graph.explain_pair(place, identifier, other)
        show, draw = identity_console.show_path, identity_picture.draw_path  # type: ignore[assignment]
    if svg is not None:
        _write_picture(svg, draw(answer))
    if not as_json:
        show(answer)
    end(as_json, "identity explain", answer)


@identity_app.command(epilog=EXIT_CODES)
def conflicts(
    *,
    identifier: Annotated[
        str | None, typer.Argument(metavar="[IDENTIFIER]", help=f"Only of this customer. {IDENTIFIER_HELP}")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Customers that evidence would join and that a limit, the size cap or a person keeps apart.

    Values of persons are shown only of a customer that was named.
    """
    from identity import graph as identity_graph
    from orchestration.cli import identity_console

    found = identity_graph.list_conflicts(home_at(home, None), identifier)
    if not as_json:
        identity_console.show_conflicts(found)
    end(as_json, "identity conflicts", {"conflicts": found})


@identity_app.command(epilog=EXIT_CODES)
def review(
    *,
    of_conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Ask about what limits keep apart, not about the queue.")
    ] = False,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide, one by one, what the probabilistic tier leaves open. Each answer is written at once, as join or split.

    With --json nothing is asked: the open questions are listed, without values of persons.
    """
    from identity import decisions
    from orchestration.cli import console, identity_console

    questions = decisions.open_questions(home_at(home, None), conflicts=of_conflicts)
    if as_json:
        end(True, "identity review", {"questions": [_without_values(question) for question in questions]})
        return
    decider, written = _decider(by), 0
    for number, question in enumerate(questions, start=1):
        identity_console.show_question(question, number, len(questions))
        verdict = identity_console.ask_verdict()
        if verdict == identity_console.QUIT:
            break
        if verdict == identity_console.SKIP:
            continue
        action = decisions.JOIN if verdict == identity_console.SAME else decisions.SPLIT
        try:
            reason = identity_console.ask_reason()
            decisions.write(decisions.decide(action, question.first, question.second, by=decider, reason=reason))
            written += 1
        except WrongUseError as error:
            console.show_error(error)
    if not questions:
        console.out().print("There is nothing to review.", markup=False)
    identity_console.tell_written(decisions.overrides_file(), written)


@identity_app.command("join", epilog=EXIT_CODES, help=f"Decide that two identifiers are one customer. {SHOWN_FIRST}")
@identity_app.command("split", epilog=EXIT_CODES, help=f"Decide that two identifiers are two customers. {SHOWN_FIRST}")
def decide(
    *,
    context: typer.Context,
    identifier: FirstArgument,
    other: SecondArgument,
    reason: ReasonOption,
    by: ByOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """One decision of a person; the verb says which."""
    from identity import decisions
    from orchestration.cli import console, identity_console

    verb = str(context.command.name)
    action = decisions.JOIN if verb == "join" else decisions.SPLIT
    place, decider = home_at(home, None), _decider(by)
    with console.shown_progress(quiet=as_json) as progress:
        plan = decisions.plan(
            place, action, identifier, other, by=decider, reason=reason, progress=progress("identity")
        )
    if not as_json:
        identity_console.show_plan(plan, is_join=verb == "join")
    wanted = not dry_run and (yes or (not as_json and typer.confirm("Write this decision?", default=False)))
    path = decisions.write(plan.decision) if wanted else None
    if not as_json and not dry_run:
        identity_console.tell_written(path, int(wanted))
    end(as_json, f"identity {verb}", {"plan": plan, "is_written": wanted, "path": path})


@identity_app.command(epilog=EXIT_CODES)
def history(
    *,
    customer: Annotated[str, typer.Argument(help="A customer's id of today or of any earlier time, or an identifier.")],
    on: Annotated[str, typer.Option("--on", help="As it was known at this moment (ISO, UTC).")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What became of a customer: its ids, merges, splits, and which identifier was whose, as known then and now."""
    from identity import graph as identity_graph
    from orchestration.cli import identity_console

    answer = identity_graph.tell_history(home_at(home, None), customer, on)
    if not as_json:
        identity_console.show_history(answer)
    end(as_json, "identity history", answer)


@identity_app.command(epilog=EXIT_CODES)
def stats(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The graph in numbers: metrics with limits, identifiers, customers by size, edges by rule, refusals by reason."""
    from identity import graph as identity_graph
    from orchestration.cli import identity_console

    answer = identity_graph.read_stats(home_at(home, None))
    if not as_json:
        identity_console.show_stats(answer)
    end(as_json, "identity stats", answer)


@identity_app.command(epilog=EXIT_CODES)
def evaluate(
    *,
    records: Annotated[Path, typer.Option("--records", help="CSV or Parquet: record_id and what is known of persons.")],
    truth: Annotated[Path, typer.Option("--truth", help="CSV or Parquet: record_id, entity_id. Read after scoring.")],
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="A=B", help="Our column A is column B of the file. Repeatable.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="YAML that replaces what the seeds say.")] = None,
    links_only: Annotated[
        bool, typer.Option("--links-only", help="Each source is free of doubles: only pairs of two sources count.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """How well the project's rules and model tell persons apart, on a file whose truth is known. No home is touched.

    Columns that may be there: source, first_name, middle_name, last_name, full_name, email, phone, birth_date, street,
    house_number, unit, city, postal_code, region, country, ssn, company, occupation.
    """
    from identity import evaluation
    from orchestration.cli import identity_console

    answer = evaluation.evaluate(
        records,
        truth,
        mapping=_mapping(mapping or []),
        configuration=evaluation.read_configuration(config),
        links_only=links_only,
    )
    if not as_json:
        identity_console.show_evaluation(answer)
    end(as_json, "identity evaluate", answer)


def _mapping(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if any(not name or not column for name, _, column in split):
        raise WrongUseError("--map takes name=column.", "For example: --map last_name=surname.")
    return {name.strip(): column.strip() for name, _, column in split}


def _decider(by: str | None) -> str:
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:  # a user without a name, as in a container
        raise WrongUseError("It is not known who decides.", "Give a name with --by.") from error


def _without_values(question: Any) -> dict[str, Any]:
    return {
        "customer_id_a": question.first.customer_id,
        "customer_id_b": question.second.customer_id,
        "identifier_type_a": question.first.identifier_type,
        "identifier_type_b": question.second.identifier_type,
        "because": question.because,
        "probability": question.probability,
    }


def _write_picture(path: Path, picture: str) -> None:
    from runtime.files import write_whole

    write_whole(path, picture)  # it shows identifiers of a person
