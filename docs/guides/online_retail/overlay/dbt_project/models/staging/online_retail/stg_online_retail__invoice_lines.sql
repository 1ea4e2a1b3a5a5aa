with source as (

    select * from {{ source('online_retail', 'invoice_lines') }}

),

final as (

    select
        'online_retail-' || cast(source._row as {{ dbt.type_string() }}) as order_line_id,
        'online_retail-' || source.invoice_no as order_id,
        {{ clean_text('source.customer_id') }} as online_retail_customer_id,
        country.country_code,
        source.stock_code as product_id,
        {{ clean_text('source.description') }} as product_name,
        source.invoice_no like 'C%' as is_credit,
        source.quantity,
        source.unit_price as unit_price_amount,
        'GBP' as currency_code,
        source.invoice_date as ordered_at,
        source._loaded_at as loaded_at
    from source
    {{ join_country('country', 'source.country') }}

)

select * from final
