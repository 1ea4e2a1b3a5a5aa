with source as (

    select * from {{ source('salesforce', 'opportunity_history') }}

),

final as (

    select
        {{ normalize_salesforce_id('source.id') }} as deal_id,
        {{ clean_text('source.stage_name') }} as stage_id,
        -- The API's history has no flags: only a closed stage has 0 or 100 %.
        coalesce(source.is_won, source.probability = 100) as is_won,
        coalesce(source.is_closed, source.probability in (0, 100)) as is_closed,
        source.close_date,
        source._fivetran_start as changed_at,
        {{ record_state(
            'source.is_deleted', key=normalize_salesforce_id('source.id') ~ ', source._fivetran_start'
        ) }}
    from source

)

select * from final
