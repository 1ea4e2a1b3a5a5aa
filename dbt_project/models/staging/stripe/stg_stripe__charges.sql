with source as (

    select * from {{ source('stripe', 'charge') }}

),

final as (

    select
        source.id as charge_id,
        {{ clean_text('source.customer_id') }} as stripe_customer_id,
        {{ clean_text('source.invoice_id') }} as invoice_id,
        {{ clean_text('source.payment_intent_id') }} as payment_intent_id,
        {{ clean_text(json_value('source.metadata', '$.' ~ var('stripe_order_field', 'order_id'))) }} as order_id,
        {{ normalize_email('source.receipt_email') }} as email,
        lower({{ clean_text('source.status') }}) as status,
        {{ clean_text('source.failure_code') }} as failure_code,
        {{ normalize_currency('source.currency') }} as currency_code,
        {{ money(from_minor_units('source.amount', 'currencies.decimals')) }} as amount,
        {{ money(from_minor_units('source.amount_refunded', 'currencies.decimals')) }} as refunded_amount,
        coalesce(source.captured, false) as is_captured,
        coalesce(source.paid, false) as is_paid,
        not coalesce(source.livemode, true) as is_test,
        {{ parse_moment('source.created') }} as created_at,
        {{ record_state() }}
    from source
    left join {{ ref('currency_decimals') }} as currencies
        on {{ normalize_currency('source.currency') }} = currencies.currency_code

)

select * from final
