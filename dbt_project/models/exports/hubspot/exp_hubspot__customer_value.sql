{{ config(meta={'clock': [{'relation': 'dim_consents', 'column': 'expires_at'}]}) }}
{#
    grain: one row per HubSpot contact id of a customer with an order or a deal; key: record_key
    why here: each contact receives the value of the whole customer; HubSpot resolves the id of a
        merged contact to the surviving contact
#}
with contacts as (

    select
        customer_id,
        identifier_value as hubspot_contact_id
    from {{ ref('bdg_customer_identifiers') }}
    where identifier_type = 'hubspot_contact_id' and customer_id is not null

),

customers as (

    select * from {{ ref('dim_customers') }}

),

allowed as (

    select * from {{ consented('contacts') }} as consented_contacts

),

{% set segments = [
    ('lapsed_buyers', 'is_lapsed_buyer'),
    ('first_time_buyers', 'is_first_time_buyer'),
    ('top_buyers', 'is_top_buyer'),
    ('contract_ending_soon', 'has_contract_ending'),
] %}
{% for segment, flag in segments %}
    {{ segment }} as (

        select distinct customer_id from {{ ref('seg_' ~ segment) }}

    ),

{% endfor %}
final as (

    select
        allowed.hubspot_contact_id as record_key,
        allowed.customer_id,
        customers.revenue_currency,
        customers.lifetime_revenue_amount,
        customers.order_count,
        customers.open_ticket_count,
        {% for segment, flag in segments %}
            {{ segment }}.customer_id is not null as {{ flag }},
        {% endfor %}
        customers.last_order_at
    from allowed
    inner join customers on allowed.customer_id = customers.customer_id
    {% for segment, flag in segments %}
        left join {{ segment }} on allowed.customer_id = {{ segment }}.customer_id
    {% endfor %}

)

select * from final
