"""The materialization connected_components: exact, within limits, independent of order, and repeatable."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.warehouse.identity.graphs import (
    Cuts,
    Edge,
    Graph,
    GraphBench,
    Node,
    Partition,
    broken_promises,
    smallest_connected,
)

EXAMPLES = 40 if os.environ.get("TORTURE") else 4
GRAPHS_PER_EXAMPLE = 150
LIMITS = {"login": 1, "contact": 2, "email": 3, "cookie": None, "order": None}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> GraphBench:
    return GraphBench(tmp_path_factory.mktemp("graphs"))


def path(numbers: list[int], kind: str = "cookie", limit: int | None = None, **evidence: int) -> Graph:
    """A chain: each node has an edge to the next."""
    nodes = tuple(Node(number, kind, f"{kind} {position}", limit) for position, number in enumerate(numbers))
    edges = tuple(Edge(a, b, **evidence) for a, b in pairwise(numbers))
    return Graph(nodes, edges)


def alternating(count: int, start: int) -> list[int]:
    """Alternating small and large numbers: every inner node is a local extreme."""
    low, high = list(range(start, start + count // 2)), list(range(start + count // 2, start + count))
    return [number for pair in zip(low, reversed(high), strict=True) for number in pair]


def test_shapes_reach_the_fixpoint(bench: GraphBench) -> None:
    """Chains of 2,000 in order of arrival, backwards, alternating and shuffled; a star, a tree, a ring; lone nodes."""
    shuffled = list(range(30_000, 32_000))
    random.Random(1).shuffle(shuffled)
    draw = random.Random(2)
    star = range(40_000, 45_000)
    tree = range(50_000, 53_000)
    ring = path(list(range(60_000, 60_500)))
    graphs = [
        path(list(range(1, 2_001))),
        path(list(reversed(range(10_000, 12_000)))),
        path(alternating(2_000, 20_000)),
        path(shuffled),
        Graph(tuple(Node(n, "cookie", f"star {n}") for n in star), tuple(Edge(44_999, n) for n in star if n != 44_999)),
        Graph(
            tuple(Node(n, "cookie", f"tree {n}") for n in tree),
            tuple(Edge(draw.randrange(tree[0], n), n) for n in tree[1:]),
        ),
        Graph(ring.nodes, (*ring.edges, Edge(60_000, 60_499))),
        Graph(tuple(Node(n, "email", f"lone {n}", 3) for n in range(70_000, 70_010)), ()),
    ]
    partition = bench.run(*graphs)
    for graph in graphs:
        assert broken_promises(graph, partition) == []
    assert {customer for _, customer in partition.values() if customer <= 2_000} == {1}


def test_fixed_rounds_are_detected() -> None:
    """The failing twin: five passes of the smallest neighbour leave a chain in pieces, and the check finds it."""
    graph = path(list(range(1, 2_001)))
    with duckdb.connect() as connection:
        connection.execute("create table labels as select unnest(range(1, 2001)) as node, node as label")
        for _ in range(5):
            connection.execute(
                "create or replace table labels as select labels.node, min(least(labels.label, near.label)) as label "
                "from labels inner join labels as near on near.node between labels.node - 1 and labels.node + 1 "
                "group by all"
            )
        labels = dict(connection.execute("select node, label from labels").fetchall())
    assert broken_promises(graph, {node: (label, label) for node, label in labels.items()}) != []


def test_one_edge_more_and_an_empty_graph(bench: GraphBench) -> None:
    lone = Graph((Node(1, "email", "a", 3), Node(2, "email", "b", 3)), ())
    assert bench.run(lone) == {1: (1, 1), 2: (2, 2)}
    assert bench.run(Graph((), ())) == {}


@pytest.mark.parametrize("form", ["arrays", "sql"])
def test_numbers_wider_than_32_bits(bench: GraphBench, form: str) -> None:
    """Identifier numbers may exceed the narrow arrays."""
    numbers = [5, 2**31 - 2, 2**31 - 1, 2**31, 2**40, 2**62]
    assert bench.run(path(numbers), identity_contraction=form) == dict.fromkeys(numbers, (5, 5))


def test_a_long_chain_of_claims_is_cut_into_full_customers(bench: GraphBench) -> None:
    """1,500 addresses in a chain, at most three per customer, with evidence that grows along the chain."""
    numbers = list(range(1, 1_501))
    chain = path(numbers, "email", 3)
    rising = Graph(chain.nodes, tuple(Edge(e.a, e.b, seen_day=position) for position, e in enumerate(chain.edges)))
    partition = bench.run(rising)
    assert broken_promises(rising, partition) == []
    assert len({customer for _, customer in partition.values()}) >= 500


def random_graph(draw: random.Random) -> Graph:
    """Up to 16 identifiers, numbered from 0. Any two may have an edge or be excluded or joined by a decision."""
    count = draw.randint(1, 16)
    kinds = [draw.choice(sorted(LIMITS)) for _ in range(count)]
    nodes = tuple(Node(number, kind, f"value {number}", LIMITS[kind]) for number, kind in enumerate(kinds))
    pairs = [(a, b) for b in range(count) for a in range(b)]
    linked = draw.sample(pairs, min(len(pairs), draw.randint(0, 2 * count)))
    tiers = [1, 2, 2, 3, 4, *([0] if draw.random() < 0.2 else [])]
    edges = tuple(
        Edge(a, b, draw.choice(tiers), draw.randint(1, 2), draw.randint(1, 2), draw.randint(0, 1)) for a, b in linked
    )
    excluded = draw.sample(pairs, min(len(pairs), draw.choice([0, 0, 1, 2])))
    return Graph(nodes, edges, tuple(excluded))


def in_three_orders(draw: random.Random) -> list[list[Graph]]:
    """Random graphs, each three times: identifiers numbered in the order of the graph, and shuffled twice."""
    laid = []
    for position in range(GRAPHS_PER_EXAMPLE):
        graph = random_graph(draw)
        copies = []
        for turn in range(3):
            first = 1 + 100 * (3 * position + turn)
            numbers = list(range(first, first + len(graph.nodes)))
            if turn:
                draw.shuffle(numbers)
            copies.append(graph.renumbered(numbers))
        laid.append(copies)
    return laid


def disagreeing(laid: list[list[Graph]], partition: Partition, cuts: Cuts) -> list[list[Graph]]:
    """The graphs whose result depends on the order of arrival: other customers, another reason of a refused edge, or
    other columns of a conflict."""
    return [copies for copies in laid if len({_by_name(copy, partition, cuts) for copy in copies}) > 1]


@given(seed=st.integers(0, 2**32))
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # an example is several runs of dbt: too slow to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_promises_hold_in_any_order(bench: GraphBench, seed: int) -> None:
    """Every promise of a partition holds, and the order of identifier numbers changes neither partition nor cuts."""
    laid = in_three_orders(random.Random(seed))
    partition = bench.run(*(copy for copies in laid for copy in copies))
    cuts = bench.cuts()
    for copy in (copy for copies in laid for copy in copies):
        assert broken_promises(copy, partition) == [], copy
    assert disagreeing(laid, partition, cuts) == []
    assert len(cuts.conflicts) > GRAPHS_PER_EXAMPLE, "too few graphs broke a limit to prove anything"
    between = {(min(e.a, e.b), max(e.a, e.b)) for copies in laid for copy in copies for e in copy.edges}
    apart = {(a, b) for a, b in between if partition[a][1] != partition[b][1]}
    assert {(a, b) for a, b, reason in cuts.refused if reason} == apart


BRIDGES, CONFLICTS = "macros/identity/select_bridges.sql", "models/cuts/dim_identity_conflicts.sql"


@pytest.mark.parametrize(
    "twists",
    [
        (
            (BRIDGES, "last_seen_at desc, first_name, second_name", "a, b"),
            (BRIDGES, "{{ md5_hex(\"first_name || ' ' || second_name\") }},", "a, b,"),
        ),
        ((CONFLICTS, "least(name_a, name_b)", "name_a"),),
    ],
    ids=["limits", "what is told of conflicts"],
)
def test_dependence_on_order_is_detected(tmp_path: Path, twists: tuple[tuple[str, str, str], ...]) -> None:
    """The failing twins break ties by arrival. They keep every limit, so only another order reveals them."""
    twin = GraphBench(tmp_path)
    for file, old, new in twists:
        twin.twist(file, old, new)
    laid = in_three_orders(random.Random(1))
    partition = twin.run(*(copy for copies in laid for copy in copies))
    assert [promise for copies in laid for copy in copies for promise in broken_promises(copy, partition)] == []
    assert disagreeing(laid, partition, twin.cuts()) != []


def _by_name(graph: Graph, partition: Partition, cuts: Cuts) -> tuple[frozenset[object], ...]:
    name = {node.number: node.name for node in graph.nodes}
    groups: dict[int, set[str]] = {}
    for number, named in name.items():
        groups.setdefault(partition[number][1], set()).add(named)
    members = {customer: frozenset(group) for customer, group in groups.items()}
    return (
        frozenset(members.values()),
        frozenset((frozenset([name[a], name[b]]), reason) for a, b, reason in cuts.refused if a in name),
        frozenset(
            (frozenset([(members[a], of_a), (members[b], of_b)]), of_both)
            for a, b, of_a, of_b, of_both in cuts.conflicts
            if a in name
        ),
    )


def test_unchanged_input_gives_the_same_table(bench: GraphBench) -> None:
    graph = path(list(range(1, 50)), "email", 3)
    assert bench.run(graph) == bench.run(graph)


def test_a_crash_leaves_nothing_that_breaks_the_next_run(bench: GraphBench) -> None:
    """A killed run may leave its scratch schema, with tables of any shape, and the old partition."""
    graph = path(list(range(1, 20)))
    expected = bench.run(graph)
    with duckdb.connect(str(bench.database)) as connection:
        connection.execute("create schema partition__scratch; create table partition__scratch.edges (wrong varchar)")
        connection.execute("create table partition__scratch.raw_9_hooks (wrong varchar)")
        connection.execute("create table partition__dbt_tmp (wrong varchar)")
    for is_full in (False, True):
        bench.build(full_refresh=is_full)
        assert bench.read() == expected
    with duckdb.connect(str(bench.database), read_only=True) as connection:
        rows = connection.execute("select schema_name from information_schema.schemata").fetchall()
    assert "partition__scratch" not in {row[0] for row in rows}


def _without(graph: Graph, partition: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    joined = smallest_connected([node.number for node in graph.nodes], [(edge.a, edge.b) for edge in graph.edges])
    return {number: (root, root) for number, root in joined.items()}


def _whole_group_refused(graph: Graph, partition: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    return {node.number: (partition[node.number][0], node.number) for node in graph.nodes}


@pytest.mark.parametrize("twin", [_without, _whole_group_refused], ids=["limits ignored", "groups shattered"])
def test_a_partition_that_breaks_a_promise_is_detected(
    bench: GraphBench, twin: Callable[[Graph, dict[int, tuple[int, int]]], dict[int, tuple[int, int]]]
) -> None:
    """The failing twins of broken_promises."""
    graph = path(list(range(1, 8)), "email", 3)
    partition = bench.run(graph)
    assert broken_promises(graph, partition) == []
    assert broken_promises(graph, twin(graph, partition)) != []


def changed_graph(draw: random.Random, graph: Graph, first: int) -> Graph:
    """The graph after a batch: identifiers and evidence are added and removed, rules and decisions change."""
    nodes = {node.number: node for node in graph.nodes}
    limits = LIMITS | {node.kind: node.limit for node in graph.nodes}  # includes earlier changes: a type has one limit
    for _ in range(draw.choice([0, 0, 1, 3])):
        number = max(nodes, default=first) + 1
        kind = draw.choice(sorted(LIMITS))
        nodes[number] = Node(number, kind, f"value {number}", limits[kind])
    for number in draw.sample(sorted(nodes), min(len(nodes), draw.choice([0, 0, 0, 1, 2]))):
        del nodes[number]
    if draw.random() < 0.2:
        kind, limit = draw.choice(["contact", "email"]), draw.randint(1, 4)
        nodes = {n: replace(node, limit=limit) if node.kind == kind else node for n, node in nodes.items()}
    edges = {(e.a, e.b): e for e in graph.edges if e.a in nodes and e.b in nodes and draw.random() < 0.9}
    pairs = [(a, b) for b in sorted(nodes) for a in sorted(nodes) if a < b]
    for a, b in draw.sample(pairs, min(len(pairs), draw.choice([0, 1, 1, 3]))):
        edges[a, b] = Edge(a, b, draw.choice([0, 1, 2, 2, 3, 4]), draw.randint(1, 3), 1, draw.randint(0, 2))
    kept = [pair for pair in graph.exclusions if set(pair) <= set(nodes) and draw.random() < 0.7]
    excluded = {*kept, *draw.sample(pairs, min(len(pairs), draw.choice([0, 0, 0, 1])))}
    return Graph(tuple(nodes.values()), tuple(edges.values()), tuple(sorted(excluded)))


@given(seed=st.integers(0, 2**32))
@settings(
    max_examples=EXAMPLES // 2,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # an example is several runs of dbt: too slow to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_increments_equal_a_run_from_nothing(bench: GraphBench, seed: int) -> None:
    """Random batches of evidence, with removals, limits and decisions in between, in either form; then all undone.

    The numbers equal those of a run from nothing, also where customers were merged, split and merged again.
    """
    draw = random.Random(seed)
    size_cap = draw.choice([None, 5])
    graphs = []
    for position in range(GRAPHS_PER_EXAMPLE):
        graph = random_graph(draw)
        graphs.append(graph.renumbered(range(1 + 100 * position, 1 + 100 * position + len(graph.nodes))))
    first, start = graphs, bench.run(*graphs, size_cap=size_cap)
    for _ in range(3):
        graphs = [
            changed_graph(draw, graph, 1 + 100 * position) if draw.random() < 0.7 else graph
            for position, graph in enumerate(graphs)
        ]
        form = draw.choice(["arrays", "sql"])
        increments = bench.run(*graphs, full_refresh=False, size_cap=size_cap, identity_contraction=form)
        if size_cap is None:
            assert [promise for graph in graphs for promise in broken_promises(graph, increments)] == []
    other = {"arrays": "sql", "sql": "arrays"}[form]
    assert bench.run(*graphs, size_cap=size_cap, identity_contraction=other) == increments
    assert bench.run(*first, full_refresh=False, size_cap=size_cap) == start


def test_only_touched_components_are_opened(bench: GraphBench) -> None:
    """A change in one component leaves the rows of all others unchanged; an unchanged input leaves all rows."""
    chains = [path(list(range(100 * n, 100 * n + 20)), "email", 3) for n in range(1, 30)]
    bench.run(*chains)
    before = bench.revisions()
    assert bench.run(*chains, full_refresh=False)
    assert bench.revisions() == before
    longer = path(list(range(100, 121)), "email", 3)
    bench.run(longer, *chains[1:], full_refresh=False)
    after = bench.revisions()
    assert {number for number in after if after[number] != before.get(number)} <= set(range(100, 121))
    assert after[120] > max(before.values())


def test_an_increment_that_ignores_removals_is_detected(bench: GraphBench) -> None:
    """The failing twin: an input that only adds rows keeps components together that were split."""
    chain = path(list(range(1, 8)))
    bench.run(chain)
    torn = Graph(chain.nodes, (*chain.edges[:2], *chain.edges[3:]))
    assert broken_promises(torn, bench.read()) != []
    assert broken_promises(torn, bench.run(torn, full_refresh=False)) == []


def test_a_size_cap_holds_the_weaker_tier_back(bench: GraphBench) -> None:
    """Two families of strong evidence with a weak edge between them: with a cap of six they stay apart."""
    left, right = path(list(range(1, 6)), tier=1), path(list(range(11, 16)), tier=1)
    both = Graph((*left.nodes, *right.nodes), (*left.edges, *right.edges, Edge(5, 11, tier=3)))
    assert {customer for _, customer in bench.run(both).values()} == {1}
    assert {customer for _, customer in bench.run(both, size_cap=6).values()} == {1, 11}
    assert {component for component, _ in bench.read().values()} == {1}
    decided = Graph(both.nodes, (*both.edges[:-1], Edge(5, 11, tier=0)))
    assert {customer for _, customer in bench.run(decided, size_cap=6).values()} == {1}


def in_batches(bench: GraphBench, graph: Graph) -> list[Partition]:
    """The partition after each of four batches of the graph's edges and after one full run."""
    found = []
    for batch in range(1, 5):
        edges = tuple(edge for position, edge in enumerate(graph.edges) if position % 4 < batch)
        found.append(bench.run(Graph(graph.nodes, edges), full_refresh=batch == 1))
    return [*found, bench.run(graph)]


