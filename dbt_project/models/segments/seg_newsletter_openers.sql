{#
    grain: one row per customer who opened a campaign e-mail recently; key: customer_id
    why here: an e-mail of a flow (a receipt, a cart reminder) is not a newsletter, and an open by a
        mail proxy is nobody's
#}
{% set days = bounded_var('newsletter_opener_days', 30, 1, 365) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'fct_messages', 'column': 'occurred_at'},
                {'relation': 'fct_messages', 'column': 'occurred_at', 'shift': -days, 'unit': 'day'},
            ]
        }
    )
}}
with customers as (

    select customer_id from {{ ref('dim_customers') }}
    where not is_employee

),

messages as (

    select * from {{ ref('fct_messages') }}
    where
        customer_id is not null
        and channel = 'email'
        and message_event = 'opened'
        and not is_machine
        and flow_name is null
        and occurred_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and occurred_at <= {{ as_of() }}

),

final as (

    select
        messages.customer_id,
        cast(count(*) as bigint) as opened_count,
        max(messages.occurred_at) as last_opened_at
    from messages
    inner join customers on messages.customer_id = customers.customer_id
    group by 1

)

select * from final
