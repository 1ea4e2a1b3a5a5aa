"""The commands `merganser identity`: paths of evidence, conflicts, history, and decisions of people.

A user names an identifier as type:value, as a value alone if only one type has it, or as a customer's id, which means
the customer in a decision and its oldest identifier elsewhere. Add here: a command about identity. Keep out: the work
(identity/).
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.command_line import EXIT_CODES, HomeOption, JsonOption, end, home_at
from orchestration.cli.console import new_table, out, show_error
from runtime.errors import WrongUseError
from runtime.printable import printable

if TYPE_CHECKING:
    from rich.table import Table

    from identity.decisions import Group, Plan, Question
    from identity.evaluation import Evaluation
    from identity.graph import Conflict, Edge, GraphAnswer, HistoryAnswer, Identifier, PathAnswer, Stats

PREVIEW = "Shows first what would change.\n\nWith --json there is no question, and only --yes writes the decision."
IDENTIFIER_HELP = "type:value, a value that only one type has, or a customer's id."

identity_app = typer.Typer(
    help="Who is who, and why: paths of evidence, conflicts, history, and decisions of people.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)

FirstArgument = Annotated[str, typer.Argument(metavar="IDENTIFIER", help=IDENTIFIER_HELP)]
SecondArgument = Annotated[str, typer.Argument(metavar="OTHER", help="Another identifier.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why. It is stored with the decision.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who decides; by default the user of this machine.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Write the decision without confirmation.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]

SAME, DIFFERENT, SKIP, QUIT = "y", "n", "s", "q"


@identity_app.command(epilog=EXIT_CODES)
def explain(
    *,
    identifier: FirstArgument,
    other: Annotated[str | None, typer.Argument(metavar="[OTHER]", help="Show the path to this one.")] = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Also draw a picture into this file.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why two identifiers are one customer, or why not, edge by edge. For one identifier: its whole customer.

    Each edge has its rule, source, record, and first and last date. A refused edge has its reason.
    Example: merganser identity explain email:ann@shop.example phone:+4915112345678
    """
    from identity import graph as identity_graph
    from identity import picture as identity_picture

    place = home_at(home, None)
    answer: Any
    if other is None:
        answer = identity_graph.explain_customer(place, identifier)
        show, draw = show_graph, identity_picture.draw_graph
    else:
        answer = identity_graph.explain_pair(place, identifier, other)
        show, draw = show_path, identity_picture.draw_path  # type: ignore[assignment]
    if svg is not None:
        _write_picture(svg, draw(answer))
    if not as_json:
        show(answer)
    end(as_json, "identity explain", answer)


def show_path(answer: PathAnswer) -> None:
    """Whether two identifiers are one customer, and the evidence between them, step by step."""
    console = out()
    start, to = answer.start, answer.to
    if answer.is_one_customer:
        verdict = f"One customer, {start.customer_id}: {len(answer.steps)} steps of evidence connect the two."
    else:
        verdict = f"Not one customer: {_owner(start)} and {_owner(to)}."
    console.print(verdict, markup=False, style="bold")
    if not answer.steps:
        console.print("No record connects the two.", markup=False)
        return
    console.print(_name(start), markup=False)
    for step in answer.steps:
        for edge in step.edges:
            console.print(f"    {_evidence(edge)}", markup=False, style="red" if edge.refused else "dim")
        elsewhere = f"  ({_owner(step.to)})" if step.to.customer_id != start.customer_id else ""
        console.print(f"{_name(step.to)}{elsewhere}", markup=False)


