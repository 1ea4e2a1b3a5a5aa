"""How answers about the identity graph look on a terminal, and how a person is asked to decide.

Add here: how another answer is shown. Keep out: what stands in it (lib/identity_graph.py, lib/identity_decisions.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from orchestration.cli.console import new_table, out
from runtime.printable import printable

if TYPE_CHECKING:
    from identity.decisions import Group, Plan, Question
    from identity.evaluation import Evaluation
    from identity.graph import (
        Conflict,
        Edge,
        GraphAnswer,
        HistoryAnswer,
        Identifier,
        PathAnswer,
        Stats,
    )

SAME, DIFFERENT, SKIP, QUIT = "y", "n", "s", "q"


def show_evaluation(answer: Evaluation) -> None:
    """How right the clusters of a labelled file are, and what they cost."""
    console = out()
    table = new_table("Accuracy of the clusters", "over", "precision", "recall", "F1")
    for name, rates in (("pairs", answer.pairwise), ("records (B-cubed)", answer.bcubed)):
        table.add_row(name, f"{rates.precision:.4f}", f"{rates.recall:.4f}", f"{rates.f1:.4f}")
    console.print(table)
    learned = "learned from these records" if answer.is_model_trained else "shipped: too few records to learn from"
    for line in (
        f"{answer.records} records in {answer.clusters} clusters.",
        f"{answer.labelled_records} are of {answer.entities} known persons, {answer.exact_clusters} found exactly.",
        f"Largest cluster {answer.largest_cluster}, largest person {answer.largest_entity}.",
        f"{answer.compared_pairs} pairs were compared: {answer.blocking_ceiling:.4f} of the true ones.",
        f"Model {answer.model}, {learned}. {answer.seconds:.1f} s, {answer.peak_mb:.0f} MB.",
    ):
        console.print(line, markup=False)


def show_path(answer: PathAnswer) -> None:
    """Whether two identifiers are one customer, and the evidence between them, step by step."""
    console = out()
    start, to = answer.start, answer.to
    if answer.is_one_customer:
        verdict = f"One customer, {start.customer_id}: {len(answer.steps)} steps of evidence lie between the two."
    else:
        verdict = f"Not one customer: {_owner(start)} and {_owner(to)}."
    console.print(verdict, markup=False, style="bold")
    if not answer.steps:
        console.print("No record says anything that connects the two.", markup=False)
        return
    console.print(_name(start), markup=False)
    for step in answer.steps:
        for edge in step.edges:
            console.print(f"    {_said(edge)}", markup=False, style="red" if edge.refused else "dim")
        elsewhere = f"  ({_owner(step.to)})" if step.to.customer_id != start.customer_id else ""
        console.print(f"{_name(step.to)}{elsewhere}", markup=False)


def show_graph(answer: GraphAnswer) -> None:
    """A customer whole: identifiers, what joins them, and what was said and does not."""
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
    for title, edges in (("Joined by", answer.edges), ("Said, and refused", answer.refused)):
        if edges:
            is_refused = edges is answer.refused
            columns = ("one", "other", "rule", "times", "first said", "last said", "why" if is_refused else "record")
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


def show_conflicts(conflicts: list[Conflict]) -> None:
    """Pairs of customers that are kept apart, and what would be one if they were not."""
    console = out()
    if not conflicts:
        console.print("No two customers are kept apart against evidence.", markup=False)
        return
    columns = ("older", "younger", "reason", "together", "edges", "last said", "strongest evidence")
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
    hint = "`merganser identity explain OLDER YOUNGER` shows the path, `merganser identity review --conflicts` asks."
    console.print(hint, markup=False, style="dim")


def show_history(answer: HistoryAnswer) -> None:
    """What became of a customer."""
    console = out()
    today = answer.customer_id or "nobody: nothing is left of it"
    console.print(f"{answer.asked_id} is {today} today.", markup=False, style="bold")
    if answer.former_ids:
        console.print(f"It was also called {', '.join(answer.former_ids)}.", markup=False)
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


def show_stats(stats: Stats) -> None:
    """The graph in numbers, what is beyond its limit in red."""
    console = out()
    table = new_table("Metrics", "metric", "value", "limit", "", numbers=(1, 2))
    for metric in stats.metrics:
        numbers = (f"{metric[name]:,.10g}" for name in ("value", "max_value"))
        is_kept = metric["is_within_limit"]
        _add_row(table, metric["metric"], *numbers, "" if is_kept else "look at it", style=None if is_kept else "red")
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


def show_plan(plan: Plan, *, is_join: bool) -> None:
    """What a decision would change in the next build."""
    console = out()
    if not plan.before:
        console.print("No customer would change: the decision would keep things as they are.", markup=False)
    else:
        _show_groups("Now", plan.before)
        _show_groups("With the decision", plan.after)
    if is_join and not _is_joined(plan):
        console.print(
            "The two customers would not become one: limits keep the rest of them apart. Join instead the two "
            "identifiers of each limited type; `merganser identity conflicts` names it.",
            markup=False,
            style="yellow",
        )
    if plan.unbuilt:
        console.print(
            f"{plan.unbuilt} earlier decisions were not built yet and are not in this picture.",
            markup=False,
            style="yellow",
        )


def show_question(question: Question, number: int, total: int) -> None:
    """What is known of the two customers that a person is asked about, side by side."""
    console = out()
    likely = f", {question.probability:.0%} likely one person" if question.probability is not None else ""
    title = f"{number} of {total}: {question.because}{likely}"
    first, second = question.first, question.second
    table = new_table(title, "", f"customer {first.customer_id}", f"customer {second.customer_id}", numbers=())
    _add_row(table, "identifier", _name(first), _name(second))
    for attribute in {**question.first_profile, **question.second_profile}:
        values = [profile.get(attribute) for profile in (question.first_profile, question.second_profile)]
        if any(value is not None for value in values):
            told = ["" if value is None else str(value) for value in values]
            _add_row(table, attribute, *told, style="green" if told[0].lower() == told[1].lower() else None)
    console.print(table)


def ask_verdict() -> str:
    """What a person says to a question: one of SAME, DIFFERENT, SKIP and QUIT. The end of the input is QUIT."""
    asked = f"One customer? {SAME} yes, {DIFFERENT} no, {SKIP} skip, {QUIT} quit"
    try:
        while True:
            answer = str(typer.prompt(asked)).strip().lower()
            if answer in (SAME, DIFFERENT, SKIP, QUIT):
                return answer
    except typer.Abort:
        return QUIT


def ask_reason() -> str:
    """Why a person decided so; nothing said is asked again, the end of the input is nothing."""
    try:
        return str(typer.prompt("Why")).strip()
    except typer.Abort:
        return ""


def tell_written(path: object, count: int) -> None:
    """What was written, and what to do with it."""
    if count:
        noun = "decision is" if count == 1 else "decisions are"
        out().print(
            f"{count} {noun} written to {path}. The next `merganser build` reads it; review and commit the change.",
            markup=False,
        )
    else:
        out().print("Nothing is written.", markup=False)


def _is_joined(plan: Plan) -> bool:
    """Do the two ends stand in one customer with the decision, and with all that the two customers hold now?"""
    return not plan.before or len(plan.after) < len(plan.before)


def _show_groups(title: str, groups: Iterable[Group]) -> None:
    table = new_table(title, "customer", "identifiers", numbers=())
    for group in groups:
        _add_row(table, group.customer_id, ", ".join(_name(found) for found in group.identifiers))
    out().print(table)


def _show_counts(title: str, counts: Mapping[str, int]) -> None:
    if counts:
        table = new_table(title, "", "count")
        for name, count in counts.items():
            _add_row(table, name, f"{count:,}")
        out().print(table)


def _add_row(table: Table, *cells: str | None, style: str | None = None) -> None:
    table.add_row(*(cell or "" for cell in cells), style=style)


def _name(identifier: Identifier) -> str:
    return f"{identifier.identifier_type}:{'(erased)' if identifier.value is None else printable(identifier.value)}"


def _owner(identifier: Identifier) -> str:
    if identifier.customer_id:
        return f"customer {identifier.customer_id}"
    return f"nobody's ({identifier.status})" if identifier.status else "nobody's: no living record names it"


def _said(edge: Edge) -> str:
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
