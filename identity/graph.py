"""Queries the published identity graph: why two identifiers are one customer, what a customer consists of, its history,
and what keeps two customers apart. Reads the serving file, so it works while a build runs; before the first
publication, the warehouse.

Answers have personal values only of the customers that were named. Errors have none: they do not repeat an identifier
that was not found. Add here: another query, as a function that returns one statement and one that turns its rows into
an answer. Keep out: what joins (dbt_project/models/intermediate/identity), decisions (decisions.py).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from identity.domains import readable_domain
from runtime.errors import MerganserError, WrongUseError
from runtime.home import Home, normal_moment
from runtime.warehouse import opened, opened_serving

if TYPE_CHECKING:
    import duckdb

MOST_EDGES = 200_000  # in one answer; more edges mean that a rule is wrong, and nobody can read them
_CUSTOMER_ID = re.compile(r"C[0-9]{10,}")
_NEEDED = {
    "int_identity__identifiers",
    "int_identity__judged_links",
    "int_identity__overrides",
    "int_identity__partition",
    "int_identity__refused_edges",
    "bdg_customer_identifiers",
    "bdg_customer_identifiers_history",
    "dim_customer_redirects",
    "dim_identity_conflicts",
    "fct_identity_changes",
    "fct_identity_metrics",
}


@dataclass(frozen=True)
class Identifier:
    """One identifier and its customer (none if it is blocked, invalid or no longer named by a record).

    `value` is empty if it was erased, or if it belongs to a customer that was not named.
    """

    identifier_no: int
    identifier_type: str
    value: str | None
    customer_id: str | None
    status: str | None
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None


@dataclass(frozen=True)
class Edge:
    """Two identifiers that a record links: by which rule, how often, first and last time (UTC). `refused`: why the edge
    does not join them, if so."""

    identifier_no_a: int
    identifier_no_b: int
    rule: str
    source: str
    source_record_id: str
    tier: int
    times_seen: int
    first_seen_at: datetime
    last_seen_at: datetime
    refused: str | None = None


@dataclass(frozen=True)
class Step:
    """One step of a path: from one identifier to the next, with all edges between them."""

    start: Identifier
    to: Identifier
    edges: list[Edge]


@dataclass(frozen=True)
class PathAnswer:
    """Why two identifiers are one customer, or why not.

    `steps`: as `shortest_path` returns them; empty if no evidence connects the two.
    """

    start: Identifier
    to: Identifier
    is_one_customer: bool
    steps: list[Step]


@dataclass(frozen=True)
class GraphAnswer:
    """A customer: its identifiers, the edges that join them, and the refused edges.

    `neighbours`: the far ends of refused edges. They belong to other customers, so their values and records are left
    out.
    """

    asked: Identifier
    customer_id: str | None
    identifiers: list[Identifier]
    edges: list[Edge]
    refused: list[Edge]
    neighbours: list[Identifier]


@dataclass(frozen=True)
class Conflict:
    """Two customers that evidence would join, why they are kept apart, and their strongest edge. The values of its ends
    are present only if one of the two customers was named."""

    conflict_id: str
    customer_id_a: str
    customer_id_b: str
    reason: str
    identifier_type_a: str
    identifier_type_b: str
    rule: str
    source: str
    allowed_count: int | None
    limited_count_a: int
    limited_count_b: int
    identifier_count_a: int
    identifier_count_b: int
    edge_count: int
    times_seen: int
    first_seen_at: datetime
    last_seen_at: datetime
    identifier_value_a: str | None = None
    identifier_value_b: str | None = None


@dataclass(frozen=True)
class Change:
    """One change of a customer's id, known from `changed_at` (UTC): see int_identity__membership_history.valid_from."""

    changed_at: datetime
    change_type: str
    from_customer_id: str | None
    to_customer_id: str | None
    reason: str
    cause: str


@dataclass(frozen=True)
class Stay:
    """The time of an identifier with a customer, as known then; `present_customer_id` as known now."""

    identifier_type: str
    value: str
    customer_id: str
    present_customer_id: str | None
    cause: str
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True)
class HistoryAnswer:
    """The history of a customer: `customer_id` is its id today (none if it has no identifiers left), `former_ids` those
    that resolve to it. With a moment, only what was known then."""

    asked_id: str
    customer_id: str | None
    former_ids: list[str]
    changes: list[Change]
    stays: list[Stay]
    moment: str = ""


