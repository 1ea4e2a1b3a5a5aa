{#
    grain: one row per customer whose deal was lost some time ago (the latest one); key: customer_id
    why here: too early the reason still holds, too late nobody remembers; a deal that was opened since is a new chance already
#}
{% set after_days = bounded_var('win_back_after_days', 90, 0, 730) %}
{% set until_days = bounded_var('win_back_until_days', 365, 1, 3650) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'fct_deals', 'column': 'closed_at', 'shift': -after_days, 'unit': 'day'},
                {'relation': 'fct_deals', 'column': 'closed_at', 'shift': -until_days, 'unit': 'day'},
            ]
        }
    )
}}
with customers as (

    select customer_id from {{ ref('dim_customers') }}
    where not is_employee

),

deals as (

    select * from {{ ref('fct_deals') }}

),

others as (

    -- A deal that is open, or was won after another one was lost.
    select
        customer_id,
        max(case when status = 'open' then 1 else 0 end) as open_count,
        max(case when status = 'won' then closed_at end) as last_won_at
    from deals
    where customer_id is not null
    group by 1

),

final as (

    select
        customers.customer_id,
        deals.deal_id,
        deals.owner_id,
        deals.lost_reason,
        deals.closed_at as lost_at
    from customers
    inner join deals on customers.customer_id = deals.customer_id
    inner join others on customers.customer_id = others.customer_id
    where
        deals.status = 'lost'
        and deals.closed_at <= {{ dbt.dateadd('day', -after_days, as_of()) }}
        and deals.closed_at > {{ dbt.dateadd('day', -until_days, as_of()) }}
        and others.open_count = 0
        and (others.last_won_at is null or others.last_won_at < deals.closed_at)
    qualify
        row_number() over (
            partition by customers.customer_id
            order by deals.closed_at desc, deals.deal_id desc
        ) = 1

)

select * from final
