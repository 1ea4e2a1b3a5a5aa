"""Segments as people ask about them: which there are, who would be in one, and why a customer is in or out.

Reads the warehouse, where the definitions are views; nothing is written and nothing is built. Answers name customers by
id and show only columns that are not personal. Add here: another question about a segment. Keep out: what a segment
means (dbt_project/models/segments), its memory (fct_segment_memberships).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

from publication.causes import with_ancestors
from runtime.building import compiled_sql, is_current, load_manifest
from runtime.errors import MerganserError, WrongUseError
from runtime.home import Home
from runtime.warehouse import opened

if TYPE_CHECKING:
    import duckdb
    from sqlglot import exp

SAMPLE = 5
RECENT_DAYS = 30
MOST_CONDITIONS_TOGETHER = 2  # that are left out together to find what keeps a customer out


@dataclass(frozen=True)
class Segment:
    """A declared segment. `entered_count` and `left_count`: stays of the last 30 days; null if it is not remembered."""

    name: str
    title: str
    description: str
    owner: str
    entered_when: str
    member_count: int
    entered_count: int | None = None
    left_count: int | None = None


@dataclass(frozen=True)
class SegmentDetail:
    """A segment with its size by day (day, members, entered, left) and the syncs that deliver it."""

    segment: Segment
    days: list[tuple[str, int, int, int]] = field(default_factory=list)
    exports: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Preview:
    """Who would be in a segment. Entrants and leavers compare with its present members; null without a segment.

    `sample`: ids of some customers who would be in it, entrants first.
    """

    segment: str
    customer_count: int
    present_count: int | None
    entrant_count: int | None
    leaver_count: int | None
    sample: list[str]
    leaver_sample: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stay:
    """One stay of a customer in a segment; without an end it goes on."""

    entered_at: datetime
    exited_at: datetime | None
    exit_reason: str | None


@dataclass(frozen=True)
class Why:
    """Why a customer is in a segment or not.

    `facts`: columns of the member's row that are not personal. `kept_out_by`: the conditions without which the customer
    would be a member, each alone or all together; empty if more than two keep the customer out. `has_rows`: false if
    the customer is in no row of what the segment reads, whatever the conditions.
    """

    segment: str
    customer_id: str
    is_member: bool
    facts: dict[str, Any]
    stays: list[Stay]
    kept_out_by: list[str]
    has_rows: bool
    conditions: list[str]


def declared_segments(home: Home) -> dict[str, Mapping[str, Any]]:
    """The models with meta.segment, as nodes of dbt's manifest, by name."""
    nodes = load_manifest(home)["nodes"].values()
    found = [node for node in nodes if node["resource_type"] == "model" and "segment" in _meta(node)]
    return {node["name"]: node for node in sorted(found, key=lambda node: str(node["name"]))}


def list_segments(home: Home) -> list[Segment]:
    """All declared segments that were built, with their sizes. Raises LockedError while a build runs."""
    declared = declared_segments(home)
    with opened(home) as connection:
        built = {name for (name,) in connection.execute(_built()).fetchall()}
        moves = _recent_moves(connection)
        return [
            _segment(node, _count(connection, name), moves.get(name.removeprefix("seg_")))
            for name, node in declared.items()
            if name in built
        ]


def show_segment(home: Home, name: str) -> SegmentDetail:
    """One segment: its size by day, its conditions, and the syncs that read it."""
    node = _node(home, name)
    tree = _parsed(_definition(home, node))
    manifest = load_manifest(home)
    readers = [
        other["name"]
        for other in manifest["nodes"].values()
        if other["resource_type"] == "model"
        and "export" in _meta(other)
        and node["unique_id"] in with_ancestors(manifest, [other["unique_id"]])
    ]
    with opened(home) as connection:
        short = node["name"].removeprefix("seg_")
        segment = _segment(node, _count(connection, node["name"]), _recent_moves(connection).get(short))
        moves = {"segment": short, "days": RECENT_DAYS}
        days = connection.execute(_days(), moves).fetchall() if _is_remembered(connection) else []
        conditions = _texts(connection, _conditions(tree))
    return SegmentDetail(segment, [tuple(day) for day in days], sorted(readers), conditions)