@dataclass(frozen=True)
class Stats:
    """The graph in numbers. Each mapping counts by name; `metrics` are those with limits."""

    customers: int
    identifiers: dict[str, dict[str, int]]
    customers_by_size: dict[str, int]
    edges_by_rule: dict[str, int]
    refused_by_reason: dict[str, int]
    changes: dict[str, int]
    overrides: dict[str, int]
    metrics: list[dict[str, Any]] = field(default_factory=list)


# --- answers ----------------------------------------------------------------------------------------------------------


@contextmanager
def opened_graph(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to the warehouse with its identity graph.

    Raises LockedError while another process writes it, MerganserError if there is none or it has no graph.
    """
    with opened(home) as connection:
        if not _holds_graph(connection):
            raise MerganserError(f"The warehouse in {home.path} has no identity graph.", "Run `merganser build` first.")
        connection.execute("set search_path = 'intermediate,marts'")
        yield connection


@contextmanager
def opened_published_graph(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to the serving file with the published identity graph; no build locks it.

    Without a published graph, a connection to the warehouse: raises as `opened_graph` does.
    """
    if home.serving.exists():
        with opened_serving(home) as connection:
            if _holds_graph(connection):
                connection.execute("set search_path = 'identity,marts'")
                yield connection
                return
    with opened_graph(home) as connection:
        yield connection


def _holds_graph(connection: duckdb.DuckDBPyConnection) -> bool:
    return {name for (name,) in connection.execute(_tables()).fetchall()} >= _NEEDED


def explain_pair(home: Home, first: str, second: str) -> PathAnswer:
    """The shortest path of evidence between two identifiers. Raises as `resolve` and `opened_published_graph` do."""
    with opened_published_graph(home) as connection:
        start, goal = resolve(connection, first), resolve(connection, second)
        if start.identifier_no == goal.identifier_no:
            raise WrongUseError("The two are the same identifier.", "Name two, or one to see its customer.")
        edges = _fetch_edges(connection, _edges_around(), [start.identifier_no, goal.identifier_no])
        steps = shortest_path(edges, start.identifier_no, goal.identifier_no)
        numbers = [start.identifier_no, *(to for _, to, _ in steps)]
        names = {found.identifier_no: found for found in _fetch_identifiers(connection, numbers)}
    return PathAnswer(
        start=start,
        to=goal,
        is_one_customer=start.customer_id is not None and start.customer_id == goal.customer_id,
        steps=[Step(names[start_no], names[to], said) for start_no, to, said in steps],
    )


def explain_customer(home: Home, identifier: str) -> GraphAnswer:
    """The customer of an identifier. Raises as `resolve` and `opened_published_graph` do."""
    with opened_published_graph(home) as connection:
        asked = resolve(connection, identifier)
        numbers = [asked.identifier_no]
        if asked.customer_id is not None:
            numbers = [number for (number,) in connection.execute(_members(), [asked.customer_id]).fetchall()]
        said = _fetch_edges(connection, _edges_of(), [numbers, numbers])
        inside = set(numbers)
        outside = {end for edge in said for end in (edge.identifier_no_a, edge.identifier_no_b)} - inside
        members = _fetch_identifiers(connection, numbers)
        neighbours = [replace(found, value=None) for found in _fetch_identifiers(connection, sorted(outside))]
    said = [
        replace(edge, source_record_id="") if outside & {edge.identifier_no_a, edge.identifier_no_b} else edge
        for edge in said
    ]
    return GraphAnswer(
        asked=asked,
        customer_id=asked.customer_id,
        identifiers=members,
        edges=[edge for edge in said if edge.refused is None],
        refused=[edge for edge in said if edge.refused is not None],
        neighbours=neighbours,
    )


def list_conflicts(home: Home, identifier: str | None = None) -> list[Conflict]:
    """The pairs of customers that are kept apart, strongest evidence first; with values if a customer is named."""
    with opened_published_graph(home) as connection:
        customer_id = resolve(connection, identifier).customer_id if identifier else None
        named = identifier is not None
        rows = connection.execute(_conflicts(), [named, customer_id, customer_id]).fetchall()
    return [Conflict(*row[:-2], *(row[-2:] if named else ())) for row in rows]


def read_history(home: Home, customer: str, moment: str = "") -> HistoryAnswer:
    """The history of a customer, named by a current or former id or by an identifier.

    `moment` (ISO, UTC) selects the stays that were known then. Raises WrongUseError if it is not a timestamp.
    """
    known_at = datetime.fromisoformat(normal_moment(moment)) if moment else None
    with opened_published_graph(home) as connection:
        asked_id = customer if _CUSTOMER_ID.fullmatch(customer) else resolve(connection, customer).customer_id
        if asked_id is None:
            raise WrongUseError("That identifier belongs to no customer.", "`merganser identity explain` shows why.")
        row = connection.execute(_present_id(), [asked_id, asked_id]).fetchone()
        if row is None:
            raise WrongUseError(f"There never was a customer {asked_id}.", "An id looks like C0000000042.")
        (present,) = row
        former = [found for (found,) in connection.execute(_former_ids(), [present]).fetchall()] if present else []
        ids = sorted({asked_id, *([present] if present else []), *former})
        changes = [Change(*found) for found in connection.execute(_changes(), [ids, ids]).fetchall()]
        stays = [Stay(*found) for found in connection.execute(_stays(), [ids, present]).fetchall()]
    if known_at:
        stays = [
            stay for stay in stays if stay.valid_from <= known_at and not (stay.valid_to and stay.valid_to <= known_at)
        ]
        changes = [change for change in changes if change.changed_at <= known_at]
    return HistoryAnswer(asked_id, present, former, changes, stays, known_at.isoformat() if known_at else "")


def read_stats(home: Home) -> Stats:
    """The graph in numbers."""
    with opened_published_graph(home) as connection:

        def counted(statement: str) -> dict[str, int]:
            return {str(name): count for name, count in connection.execute(statement).fetchall()}

        identifiers: dict[str, dict[str, int]] = defaultdict(dict)
        for kind, status, count in connection.execute(_identifier_counts()).fetchall():
            identifiers[kind][status] = count
        metrics = connection.execute(_metrics()).fetchall()
        sizes = counted(_customer_sizes())
        return Stats(
            customers=sum(sizes.values()),
            identifiers=dict(identifiers),
            customers_by_size=sizes,
            edges_by_rule=counted(_edge_counts()),
            refused_by_reason=counted(_refusal_counts()),
            changes=counted(_change_counts()),
            overrides=counted(_override_counts()),
            metrics=[
                dict(zip(("metric", "value", "max_value", "is_within_limit"), row, strict=True)) for row in metrics
            ],
        )


# --- names and paths --------------------------------------------------------------------------------------------------


def is_customer_id(text: str) -> bool:
    """Whether a user named a customer, not an identifier."""
    return _CUSTOMER_ID.fullmatch(text.strip()) is not None


def resolve(connection: duckdb.DuckDBPyConnection, text: str) -> Identifier:
    """The identifier for `type:value`, for a value that only one type has, or for a customer's id (its oldest
    identifier). Ignores case, surrounding spaces and the spacing of phone numbers.

    Raises WrongUseError, without repeating the value, if there is none or the value is ambiguous.
    """
    if is_customer_id(text):
        found = connection.execute(_oldest_of(), [text.strip(), text.strip()]).fetchall()
        if not found:
            raise WrongUseError(
                f"There is no customer {text.strip()}.", "`merganser identity history` also finds former ids."
            )
        return _fetch_identifiers(connection, [found[0][0]])[0]
    types = {name for (name,) in connection.execute(_types()).fetchall()}
    kind, _, value = text.partition(":")
    if kind not in types or not value:
        kind, value = "", text
    found = connection.execute(_numbers(), [_spellings(value), kind, kind]).fetchall()
    if not found:
        named = f"No {kind} with that value" if kind else "No identifier with that value"
        raise WrongUseError(f"{named} ever arrived.", f"Write it as type:value; types are {', '.join(sorted(types))}.")
    if len(found) > 1:
        raise WrongUseError(
            f"That value is an identifier of {len(found)} kinds: {', '.join(sorted(row[1] for row in found))}.",
            "Write it as type:value.",
        )
    return _fetch_identifiers(connection, [found[0][0]])[0]


def shortest_path(edges: Iterable[Edge], start: int, goal: int) -> list[tuple[int, int, list[Edge]]]:
    """Steps (from, to, edges) from `start` to `goal`; none if nothing connects them.

    The path with the fewest refused steps; of these the shortest; of these the one with the oldest identifiers.
    """
    between: dict[int, dict[int, list[Edge]]] = defaultdict(lambda: defaultdict(list))
    for edge in edges:
        between[edge.identifier_no_a][edge.identifier_no_b].append(edge)
        between[edge.identifier_no_b][edge.identifier_no_a].append(edge)
    came_from: dict[int, int] = {}
    waiting = [(0, 0, start, start)]
    while waiting:
        refused, length, node, previous = heappop(waiting)
        if node in came_from:
            continue
        came_from[node] = previous
        if node == goal:
            break
        for neighbour, said in between[node].items():
            if neighbour not in came_from:
                cost = all(edge.refused is not None for edge in said)
                heappush(waiting, (refused + cost, length + 1, neighbour, node))
    if goal not in came_from:
        return []
    steps = []
    while goal != start:
        said = between[came_from[goal]][goal]
        joining = [edge for edge in said if edge.refused is None]
        steps.append((came_from[goal], goal, joining or said))
        goal = came_from[goal]
    return steps[::-1]


def _spellings(value: str) -> list[str]:
    """Possible normalised forms of a value that a user wrote."""
    plain = value.strip()
    digits = re.sub(r"[\s().\-/]", "", plain)
    international = "+" + digits.removeprefix("00") if digits.startswith("00") else digits
    spellings = {plain, plain.lower(), *([international] if re.fullmatch(r"\+\d+", international) else [])}
    if "@" in plain:
        local_part, _, domain = plain.lower().rpartition("@")
        spellings.add(f"{local_part}@{readable_domain(domain)}")
    return sorted(spellings)


def _fetch_identifiers(connection: duckdb.DuckDBPyConnection, numbers: Sequence[int]) -> list[Identifier]:
    return [Identifier(*row) for row in connection.execute(_identifiers(), [list(numbers)]).fetchall()]


def _fetch_edges(connection: duckdb.DuckDBPyConnection, statement: str, parameters: list[Any]) -> list[Edge]:
    """Raises MerganserError if there are more than MOST_EDGES."""
    edges = [Edge(*row) for row in connection.execute(statement, parameters).fetchmany(MOST_EDGES + 1)]
    if len(edges) > MOST_EDGES:
        raise MerganserError(
            f"That identifier has more than {MOST_EDGES:,} edges around it.",
            "`merganser identity stats` shows which limit is exceeded.",
        )
    return edges


# --- statements -------------------------------------------------------------------------------------------------------


def _tables() -> str:
    return (
        "select table_name from information_schema.tables where table_schema in ('identity', 'intermediate', 'marts')"
    )


def _types() -> str:
    return "select distinct identifier_type from int_identity__identifiers"


def _numbers() -> str:
    return """
        select identifier_no, identifier_type from int_identity__identifiers
        where identifier_value in (select unnest(?::varchar[])) and (? = '' or identifier_type = ?)
    """


def _oldest_of() -> str:
    """The oldest identifier of a customer, by a current or former id."""
    return """
        select min(bridge.identifier_no) from bdg_customer_identifiers as bridge
        where bridge.customer_id = ? or bridge.customer_id = (
            select customer_id from dim_customer_redirects where retired_customer_id = ?
        )
        having count(*) > 0
    """


def _identifiers() -> str:
    return """
        select
            known.identifier_no,
            known.identifier_type,
            known.identifier_value,
            bridge.customer_id,
            bridge.identifier_status,
            bridge.first_seen_at,
            bridge.last_seen_at
        from int_identity__identifiers as known
        left join bdg_customer_identifiers as bridge on known.identifier_no = bridge.identifier_no
        where known.identifier_no in (select unnest(?::bigint[]))
        order by known.identifier_no
    """


def _members() -> str:
    return "select identifier_no from bdg_customer_identifiers where customer_id = ? order by 1"


def _edges() -> str:
    """All edges, with why they do not join, if so: a reason of the edge itself, or of the two customers."""
    return """
        select
            links.identifier_no_a,
            links.identifier_no_b,
            links.rule,
            links.source,
            links.record_id,
            links.tier,
            links.times_seen,
            links.first_seen_at,
            links.last_seen_at,
            coalesce(links.refusal_reason, refused.reason) as refused
        from int_identity__judged_links as links
        left join int_identity__refused_edges as refused
            on links.identifier_no_a = refused.identifier_no_a
            and links.identifier_no_b = refused.identifier_no_b
            and links.rule = refused.rule
            and links.source = refused.source
            and links.record_id = refused.record_id
    """


def _edges_around() -> str:
    """The edges of all members of the raw components of two identifiers, and of the two themselves."""
    return f"""
        with asked as (select unnest([?::bigint, ?::bigint]) as identifier_no),
        around as (
            select identifier_no from int_identity__partition
            where component_no in (
                select component_no from int_identity__partition
                where identifier_no in (select identifier_no from asked)
            )
            union
            select identifier_no from asked
        )
        select * from ({_edges()}) as edges
        where identifier_no_a in (select identifier_no from around)
            or identifier_no_b in (select identifier_no from around)
        order by all
    """


def _edges_of() -> str:
    return f"""
        select * from ({_edges()}) as edges
        where identifier_no_a in (select unnest(?::bigint[])) or identifier_no_b in (select unnest(?::bigint[]))
        order by all
    """


def _conflicts() -> str:
    return """
        select
            conflict_id, customer_id_a, customer_id_b, reason, identifier_type_a, identifier_type_b, rule, source,
            allowed_count, limited_count_a, limited_count_b, identifier_count_a, identifier_count_b, edge_count,
            times_seen, first_seen_at, last_seen_at, identifier_value_a, identifier_value_b
        from dim_identity_conflicts
        where not ? or customer_id_a = ? or customer_id_b = ?
        order by tier, times_seen desc, last_seen_at desc, conflict_id
    """


def _present_id() -> str:
    return """
        select customer_id from bdg_customer_identifiers where customer_id = ?
        union
        select customer_id from dim_customer_redirects where retired_customer_id = ?
    """


def _former_ids() -> str:
    return "select retired_customer_id from dim_customer_redirects where customer_id = ? order by 1"


def _changes() -> str:
    return """
        select changed_at, change_type, from_customer_id, to_customer_id, reason, cause
        from fct_identity_changes
        where from_customer_id in (select unnest(?::varchar[])) or to_customer_id in (select unnest(?::varchar[]))
        order by all
    """


def _stays() -> str:
    return """
        select identifier_type, identifier_value, customer_id, present_customer_id, cause, valid_from, valid_to
        from bdg_customer_identifiers_history
        where customer_id in (select unnest(?::varchar[])) or present_customer_id = ?
        order by valid_from, identifier_no
    """


def _identifier_counts() -> str:
    return """
        select identifier_type, identifier_status, count(*) from bdg_customer_identifiers
        group by 1, 2 order by 1, 2
    """


def _customer_sizes() -> str:
    return """
        select
            case
                when identifier_count = 1 then '1' when identifier_count <= 3 then '2 to 3'
                when identifier_count <= 10 then '4 to 10' when identifier_count <= 100 then '11 to 100'
                else 'more than 100'
            end,
            count(*)
        from (
            select count(*) as identifier_count from bdg_customer_identifiers
            where customer_id is not null group by customer_id
        )
        group by 1 order by min(identifier_count)
    """


def _edge_counts() -> str:
    return """
        select rule, count(*) from int_identity__judged_links
        where refusal_reason is null group by 1 order by 2 desc, 1
    """


def _refusal_counts() -> str:
    return "select reason, count(*) from int_identity__refused_edges group by 1 order by 2 desc, 1"


def _change_counts() -> str:
    return """
        select change_type || ' by ' || cause, count(*) from fct_identity_changes group by 1 order by 2 desc, 1
    """


def _override_counts() -> str:
    return """
        select coalesce(problem, 'applied'), count(*) from int_identity__overrides group by 1 order by 1
    """


def _metrics() -> str:
    return "select metric, metric_value, max_value, is_within_limit from fct_identity_metrics order by 1"
