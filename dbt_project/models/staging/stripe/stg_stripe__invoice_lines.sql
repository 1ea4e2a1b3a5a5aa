with source as (

    select * from {{ source('stripe', 'invoice_line_item') }}

),

final as (

    select
        source.id as invoice_line_id,
        {{ clean_text('source.invoice_id') }} as invoice_id,
        {{ clean_text('source.subscription_id') }} as subscription_id,
        {{ clean_text('source.subscription_item_id') }} as subscription_item_id,
        coalesce({{ clean_text('source.price_id') }}, {{ clean_text('source.plan_id') }}) as price_id,
        {{ clean_text('source.description') }} as line_name,
        {{ normalize_currency('source.currency') }} as currency_code,
        source.quantity,
        {{ money(from_minor_units('source.amount', 'currencies.decimals')) }} as line_amount,
        coalesce(source.proration, false) as is_proration,
        not coalesce(source.livemode, true) as is_test,
        {{ parse_moment('source.period_start') }} as period_start_at,
        {{ parse_moment('source.period_end') }} as period_end_at,
        {{ record_state("source._fivetran_deleted") }}
    from source
    left join {{ ref('currency_decimals') }} as currencies
        on {{ normalize_currency('source.currency') }} = currencies.currency_code

)

select * from final
