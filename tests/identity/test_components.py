"""Connected components: the smallest number of each component, for dense and sparse numbers and both widths."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.components import connected_components, write_components

SIZES = {"dense": 12, "sparse": 100_000}  # the numbers that the edges name lie in steps over this range
EDGES = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30)


def expected(edges: list[tuple[int, int]]) -> list[int]:
    """The labels of 0 to 11, by repeated relaxation."""
    labels = list(range(12))
    for _ in labels:
        for a, b in edges:
            labels[a] = labels[b] = min(labels[a], labels[b])
    return labels


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("width", [np.int32, np.int64])
@given(edges=EDGES)
def test_the_label_is_the_smallest_connected_number(
    edges: list[tuple[int, int]], size: int, width: type[np.int32 | np.int64]
) -> None:
    step = size // 12
    a, b = (np.array([edge[end] * step for edge in edges], width) for end in (0, 1))
    before = a.tolist(), b.tolist()
    labels = connected_components(a, b, size)
    assert labels.dtype == width
    assert (a.tolist(), b.tolist()) == before
    assert [int(labels[number * step]) // step for number in range(12)] == expected(edges)
    assert set(np.flatnonzero(labels != np.arange(size)) % step) <= {0}


def test_a_long_chain_is_one_component() -> None:
    size = 200_000
    order = np.random.default_rng(7).permutation(size)
    assert not connected_components(order[:-1], order[1:], size).any()


@pytest.mark.parametrize("offset", [0, 2**31], ids=["32 bits", "64 bits"])
def test_labels_are_written_for_numbers_with_a_smaller_one(offset: int) -> None:
    edges = f"select {offset} + a as a, {offset} + b as b from (values (5, 9), (9, 2), (7, 7)) as edges(a, b)"
    with duckdb.connect() as connection:
        write_components(connection, edges, "labels")
        found = connection.execute("select node, root from labels order by node").fetchall()
    assert found == [(offset + 5, offset + 2), (offset + 9, offset + 2)]


@pytest.mark.parametrize("size", [0, 3])
def test_without_edges_each_number_is_its_own_component(size: int) -> None:
    nothing = np.empty(0, np.int64)
    assert connected_components(nothing, nothing, size).tolist() == list(range(size))


def test_no_edges_give_no_labels() -> None:
    with duckdb.connect() as connection:
        write_components(connection, "select 1 as a, 2 as b where false", "labels")
        assert connection.execute("select count(*) from labels").fetchall() == [(0,)]
