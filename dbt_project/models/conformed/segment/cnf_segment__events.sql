{{ config(materialized='view') }}
{#
    grain: one row per call; key: event_id, except for calls that are in two tables
    rebuild: a view over staging
#}
{% set visit = {'user_agent': 'user_agent', 'page_url': 'page_url', 'properties': 'properties'} %}
{% for column in ['utm_source', 'utm_medium', 'utm_campaign', 'click_id_type', 'click_id'] %}
    {% do visit.update({column: column}) %}
{% endfor %}
{% set bought = {} %}
{% for column in [
    'event_name', 'product_id', 'product_category', 'cart_id', 'checkout_id', 'order_id', 'currency_code', 'value_amount',
    'quantity'
] %}
    {% do bought.update({column: column}) %}
{% endfor %}
with tracks as (

    select * from {{ ref('stg_segment__tracks') }}

),

pages as (

    select * from {{ ref('stg_segment__pages') }}

),

screens as (

    select * from {{ ref('stg_segment__screens') }}

),

identifies as (

    select * from {{ ref('stg_segment__identifies') }}

),

group_calls as (

    select * from {{ ref('stg_segment__groups') }}

),

final as (

    {{ shape_events('tracks', "'track'", ['user_id'], ['anonymous_id'], dict(visit, **bought)) }}

    union all

    {{ shape_events(
        'pages', "'page'", ['user_id'], ['anonymous_id'],
        dict(visit, event_name="'page_viewed'", page_path='page_path', page_title='page_title', referrer_url='referrer_url'),
    ) }}

    union all

    {{ shape_events(
        'screens', "'screen'", ['user_id'], ['anonymous_id'],
        {'event_name': "'screen_viewed'", 'properties': 'properties'},
    ) }}

    union all

    {{ shape_events(
        'identifies', "'identify'", ['user_id'], ['anonymous_id'],
        {'event_name': "'identified'", 'properties': 'properties'},
    ) }}

    union all

    {{ shape_events(
        'group_calls', "'group'", ['user_id'], ['anonymous_id'],
        {'event_name': "'group_joined'", 'properties': 'properties'},
    ) }}

)

select * from final
