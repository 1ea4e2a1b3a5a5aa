{#
    Joins claims as far as their limits allow. In each round the bridges whose two sides together
    break a limit are refused for good (clusters only grow), every cluster names its best remaining
    bridge (fair_rank), and the pairs that named each other join. No cluster takes part in two joins
    of a round, so a limit that holds for the pair holds. The best bridge of all is always such a
    pair, so each round joins something. It ends when every remaining bridge would break a limit.
    labels (node, label), bridges between claims (a, b, tier, near_rank, fair_rank), claims (node,
    limit_key, allowed_count).
    Returns the final labels.
#}
{% macro join_claims(labels, bridges, claims) -%}
    {%- set state = namespace(labels=labels, bridges=bridges, is_done=false) -%}
    {%- set bound = count_rows(bridges) -%}
    {%- for round in range(bound + 1) -%}
        {%- set step = 'join_' ~ loop.index -%}
        {%- set admissible -%}
            with

            counts as (

                select
                    labels.label,
                    claims.limit_key,
                    max(claims.allowed_count) as allowed_count,
                    count(*) as claim_count
                from {{ claims }} as claims
                inner join {{ state.labels }} as labels on claims.node = labels.node
                group by 1, 2

            ),

            breaking as (

                select distinct
                    bridges.a,
                    bridges.b
                from {{ state.bridges }} as bridges
                inner join counts as first_counts on bridges.a = first_counts.label
                inner join counts as second_counts
                    on bridges.b = second_counts.label
                    and first_counts.limit_key = second_counts.limit_key
                where first_counts.claim_count + second_counts.claim_count > first_counts.allowed_count

            )

            select bridges.*
            from {{ state.bridges }} as bridges
            left join breaking on bridges.a = breaking.a and bridges.b = breaking.b
            where breaking.a is null
        {%- endset -%}
        {%- set admitted = create_scratch(step ~ '_admissible', admissible) -%}
        {%- if count_rows(admitted) == 0 -%}{%- set state.is_done = true -%}{%- break -%}{%- endif -%}
        {%- set pairs -%}
            with

            directed as (

                select a as node, fair_rank from {{ admitted }}

                union all

                select b as node, fair_rank from {{ admitted }}

            ),

            best as (

                select
                    node,
                    min(fair_rank) as fair_rank
                from directed
                group by 1

            )

            select
                bridges.b as node,
                bridges.a as root
            from {{ admitted }} as bridges
            inner join best as first_best
                on bridges.a = first_best.node and bridges.fair_rank = first_best.fair_rank
            inner join best as second_best
                on bridges.b = second_best.node and bridges.fair_rank = second_best.fair_rank
        {%- endset -%}
        {%- set roots = create_scratch(step ~ '_roots', pairs) -%}
        {%- set state.labels = relabel_clusters(state.labels, roots, step ~ '_labels') -%}
        {%- set state.bridges = relabel_bridges(admitted, roots, step ~ '_bridges') -%}
    {%- endfor -%}
    {%- if not state.is_done -%}
        {{ exceptions.raise_compiler_error('joining claims does not end') }}
    {%- endif -%}
    {{ return(state.labels) }}
{%- endmacro %}
