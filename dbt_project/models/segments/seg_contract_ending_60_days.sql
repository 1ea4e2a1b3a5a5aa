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
with deals as (

    select * from {{ ref('fct_deals') }}
    where
        customer_id is not null
        and status = 'open'
        and contract_end_date >= cast({{ as_of() }} as date)
        and contract_end_date <= cast({{ dbt.dateadd('day', days, as_of()) }} as date)

),

final as (

    select
        customer_id,
        deal_id,
        deal_name,
        contract_status,
        currency_code,
        amount,
        contract_end_date
    from deals
    qualify
        row_number() over (partition by customer_id order by contract_end_date, deal_id) = 1

)

select * from final
