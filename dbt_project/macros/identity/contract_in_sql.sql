{#
    Connected components of a table of edges (a, b; not null), exact to the fixpoint, in SQL that
    any engine runs. Returns the name of a table (node, root): every node that is not the smallest
    of its component, with the smallest one.
    In each round every node hooks onto its smallest smaller neighbour, pointers are followed to
    their ends, and both ends of each edge are replaced by their roots. It stops when no edge
    remains. A local minimum either gathers a tree of two or more nodes or is gone in the next
    round, so n nodes need at most 2 log2(n) rounds. Then the maps of the rounds are composed, from
    the last to the first.
#}
{% macro contract_in_sql(edges, name) -%}
    {%- set state = namespace(edges=edges, labels=none, is_done=false) -%}
    {%- set maps = [] -%}
    {%- for round in range(128) -%}
        {%- if count_rows(state.edges ~ ' where a <> b') == 0 -%}{%- set state.is_done = true -%}{%- break -%}{%- endif -%}
        {%- set hooks -%}
            select
                greatest(a, b) as node,
                min(least(a, b)) as root
            from {{ state.edges }}
            where a <> b
            group by 1
        {%- endset -%}
        {%- set step = name ~ '_' ~ loop.index -%}
        {%- set roots = follow_pointers(create_scratch(step ~ '_hooks', hooks), step ~ '_roots') -%}
        {%- do maps.append(roots) -%}
        {%- set contracted -%}
            select distinct
                least(coalesce(first_ends.root, edges.a), coalesce(second_ends.root, edges.b)) as a,
                greatest(coalesce(first_ends.root, edges.a), coalesce(second_ends.root, edges.b)) as b
            from {{ state.edges }} as edges
            left join {{ roots }} as first_ends on edges.a = first_ends.node
            left join {{ roots }} as second_ends on edges.b = second_ends.node
            where coalesce(first_ends.root, edges.a) <> coalesce(second_ends.root, edges.b)
        {%- endset -%}
        {%- set state.edges = create_scratch(step ~ '_edges', contracted) -%}
    {%- endfor -%}
    {%- if not state.is_done -%}
        {{ exceptions.raise_compiler_error('the contraction of ' ~ edges ~ ' does not end') }}
    {%- endif -%}
    {%- if not maps -%}
        {%- set nothing = 'select a as node, b as root from ' ~ edges ~ ' where a <> b' -%}
        {{ return(create_scratch(name ~ '_labels', nothing)) }}
    {%- endif -%}
    {%- set state.labels = maps[-1] -%}
    {%- for map in (maps | reverse | list)[1:] -%}
        {%- set composed -%}
            select
                earlier.node,
                coalesce(later.root, earlier.root) as root
            from {{ map }} as earlier
            left join {{ state.labels }} as later on earlier.root = later.node

            union all

            select
                node,
                root
            from {{ state.labels }}
        {%- endset -%}
        {%- set state.labels = create_scratch(name ~ '_labels_' ~ loop.index, composed) -%}
    {%- endfor -%}
    {{ return(state.labels) }}
{%- endmacro %}
