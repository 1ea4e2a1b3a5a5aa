{% set domain_names = 'cast(source.domain_names as ' ~ dbt.type_string() ~ ')' %}
with source as (

    select * from {{ source('zendesk', 'organization') }}

),

final as (

    select
        source.id as organization_id,
        {{ clean_text('source.name') }} as organization_name,
        {{ clean_text('source.external_id') }} as external_id,
        -- The first of its domains.
        lower({{ extract_pattern(domain_names, "'\"([^\"]+)\"'") }}) as domain,
        source.created_at,
        source.updated_at,
        {{ record_state("source._fivetran_deleted or source.deleted_at is not null") }}
    from source

)

select * from final
