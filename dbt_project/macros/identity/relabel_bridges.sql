{#
    Bridges (a, b, tier, near_rank, fair_rank) between clusters, after clusters were merged into
    roots (node, root). Bridges inside one cluster are removed; of several bridges between the same
    two clusters the best remains. Returns the name of the new table.
#}
{% macro relabel_bridges(bridges, roots, name) -%}
    {%- set relabelled -%}
        select
            least(coalesce(first_ends.root, bridges.a), coalesce(second_ends.root, bridges.b)) as a,
            greatest(coalesce(first_ends.root, bridges.a), coalesce(second_ends.root, bridges.b)) as b,
            min(bridges.tier) as tier,
            min(bridges.near_rank) as near_rank,
            min(bridges.fair_rank) as fair_rank
        from {{ bridges }} as bridges
        left join {{ roots }} as first_ends on bridges.a = first_ends.node
        left join {{ roots }} as second_ends on bridges.b = second_ends.node
        where coalesce(first_ends.root, bridges.a) <> coalesce(second_ends.root, bridges.b)
        group by 1, 2
    {%- endset -%}
    {{ return(create_scratch(name, relabelled)) }}
{%- endmacro %}
