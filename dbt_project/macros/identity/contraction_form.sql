{#
    Which form joins these edges (SQL of a, b); both give the same labels. 'arrays' runs in this
    process, where the engine is embedded and the edges fit into identity_contraction_megabytes;
    otherwise 'sql'. The var identity_contraction (auto, arrays, sql) decides.
#}
{% macro contraction_form(edges) -%}
    {%- set form = var('identity_contraction', 'auto') -%}
    {%- if form not in ['auto', 'arrays', 'sql'] -%}
        {{ exceptions.raise_compiler_error("var 'identity_contraction' is " ~ form ~ ': it must be auto, arrays or sql') }}
    {%- endif -%}
    {%- if form != 'auto' -%}{{ return(form) }}{%- endif -%}
    {%- if not is_embedded() -%}{{ return('sql') }}{%- endif -%}
    {#
        Two ends and a component number for each of about as many nodes, and at most as much again
        in the next round; at most 64 bits each.
    #}
    {%- set bytes_per_edge = 64 -%}
    {%- set megabytes = count_rows('(' ~ edges ~ ') as edges') * bytes_per_edge / 1000000 -%}
    {%- set budget = bounded_var('identity_contraction_megabytes', 4000, 0, 1000000) -%}
    {{ return('arrays' if megabytes <= budget else 'sql') }}
{%- endmacro %}
