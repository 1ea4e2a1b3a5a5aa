{#
    grain: one row per customer with an open deal whose contract ends soon (the earliest one);
        key: customer_id
#}
{% set days = bounded_var('contract_ending_days', 60, 1, 730) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'fct_deals', 'column': 'contract_end_date'},
                {'relation': 'fct_deals', 'column': 'contract_end_date', 'shift': days, 'unit': 'day'},
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
    where
        customer_id is not null
        and status = 'open'
        and contract_end_date >= cast({{ as_of() }} as date)
        and contract_end_date <= cast({{ dbt.dateadd('day', days, as_of()) }} as date)

),

final as (

    select
        deals.customer_id,
        deals.deal_id,
        deals.deal_name,
        deals.contract_status,
        deals.currency_code,
        deals.amount,
        deals.contract_end_date
    from deals
    inner join customers on deals.customer_id = customers.customer_id
    qualify
        row_number() over (
            partition by deals.customer_id
            order by deals.contract_end_date, deals.deal_id
        ) = 1

)

select * from final