def preview(home: Home, asked: str, against: str = "") -> Preview:
    """Who would be in a segment: `asked` is its name, or a query that has the column customer_id.

    A query is compared with the present members of the segment `against`. Raises WrongUseError for anything but one
    query that reads, MerganserError if it cannot run, LockedError while a build runs.
    """
    if len(asked.split()) == 1:
        node = _node(home, asked)
        name, statement = node["name"], _definition(home, node)
    else:
        name = _node(home, against)["name"] if against else ""
        statement = compiled_sql(home, text=asked) if "{{" in asked or "{%" in asked else asked
    query = _parsed(statement).sql(dialect="duckdb")
    with opened(home) as connection:
        _shut_in(connection)
        try:
            columns = {row[0].lower() for row in connection.execute(f"describe {query}").fetchall()}
            if "customer_id" not in columns:
                raise WrongUseError("The query has no column customer_id.", "Select it: one row per member.")
            count, present, entrants, leavers = connection.execute(_compared(query, name)).fetchall()[0]
            sample = [row[0] for row in connection.execute(_sample(query, name), [SAMPLE]).fetchall()]
            gone = [row[0] for row in connection.execute(_gone(query, name), [SAMPLE]).fetchall()] if name else []
        except _errors() as error:
            raise MerganserError(
                f"The query cannot run: {_fault(error)}",
                "It reads the tables of the warehouse: marts.dim_customers, marts.fct_orders, segments.seg_...",
            ) from error
    if not name:
        return Preview("", count, None, None, None, sample)
    return Preview(name.removeprefix("seg_"), count, present, entrants, leavers, sample, gone)


def why(home: Home, name: str, customer_id: str) -> Why:
    """Why a customer is in a segment or not: the member's facts, the stays, and what keeps the customer out."""
    node = _node(home, name)
    tree = _parsed(_definition(home, node))
    public = [
        column
        for column, declared in node["columns"].items()
        if (declared["config"].get("meta") or {}).get("pii", "none") == "none"
    ]
    short = node["name"].removeprefix("seg_")
    with opened(home) as connection:
        row = _member(connection, tree, customer_id)
        asked = {"segment": short, "customer": customer_id}
        stays = connection.execute(_stays(), asked).fetchall() if _is_remembered(connection) else []
        kept_out_by = [] if row else _kept_out_by(connection, tree, customer_id)
        has_rows = bool(row or kept_out_by) or _member(connection, _without_conditions(tree), customer_id) is not None
        conditions = _texts(connection, _conditions(tree))
    facts = {column: row[column] for column in public if column in row} if row else {}
    return Why(
        short,
        customer_id,
        row is not None,
        facts,
        [Stay(*stay) for stay in stays],
        kept_out_by,
        has_rows,
        conditions,
    )


# --- definitions ------------------------------------------------------------------------------------------------------


def _node(home: Home, name: str) -> Mapping[str, Any]:
    declared = declared_segments(home)
    full = name if name.startswith("seg_") else f"seg_{name}"
    if full not in declared:
        raise WrongUseError(
            f"There is no segment {full.removeprefix('seg_')}.",
            f"Segments are {', '.join(each.removeprefix('seg_') for each in declared)}.",
        )
    return declared[full]


def _meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    meta: Mapping[str, Any] = node["config"].get("meta") or {}
    return meta


def _segment(node: Mapping[str, Any], members: int, moves: tuple[int, int] | None) -> Segment:
    declared = _meta(node)["segment"]
    entered, left = moves or (None, None)
    return Segment(
        node["name"].removeprefix("seg_"),
        str(declared.get("title", node["name"])),
        str(declared.get("description", "")),
        str(declared.get("owner", "")),
        str(declared.get("entered_when", "")),
        members,
        entered,
        left,
    )


