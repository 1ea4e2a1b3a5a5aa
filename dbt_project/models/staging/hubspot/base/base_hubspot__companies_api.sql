with source as (

    select * from {{ source('hubspot', 'companies') }}

),

final as (

    select
        source.id as company_id,
        {{ clean_text('source.name') }} as company_name,
        lower({{ clean_text('source.domain') }}) as domain,
        {{ clean_text('source.hs_parent_company_id') }} as parent_company_id,
        {{ clean_text('source.industry') }} as industry,
        {{ clean_text('source.city') }} as city,
        country.country_code,
        source.createdate as created_at,
        source.hs_lastmodifieddate as updated_at,
        {{ record_state("source.is_deleted", updated_at='source.hs_lastmodifieddate') }}
    from source
    {{ join_country('country', 'source.country') }}

)

select * from final
