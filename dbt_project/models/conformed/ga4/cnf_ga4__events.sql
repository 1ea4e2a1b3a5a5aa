{{ config(materialized='view') }}
{#
    grain: one row per event in its current version (Google rewrites its days); key: event_id
    rebuild: a view over staging
#}
{% set given = {'source_session_id': 'session_key'} %}
{% for column in [
    'event_name', 'product_id', 'product_category', 'order_id', 'page_url', 'page_path', 'page_title', 'referrer_url', 'utm_source',
    'utm_medium', 'utm_campaign', 'click_id_type', 'click_id', 'currency_code', 'value_amount', 'quantity', 'properties'
] %}
    {% do given.update({column: column}) %}
{% endfor %}
with events as (

    select * from {{ ref('stg_ga4__events') }}
    where is_current

),

final as (

    {{ shape_events('events', 'event_type', ['user_id'], ['user_pseudo_id'], given) }}

)

select * from final
