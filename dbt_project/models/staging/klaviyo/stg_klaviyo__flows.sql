with source as (

    select * from {{ source('klaviyo', 'flow') }}

),

final as (

    select
        source.id as flow_id,
        {{ clean_text('source.name') }} as flow_name,
        lower({{ clean_text('source.status') }}) as status,
        source.created as created_at,
        source.updated as updated_at,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
