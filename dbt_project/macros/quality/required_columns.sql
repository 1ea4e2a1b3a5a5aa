{#
    The columns that a record of a fact must have: those that the model's YAML declares not_null.
    Known once dbt has parsed the project.
#}
{% macro required_columns(model_name) -%}
    {%- set found = [] -%}
    {%- for node in (graph.nodes.values() if execute else []) if node.resource_type == 'test' -%}
        {%- if (node.test_metadata or {}).name == 'not_null' and (node.attached_node or '').split('.')[-1] == model_name -%}
            {%- do found.append(node.column_name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found | sort) }}
{%- endmacro %}
