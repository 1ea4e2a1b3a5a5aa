{#
    All versions of the parts of a record that several loaders bring. Current are those of the loader that brought the current version
    of the record: two loaders' parts of one record do not mix.
    loaders: names of import CTEs on base models. parent: the name of an import CTE on the record's staging model, its current rows
    only. key: the column that names the record in both. columns: the columns to select, key included.
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