def show_graph(answer: GraphAnswer) -> None:
    """A customer: its identifiers, the edges that join them, and the refused edges."""
    console = out()
    names = {found.identifier_no: _name(found) for found in answer.identifiers}
    names |= {found.identifier_no: f"{found.identifier_type} of {_owner(found)}" for found in answer.neighbours}
    if answer.customer_id is None:
        console.print(f"{_name(answer.asked)} is {_owner(answer.asked)}.", markup=False, style="bold")
    else:
        table = new_table(
            f"Customer {answer.customer_id}", "identifier", "status", "first seen", "last seen", numbers=()
        )
        for found in answer.identifiers:
            _add_row(table, _name(found), found.status, _day(found.first_seen_at), _day(found.last_seen_at))
        console.print(table)
    for title, edges in (("Joined by", answer.edges), ("Refused", answer.refused)):
        if edges:
            is_refused = edges is answer.refused
            columns = ("one", "other", "rule", "times", "first seen", "last seen", "reason" if is_refused else "record")
            table = new_table(title, *columns, numbers=(3,))
            for edge in edges:
                _add_row(
                    table,
                    names[edge.identifier_no_a],
                    names[edge.identifier_no_b],
                    edge.rule,
                    f"{edge.times_seen:,}",
                    _day(edge.first_seen_at),
                    _day(edge.last_seen_at),
                    edge.refused if is_refused else f"{edge.source} {edge.source_record_id}",
                )
            console.print(table)


def _write_picture(path: Path, picture: str) -> None:
    from runtime.files import write_whole

    write_whole(path, picture)  # it shows identifiers of a person


