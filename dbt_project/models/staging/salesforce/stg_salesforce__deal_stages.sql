with source as (

    select * from {{ source('salesforce', 'opportunity_history') }}

),

compared as (

    select
        {{ normalize_salesforce_id('source.id') }} as deal_id,
        {{ clean_text('source.stage_name') }} as stage_id,
        lag({{ clean_text('source.stage_name') }}) over (
            partition by {{ normalize_salesforce_id('source.id') }}, source._superseded_at is null
            order by source._fivetran_start
        ) as previous_stage_id,
        source._fivetran_start as entered_at,
        {{ record_state(
            'source.is_deleted', key=normalize_salesforce_id('source.id') ~ ', source._fivetran_start'
        ) }}
    from source

),

final as (

    -- The history has a row per change of any field; only a change of stage is an entry.
    select
        deal_id,
        stage_id,
        entered_at,
        is_deleted,
        is_current,
        loaded_at
    from compared
    where previous_stage_id is null or previous_stage_id <> stage_id

)

select * from final
