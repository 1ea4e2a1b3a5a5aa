{#
    grain: one row per record that its fact leaves out, with the reason; key: set_aside_id
    why here: incomplete records are counted here and enter their fact once they are complete
#}
{% set text = dbt.type_string() %}
{# Records that lack required columns: model, fact, source, the source's own key. #}
{% set incomplete = [
    ('int_commerce__orders_unioned', 'fct_orders', 'source', 'order_id'),
    ('int_commerce__order_lines_unioned', 'fct_order_lines', 'source', 'order_line_id'),
    ('int_commerce__checkouts_unioned', 'fct_checkouts', 'source', 'checkout_id'),
    ('int_messages__events', 'fct_messages', 'source', 'message_event_id'),
    ('int_spend__daily', 'fct_ad_spend', 'platform', 'ad_spend_id'),
] %}
{# Lines and refunds of an order that is missing. #}
{% set orphaned = [
    ('int_commerce__order_lines_unioned', 'fct_order_lines', 'order_line_id'),
    ('int_commerce__refunds_unioned', 'fct_orders', 'refund_id'),
] %}
with orders as (

    select * from {{ ref('int_commerce__orders') }}

),

{% for model, fact, source, record_id in incomplete %}
    incomplete_{{ loop.index }} as (

        select
            '{{ fact }}' as fact,
            {{ source }} as source,
            cast({{ record_id }} as {{ text }}) as record_id,
            missing_columns as reason,
            loaded_at
        from {{ ref(model) }}
        where missing_columns is not null

    ),

{% endfor %}
{% for model, fact, record_id in orphaned %}
    orphaned_{{ loop.index }} as (

        select
            '{{ fact }}' as fact,
            records.source,
            cast(records.{{ record_id }} as {{ text }}) as record_id,
            'order_id is not in fct_orders' as reason,
            records.loaded_at
        from {{ ref(model) }} as records
        left join orders on records.order_id = orders.order_id
        where orders.order_id is null and records.order_id is not null

    ),

{% endfor %}
unioned as (

    {% for _ in incomplete %}
        select * from incomplete_{{ loop.index }}

        union all

    {% endfor %}
    {% for _ in orphaned %}
        select * from orphaned_{{ loop.index }}

        {{ 'union all' if not loop.last }}

    {% endfor %}
),

final as (

    select
        {{ md5_hex("concat_ws('|', fact, source, coalesce(record_id, ''), reason)") }} as set_aside_id,
        source,
        fact,
        record_id,
        reason,
        count(*) as record_count,
        -- A missing record is not a fault of the load that brought this one.
        reason like '% is not in %' as is_waiting,
        max(loaded_at) as loaded_at
    from unioned
    group by source, fact, record_id, reason

)

select * from final
