"""A bench for the materialization alone: a dbt project of four models around the real macros, with numbers as input.

Add here: how a graph is written, run, and checked. Keep out: which graphs (test_graphs.py).
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tests.warehouse.workbench import run_own_project

ROOT = Path(__file__).resolve().parents[3]
_PROJECT = """
name: merganser
version: "0.1.0"
profile: graphs
model-paths: [models]
macro-paths: [macros]
test-paths: [none]
flags: {send_anonymous_usage_stats: false}
models: {+materialized: view}
"""
_PROFILE = """
graphs:
  target: graphs
  outputs:
    graphs: {type: duckdb, path: PATH, threads: 1, config_options: {preserve_insertion_order: false, memory_limit: 8GB}}
"""
_NODES = """
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='identifier_no') }}
{{ select_revised_rows('graph.nodes', ['identifier_no'], {
    'identifier_type': 'known.identifier_type', 'identifier_value': 'known.identifier_value',
    'max_per_customer': 'null', 'has_customer': 'false',
}) }}
"""
_PAIRS = """
{{ config(materialized='incremental', incremental_strategy='delete+insert',
          unique_key=['identifier_no_a', 'identifier_no_b']) }}
with current_pairs as (
    select
        coalesce(edges.identifier_no_a, exclusions.identifier_no_a) as identifier_no_a,
        coalesce(edges.identifier_no_b, exclusions.identifier_no_b) as identifier_no_b,
        edges.identifier_no_a is not null as is_joining,
        exclusions.identifier_no_a is not null as is_excluded,
        tier, times_seen, source_count, last_seen_at
    from graph.edges as edges
    full outer join graph.exclusions as exclusions
        on edges.identifier_no_a = exclusions.identifier_no_a and edges.identifier_no_b = exclusions.identifier_no_b
)
{{ select_revised_rows('current_pairs', ['identifier_no_a', 'identifier_no_b'], {
    'is_joining': 'false', 'is_excluded': 'false', 'tier': 'null', 'times_seen': 'null', 'source_count': 'null',
    'last_seen_at': 'null',
}) }}
"""
_PARTITION = """
{{ config(materialized='connected_components', nodes='nodes', identifiers='nodes', size_cap=var('size_cap', none)) }}
-- depends_on: {{ ref('nodes') }}
select * from {{ ref('pairs') }}
"""

_AROUND = {
    "int_identity__partition": "select * from {{ ref('partition') }}",
    "int_identity__exclusions": "select * from graph.exclusions",
    "int_identity__identifier_status": "select * from graph.nodes",
    "identifier_types": "select identifier_type, max(max_per_customer) as max_per_customer from graph.nodes group by 1",
    "int_identity__judged_links": """
        select
            identifier_no_a, identifier_no_b, 'rule' as rule, 'source' as source, 'record' as record_id,
            cast(null as varchar) as refusal_reason, tier, times_seen, last_seen_at as first_seen_at, last_seen_at
        from graph.edges
    """,
    "int_identity__customers": """
        select customer_no, 'C' || customer_no as customer_id, count(*) as identifier_count
        from {{ ref('partition') }}
        group by 1
    """,
    "int_identity__customer_identifiers": """
        select nodes.identifier_no, identifier_type, identifier_value, customer_no
        from graph.nodes as nodes
        inner join {{ ref('partition') }} as members on nodes.identifier_no = members.identifier_no
    """,
}
_CUTS = ("intermediate/identity/int_identity__refused_edges.sql", "marts/core/dim_identity_conflicts.sql")
Told = tuple[object, ...]


@dataclass(frozen=True)
class Node:
    number: int
    kind: str
    value: str
    limit: int | None = None

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True)
class Edge:
    a: int
    b: int
    tier: int = 2
    times: int = 1
    sources: int = 1
    seen_day: int = 0


@dataclass(frozen=True)
class Graph:
    """Nodes with limits, edges with evidence, and pairs of numbers that must stay apart."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    exclusions: tuple[tuple[int, int], ...] = ()

    def renumbered(self, numbers: Sequence[int]) -> Graph:
        """The same graph when its identifiers arrived in another order."""
        new = {node.number: number for node, number in zip(self.nodes, numbers, strict=True)}
        return Graph(
            tuple(Node(new[node.number], node.kind, node.value, node.limit) for node in self.nodes),
            tuple(Edge(new[e.a], new[e.b], e.tier, e.times, e.sources, e.seen_day) for e in self.edges),
            tuple((new[a], new[b]) for a, b in self.exclusions),
        )


