{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='event_id') }}
{#
    grain: one row per event; key: event_id
    rebuild: adds events that arrived since the watermark (loaded_at) and replaces older versions
        (GA4 restates days); a full refresh gives the same rows
    why here: person and device become numbers once, at arrival; a merge of customers changes no
        event
#}
with unioned as (

    select * from {{ ref('int_events__unioned') }}
    {% if is_incremental() %}
        where loaded_at >= {{ watermark(this) }}
    {% endif %}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

arrived as (

    select unioned.*
    from unioned
    {% if is_incremental() %}
        left join {{ this }} as known
            on unioned.event_id = known.event_id and unioned.loaded_at = known.loaded_at
        where known.event_id is null
    {% endif %}

),

-- The persons and devices of these events; what trackers write where there is no id names nobody.
mentioned as (

    select
        identifier_type,
        identifier_value
    from arrived

    union

    select
        device_type as identifier_type,
        device_value as identifier_value
    from arrived

),

placeholders as (

    select distinct {{ placeholder_word('value') }} as word
    from {{ ref('identifier_blocklist') }}
    where match = 'word'

),

named as (

    select identifiers.*
    from mentioned
    inner join identifiers
        on
            mentioned.identifier_type = identifiers.identifier_type
            and mentioned.identifier_value = identifiers.identifier_value
    left join placeholders on {{ placeholder_word('mentioned.identifier_value') }} = placeholders.word
    where placeholders.word is null

),

distinct_events as (

    -- The same message in two tables is one event: the last arrival counts.
    select *
    from arrived
    qualify row_number() over (partition by event_id order by loaded_at desc, event_type asc) = 1

),

final as (

    select
        events.event_id,
        identifiers.identifier_no,
        devices.identifier_no as device_no,
        persons.identifier_no as person_no,
        events.source,
        events.event_type,
        events.event_name,
        events.source_session_id,
        events.page_view_id,
        events.product_id,
        events.product_category,
        events.cart_id,
        events.checkout_id,
        events.order_id,
        events.page_host,
        events.page_path,
        events.page_title,
        events.referrer_domain,
        events.utm_source,
        events.utm_medium,
        events.utm_campaign,
        events.click_id_type,
        events.click_id,
        events.currency_code,
        events.value_amount,
        events.quantity,
        events.properties,
        events.is_bot,
        events.occurred_at,
        events.loaded_at
    from distinct_events as events
    left join identifiers
        on
            events.identifier_type = identifiers.identifier_type
            and events.identifier_value = identifiers.identifier_value
    left join named as devices
        on
            events.device_type = devices.identifier_type
            and events.device_value = devices.identifier_value
    left join named as persons
        on
            events.identifier_type = persons.identifier_type
            and events.identifier_value = persons.identifier_value
            and events.identifier_type <> events.device_type

)

select * from final
