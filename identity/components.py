"""Connected components of edges between integers, on numpy arrays.

Add here: how components are found. Keep out: which edges exist, and where a component is cut (closure.py, dbt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import duckdb

Integers = TypeVar("Integers", np.int32, np.int64)

_BLOCK = 1 << 16  # numbers that fit into a processor's cache
_SPARSE = 8  # numbers per edge from which ranking them first is cheaper


def connected_components(a: NDArray[Integers], b: NDArray[Integers], size: int) -> NDArray[Integers]:
    """For each number below `size`, the smallest number that it is connected with by the edges (a, b)."""
    return _contract(a.copy(), b.copy(), size)


def write_components(connection: duckdb.DuckDBPyConnection, edges: str, table: str) -> None:
    """Writes the table (node, root) of the numbers whose component has a smaller number than their own.

    `edges` is SQL that selects (a, b), integers that are not null. Numbers of 32 bits are used if they are enough.
    """
    found = connection.execute(f"select coalesce(max(greatest(a, b)), 0) from ({edges}) as edges").fetchone()
    greatest = found[0] if found else 0
    width = "integer" if greatest < np.iinfo(np.int32).max else "bigint"
    columns = connection.execute(
        f"select cast(a as {width}) as a, cast(b as {width}) as b from ({edges}) as edges"
    ).fetchnumpy()
    a, b, size = np.asarray(columns["a"]), np.asarray(columns["b"]), greatest + 1
    if _is_sparse(a, size):
        node, root = _ranked_components(a, b)
    else:
        node, root = np.arange(size, dtype=a.dtype), _contract(a, b, size)
    has_moved = node != root
    connection.register("contracted_labels", {"node": node[has_moved], "root": root[has_moved]})
    connection.execute(
        f"create or replace table {table} as select node, cast(root as bigint) as root from contracted_labels"
    )
    connection.unregister("contracted_labels")


def _contract(a: NDArray[Integers], b: NDArray[Integers], size: int) -> NDArray[Integers]:
    """Does what connected_components does, and overwrites `a` and `b` to save memory.

    Each round hooks the larger end of every edge onto the smaller one and follows the pointers to their ends; edges
    inside one tree are dropped. A round with few edges ranks the numbers that they name first, so that its cost
    follows the edges that are left.
    """
    parent = np.arange(size, dtype=a.dtype)
    if not a.size:
        return parent
    if _is_sparse(a, size):
        numbers, roots = _ranked_components(a, b)
        parent[numbers] = roots
        return parent
    for part in _blocks(a.size):
        np.minimum.at(parent, np.maximum(a[part], b[part]), np.minimum(a[part], b[part]))
    while _follow(parent, parent):
        pass
    _follow(a, parent)
    _follow(b, parent)
    is_open = a != b
    _follow(parent, _contract(a[is_open], b[is_open], size))
    return parent


def _ranked_components(a: NDArray[Integers], b: NDArray[Integers]) -> tuple[NDArray[Integers], NDArray[Integers]]:
    """The numbers that the edges name, and the smallest number that each of them is connected with."""
    numbers, ends = np.unique(np.concatenate([a, b]), return_inverse=True)
    if not numbers.size:
        return numbers, numbers
    ends = ends.astype(a.dtype)
    return numbers, numbers[_contract(ends[: a.size], ends[a.size :], numbers.size)]


def _is_sparse(a: NDArray[Integers], size: int) -> bool:
    return size > _SPARSE * a.size


def _follow(numbers: NDArray[Integers], pointers: NDArray[Integers]) -> bool:
    """Replaces each number by its target; returns whether one of them changed."""
    has_changed = False
    for part in _blocks(numbers.size):
        targets = pointers[numbers[part]]
        has_changed = has_changed or not np.array_equal(targets, numbers[part])
        numbers[part] = targets
    return has_changed


def _blocks(size: int) -> list[slice]:
    """0 to size - 1 in parts that fit into the processor's cache, so that temporary arrays reuse its memory."""
    return [slice(start, start + _BLOCK) for start in range(0, size, _BLOCK)]
