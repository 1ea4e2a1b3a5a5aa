{{ config(materialized='view') }}
{#
    grain: one row per event and source table; key: event_id, but for a message that two tables hold
    rebuild: nothing is stored; a further event source is one more CTE and one more `union all` block here
#}
{% set tags = {
    'utm_source': 'utm_source', 'utm_medium': 'utm_medium', 'utm_campaign': 'utm_campaign', 'gclid': 'gclid',
    'fbclid': 'fbclid'
} %}
{% set bought = {
    'product_id': 'product_id', 'product_category': 'product_category', 'order_id': 'order_id',
    'currency_code': 'currency_code', 'value_amount': 'value_amount', 'quantity': 'quantity',
    'properties': 'properties'
} %}
{# A shop that refers to itself is no referrer. #}
{% set referred = {
    'referrer_domain':
        'nullif(' ~ url_host('referrer_url') ~ ", coalesce(" ~ url_host('page_url') ~ ", ''))"
} %}
{% set seen = dict({'page_path': 'coalesce(page_path, ' ~ url_path('page_url') ~ ')'}, **referred) %}
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

snowplow_events as (

    select * from {{ ref('stg_snowplow__events') }}

),

ga4_events as (

    select * from {{ ref('stg_ga4__events') }}

),

ga4_fivetran_events as (

    select * from {{ ref('stg_ga4_fivetran__events') }}

),

event_names as (

    select * from {{ ref('event_names') }}

),

unioned as (

    {{ shape_events(
        'segment', 'tracks', "'track'", ['user_id', 'anonymous_id'],
        dict(dict(tags, **bought), event_name='event_name', cart_id='cart_id', checkout_id='checkout_id',
             page_path=url_path('page_url'), is_bot='is_bot'),
    ) }}

    union all

    {{ shape_events(
        'segment', 'pages', "'page'", ['user_id', 'anonymous_id'],
        dict(dict(tags, **seen), event_name="'page_viewed'", properties='properties', is_bot='is_bot'),
    ) }}

    union all

    {{ shape_events(
        'segment', 'screens', "'screen'", ['user_id', 'anonymous_id'],
        {'event_name': "'screen_viewed'", 'properties': 'properties'},
    ) }}

    union all

    {{ shape_events(
        'segment', 'identifies', "'identify'", ['user_id', 'anonymous_id'],
        {'event_name': "'identified'", 'properties': 'properties'},
    ) }}

    union all

    {{ shape_events(
        'segment', 'group_calls', "'group'", ['user_id', 'anonymous_id'],
        {'event_name': "'group_joined'", 'properties': 'properties'},
    ) }}

    union all

    {{ shape_events(
        'snowplow', 'snowplow_events', 'event_type', ['user_id', 'domain_userid', 'network_userid'],
        dict(dict(dict(tags, **bought), **seen), event_name='event_name', source_session_id='domain_session_id',
             cart_id='cart_id', is_bot='is_bot'),
        where='is_current',
    ) }}

    union all

    {{ shape_events(
        'ga4', 'ga4_events', 'event_type', ['user_id', 'user_pseudo_id'],
        dict(dict(dict(tags, **bought), **seen), event_name='event_name', source_session_id='session_key'),
        where='is_current',
    ) }}

    union all

    {{ shape_events(
        'ga4_fivetran', 'ga4_fivetran_events', 'event_type', ['user_id', 'user_pseudo_id'],
        dict(dict(tags, **seen), event_name='event_name', source_session_id='session_key', order_id='order_id',
             currency_code='currency_code', value_amount='value_amount', properties='properties'),
        where='is_current',
    ) }}

),

final as (

    select
        unioned.event_id,
        unioned.identifier_type,
        unioned.identifier_value,
        unioned.source,
        unioned.event_type,
        coalesce(event_names.event_name, unioned.event_name) as event_name,
        unioned.source_session_id,
        unioned.product_id,
        unioned.product_category,
        unioned.cart_id,
        unioned.checkout_id,
        unioned.order_id,
        unioned.page_path,
        unioned.referrer_domain,
        unioned.utm_source,
        unioned.utm_medium,
        unioned.utm_campaign,
        unioned.gclid,
        unioned.fbclid,
        unioned.currency_code,
        unioned.value_amount,
        unioned.quantity,
        unioned.properties,
        unioned.is_bot,
        unioned.occurred_at,
        unioned.loaded_at
    from unioned
    left join event_names
        on unioned.source = event_names.source and unioned.event_name = event_names.source_event_name

)

select * from final
