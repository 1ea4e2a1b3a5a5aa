{#
    The program that does what contract_in_sql does, in the same rounds, on numpy arrays: for a statement of language python, which only
    a materialization may call. edges: SQL of (a, b); labels: the table (node, root) that it writes. Numbers that are sparse are
    replaced by their ranks first, so that memory follows the edges and not the dictionary.
#}
{% macro contract_in_arrays(edges, labels) -%}
import numpy


def contract(a, b, size):
    """The smallest number that each of 0 .. size - 1 is connected with, by the edges (a, b)."""
    root = numpy.arange(size, dtype=a.dtype)
    while a.size:
        parent = numpy.arange(size, dtype=a.dtype)
        numpy.minimum.at(parent, numpy.maximum(a, b), numpy.minimum(a, b))
        further = parent[parent]
        while not numpy.array_equal(further, parent):
            parent, further = further, further[further]
        root, a, b = parent[root], parent[a], parent[b]
        is_open = a != b
        a, b = a[is_open], b[is_open]
    return root


def model(dbt, session):
    edges = session.execute("""
{{ edges }}
""").fetchnumpy()
    a, b = numpy.asarray(edges["a"]), numpy.asarray(edges["b"])
    size = int(max(a.max(initial=0), b.max(initial=0))) + 1
    numbers = None
    if size > 8 * a.size:
        numbers, ends = numpy.unique(numpy.concatenate([a, b]), return_inverse=True)
        a, b, size = ends[: a.size], ends[a.size :], numbers.size
    width = numpy.int32 if size < 2**31 else numpy.int64
    root = contract(a.astype(width), b.astype(width), size)
    node = numpy.flatnonzero(root != numpy.arange(size, dtype=width))
    root = root[node]
    if numbers is not None:
        node, root = numbers[node], numbers[root]
    session.register("contracted_labels", {"node": node, "root": root})
    session.execute('create or replace table {{ labels }} as select node, cast(root as bigint) as root from contracted_labels')
    session.unregister("contracted_labels")
    return session.query("select 1")


def materialize(result, session):
    """The labels are written already."""


def dbtObj(load):  # noqa: N802 (the name that the adapter looks for)
    return None
{%- endmacro %}
