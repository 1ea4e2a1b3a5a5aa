{#
    The size cap, a circuit breaker. A component with more members than the cap is joined tier by
    tier, from the strongest. In each tier a merge that would exceed the cap is held for review:
    none of its edges joins. A person's decisions (tier 0) then join the results whatever their
    size, which is how a held merge is released. The refused tier depends on the evidence alone, so
    the order of arrival does not matter.
    components: (node, component_no). Returns the name of a table (node, component_no), where
    component_no is the smallest number of the members that the cap left together. Without a cap:
    the components unchanged.
#}
{% macro cap_components(components, pairs, size_cap) -%}
    {%- if size_cap is none -%}{{ return(components) }}{%- endif -%}
    {%- set oversized -%}
        select component_no from {{ components }} group by 1 having count(*) > {{ size_cap }}
    {%- endset -%}
    {%- if count_rows('(' ~ oversized ~ ') as oversized') == 0 -%}{{ return(components) }}{%- endif -%}
    {%- set labels_sql -%}
        select components.node, components.node as label
        from {{ components }} as components
        inner join ({{ oversized }}) as oversized on components.component_no = oversized.component_no
    {%- endset -%}
    {%- set state = namespace(labels=create_scratch('cap_members', labels_sql)) -%}
    {%- set bridges_sql -%}
        select pairs.identifier_no_a as a, pairs.identifier_no_b as b, pairs.tier
        from {{ pairs }} as pairs
        inner join {{ state.labels }} as members on pairs.identifier_no_a = members.node
        where pairs.is_joining
    {%- endset -%}
    {%- set bridges = create_scratch('cap_bridges', bridges_sql) -%}
    {%- set tiers = run_query('select tier from ' ~ bridges ~ ' group by tier order by case when tier = 0 then 1 else 0 end, tier').columns[0].values() -%}
    {%- for tier in tiers -%}
        {%- set edges -%}
            select first_labels.label as a, second_labels.label as b
            from {{ bridges }} as bridges
            inner join {{ state.labels }} as first_labels on bridges.a = first_labels.node
            inner join {{ state.labels }} as second_labels on bridges.b = second_labels.node
            where bridges.tier = {{ tier }} and first_labels.label <> second_labels.label
        {%- endset -%}
        {%- set step = 'cap_' ~ loop.index -%}
        {%- set roots = contract_in_sql(create_scratch(step ~ '_between', edges), step) -%}
        {%- set admitted_sql -%}
            with

            offered as (

                select
                    labels.node,
                    labels.label,
                    coalesce(roots.root, labels.label) as root
                from {{ state.labels }} as labels
                left join {{ roots }} as roots on labels.label = roots.node

            ),

            sizes as (

                select
                    root,
                    count(*) as member_count
                from offered
                group by 1

            )

            select
                offered.node,
                case
                    when {{ tier }} = 0 or sizes.member_count <= {{ size_cap }} then offered.root
                    else offered.label
                end as label
            from offered
            inner join sizes on offered.root = sizes.root
        {%- endset -%}
        {%- set state.labels = create_scratch(step ~ '_labels', admitted_sql) -%}
    {%- endfor -%}
    {%- set clusters_sql -%}
        select components.node, coalesce(labels.label, components.component_no) as component_no
        from {{ components }} as components
        left join {{ state.labels }} as labels on components.node = labels.node
    {%- endset -%}
    {{ return(create_scratch('clusters', clusters_sql)) }}
{%- endmacro %}
