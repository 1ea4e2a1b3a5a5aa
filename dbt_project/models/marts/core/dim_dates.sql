{#
    grain: one row per day from the first to the last one of a fact; key: date_day
    why here: a report needs days without facts too. Weeks are ISO 8601's: the week of a day is that
        of its Thursday
#}
{% set facts = [
    'fct_orders', 'fct_sessions', 'fct_deals', 'fct_interactions', 'fct_messages', 'fct_ad_spend', 'fct_subscriptions'
] %}
{% set longest_days = 36525 %}
with bounds as (

    {% for fact in facts %}
        select
            cast(min(occurred_at) as date) as first_date,
            cast(max(occurred_at) as date) as last_date
        from {{ ref(fact) }}
        -- A date before computers is a typing error, and would be many rows.
        where occurred_at >= cast('1970-01-01' as {{ dbt.type_timestamp() }})
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

),

span as (

    select
        min(first_date) as first_date,
        max(last_date) as last_date
    from bounds

),

digits as (

    {% for digit in range(10) %}
        select {{ digit }} as digit
        {%- if not loop.last %} union all{% endif %}
    {% endfor %}

),

numbers as (

    select
        ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit + 10000 * more.digit
            as day_number
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
    cross join digits as more

),

days as (

    select cast({{ dbt.dateadd('day', 'numbers.day_number', 'span.first_date') }} as date) as date_day
    from span
    inner join numbers on numbers.day_number <= {{ longest_days }}
    where cast({{ dbt.dateadd('day', 'numbers.day_number', 'span.first_date') }} as date) <= span.last_date

),

weekdays as (

    select
        date_day,
        -- 1900-01-01 was a Monday.
        mod({{ dbt.datediff("cast('1900-01-01' as date)", 'date_day', 'day') }}, 7) + 1 as iso_weekday
    from days

),

thursdays as (

    select
        date_day,
        iso_weekday,
        cast({{ dbt.dateadd('day', '4 - iso_weekday', 'date_day') }} as date) as thursday,
        cast({{ dbt.dateadd('day', '1 - iso_weekday', 'date_day') }} as date) as week_start_date
    from weekdays

),

final as (

    select
        date_day,
        cast(extract(year from date_day) as {{ dbt.type_bigint() }}) as calendar_year,
        cast(extract(quarter from date_day) as {{ dbt.type_bigint() }}) as calendar_quarter,
        cast(extract(month from date_day) as {{ dbt.type_bigint() }}) as calendar_month,
        cast(extract(day from date_day) as {{ dbt.type_bigint() }}) as day_of_month,
        cast(extract(year from thursday) as {{ dbt.type_bigint() }}) as iso_year,
        cast(
            floor(
                {{ dbt.datediff(
                    'cast(' ~ dbt.date_trunc('year', 'thursday') ~ ' as date)', 'thursday', 'day'
                ) }} / 7.0
            ) + 1 as {{ dbt.type_bigint() }}
        ) as iso_week,
        cast(iso_weekday as {{ dbt.type_bigint() }}) as iso_weekday,
        iso_weekday >= 6 as is_weekend,
        week_start_date,
        cast({{ dbt.date_trunc('month', 'date_day') }} as date) as month_start_date,
        cast({{ dbt.date_trunc('quarter', 'date_day') }} as date) as quarter_start_date
    from thursdays

)

select * from final
