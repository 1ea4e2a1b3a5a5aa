{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='membership_id',
        on_schema_change='append_new_columns',
        full_refresh=false,
        meta={'clock': []},
    )
}}
{#
    grain: one row per stay of a customer in a segment; key: membership_id
    rebuild: never dropped; each run writes only the customers who entered, left or were merged
    why here: covers every model with meta.segment, unless that sets is_remembered: false
#}
{% set segments = [] %}
{%- for segment in declared_models('segment') if segment.declared.is_remembered is not false -%}
    {%- do segments.append(segment.name) -%}
{%- endfor %}
with members as (

    {% for segment in segments %}
        select
            customer_id,
            '{{ segment.removeprefix('seg_') }}' as segment
        from {{ ref(segment) }}
        {{ "union all" if not loop.last }}
    {% endfor %}

),

redirects as (

    select * from {{ ref('dim_customer_redirects') }}

),

{% if is_incremental() %}
    known as (

        select
            membership_id,
            customer_id,
            {% if lacks_column(this, 'entered_customer_id') -%}
                customer_id as entered_customer_id,
            {%- else -%}
                coalesce(entered_customer_id, customer_id) as entered_customer_id,
            {%- endif %}
            segment,
            exit_reason,
            entered_at,
            exited_at
        from {{ this }}

    ),

    stays as (

        -- Known memberships under today's customer ids. A stay follows the customer that entered,
        -- so it returns with that customer when a merge is undone.
        select
            known.membership_id,
            coalesce(redirects.customer_id, known.entered_customer_id) as customer_id,
            known.entered_customer_id,
            known.customer_id as known_customer_id,
            known.segment,
            known.exit_reason as known_exit_reason,
            known.entered_at,
            known.exited_at as known_exited_at,
            -- If two merged customers were both in the segment, the longer stay continues.
            row_number() over (
                partition by
                    coalesce(redirects.customer_id, known.entered_customer_id),
                    known.segment,
                    known.exited_at is null
                order by known.entered_at, known.membership_id
            ) as stay_rank,
            row_number() over (
                partition by
                    coalesce(redirects.customer_id, known.entered_customer_id),
                    known.segment
                order by
                    known.exited_at desc,
                    case when known.exit_reason = 'merged' then 0 else 1 end,
                    known.entered_at,
                    known.membership_id
            ) as recency
        from known
        left join redirects on known.entered_customer_id = redirects.retired_customer_id

    ),

    judged as (

        select
            stays.membership_id,
            stays.customer_id,
            stays.entered_customer_id,
            stays.known_customer_id,
            stays.segment,
            stays.known_exit_reason,
            case
                when stays.known_exited_at is not null then stays.known_exit_reason
                when stays.stay_rank > 1 then 'merged'
                when members.customer_id is null then 'left'
            end as exit_reason,
            stays.recency,
            stays.entered_at,
            case
                when stays.known_exited_at is not null then stays.known_exited_at
                when stays.stay_rank > 1 or members.customer_id is null
                    then greatest({{ as_of() }}, stays.entered_at)
            end as exited_at,
            stays.known_exited_at
        from stays
        left join members
            on stays.customer_id = members.customer_id and stays.segment = members.segment

    ),

    unopened as (

        select
            members.customer_id,
            members.segment
        from members
        left join judged
            on
                members.customer_id = judged.customer_id
                and members.segment = judged.segment
                and judged.exited_at is null
        where judged.membership_id is null

    ),

    -- The merge that closed the stay was undone: the customer was in the segment all along.
    reopened as (

        select
            judged.membership_id,
            judged.customer_id,
            judged.entered_customer_id,
            judged.segment,
            cast(null as {{ dbt.type_string() }}) as exit_reason,
            judged.entered_at,
            cast(null as timestamp) as exited_at
        from judged
        inner join unopened
            on judged.customer_id = unopened.customer_id and judged.segment = unopened.segment
        where
            judged.recency = 1
            and judged.known_exit_reason = 'merged'
            and judged.entered_customer_id = judged.customer_id

    ),

    entered as (

        select
            unopened.customer_id,
            unopened.segment
        from unopened
        left join reopened
            on unopened.customer_id = reopened.customer_id and unopened.segment = reopened.segment
        where reopened.membership_id is null

    ),
{% else %}
    entered as (

        select
            customer_id,
            segment
        from members

    ),
{% endif %}

opened as (

    select
        {{ md5_hex("segment || '|' || customer_id || '|' || cast(" ~ as_of() ~ " as " ~ dbt.type_string() ~ ")") }}
            as membership_id,
        customer_id,
        customer_id as entered_customer_id,
        segment,
        cast(null as {{ dbt.type_string() }}) as exit_reason,
        {{ as_of() }} as entered_at,
        cast(null as timestamp) as exited_at
    from entered

),

{% if is_incremental() %}
    -- Who left and entered again at the same moment continues the stay.
    resumed as (

        select * from opened
        union all
        select * from reopened

    ),

    changed as (

        select
            judged.membership_id,
            judged.customer_id,
            judged.entered_customer_id,
            judged.segment,
            judged.exit_reason,
            judged.entered_at,
            judged.exited_at
        from judged
        left join resumed on judged.membership_id = resumed.membership_id
        where
            resumed.membership_id is null
            and (
                judged.customer_id <> judged.known_customer_id
                or (judged.exited_at is not null and judged.known_exited_at is null)
            )

    ),

    final as (

        select * from resumed
        union all
        select * from changed

    )
{% else %}
    final as (

        select * from opened

    )
{% endif %}

select * from final
