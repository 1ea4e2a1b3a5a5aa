{#
    Assigns every unclaimed cluster (one without an identifier of a limit that its component breaks)
    to a claim. In each round an unclaimed cluster hooks onto its best neighbour: first by tier,
    then claims before unclaimed clusters (so the nearest claim wins), then by evidence (near_rank).
    Joining an unclaimed cluster breaks no limit, so all of them hook at once. The rank is total, so
    the only cycles are two clusters that chose each other.
    labels (node, label), bridges (a, b, tier, near_rank, fair_rank), claims (node, limit_key,
    allowed_count).
    Returns [labels, bridges] in which every bridge connects two claims.
#}
{% macro attach_unclaimed(labels, bridges, claims) -%}
    {%- set state = namespace(labels=labels, bridges=bridges, is_done=false) -%}
    {%- set claimed -%}
        select distinct labels.label
        from {{ claims }} as claims
        inner join {{ labels }} as labels on claims.node = labels.node
    {%- endset -%}
    {%- set claimed_labels = create_scratch('claimed', claimed) -%}
    {%- for round in range(128) -%}
        {%- set choices -%}
            with

            directed as (

                select a as node, b as neighbour, tier, near_rank from {{ state.bridges }}

                union all

                select b as node, a as neighbour, tier, near_rank from {{ state.bridges }}

            ),

            ranked as (

                select
                    directed.node,
                    directed.neighbour,
                    row_number() over (
                        partition by directed.node
                        order by
                            directed.tier,
                            case when neighbour_claims.label is null then 1 else 0 end,
                            directed.near_rank
                    ) as choice
                from directed
                left join {{ claimed_labels }} as own_claims on directed.node = own_claims.label
                left join {{ claimed_labels }} as neighbour_claims
                    on directed.neighbour = neighbour_claims.label
                where own_claims.label is null

            )

            select
                node,
                neighbour
            from ranked
            where choice = 1
        {%- endset -%}
        {%- set step = 'attach_' ~ loop.index -%}
        {%- set chosen = create_scratch(step ~ '_choices', choices) -%}
        {%- if count_rows(chosen) == 0 -%}{%- set state.is_done = true -%}{%- break -%}{%- endif -%}
        {%- set hooks -%}
            select
                choices.node,
                choices.neighbour as root
            from {{ chosen }} as choices
            left join {{ chosen }} as answers
                on choices.neighbour = answers.node and choices.node = answers.neighbour
            where answers.node is null or choices.node > choices.neighbour
        {%- endset -%}
        {%- set roots = follow_pointers(create_scratch(step ~ '_hooks', hooks), step ~ '_roots') -%}
        {%- set state.labels = relabel_clusters(state.labels, roots, step ~ '_labels') -%}
        {%- set state.bridges = relabel_bridges(state.bridges, roots, step ~ '_bridges') -%}
    {%- endfor -%}
    {%- if not state.is_done -%}
        {{ exceptions.raise_compiler_error('attaching unclaimed identifiers does not end') }}
    {%- endif -%}
    {{ return([state.labels, state.bridges]) }}
{%- endmacro %}
