{#
    The program that does what contract_in_sql does, in the same rounds, on numpy arrays: for a statement of language python, which only
    a materialization may call. edges: SQL of (a, b); labels: the table (node, root) that it writes. Numbers that are sparse are
    replaced by their ranks first, so that memory follows the edges and not the dictionary, and a late round costs what is left of it.
#}
{% macro contract_in_arrays(edges, labels) -%}
import numpy

EDGES = r"""(
{{ edges }}
) as edges"""


def contract(a, b, size):
    """The smallest number that each of 0 .. size - 1 is connected with, by the edges (a, b), which are written over."""
    parent = numpy.arange(size, dtype=a.dtype)
    if is_sparse(a, size):
        numbers, root = contract_ranks(a, b)
        parent[numbers] = root
        return parent
    for part in blocks(a.size):
        numpy.minimum.at(parent, numpy.maximum(a[part], b[part]), numpy.minimum(a[part], b[part]))
    while follow(parent, parent):
        pass
    follow(a, parent)
    follow(b, parent)
    is_open = a != b
    follow(parent, contract(a[is_open], b[is_open], size))
    return parent


def follow(numbers, pointers):
    """Puts in the place of each number what it points at; whether one of them changed."""
    has_changed = False
    for part in blocks(numbers.size):
        further = pointers[numbers[part]]
        has_changed = has_changed or not numpy.array_equal(further, numbers[part])
        numbers[part] = further
    return has_changed


def blocks(size):
    """0 .. size - 1 in parts that a processor's cache holds, so that memory for them is not had anew each time."""
    return [slice(start, start + 65536) for start in range(0, size, 65536)]


def contract_ranks(a, b):
    """The numbers that the edges name, and the smallest number that each of these is connected with."""
    numbers, ends = numpy.unique(numpy.concatenate([a, b]), return_inverse=True)
    if not numbers.size:
        return numbers, numbers
    ends = ends.astype(a.dtype)
    return numbers, numbers[contract(ends[: a.size], ends[a.size :], numbers.size)]


def is_sparse(a, size):
    """Whether the edges name so few of the numbers that it is cheaper to rank those first."""
    return size > 8 * a.size


def model(dbt, session):
    [(greatest,)] = session.execute("select coalesce(max(greatest(a, b)), 0) from " + EDGES).fetchall()
    width = "integer" if greatest < 2**31 - 1 else "bigint"
    edges = session.execute(
        "select cast(a as " + width + ") as a, cast(b as " + width + ") as b from " + EDGES
    ).fetchnumpy()
    a, b, size = numpy.asarray(edges["a"]), numpy.asarray(edges["b"]), greatest + 1
    node, root = contract_ranks(a, b) if is_sparse(a, size) else (numpy.arange(size, dtype=a.dtype), contract(a, b, size))
    has_moved = node != root
    session.register("contracted_labels", {"node": node[has_moved], "root": root[has_moved]})
    session.execute('create or replace table {{ labels }} as select node, cast(root as bigint) as root from contracted_labels')
    session.unregister("contracted_labels")
    return session.query("select 1")


def materialize(result, session):
    """The labels are written already."""


def dbtObj(load):  # noqa: N802 (the name that the adapter looks for)
    return None
{%- endmacro %}
