{{ config(materialized='view') }}
{#
    grain: one row per event, the version that was collected first; key: event_id
    rebuild: a view over staging
#}
{% set given = {'source_session_id': 'domain_session_id'} %}
{% for column in [
    'event_name', 'product_id', 'product_category', 'cart_id', 'order_id', 'page_url', 'page_path', 'referrer_url',
    'page_title', 'page_view_id', 'utm_source', 'utm_medium', 'utm_campaign', 'click_id_type', 'click_id', 'currency_code', 'value_amount', 'quantity',
    'properties', 'user_agent', 'is_bot'
] %}
    {% do given.update({column: column}) %}
{% endfor %}
with events as (

    select * from {{ ref('stg_snowplow__events') }}
    where is_current

),

final as (

    {{ shape_events('events', 'event_type', ['user_id'], ['domain_userid', 'network_userid'], given) }}

)

select * from final
