with

entries as (

    select
        'api' as loader,
        *
    from {{ ref('base_hubspot__deal_stages_api') }}

    union all

    select
        'fivetran' as loader,
        *
    from {{ ref('base_hubspot__deal_stages_fivetran') }}

),

deals as (

    select * from {{ ref('stg_hubspot__deals') }}
    where is_current

),

final as (

    select
        entries.deal_id,
        entries.stage_id,
        entries.entered_at,
        entries.loader,
        entries.is_deleted,
        -- A deal's history comes from the loader of its current version: two histories do not mix.
        entries.is_current and coalesce(entries.loader = deals.loader, true) as is_current,
        entries.loaded_at
    from entries
    left join deals on entries.deal_id = deals.deal_id

)

select * from final
