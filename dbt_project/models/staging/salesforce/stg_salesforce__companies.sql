with source as (

    select * from {{ source('salesforce', 'account') }}

),

final as (

    select
        {{ normalize_salesforce_id('source.id') }} as company_id,
        {{ clean_text('source.name') }} as company_name,
        -- Websites are typed with or without a protocol.
        case
            when source.website like '%://%' then {{ url_host('source.website') }}
            else {{ url_host("'http://' || trim(source.website)") }}
        end as domain,
        {{ normalize_salesforce_id('source.parent_id') }} as parent_company_id,
        {{ clean_text('source.industry') }} as industry,
        {{ clean_text('source.billing_city') }} as city,
        coalesce(country_of_code.country_code, country_of_name.country_code) as country_code,
        source.created_date as created_at,
        source.last_modified_date as updated_at,
        {{ record_state(
            "source.is_deleted or source._fivetran_deleted or not source._fivetran_active",
            key=normalize_salesforce_id('source.id'),
        ) }}
    from source
    {{ join_country('country_of_code', 'source.billing_country_code') }}
    {{ join_country('country_of_name', 'source.billing_country') }}

)

select * from final
