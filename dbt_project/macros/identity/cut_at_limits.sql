{#
    Divides the components that break a limit into customers that keep it, tier by tier: first a
    person's decisions to join (tier 0), then each unclaimed identifier goes to the claim that its
    evidence names, then claims join as far as limits allow.
    Returns a table (node, label) of these components only.
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
