with source as (

    select * from {{ source('hubspot_fivetran', 'contact_merge_audit') }}

),

final as (

    select
        source.canonical_vid as contact_id,
        source.vid_to_merge as merged_contact_id,
        source.{{ adapter.quote('timestamp') }} as merged_at,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