SHAPES = {
    "long chain of 200": path(list(range(1, 201))),
    "alternating chain": path(alternating(200, 1)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shape(bench: GraphBench, name: str) -> None:
    graph = SHAPES[name]
    *batches, full = in_batches(bench, graph)
    assert batches[-1] == full
    assert set(full.values()) == {(1, 1)}
    assert len(set(batches[0].values())) > 1


def test_giant_component(bench: GraphBench) -> None:
    """A million members: exact in either form, joined to another component in an increment, and split again."""
    count = 1_000_000
    with bench.opened() as connection:
        connection.execute(
            "create table graph.nodes as select i as identifier_no, 'cookie' as identifier_type, 'c' || i as"
            " identifier_value, cast(null as integer) as max_per_customer, true as has_customer"
            f" from range(1, {count + 1}) as n(i)"
        )
        connection.execute(
            "create table graph.edges as select identifier_no as identifier_no_b,"
            " 1 + hash(identifier_no) % (identifier_no - 1) as identifier_no_a, 2 as tier, 1 as times_seen,"
            " 1 as source_count, timestamp '2026-01-01' as last_seen_at from graph.nodes where identifier_no > 1"
        )
        connection.execute("create table graph.exclusions (identifier_no_a bigint, identifier_no_b bigint)")

    def sizes() -> list[tuple[int, int]]:
        with duckdb.connect(str(bench.database), read_only=True) as connection:
            return connection.execute(
                "select customer_no, count(*) from partition group by 1 order by 2 desc limit 2"
            ).fetchall()

    for form in ("sql", "arrays"):
        bench.build(full_refresh=True, identity_contraction=form)
        assert sizes() == [(1, count)]
    with duckdb.connect(str(bench.database)) as connection:
        connection.execute("create table graph.cut as select * from graph.edges where identifier_no_b = 2")
        connection.execute("delete from graph.edges where identifier_no_b = 2")
    bench.build()
    apart = sizes()
    assert sum(size for _, size in apart) == count
    assert {number for number, _ in apart} == {1, 2}
    with duckdb.connect(str(bench.database)) as connection:
        connection.execute("insert into graph.edges select * from graph.cut")
    bench.build()
    assert sizes() == [(1, count)]
