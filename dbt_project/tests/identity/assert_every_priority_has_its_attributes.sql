-- A rule for a group that no attribute belongs to decides nothing.
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
