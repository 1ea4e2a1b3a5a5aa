{#
    grain: one row per current HubSpot contact of a customer with an order or a deal; key: record_key
    why here: a customer may have several contacts; each is told the value of the whole customer
#}
with contacts as (

    select
        customer_id,
        identifier_value as hubspot_contact_id,
    from {{ ref('bdg_customer_identifiers') }}
    where identifier_type = 'hubspot_contact_id' and customer_id is not null

),

customers as (

    select * from {{ ref('dim_customers') }}

),

consents as (

    select customer_id from {{ consented_customers('customer_service', 'crm') }} as granted

),

{% set segments = [
    ('lapsed_buyers', 'is_lapsed_buyer'),
    ('first_time_buyers', 'is_first_time_buyer'),
    ('top_decile_value', 'is_top_decile_value'),
    ('contract_ending_60_days', 'has_contract_ending'),
] %}
{% for segment, flag in segments %}
{{ segment }} as (

    select distinct customer_id from {{ ref('seg_' ~ segment) }}

),

{% endfor %}
final as (

    select
        contacts.hubspot_contact_id as record_key,
        contacts.customer_id,
        customers.revenue_currency,
        customers.lifetime_revenue_amount,
        customers.order_count,
        customers.open_ticket_count,
        {% for segment, flag in segments %}
        {{ segment }}.customer_id is not null as {{ flag }},
        {% endfor %}
        customers.last_order_at,
    from contacts
    inner join customers on contacts.customer_id = customers.customer_id
    inner join consents on contacts.customer_id = consents.customer_id
    {% for segment, flag in segments %}
    left join {{ segment }} on contacts.customer_id = {{ segment }}.customer_id
    {% endfor %}

)

select * from final
