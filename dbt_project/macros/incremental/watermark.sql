{# The latest arrival in a relation, as a scalar subquery; the start of time while it is empty. #}
{% macro watermark(relation, column='loaded_at') -%}
    (select coalesce(max({{ column }}), cast('1970-01-01' as timestamp)) from {{ relation }})
{%- endmacro %}
