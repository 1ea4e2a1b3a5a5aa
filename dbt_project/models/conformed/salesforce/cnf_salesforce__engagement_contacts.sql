{{ config(materialized='changed_rows') }}
{#
    grain: one row per engagement with a contact or a lead; key: engagement_type, engagement_id
    rebuild: full table
    why here: as a view, the engine plans it in each reader for longer than it runs
#}
with

final as (

    {% for kind in ['call', 'email', 'meeting', 'task'] %}
        select
            '{{ kind }}' as engagement_type,
            cast({{ kind }}_id as {{ dbt.type_string() }}) as engagement_id,
            case when contact_id is not null then 'salesforce_contact_id' else 'salesforce_lead_id' end
                as identifier_type,
            cast(coalesce(contact_id, lead_id) as {{ dbt.type_string() }}) as identifier_value
        from {{ ref('stg_salesforce__' ~ kind ~ 's') }}
        where is_current and not is_deleted and coalesce(contact_id, lead_id) is not null
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

)

select * from final
