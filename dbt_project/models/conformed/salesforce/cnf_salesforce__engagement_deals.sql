{{ config(materialized='view') }}
{#
    grain: one row per engagement with a deal; key: engagement_type, engagement_id
    rebuild: a view over staging
#}
with

final as (

    {% for kind in ['call', 'email', 'meeting', 'task'] %}
        select
            '{{ kind }}' as engagement_type,
            cast({{ kind }}_id as {{ dbt.type_string() }}) as engagement_id,
            cast(deal_id as {{ dbt.type_string() }}) as deal_id
        from {{ ref('stg_salesforce__' ~ kind ~ 's') }}
        where is_current and not is_deleted and deal_id is not null
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

)

select * from final
