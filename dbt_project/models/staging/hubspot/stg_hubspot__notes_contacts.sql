with source as (

    select * from {{ source('hubspot', 'notes__contacts') }}

),

final as (

    select
        source.notes_id as note_id,
        source.{{ adapter.quote('value') }} as contact_id,
        {{ record_state() }}
    from source

)

select * from final
