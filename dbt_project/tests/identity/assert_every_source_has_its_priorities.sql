{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'int_traits__golden_attributes'}}}) }}
-- A source that offers attributes and has no row in the seed attribute_rules comes last with all of them.
with sources as (

    {% for source in sources_of_concept('attributes') %}
        select '{{ source }}' as source
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

)

select sources.source
from sources
left join {{ ref('attribute_rules') }} as attribute_rules on sources.source = attribute_rules.source
where attribute_rules.source is null