@identity_app.command(epilog=EXIT_CODES)
def conflicts(
    *,
    identifier: Annotated[
        str | None, typer.Argument(metavar="[IDENTIFIER]", help=f"Only conflicts of this customer. {IDENTIFIER_HELP}")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Customers that evidence would join, but a limit, the size cap or a decision keeps apart.

    Shows personal values only if you name a customer.
    """
    from identity import graph as identity_graph

    found = identity_graph.list_conflicts(home_at(home, None), identifier)
    if not as_json:
        show_conflicts(found)
    end(as_json, "identity conflicts", {"conflicts": found})


def show_conflicts(conflicts: list[Conflict]) -> None:
    """Pairs of customers that are kept apart, and the size of the customer they would form."""
    console = out()
    if not conflicts:
        console.print("No two customers are kept apart against evidence.", markup=False)
        return
    columns = ("older", "younger", "reason", "together", "edges", "last seen", "strongest evidence")
    table = new_table("Kept apart", *columns, numbers=(3, 4))
    for conflict in conflicts:
        ends = [
            kind if value is None else f"{kind}:{value}"
            for kind, value in (
                (conflict.identifier_type_a, conflict.identifier_value_a),
                (conflict.identifier_type_b, conflict.identifier_value_b),
            )
        ]
        _add_row(
            table,
            conflict.customer_id_a,
            conflict.customer_id_b,
            conflict.reason,
            f"{conflict.identifier_count_a + conflict.identifier_count_b:,}",
            f"{conflict.edge_count:,}",
            _day(conflict.last_seen_at),
            f"{ends[0]} and {ends[1]}, by {conflict.rule}",
        )
    console.print(table)
    hint = "`merganser identity explain OLDER YOUNGER` shows the path; `identity review --conflicts` lets you decide."
    console.print(hint, markup=False, style="dim")


@identity_app.command(epilog=EXIT_CODES)
def review(
    *,
    of_conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Review the conflicts instead of the queue.")
    ] = False,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide, one by one, the pairs that probabilistic matching leaves open. Each answer is written at once.

    With --json the open questions are listed, without personal values, and nothing is written.
    """
    from identity import decisions

    questions = decisions.open_questions(home_at(home, None), conflicts=of_conflicts)
    if as_json:
        end(True, "identity review", {"questions": [_without_values(question) for question in questions]})
        return
    decider, written = _decider(by), 0
    for number, question in enumerate(questions, start=1):
        show_question(question, number, len(questions))
        verdict = ask_verdict()
        if verdict == QUIT:
            break
        if verdict == SKIP:
            continue
        action = decisions.JOIN if verdict == SAME else decisions.SPLIT
        try:
            reason = ask_reason()
            decisions.write(decisions.decide(action, question.first, question.second, by=decider, reason=reason))
            written += 1
        except WrongUseError as error:
            show_error(error)
    if not questions:
        out().print("There is nothing to review.", markup=False)
    show_written(decisions.overrides_file(), written)


def show_question(question: Question, number: int, total: int) -> None:
    """The two customers of a question, side by side."""
    console = out()
    likely = f", {question.probability:.0%} likely one person" if question.probability is not None else ""
    title = f"{number} of {total}: {question.because}{likely}"
    first, second = question.first, question.second
    table = new_table(title, "", f"customer {first.customer_id}", f"customer {second.customer_id}", numbers=())
    _add_row(table, "identifier", _name(first), _name(second))
    for attribute in {**question.first_profile, **question.second_profile}:
        values = [profile.get(attribute) for profile in (question.first_profile, question.second_profile)]
        if any(value is not None for value in values):
            texts = ["" if value is None else str(value) for value in values]
            _add_row(table, attribute, *texts, style="green" if texts[0].lower() == texts[1].lower() else None)
    console.print(table)


def ask_verdict() -> str:
    """The answer to a question: SAME, DIFFERENT, SKIP or QUIT. The end of the input means QUIT."""
    prompt = f"One customer? {SAME} yes, {DIFFERENT} no, {SKIP} skip, {QUIT} quit"
    try:
        while True:
            answer = str(typer.prompt(prompt)).strip().lower()
            if answer in (SAME, DIFFERENT, SKIP, QUIT):
                return answer
    except typer.Abort:
        return QUIT


def ask_reason() -> str:
    """The reason of a decision. An empty answer repeats the prompt; the end of the input means no reason."""
    try:
        return str(typer.prompt("Why")).strip()
    except typer.Abort:
        return ""


def show_written(path: object, count: int) -> None:
    """How many decisions were written, and what to do next."""
    if count:
        noun = "decision is" if count == 1 else "decisions are"
        out().print(
            f"{count} {noun} written to {path}. The next `merganser build` reads it; review and commit the change.",
            markup=False,
        )
    else:
        out().print("Nothing was written.", markup=False)


def _decider(by: str | None) -> str:
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:  # a user without a name, as in a container
        raise WrongUseError("The name of the user who decides is unknown.", "Give a name with --by.") from error


def _without_values(question: Any) -> dict[str, Any]:
    return {
        "customer_id_a": question.first.customer_id,
        "customer_id_b": question.second.customer_id,
        "identifier_type_a": question.first.identifier_type,
        "identifier_type_b": question.second.identifier_type,
        "because": question.because,
        "probability": question.probability,
    }


@identity_app.command("join", epilog=EXIT_CODES, help=f"Decide that two identifiers are one customer. {PREVIEW}")
@identity_app.command("split", epilog=EXIT_CODES, help=f"Decide that two identifiers are two customers. {PREVIEW}")
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
    """Both decisions; the name of the command says which one."""
    from identity import decisions

    verb = str(context.command.name)
    action = decisions.JOIN if verb == "join" else decisions.SPLIT
    place, decider = home_at(home, None), _decider(by)
    plan = decisions.plan(place, action, identifier, other, by=decider, reason=reason)
    if not as_json:
        show_plan(plan, is_join=verb == "join")
    wanted = not dry_run and (yes or (not as_json and typer.confirm("Write this decision?", default=False)))
    path = decisions.write(*plan.decisions) if wanted else None
    if not as_json and not dry_run:
        show_written(path, len(plan.decisions) if wanted else 0)
    end(as_json, f"identity {verb}", {"plan": plan, "is_written": wanted, "path": path})


def show_plan(plan: Plan, *, is_join: bool) -> None:
    """What a decision would change in the next build."""
    console = out()
    if not plan.before:
        console.print("No customer would change.", markup=False)
    else:
        _show_groups("Now", plan.before)
        _show_groups("After the decision", plan.after)
    if is_join and not plan.is_one_customer:
        console.print(
            "The two customers would not become one: limits or decisions keep the rest of them apart. Name the two "
            "customers by their ids instead; `merganser identity conflicts` shows the limits.",
            markup=False,
            style="yellow",
        )
    if plan.unbuilt:
        console.print(
            f"{plan.unbuilt} decisions were written or withdrawn since the last build. This preview includes them.",
            markup=False,
            style="yellow",
        )


def _show_groups(title: str, groups: Iterable[Group]) -> None:
    table = new_table(title, "customer", "identifiers", numbers=())
    for group in groups:
        _add_row(table, group.customer_id, ", ".join(_name(found) for found in group.identifiers))
    out().print(table)


@identity_app.command(epilog=EXIT_CODES)
def history(
    *,
    customer: Annotated[str, typer.Argument(help="A current or former customer id, or an identifier.")],
    on: Annotated[str, typer.Option("--on", help="The state known at this moment (ISO, UTC).")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The history of a customer: its ids, merges and splits, and the customer of each identifier then and now."""
    from identity import graph as identity_graph

    answer = identity_graph.read_history(home_at(home, None), customer, on)
    if not as_json:
        show_history(answer)
    end(as_json, "identity history", answer)


def show_history(answer: HistoryAnswer) -> None:
    """The history of a customer."""
    console = out()
    today = answer.customer_id or "nobody: it has no identifiers left"
    console.print(f"{answer.asked_id} is {today} today.", markup=False, style="bold")
    if answer.former_ids:
        console.print(f"Its other ids: {', '.join(answer.former_ids)}.", markup=False)
    when = f", as known at {answer.moment} UTC" if answer.moment else ""
    table = new_table(f"Changes{when}", "known since", "change", "from", "to", "cause", "reason", numbers=())
    for change in answer.changes:
        ids = (change.from_customer_id or "", change.to_customer_id or "")
        _add_row(table, _moment(change.changed_at), change.change_type, *ids, change.cause, change.reason)
    console.print(table)
    table = new_table(
        f"Identifiers{when}", "identifier", "customer then", "customer now", "from", "to", "cause", numbers=()
    )
    for stay in answer.stays:
        _add_row(
            table,
            f"{stay.identifier_type}:{stay.value}",
            stay.customer_id,
            stay.present_customer_id or "nobody",
            _moment(stay.valid_from),
            _moment(stay.valid_to) if stay.valid_to else "",
            stay.cause,
        )
    console.print(table)


@identity_app.command(epilog=EXIT_CODES)
def stats(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The graph in numbers: metrics with limits, identifiers, customers by size, edges by rule, refusals by reason."""
    from identity import graph as identity_graph

    answer = identity_graph.read_stats(home_at(home, None))
    if not as_json:
        show_stats(answer)
    end(as_json, "identity stats", answer)


def show_stats(stats: Stats) -> None:
    """The graph in numbers. Values beyond their limit are red."""
    console = out()
    table = new_table("Metrics", "metric", "value", "limit", "", numbers=(1, 2))
    for metric in stats.metrics:
        numbers = (f"{metric[name]:,.10g}" for name in ("value", "max_value"))
        is_within = metric["is_within_limit"]
        _add_row(table, metric["metric"], *numbers, "" if is_within else "check it", style=None if is_within else "red")
    console.print(table)
    statuses = ("usable", "shared", "blocked", "invalid")
    table = new_table("Identifiers", "type", *statuses)
    for kind, counts in stats.identifiers.items():
        _add_row(table, kind, *(f"{counts.get(status, 0):,}" for status in statuses))
    console.print(table)
    console.print(f"{stats.customers:,} customers", markup=False, style="bold")
    _show_counts("by identifiers", stats.customers_by_size)
    _show_counts("Edges that join, by rule", stats.edges_by_rule)
    _show_counts("Edges refused, by reason", stats.refused_by_reason)
    _show_counts("Changes of ids", stats.changes)
    _show_counts("Decisions of people", stats.overrides)


def _show_counts(title: str, counts: Mapping[str, int]) -> None:
    if counts:
        table = new_table(title, "", "count")
        for name, count in counts.items():
            _add_row(table, name, f"{count:,}")
        out().print(table)


@identity_app.command(epilog=EXIT_CODES)
def evaluate(
    *,
    records: Annotated[Path, typer.Option("--records", help="CSV or Parquet: record_id and the columns of persons.")],
    truth: Annotated[Path, typer.Option("--truth", help="CSV or Parquet: record_id, entity_id. Read after scoring.")],
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="A=B", help="Our column A is column B of the file. Repeatable.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="YAML that replaces values of the seeds.")] = None,
    links_only: Annotated[
        bool, typer.Option("--links-only", help="No source has duplicates: only pairs across sources count.")
    ] = False,
    clusters_out: Annotated[
        Path | None, typer.Option("--clusters-out", help="Write record_id and cluster_id to this CSV or Parquet file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the project's matching rules and model on a labelled file. No home is read or written.

    Optional columns: source, first_name, middle_name, last_name, full_name, email, phone, birth_date, street,
    house_number, unit, city, postal_code, region, country, ssn, company, occupation.
    """
    from identity import evaluation

    answer = evaluation.evaluate(
        records,
        truth,
        mapping=_mapping(mapping or []),
        configuration=evaluation.read_configuration(config),
        links_only=links_only,
        clusters_out=clusters_out,
    )
    if not as_json:
        show_evaluation(answer)
    end(as_json, "identity evaluate", answer)


def _mapping(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if any(not name or not column for name, _, column in split):
        raise WrongUseError("--map takes name=column.", "For example: --map last_name=surname.")
    return {name.strip(): column.strip() for name, _, column in split}


def show_evaluation(answer: Evaluation) -> None:
    """The accuracy of the clusters of a labelled file, and their cost."""
    console = out()
    table = new_table("Accuracy of the clusters", "over", "precision", "recall", "F1")
    for name, rates in (("pairs", answer.pairwise), ("records (B-cubed)", answer.bcubed)):
        table.add_row(name, f"{rates.precision:.4f}", f"{rates.recall:.4f}", f"{rates.f1:.4f}")
    console.print(table)
    learned = "trained on these records" if answer.is_model_trained else f"shipped: {answer.model_note or 'not used'}"
    for line in (
        f"{answer.records} records in {answer.clusters} clusters.",
        f"{answer.labelled_records} belong to {answer.entities} persons, {answer.exact_clusters} found exactly.",
        f"Largest cluster {answer.largest_cluster}, largest person {answer.largest_entity}.",
        f"{answer.compared_pairs} pairs were compared: {answer.blocking_ceiling:.4f} of the true ones.",
        f"Pairs join from {answer.match_percent:g} % on.",
        f"Columns not in the file: {', '.join(answer.missing_columns) or 'none'}.",
        f"Columns of the file that were ignored: {', '.join(map(printable, answer.ignored_columns)) or 'none'}.",
        f"Model {answer.model}, {learned}. {answer.seconds:.1f} s, {answer.peak_mb:.0f} MB.",
    ):
        console.print(line, markup=False)


def _add_row(table: Table, *cells: str | None, style: str | None = None) -> None:
    table.add_row(*(cell or "" for cell in cells), style=style)


def _name(identifier: Identifier) -> str:
    return f"{identifier.identifier_type}:{'(erased)' if identifier.value is None else printable(identifier.value)}"


def _owner(identifier: Identifier) -> str:
    if identifier.customer_id:
        return f"customer {identifier.customer_id}"
    return f"nobody's ({identifier.status})" if identifier.status else "nobody's: no live record names it"


def _evidence(edge: Edge) -> str:
    times = f" {edge.times_seen:,} times" if edge.times_seen > 1 else ""
    refused = f"; refused: {edge.refused}" if edge.refused else ""
    return (
        f"{edge.rule}: {edge.source} {printable(edge.source_record_id)}{times}, {_day(edge.first_seen_at)} to "
        f"{_day(edge.last_seen_at)}, tier {edge.tier}{refused}"
    )


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