def _definition(home: Home, node: Mapping[str, Any]) -> str:
    """The SQL of a segment as its file is now: that of its view, or compiled if a file changed since the last parse."""
    if is_current(home):
        with opened(home) as connection:
            found = connection.execute(_view(), [node["name"]]).fetchone()
        if found:
            return str(found[0])
    return compiled_sql(home, model=node["name"])


def _parsed(statement: str) -> exp.Query:
    """The query of a definition, or of what a user wrote. Raises WrongUseError if it is anything but one query."""
    import sqlglot
    from sqlglot import errors, exp

    try:
        statements = [found for found in sqlglot.parse(statement, dialect="duckdb") if found is not None]
    except errors.SqlglotError as error:
        raise WrongUseError(
            "The query cannot be parsed.", "Write one SELECT that has the column customer_id."
        ) from error
    query = statements[0].expression if len(statements) == 1 and isinstance(statements[0], exp.Create) else None
    query = query or (statements[0] if len(statements) == 1 else None)
    if not isinstance(query, exp.Query):
        raise WrongUseError("That is not one query that reads.", "Write one SELECT that has the column customer_id.")
    return query


# --- what keeps a customer out ----------------------------------------------------------------------------------------


def _conditions(tree: exp.Query) -> list[exp.Expr]:
    """The conditions of all WHERE and QUALIFY clauses, each part of an AND for itself."""
    from sqlglot import exp

    found: list[exp.Expr] = []
    for clause in tree.find_all(exp.Where, exp.Qualify):
        waiting: list[exp.Expr] = [clause.this]
        while waiting:
            condition = waiting.pop(0).unnest()
            if isinstance(condition, exp.And):
                waiting = [condition.left, condition.right, *waiting]
            else:
                found.append(condition)
    return found


def _texts(connection: duckdb.DuckDBPyConnection, conditions: Sequence[exp.Expr]) -> list[str]:
    """The conditions as text, with what does not depend on a row as its value."""
    return [_with_values(connection, condition.copy()).sql(dialect="duckdb") for condition in conditions]


def _with_values(connection: duckdb.DuckDBPyConnection, condition: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    def valued(node: exp.Expr) -> exp.Expr:
        is_computed = isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div | exp.Cast | exp.Func)
        if not is_computed or isinstance(node, exp.Connector) or node.find(exp.Column, exp.Query, exp.Star, exp.Window):
            return node
        try:
            found = connection.execute(f"select cast({node.sql(dialect='duckdb')} as varchar)").fetchone()
        except _errors():
            return node
        return exp.Literal.string(found[0]) if found and found[0] is not None else node

    def bare(node: exp.Expr) -> exp.Expr:
        return node.this if isinstance(node, exp.Paren) and isinstance(node.this, exp.Literal) else node

    return condition.transform(valued).transform(bare)


def _kept_out_by(connection: duckdb.DuckDBPyConnection, tree: exp.Query, customer_id: str) -> list[str]:
    """The fewest conditions without which the customer would be a member, at most two."""
    places = range(len(_conditions(tree)))
    for number in range(1, MOST_CONDITIONS_TOGETHER + 1):
        alone = []
        for left_out in combinations(places, number):
            wider = tree.copy()
            conditions = _conditions(wider)
            texts = _texts(connection, [conditions[place] for place in left_out])
            _leave_out(wider, [conditions[place] for place in left_out])
            if _member(connection, wider, customer_id) is not None:
                if number > 1:
                    return texts
                alone += texts
        if alone:
            return alone
    return []


def _leave_out(tree: exp.Query, conditions: Sequence[exp.Expr]) -> None:
    """Makes conditions of a query true."""
    from sqlglot import exp

    for condition in conditions:
        condition.replace(exp.true())
    for clause in list(tree.find_all(exp.Qualify)):
        if not clause.find(exp.Window):
            clause.pop()


def _without_conditions(tree: exp.Query) -> exp.Query:
    wider = tree.copy()
    _leave_out(wider, _conditions(wider))
    return wider


