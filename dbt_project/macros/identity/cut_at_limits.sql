{#
    Divides the components that break a limit into customers that keep it, tier by tier: first what a person decided to join
    (tier 0), then the unclaimed identifiers go to the claim that their evidence names, then claims join as far as limits allow.
    Returns a table (node, label) of these components alone.
#}
{% macro cut_at_limits(identifiers, pairs, components, claims) -%}
    {%- set bridges = create_scratch('bridges', select_bridges(identifiers, pairs, components, claims)) -%}
    {%- set alone -%}
        select
            components.node,
            components.node as label
        from {{ components }} as components
        inner join (select distinct component_no from {{ claims }}) as broken
            on components.component_no = broken.component_no
    {%- endset -%}
    {%- set labels = create_scratch('alone', alone) -%}
    {%- set decided_sql = 'select a, b from ' ~ bridges ~ ' where tier = 0' -%}
    {%- set decided = contract_in_sql(create_scratch('decided', decided_sql), 'decided') -%}
    {%- set attached = attach_unclaimed(
        relabel_clusters(labels, decided, 'decided_members'),
        relabel_bridges(bridges, decided, 'decided_bridges'),
        claims,
    ) -%}
    {{ return(join_claims(attached[0], attached[1], claims)) }}
{%- endmacro %}
