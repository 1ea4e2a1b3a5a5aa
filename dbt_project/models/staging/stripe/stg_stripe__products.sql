with source as (

    select * from {{ source('stripe', 'product') }}

),

final as (

    select
        source.id as product_id,
        {{ clean_text('source.name') }} as product_name,
        coalesce(source.active, false) as is_active,
        not coalesce(source.livemode, true) as is_test,
        {{ parse_moment('source.created') }} as created_at,
        {{ parse_moment('source.updated') }} as updated_at,
        {{ record_state("source.is_deleted") }}
    from source

)

select * from final