def _member(connection: duckdb.DuckDBPyConnection, tree: exp.Query, customer_id: str) -> dict[str, Any] | None:
    """The row of a customer in a query; none if it has none."""
    cursor = connection.execute(
        f"select * from ({tree.sql(dialect='duckdb')}) as members where customer_id = ? limit 1", [customer_id]
    )
    names = [column[0] for column in cursor.description or []]
    row = cursor.fetchone()
    return dict(zip(names, row, strict=True)) if row else None


# --- the warehouse ----------------------------------------------------------------------------------------------------


def _shut_in(connection: duckdb.DuckDBPyConnection) -> None:
    """Lets the queries of a user read this database and nothing else: no file, no network, no other setting."""
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _errors() -> type[Exception]:
    import duckdb

    error: type[Exception] = duckdb.Error
    return error


def _fault(error: Exception) -> str:
    """What is wrong with a query; errors about values are only named, because they repeat the value."""
    import duckdb

    about_names = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.PermissionException)
    if isinstance(error, about_names):
        return str(error).strip().splitlines()[0]
    return f"{type(error).__name__} in one of the rows"


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    found = connection.execute(f'select count(*) from segments."{name}"').fetchone()
    return int(found[0]) if found else 0


def _is_remembered(connection: duckdb.DuckDBPyConnection) -> bool:
    return "fct_segment_memberships" in {name for (name,) in connection.execute(_built()).fetchall()}


def _recent_moves(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int]]:
    if not _is_remembered(connection):
        return {}
    return {row[0]: (row[1], row[2]) for row in connection.execute(_recent(), [RECENT_DAYS]).fetchall()}


def _built() -> str:
    return "select table_name from information_schema.tables where table_schema = 'segments'"


def _view() -> str:
    return "select sql from duckdb_views() where schema_name = 'segments' and view_name = ?"


def _recent() -> str:
    return """
        with newest as (
            select max(greatest(entered_at, coalesce(exited_at, entered_at))) as moment
            from segments.fct_segment_memberships
        )
        select
            segment,
            count(*) filter (entered_at > newest.moment - to_days(cast($1 as integer))),
            count(*) filter (exited_at > newest.moment - to_days(cast($1 as integer)))
        from segments.fct_segment_memberships cross join newest group by 1
    """


def _days() -> str:
    return """
        with moves as (
            select cast(entered_at as date) as day, 1 as entered, 0 as exited
            from segments.fct_segment_memberships where segment = $segment
            union all
            select cast(exited_at as date), 0, 1
            from segments.fct_segment_memberships where segment = $segment and exited_at is not null
        ),
        days as (select day, sum(entered) as entered, sum(exited) as exited from moves group by 1)
        select
            cast(day as varchar), cast(sum(entered - exited) over (order by day) as bigint), cast(entered as bigint),
            cast(exited as bigint)
        from days order by day desc limit $days
    """


def _stays() -> str:
    return """
        select entered_at, exited_at, exit_reason from segments.fct_segment_memberships
        where segment = $segment and customer_id = $customer order by entered_at
    """


def _pair(query: str, name: str) -> str:
    present = (
        f'select distinct customer_id from segments."{name}"' if name else "select null as customer_id where false"
    )
    return f"""
        with would_be as (select distinct customer_id from ({query}) as asked where customer_id is not null),
        present as ({present})
    """


def _compared(query: str, name: str) -> str:
    return f"""
        {_pair(query, name)}
        select
            count(would_be.customer_id), count(present.customer_id),
            count(*) filter (present.customer_id is null), count(*) filter (would_be.customer_id is null)
        from would_be full outer join present on would_be.customer_id = present.customer_id
    """


def _sample(query: str, name: str) -> str:
    return f"""
        {_pair(query, name)}
        select would_be.customer_id from would_be left join present on would_be.customer_id = present.customer_id
        order by present.customer_id is not null, would_be.customer_id limit ?
    """


def _gone(query: str, name: str) -> str:
    return f"""
        {_pair(query, name)}
        select present.customer_id from present left join would_be on present.customer_id = would_be.customer_id
        where would_be.customer_id is null order by 1 limit ?
    """
