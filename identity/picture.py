"""Draws a customer, or the path between two identifiers, as SVG: identifiers in columns by their distance from the
named one, and lines with rule, source and dates.

Every line ends at its own place beside its identifier, so labels do not overlap. Add here: how something is drawn. Keep
out: what is drawn (graph.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from identity.graph import Edge, GraphAnswer, Identifier, PathAnswer
from runtime.printable import printable

MOST_DRAWN = 60  # identifiers; of more, only those nearest to the named one are drawn
_BOX, _GAP, _LINE, _MARGIN = 250, 360, 30, 24  # widths of a box and of a gap, height of a line, in pixels
_LONGEST_VALUE, _LONGEST_LABEL = 29, 54  # characters that fit in a box, and in a gap
_STYLE = """
text { font-family: 'DejaVu Sans', Helvetica, Arial, sans-serif; font-size: 12px; fill: #1f2933; }
.title { font-size: 15px; font-weight: 600; } .small { font-size: 10.5px; fill: #52606d; }
.label { font-size: 10.5px; fill: #52606d; paint-order: stroke; stroke: #ffffff; stroke-width: 3px; }
.refused-label { fill: #b42318; } rect { fill: #f0f7ff; stroke: #2f6fb0; } .asked { fill: #fff4d6; stroke: #b7791f; }
.elsewhere { fill: #f7f7f7; stroke: #9aa5b1; stroke-dasharray: 4 3; }
path { fill: none; stroke: #7b8794; stroke-width: 1.3; } .refused { stroke: #b42318; stroke-dasharray: 5 4; }
"""


@dataclass(frozen=True)
class _Line:
    """All edges between two identifiers, as one line."""

    start: int
    end: int
    rules: str
    dates: str
    is_refused: bool


def draw_graph(answer: GraphAnswer) -> str:
    """The customer as SVG text. If there are more than MOST_DRAWN identifiers, only the nearest; the title says so."""
    lines = _lines([*answer.edges, *answer.refused])
    identifiers = {found.identifier_no: found for found in (*answer.identifiers, *answer.neighbours)}
    nearest = _columns(answer.asked.identifier_no, identifiers, lines)
    drawn = [number for column in nearest for number in column][:MOST_DRAWN]
    columns = [kept for column in nearest if (kept := [number for number in column if number in set(drawn)])]
    title = f"{answer.customer_id or 'No customer'}: {len(answer.identifiers)} identifiers"
    if len(drawn) < len(identifiers):
        title += f" (the {len(drawn)} nearest of {len(identifiers)} with their neighbours are drawn)"
    return _svg(title, columns, identifiers, lines, asked=answer.asked.identifier_no, customer_id=answer.customer_id)


def draw_path(answer: PathAnswer) -> str:
    """The path as SVG text; only the two ends if no evidence connects them."""
    identifiers = {answer.start.identifier_no: answer.start, answer.to.identifier_no: answer.to}
    identifiers |= {step.to.identifier_no: step.to for step in answer.steps}
    columns = [[answer.start.identifier_no], *([step.to.identifier_no] for step in answer.steps)]
    if not answer.steps:
        columns.append([answer.to.identifier_no])
    lines = _lines(edge for step in answer.steps for edge in step.edges)
    title = f"One customer, {answer.start.customer_id}" if answer.is_one_customer else "Not one customer"
    owner = answer.start.customer_id
    return _svg(title, columns, identifiers, lines, asked=answer.start.identifier_no, customer_id=owner)


def _lines(edges: Iterable[Edge]) -> list[_Line]:
    """One line for each pair and verdict, in order of the pairs."""
    said: dict[tuple[int, int, str], list[Edge]] = defaultdict(list)
    for edge in edges:
        said[edge.identifier_no_a, edge.identifier_no_b, edge.refused or ""].append(edge)
    lines = []
    for (a, b, refused), group in sorted(said.items()):
        seen = _span(min(edge.first_seen_at for edge in group), max(edge.last_seen_at for edge in group))
        rules = sorted({f"{edge.rule} ({edge.source})" for edge in group})
        more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
        why = f"{refused}, " if refused else ""
        lines.append(_Line(a, b, rules[0] + more, why + seen, bool(refused)))
    return lines


def _span(first: datetime, last: datetime) -> str:
    return f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _columns(root: int, identifiers: Mapping[int, Identifier], lines: Sequence[_Line]) -> list[list[int]]:
    """Identifiers by distance from the root; within a column in the order of the column before. Unconnected ones come
    last."""
    beside: dict[int, set[int]] = defaultdict(set)
    for line in lines:
        beside[line.start].add(line.end)
        beside[line.end].add(line.start)
    placed = {root}
    columns = [[root]]
    while columns[-1]:
        following: list[int] = []
        for number in columns[-1]:
            new = sorted(beside[number] - placed)
            placed.update(new)
            following += new
        columns.append(following)
    left = sorted(set(identifiers) - placed)
    return [column for column in (*columns, left) if column]


def _svg(
    title: str,
    columns: Sequence[Sequence[int]],
    identifiers: Mapping[int, Identifier],
    lines: Sequence[_Line],
    *,
    asked: int,
    customer_id: str | None,
) -> str:
    column_of = {number: place for place, column in enumerate(columns) for number in column}
    row_of = {number: row for column in columns for row, number in enumerate(column)}
    arriving: dict[int, list[tuple[int, _Line]]] = defaultdict(list)
    for line in lines:
        if line.start in column_of and line.end in column_of:
            near, far = sorted((line.start, line.end), key=lambda number: (column_of[number], row_of[number]))
            arriving[far].append((near, line))
    tops: dict[int, int] = {}
    heights = {number: max(2, len(arriving[number])) * _LINE for number in column_of}
    bottom = 0
    for column in columns:
        top = _MARGIN + 40
        for number in column:
            tops[number] = top
            top += heights[number] + _LINE
        bottom = max(bottom, top)
    lefts = {number: _MARGIN + place * (_BOX + _GAP) for number, place in column_of.items()}
    width = 2 * _MARGIN + len(columns) * _BOX + (len(columns) - 1) * _GAP
    drawn = [f'<text class="title" x="{_MARGIN}" y="{_MARGIN + 8}">{escape(title)}</text>']
    labels = []
    for number, incoming in arriving.items():
        for place, (near, line) in enumerate(sorted(incoming, key=lambda one: (tops[one[0]], one[1].rules))):
            x, y = lefts[number], tops[number] + place * _LINE + _LINE // 2
            kind = " class='refused'" if line.is_refused else ""
            from_y = tops[near] + heights[near] // 2
            if column_of[near] == column_of[number]:
                shape = f"M{x},{from_y} C{x - 40},{from_y} {x - 40},{y} {x},{y}"
            else:
                from_x = lefts[near] + _BOX
                shape = f"M{from_x},{from_y} C{from_x + 40},{from_y} {from_x + 10},{y} {from_x + 60},{y} L{x},{y}"
            drawn.append(f'<path{kind} d="{shape}"/>')
            style = "label refused-label" if line.is_refused else "label"
            for words, label_y in ((line.rules, y - 3), (line.dates, y + 11)):
                at = f'class="{style}" text-anchor="end" x="{x - 6}" y="{label_y}"'
                labels.append(f"<text {at}>{escape(_cut(words, _LONGEST_LABEL))}</text>")
    for number, place in tops.items():
        drawn += _box(identifiers[number], (lefts[number], place, heights[number]), number == asked, customer_id)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{bottom + _MARGIN}" '
        f'viewBox="0 0 {width} {bottom + _MARGIN}" role="img">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n"
        '<rect x="0" y="0" width="100%" height="100%" style="fill: #ffffff; stroke: none"/>\n'
        + "\n".join([*drawn, *labels])
        + "\n</svg>\n"
    )


def _box(identifier: Identifier, place: tuple[int, int, int], is_asked: bool, customer_id: str | None) -> list[str]:
    """The box of one identifier at (left, top, height)."""
    x, y, height = place
    is_elsewhere = identifier.customer_id != customer_id
    kind = "asked" if is_asked else "elsewhere" if is_elsewhere else "member"
    value = "(value not shown)" if identifier.value is None else printable(identifier.value)
    below = [identifier.identifier_type]
    below += [identifier.status] if identifier.status and identifier.status != "usable" else []
    below += [identifier.customer_id or "nobody's"] if is_elsewhere else []
    return [
        f'<rect class="{kind}" x="{x}" y="{y}" width="{_BOX}" height="{height}" rx="6"/>',
        f'<text x="{x + 10}" y="{y + 25}"><title>{escape(value)}</title>{escape(_cut(value, _LONGEST_VALUE))}</text>',
        f'<text class="small" x="{x + 10}" y="{y + 44}">{escape(", ".join(below))}</text>',
    ]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
