with source as (

    select * from {{ source('stripe', 'refund') }}

),

final as (

    select
        source.id as refund_id,
        {{ clean_text('source.charge_id') }} as charge_id,
        lower({{ clean_text('source.status') }}) as status,
        lower({{ clean_text('source.reason') }}) as reason,
        {{ normalize_currency('source.currency') }} as currency_code,
        {{ money(from_minor_units('source.amount', 'currencies.decimals')) }} as refund_amount,
        {{ parse_moment('source.created') }} as refunded_at,
        {{ record_state() }}
    from source
    left join {{ ref('currency_decimals') }} as currencies
        on {{ normalize_currency('source.currency') }} = currencies.currency_code

)

select * from final
