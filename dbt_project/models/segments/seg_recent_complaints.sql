{#
    grain: one row per customer who complained a short time ago; key: customer_id
    why here: a complaint is an e-mail marked as spam, or a ticket that was rated bad
#}
{% set days = bounded_var('recent_complaint_days', 90, 1, 730) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'dim_contact_points', 'column': 'last_complained_at'},
                {'relation': 'dim_contact_points', 'column': 'last_complained_at', 'shift': -days, 'unit': 'day'},
                {'relation': 'fct_interactions', 'column': 'occurred_at'},
                {'relation': 'fct_interactions', 'column': 'occurred_at', 'shift': -days, 'unit': 'day'},
            ]
        }
    )
}}
with complaints as (

    select
        customer_id,
        last_complained_at as complained_at
    from {{ ref('dim_contact_points') }}
    where last_complained_at is not null

    union all

    select
        customer_id,
        occurred_at as complained_at
    from {{ ref('fct_interactions') }}
    where interaction_type = 'ticket' and score = 'bad' and customer_id is not null

),

final as (

    select
        customer_id,
        max(complained_at) as last_complained_at
    from complaints
    where
        complained_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and complained_at <= {{ as_of() }}
    group by 1

)

select * from final
