{#
    All versions of a record's parts from several loaders. Current are those of the loader whose
    version of the record is current: the parts of one record never come from two loaders.
    loaders: names of import CTEs on base models. parent: the name of an import CTE on the record's
    staging model, its current rows only. key: the column that identifies the record in both.
    columns: the columns to select, including the key.
#}
{% macro union_loaders_of_parent(loaders, parent, key, columns) -%}
    {%- for loader in loaders %}
        select
            {%- for column in columns %}
            {{ loader }}.{{ column }},
            {%- endfor %}
            '{{ loader }}' as loader,
            {{ loader }}.is_deleted,
            {{ loader }}.is_current and {{ parent }}.{{ key }} is null as is_current,
            {{ loader }}.loaded_at
        from {{ loader }}
        left join {{ parent }}
            on {{ loader }}.{{ key }} = {{ parent }}.{{ key }} and {{ parent }}.loader <> '{{ loader }}'
        {%- if not loop.last %}

        union all
        {% endif %}
    {%- endfor %}
{%- endmacro %}