Partition = dict[int, tuple[int, int]]


@dataclass(frozen=True)
class Cuts:
    """`refused`: two numbers and why the edge between them did not join. `conflicts`: two customers, older first, the
    columns about each, and the columns about both."""

    refused: list[tuple[int, int, str]]
    conflicts: list[tuple[int, int, Told, Told, Told]]


class GraphBench:
    """A small dbt project in a directory; `run` returns (component_no, customer_no) by node."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = directory / "graphs.duckdb"
        for name, text in {
            "dbt_project.yml": _PROJECT,
            "profiles.yml": _PROFILE.replace("PATH", str(self.database)),
            "models/graph/nodes.sql": _NODES,
            "models/graph/pairs.sql": _PAIRS,
            "models/graph/partition.sql": _PARTITION,
            **{f"models/cuts/{name}.sql": text for name, text in _AROUND.items()},
            **{f"models/cuts/{Path(name).name}": (ROOT / "dbt_project/models" / name).read_text() for name in _CUTS},
        }.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for folder in ("identity", "platform", "vars"):
            shutil.copytree(ROOT / "dbt_project/macros" / folder, directory / "macros" / folder)

    def twist(self, file: str, old: str, new: str) -> None:
        """Creates a failing twin of the engine: replaces a text, which must exist, in one macro or model."""
        path = self.directory / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def lay(self, graphs: Iterable[Graph]) -> None:
        """Writes graphs as the tables that the models read. No two graphs may have the same number."""
        graphs = list(graphs)
        nodes = [(n.number, n.kind, n.value, n.limit) for graph in graphs for n in graph.nodes]
        edges = [
            (min(e.a, e.b), max(e.a, e.b), e.tier, e.times, e.sources, e.seen_day)
            for graph in graphs
            for e in graph.edges
        ]
        exclusions = [(min(pair), max(pair)) for graph in graphs for pair in graph.exclusions]
        with self.opened() as connection:
            connection.execute(
                "create table graph.nodes (identifier_no bigint, identifier_type varchar, identifier_value varchar, "
                "max_per_customer integer, has_customer boolean default true)"
            )
            connection.execute(
                "create table graph.edges (identifier_no_a bigint, identifier_no_b bigint, tier integer, "
                "times_seen bigint, source_count bigint, seen_day integer)"
            )
            connection.execute("create table graph.exclusions (identifier_no_a bigint, identifier_no_b bigint)")
            for table, rows in (("nodes", nodes), ("edges", edges), ("exclusions", exclusions)):
                if rows:
                    columns = list(map(list, zip(*rows, strict=True)))
                    values = ", ".join(f"unnest($c{i})" for i in range(len(columns)))
                    names = {"nodes": " by position"}.get(table, "")
                    extra = ", true" if table == "nodes" else ""
                    connection.execute(
                        f"insert into graph.{table}{names} select {values}{extra}",
                        {f"c{i}": column for i, column in enumerate(columns)},
                    )
            connection.execute(
                "alter table graph.edges add column last_seen_at timestamp; "
                "update graph.edges set last_seen_at = timestamp '2026-01-01' + to_days(seen_day)"
            )

    @contextlib.contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The database with an empty schema `graph` for tables."""
        with duckdb.connect(str(self.database)) as connection:
            connection.execute("drop schema if exists graph cascade; create schema graph")
            yield connection

    def build(self, *, full_refresh: bool = False, models: str = "graph", **variables: object) -> None:
        """Builds the written graphs, as an increment of the existing partition unless full_refresh is true."""
        asked = ["--select", f"path:models/{models}", *(["--full-refresh"] if full_refresh else [])]
        succeeded, told = run_own_project(
            self.directory, *asked, "--vars", json.dumps(variables), "--log-level-file", "info"
        )
        assert succeeded, told

    def read(self) -> Partition:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            rows = connection.execute("select identifier_no, component_no, customer_no from partition").fetchall()
        assert len({row[0] for row in rows}) == len(rows)
        return {number: (component, customer) for number, component, customer in rows}

    def cuts(self) -> Cuts:
        """What the real models derive from the existing partition."""
        self.build(models="cuts")
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return Cuts(
                connection.execute(
                    "select identifier_no_a, identifier_no_b, reason from int_identity__refused_edges"
                ).fetchall(),
                connection.execute("""
                    select
                        cast(customer_id_a[2:] as bigint), cast(customer_id_b[2:] as bigint),
                        (identifier_type_a, identifier_value_a, limited_count_a, identifier_count_a),
                        (identifier_type_b, identifier_value_b, limited_count_b, identifier_count_b),
                        (reason, limited_type, rule, source, source_record_id, tier, allowed_count, edge_count,
                            source_count, times_seen, first_seen_at, last_seen_at)
                    from dim_identity_conflicts
                """).fetchall(),
            )

    def revisions(self) -> dict[int, int]:
        """The revision of the pairs in which each row of the partition was written."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return dict(connection.execute("select identifier_no, pairs_revision_no from partition").fetchall())

    def run(self, *graphs: Graph, full_refresh: bool = True, **variables: object) -> Partition:
        """Writes graphs and builds them, from nothing unless full_refresh is false."""
        self.lay(graphs)
        self.build(full_refresh=full_refresh, **variables)
        return self.read()


def smallest_connected(numbers: Iterable[int], pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """The oracle: the smallest number that each number is connected with, by union-find."""
    parent = {number: number for number in numbers}

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for a, b in pairs:
        first, second = sorted((root(a), root(b)))
        parent[second] = first
    return {number: root(number) for number in parent}


def broken_promises(graph: Graph, partition: Partition) -> list[str]:
    """The broken promises of a graph's partition, in words; empty where all are kept."""
    wrong = []
    nodes = {node.number: node for node in graph.nodes}
    customers = {number: partition[number][1] for number in nodes}
    pairs = [(edge.a, edge.b) for edge in graph.edges]
    if {number: partition[number][0] for number in nodes} != smallest_connected(nodes, pairs):
        wrong.append("the raw components are not the connected components")
    inside = [(a, b) for a, b in pairs if customers[a] == customers[b]]
    if smallest_connected(nodes, inside) != customers:
        wrong.append("a customer is not connected, or not named by its smallest number")
    decided = smallest_connected(nodes, [(edge.a, edge.b) for edge in graph.edges if edge.tier == 0])
    if any(customers[number] != customers[root] for number, root in decided.items()):
        wrong.append("a decision to join was not kept")
    counts = Counter((customers[n], node.kind) for n, node in nodes.items() if node.limit is not None)
    limits = {node.kind: node.limit for node in graph.nodes if node.limit is not None}
    assert all(node.limit == limits.get(node.kind) for node in graph.nodes), "a type has one limit"
    forced = {customers[a] for a, b in pairs for edge in graph.edges if edge.tier == 0 and edge.a == a and edge.b == b}
    for (customer, kind), count in counts.items():
        if count > limits[kind] and customer not in forced:
            wrong.append(f"customer {customer} holds {count} of {kind}")
    for a, b in graph.exclusions:
        if customers[a] == customers[b] and customers[a] not in forced:
            wrong.append(f"{a} and {b} were to be kept apart")
    for a, b in pairs:
        first, second = customers[a], customers[b]
        too_many = any(
            counts[first, kind] and counts[second, kind] and counts[first, kind] + counts[second, kind] > limit
            for kind, limit in limits.items()
        )
        excluded = any({customers[x], customers[y]} == {first, second} for x, y in graph.exclusions)
        if first != second and not too_many and not excluded:
            wrong.append(f"edge {a}-{b} was refused without a reason")
    return wrong
