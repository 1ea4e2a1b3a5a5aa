with source as (

    select * from {{ source('stripe', 'subscription_item') }}

),

final as (

    select
        source.id as subscription_item_id,
        {{ clean_text('source.subscription_id') }} as subscription_id,
        {{ clean_text('source.plan_id') }} as price_id,
        source.quantity,
        {{ parse_moment('source.created') }} as created_at,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
