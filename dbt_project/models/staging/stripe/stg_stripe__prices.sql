with source as (

    select * from {{ source('stripe', 'price') }}

),

final as (

    select
        source.id as price_id,
        {{ clean_text('source.product_id') }} as product_id,
        {{ clean_text('source.nickname') }} as price_name,
        lower({{ clean_text('source.type') }}) as price_type,
        lower({{ clean_text('source.recurring_interval') }}) as recurring_interval,
        source.recurring_interval_count,
        {{ normalize_currency('source.currency') }} as currency_code,
        {{ from_minor_units(
            'coalesce(source.unit_amount_decimal, source.unit_amount)', 'currencies.decimals'
        ) }} as unit_amount,
        coalesce(source.active, false) as is_active,
        not coalesce(source.livemode, true) as is_test,
        {{ parse_moment('source.created') }} as created_at,
        {{ record_state("source.is_deleted") }}
    from source
    left join {{ ref('currency_decimals') }} as currencies
        on {{ normalize_currency('source.currency') }} = currencies.currency_code

)

select * from final
