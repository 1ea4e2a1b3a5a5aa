with source as (

    select * from {{ source('hubspot_fivetran', 'company') }}

),

final as (

    select
        source.id as company_id,
        {{ clean_text('source.property_name') }} as company_name,
        lower({{ clean_text('source.property_domain') }}) as domain,
        {{ clean_text('source.property_hs_parent_company_id') }} as parent_company_id,
        {{ clean_text('source.property_industry') }} as industry,
        {{ clean_text('source.property_city') }} as city,
        country.country_code,
        source.property_createdate as created_at,
        source.property_hs_lastmodifieddate as updated_at,
        {{ record_state("source.is_deleted", updated_at='source.property_hs_lastmodifieddate') }}
    from source
    {{ join_country('country', 'source.property_country') }}

)

select * from final
