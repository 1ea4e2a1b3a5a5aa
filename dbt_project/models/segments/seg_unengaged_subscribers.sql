{#
    grain: one row per customer who receives e-mails and does not read them; key: customer_id
    why here: a click counts as reading where the mail program hides that the e-mail was opened;
        what a machine opens nobody has read
#}
{% set days = bounded_var('unengaged_days', 180, 1, 730) %}
{% set messages = bounded_var('unengaged_messages', 3, 1, 1000) %}
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

    select
        customer_id,
        count(case when message_event = 'sent' then 1 end) as sent_count,
        count(case when message_event in ('opened', 'clicked') and not is_machine then 1 end) as read_count,
        max(case when message_event = 'sent' then occurred_at end) as last_sent_at
    from {{ ref('fct_messages') }}
    where
        channel = 'email'
        and customer_id is not null
        and occurred_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and occurred_at <= {{ as_of() }}
    group by 1

),

final as (

    select
        customers.customer_id,
        cast(messages.sent_count as bigint) as sent_count,
        messages.last_sent_at
    from customers
    inner join messages on customers.customer_id = messages.customer_id
    where messages.sent_count >= {{ messages }} and messages.read_count = 0

)

select * from final
