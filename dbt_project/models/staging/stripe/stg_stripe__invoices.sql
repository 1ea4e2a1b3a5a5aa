with source as (

    select * from {{ source('stripe', 'invoice') }}

),

final as (

    select
        source.id as invoice_id,
        {{ clean_text('source.customer_id') }} as stripe_customer_id,
        {{ clean_text('source.subscription_id') }} as subscription_id,
        {{ clean_text('source.payment_intent_id') }} as payment_intent_id,
        {{ clean_text('source.number') }} as invoice_number,
        lower({{ clean_text('source.status') }}) as status,
        lower({{ clean_text('source.billing_reason') }}) as billing_reason,
        {{ normalize_currency('source.currency') }} as currency_code,
        {{ money(from_minor_units('source.subtotal', 'currencies.decimals')) }} as subtotal_amount,
        {{ money(from_minor_units('source.total', 'currencies.decimals')) }} as total_amount,
        {{ money(from_minor_units('source.amount_due', 'currencies.decimals')) }} as due_amount,
        {{ money(from_minor_units('source.amount_paid', 'currencies.decimals')) }} as paid_amount,
        not coalesce(source.livemode, true) as is_test,
        {{ parse_moment('source.created') }} as created_at,
        {{ parse_moment('source.due_date') }} as due_at,
        {{ parse_moment('source.period_start') }} as period_start_at,
        {{ parse_moment('source.period_end') }} as period_end_at,
        {{ parse_moment('source.status_transitions_paid_at') }} as paid_at,
        {{ record_state("source.is_deleted") }}
    from source
    left join {{ ref('currency_decimals') }} as currencies
        on {{ normalize_currency('source.currency') }} = currencies.currency_code

)

select * from final
