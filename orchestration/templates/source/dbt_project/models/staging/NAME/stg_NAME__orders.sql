with source as (

    select * from {{ source('NAME', 'orders') }}

),

final as (

    select
        source.order_id,
        {{ normalize_email('source.email') }} as email,
        lower({{ clean_text('source.status') }}) as financial_status,
        {{ normalize_currency('source.currency') }} as currency_code,
        source.total as total_amount,
        source.cancelled_at,
        source.ordered_at,
        source.updated_at,
        {{ record_state() }}
    from source

)

select * from final
