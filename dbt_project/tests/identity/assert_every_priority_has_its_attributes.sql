-- A rule for a group without attributes has no effect.
select
    attribute_group,
    source,
    record_type
from {{ ref('attribute_rules') }}
where
    attribute_group not in (
        {% for group in golden_attributes() | map(attribute='group') | unique %}
            '{{ group }}'{{ ',' if not loop.last }}
        {% endfor %}
    )
