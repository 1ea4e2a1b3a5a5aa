{#
    Follows the pointers of a table (node, root) without cycles until every root is an end. Returns
    the name of the last table.
    Each pass doubles the length of the path that is followed, so the number of passes is the
    logarithm of the longest path. Passes continue until no pointer changes: a fixed number would
    leave long paths unfinished.
#}
{% macro follow_pointers(pointers, name) -%}
    {%- set state = namespace(pointers=pointers, is_done=false) -%}
    {%- for pass in range(64) -%}
        {%- set open_pointers -%}
            {{ state.pointers }} as pointers inner join {{ state.pointers }} as ends on pointers.root = ends.node
        {%- endset -%}
        {%- if count_rows(open_pointers) == 0 -%}{%- set state.is_done = true -%}{%- break -%}{%- endif -%}
        {%- set followed -%}
            select
                pointers.node,
                coalesce(ends.root, pointers.root) as root
            from {{ state.pointers }} as pointers
            left join {{ state.pointers }} as ends on pointers.root = ends.node
        {%- endset -%}
        {%- set state.pointers = create_scratch(name ~ '_' ~ loop.index, followed) -%}
    {%- endfor -%}
    {%- if not state.is_done -%}
        {{ exceptions.raise_compiler_error('pointers of ' ~ pointers ~ ' run in a cycle') }}
    {%- endif -%}
    {{ return(state.pointers) }}
{%- endmacro %}
