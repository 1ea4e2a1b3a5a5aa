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
    {%- do segments.append(segment) -%}
{%- endfor %}
with members as (

    {% for segment in segments %}
        select
            customer_id,
            '{{ segment.name.removeprefix('seg_') }}' as segment,
            cast({{ segment.declared.get('reason') or 'null' }} as {{ dbt.type_string() }}) as entry_reason
        from {{ ref(segment.name) }}
        {{ "union all" if not loop.last }}
    {% endfor %}

),

segments as (

    select
        segment,
        rule_version,
        coalesce(declared_since = {{ as_of() }}, false) as is_added,
        rule_changed_at = {{ as_of() }} as is_changed,
        previous_rule_until,
        retired_at
    from {{ ref('dim_segments') }}

),

customers as (

    select
        customer_id,
        last_seen_at
    from {{ ref('dim_customers') }}

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
            {% for column in ['rule_version', 'entry_cause', 'entry_reason'] -%}
                {%- if lacks_column(this, column) -%}
                    cast(null as {{ dbt.type_string() }}) as {{ column }},
                {%- else -%}
                    {{ column }},
                {%- endif %}
            {% endfor -%}
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
            known.rule_version,
            known.entry_cause,
            known.entry_reason,
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

    {# Nothing has been heard of these customers since the last build that judged by the previous rule. #}
    judged_by_another_rule as (

        select
            segments.segment,
            customers.customer_id
        from segments
        inner join customers on customers.last_seen_at <= segments.previous_rule_until
        where segments.is_changed

    ),

    judged as (

        select
            stays.membership_id,
            stays.customer_id,
            stays.entered_customer_id,
            stays.known_customer_id,
            stays.segment,
            stays.rule_version,
            stays.entry_cause,
            stays.entry_reason,
            stays.known_exit_reason,
            case
                when stays.known_exited_at is not null then stays.known_exit_reason
                when stays.stay_rank > 1 then 'merged'
                when members.customer_id is not null then null
                when segments.segment is null then 'segment removed'
                when judged_by_another_rule.customer_id is not null then 'rule changed'
                else 'left'
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
        left join segments on stays.segment = segments.segment and segments.retired_at is null
        left join judged_by_another_rule
            on
                stays.customer_id = judged_by_another_rule.customer_id
                and stays.segment = judged_by_another_rule.segment

    ),

    unopened as (

        select
            members.customer_id,
            members.segment,
            members.entry_reason
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
            judged.rule_version,
            judged.entry_cause,
            judged.entry_reason,
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

    -- A segment that was removed and is declared again starts new stays, as a new one does.
    continued_segments as (

        select distinct segment from known
        where coalesce(exit_reason, '') <> 'segment removed'

    ),

    entered as (

        select
            unopened.customer_id,
            unopened.segment,
            case
                when segments.is_added and continued_segments.segment is null then 'segment added'
                when judged_by_another_rule.customer_id is not null then 'rule changed'
                else 'entered'
            end as entry_cause,
            unopened.entry_reason
        from unopened
        inner join segments on unopened.segment = segments.segment
        left join continued_segments on unopened.segment = continued_segments.segment
        left join judged_by_another_rule
            on
                unopened.customer_id = judged_by_another_rule.customer_id
                and unopened.segment = judged_by_another_rule.segment
        left join reopened
            on unopened.customer_id = reopened.customer_id and unopened.segment = reopened.segment
        where reopened.membership_id is null

    ),
{% else %}
    entered as (

        select
            customer_id,
            segment,
            'segment added' as entry_cause,
            entry_reason
        from members

    ),
{% endif %}

opened as (

    select
        {{ md5_hex("entered.segment || '|' || entered.customer_id || '|' || cast(" ~ as_of() ~ " as "
            ~ dbt.type_string() ~ ")") }} as membership_id,
        entered.customer_id,
        entered.customer_id as entered_customer_id,
        entered.segment,
        segments.rule_version,
        entered.entry_cause,
        entered.entry_reason,
        cast(null as {{ dbt.type_string() }}) as exit_reason,
        {{ as_of() }} as entered_at,
        cast(null as timestamp) as exited_at
    from entered
    inner join segments on entered.segment = segments.segment

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
            judged.rule_version,
            judged.entry_cause,
            judged.entry_reason,
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
