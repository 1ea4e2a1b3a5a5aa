{#
    All versions of a record from several loaders. Current is the newest version of one loader: the
    one changed last, then the one loaded last, then the one of the loader that is named first.
    loaders: names of import CTEs on base models, whose record_state() was called with updated_at.
    key: columns that are unique among the current rows of each loader. columns: the columns to
    select, including the key.
    Joins instead of a window: they cost nothing where a loader has no rows.
#}
{% macro union_loaders(loaders, key, columns) -%}
    {%- for loader in loaders %}
        {%- set place = loop.index0 -%}
        {%- set others = loaders | reject('equalto', loader) | list %}
        select
            {%- for column in columns %}
            {{ loader }}.{{ column }},
            {%- endfor %}
            '{{ loader }}' as loader,
            {{ loader }}.is_deleted,
            {{ loader }}.is_current as is_newest_of_loader,
            {{ loader }}.is_current
            {%- for other in others %}
            and (
                {{ other }}.changed_at is null
                or {{ loader }}.changed_at > {{ other }}.changed_at
                or (
                    {{ loader }}.changed_at = {{ other }}.changed_at
                    and {{ loader }}.loaded_at {{ '>=' if place < loaders.index(other) else '>' }} {{ other }}.loaded_at
                )
            )
            {%- endfor %} as is_current,
            {{ loader }}.loaded_at
        from {{ loader }}
        {%- for other in others %}
        left join {{ other }}
            on
                {{ other }}.is_current
                {%- for column in key %}
                and {{ loader }}.{{ column }} = {{ other }}.{{ column }}
                {%- endfor %}
        {%- endfor %}
        {%- if not loop.last %}

        union all
        {% endif %}
    {%- endfor %}
{%- endmacro %}
