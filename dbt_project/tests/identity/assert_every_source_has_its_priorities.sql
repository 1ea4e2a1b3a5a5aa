{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'int_traits__golden_attributes'}}}) }}
-- Without a row in the seed attribute_rules, a source with attributes has the lowest priority.
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
