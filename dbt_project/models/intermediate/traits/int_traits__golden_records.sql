{{ config(materialized='view') }}
{#
    grain: one row per current record that says something about a customer (events: per event)
    rebuild: a view over staging
    why here: the one place that says which record offers which attributes
#}
{%- set living = 'is_current and not coalesce(is_deleted, false)' -%}
{%- set moment = 'coalesce(updated_at, created_at, loaded_at)' -%}
{%- set named = {'first_name': 'first_name', 'last_name': 'last_name'} -%}
{%- set reached = {'email': 'email', 'phone': 'phone'} -%}
{%- set located = {
    'street': 'street', 'city': 'city', 'region': 'region', 'postal_code': 'postal_code',
    'country_code': 'country_code'
} -%}
with

{# Second-party values are shown only while their licence allows it, and never after their expiry. #}
partner_customers as (

    select customers.*
    from {{ ref('stg_partner__customers') }} as customers
    inner join {{ ref('partner_licences') }} as licences
        on customers.licence = licences.licence and customers.purpose = licences.purpose
    where licences.allows_attributes and customers.expires_at > {{ as_of() }}

),

final as (

    {% for source, id_type in [
        ('hubspot', 'hubspot_contact_id'),
        ('salesforce', 'salesforce_contact_id'),
    ] %}
        {{ offer_attributes(
            source, 'contact', ref('stg_' ~ source ~ '__contacts'), 'contact_id',
            ["'" ~ id_type ~ "'", 'contact_id'], moment,
            dict(dict(named, **located), email='email', phone='coalesce(mobile_phone, phone)',
                 company_name='company_name', lifecycle_stage='lifecycle_stage', birth_date='birth_date'),
            living,
        ) }}

        union all

    {% endfor %}
    {{ offer_attributes(
        'salesforce', 'lead', ref('stg_salesforce__leads'), 'lead_id',
        ["'salesforce_lead_id'", 'lead_id'], moment,
        dict(dict(named, **located), email='email', phone='coalesce(mobile_phone, phone)',
             company_name='company_name'),
        living,
    ) }}

    union all

    {{ offer_attributes(
        'shopify', 'customer', ref('stg_shopify__customers'), 'shopify_customer_id',
        ["'shopify_customer_id'", 'shopify_customer_id'], moment, dict(named, **reached), living,
    ) }}

    union all

    {{ offer_attributes(
        'shopify', 'order', ref('stg_shopify__orders'), 'order_id',
        ["case when shopify_customer_id is null then 'shopify_order_id' else 'shopify_customer_id' end",
         'coalesce(shopify_customer_id, order_id)'],
        'coalesce(ordered_at, updated_at, loaded_at)', dict(named, **dict(located, **reached)),
        living ~ ' and not coalesce(is_test, false)',
    ) }}

    union all

    {{ offer_attributes(
        'shopify', 'checkout', ref('stg_shopify__abandoned_checkouts'), 'checkout_id',
        ["case when shopify_customer_id is null then 'email' else 'shopify_customer_id' end",
         'coalesce(shopify_customer_id, email)'],
        moment, reached, living,
    ) }}

    union all

    {{ offer_attributes(
        'segment', 'identify', ref('stg_segment__identifies'), 'event_id',
        ["case when user_id is null then 'anonymous_id' else 'user_id' end",
         'coalesce(user_id, anonymous_id)'],
        'occurred_at', dict(named, **dict(reached, birth_date='birth_date')), 'true',
    ) }}

    union all

    {{ offer_attributes(
        'klaviyo', 'person', ref('stg_klaviyo__persons'), 'person_id',
        ["'klaviyo_person_id'", 'person_id'], moment,
        dict(named, **dict(reached, city='city', region='region', postal_code='postal_code',
                           country_code='country_code')),
        living,
    ) }}

    union all

    {{ offer_attributes(
        'zendesk', 'user', ref('stg_zendesk__users'), 'zendesk_user_id',
        ["'zendesk_user_id'", 'zendesk_user_id'], moment,
        dict(reached, first_name=dbt.split_part('full_name', "' '", 1)),
        living ~ " and coalesce(role, 'end-user') = 'end-user'",
    ) }}

    union all

    {{ offer_attributes(
        'stripe', 'customer', ref('stg_stripe__customers'), 'stripe_customer_id',
        ["'stripe_customer_id'", 'stripe_customer_id'], 'coalesce(created_at, loaded_at)',
        dict(located, **reached), living ~ ' and not is_test',
    ) }}

    union all

    {{ offer_attributes(
        'partner', 'customer', 'partner_customers', 'partner_record_id',
        ["'partner_record_id'", 'partner_record_id'], 'coalesce(shared_at, loaded_at)',
        dict(named, **dict(reached, postal_code='postal_code', country_code='country_code',
                           loyalty_tier='loyalty_tier')),
        living,
    ) }}

)

select * from final
