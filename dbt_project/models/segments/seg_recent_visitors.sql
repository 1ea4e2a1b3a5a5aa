{#
    grain: one row per recent visitor who has never ordered; key: customer_id
    why here: also anonymous visitors, whom only advertising on the site reaches
#}
{% set days = bounded_var('recent_visitor_days', 14, 1, 365) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'dim_customers', 'column': 'last_session_at'},
                {'relation': 'dim_customers', 'column': 'last_session_at', 'shift': -days, 'unit': 'day'},
            ]
        }
    )
}}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        not is_employee
        and order_count = 0
        and last_session_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and last_session_at <= {{ as_of() }}

),

final as (

    select
        customer_id,
        session_count,
        is_identified,
        last_session_at
    from customers

)

select * from final
