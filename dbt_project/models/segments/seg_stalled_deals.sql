{#
    grain: one row per customer with an open deal in which nothing moves (the one that stands longest); key: customer_id
#}
{% set days = bounded_var('stalled_deal_days', 30, 1, 730) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'fct_deals', 'column': 'occurred_at', 'shift': -days, 'unit': 'day'},
                {'relation': 'fct_deal_stages', 'column': 'occurred_at', 'shift': -days, 'unit': 'day'},
            ]
        }
    )
}}
with customers as (

    select customer_id from {{ ref('dim_customers') }}
    where not is_employee

),

stages as (

    select
        deal_id,
        max(occurred_at) as moved_at
    from {{ ref('fct_deal_stages') }}
    group by 1

),

deals as (

    select
        deals.*,
        coalesce(stages.moved_at, deals.occurred_at) as moved_at
    from {{ ref('fct_deals') }} as deals
    left join stages on deals.deal_id = stages.deal_id
    where deals.status = 'open'

),

final as (

    select
        customers.customer_id,
        deals.deal_id,
        deals.owner_id,
        deals.stage_name,
        deals.moved_at
    from customers
    inner join deals on customers.customer_id = deals.customer_id
    where deals.moved_at < {{ dbt.dateadd('day', -days, as_of()) }}
    qualify
        row_number() over (partition by customers.customer_id order by deals.moved_at, deals.deal_id) = 1

)

select * from final
