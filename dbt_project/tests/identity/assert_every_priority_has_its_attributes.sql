-- A rule for a group or an attribute that does not exist has no effect.
with rules as (

    select
        'attribute_rules' as seed,
        attribute_group as name
    from {{ ref('attribute_rules') }}

    union all

    select
        'survivorship_rules' as seed,
        attribute_group as name
    from {{ ref('survivorship_rules') }}

),

groups as (

    select * from rules
    where
        name not in (
            {% for group in golden_attributes() | map(attribute='group') | unique %}
                '{{ group }}'{{ ',' if not loop.last }}
            {% endfor %}
        )

),

attributes as (

    select
        'attribute_overrides' as seed,
        attribute as name
    from {{ ref('attribute_overrides') }}
    where
        attribute not in (
            {% for attribute in golden_attributes() %}
                '{{ attribute.name }}'{{ ',' if not loop.last }}
            {% endfor %}
        )

)

select * from groups
union all
select * from attributes
