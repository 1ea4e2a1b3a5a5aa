with source as (

    select * from {{ source('klaviyo', 'list') }}

),

final as (

    select
        source.id as list_id,
        {{ clean_text('source.name') }} as list_name,
        lower({{ clean_text('source.opt_in_process') }}) as opt_in_process,
        source.created as created_at,
        source.updated as updated_at,
        {{ record_state() }}
    from source

)

select * from final
