{{ config(meta={'clock': 'daily'}) }}
{#
    grain: one row per customer whose birthday is near; key: customer_id
    why here: from today (as_of) to birthday_days ahead, also across the end of the year; 29
        February counts as 28 February in other years
#}
{% set days_ahead = bounded_var('birthday_days', 7, 0, 60) %}
with days as (

    {% for days_until in range(days_ahead + 1) %}
        select
            {{ days_until }} as days_until,
            cast({{ dbt.dateadd('day', days_until, as_of()) }} as date) as birthday_date,
            cast({{ dbt.dateadd('day', days_until + 1, as_of()) }} as date) as following_date
        {{ "union all" if not loop.last }}
    {% endfor %}

),

customers as (

    select
        customer_id,
        birth_date,
        extract(month from birth_date) as birth_month,
        extract(day from birth_date) as birth_day
    from {{ ref('dim_customers') }}
    where not is_employee and birth_date is not null

),

final as (

    select
        customers.customer_id,
        customers.birth_date,
        cast(days.days_until as integer) as days_until,
        days.birthday_date
    from customers
    inner join days
        on
            (
                customers.birth_month = extract(month from days.birthday_date)
                and customers.birth_day = extract(day from days.birthday_date)
            )
            or (
                customers.birth_month = 2
                and customers.birth_day = 29
                -- 28 February in a year without a 29th.
                and extract(month from days.birthday_date) = 2
                and extract(day from days.birthday_date) = 28
                and extract(month from days.following_date) = 3
            )
    where customers.birth_date <= days.birthday_date

)

select * from final
