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
    stays as (

        -- Known memberships under today's customer ids.
        select
            known.membership_id,
            coalesce(redirects.customer_id, known.customer_id) as customer_id,
            known.customer_id as known_customer_id,
            known.segment,
            known.exit_reason as known_exit_reason,
            known.entered_at,
            known.exited_at as known_exited_at,
            -- If two merged customers were both in the segment, the longer stay continues.
            row_number() over (
                partition by
                    coalesce(redirects.customer_id, known.customer_id),
                    known.segment,
                    known.exited_at is null
                order by known.entered_at, known.membership_id
            ) as stay_rank
        from {{ this }} as known
        left join redirects on known.customer_id = redirects.retired_customer_id

    ),

    judged as (

        select
            stays.membership_id,
            stays.customer_id,
            stays.known_customer_id,
            stays.segment,
            case
                when stays.known_exited_at is not null then stays.known_exit_reason
                when stays.stay_rank > 1 then 'merged'
                when members.customer_id is null then 'left'
            end as exit_reason,
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

    changed as (

        select
            membership_id,
            customer_id,
            segment,
            exit_reason,
            entered_at,
            exited_at
        from judged
        where
            customer_id <> known_customer_id
            or (exited_at is not null and known_exited_at is null)

    ),

    entered as (

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
        segment,
        cast(null as {{ dbt.type_string() }}) as exit_reason,
        {{ as_of() }} as entered_at,
        cast(null as timestamp) as exited_at
    from entered

),

final as (

    select * from opened
    {% if is_incremental() %}

        union all

        select * from changed
    {% endif %}

)

select * from final
