{#
    The columns that a record of a fact must have: those that the model's YAML declares not_null, in
    keeps_rules or as tests of dbt's own. Known once dbt has parsed the project.
#}
{% macro required_columns(model_name) -%}
    {%- set found = [] -%}
    {%- for node in (graph.nodes.values() if execute else []) if node.resource_type == 'test' -%}
        {%- set test = node.test_metadata or {} -%}
        {%- if (node.attached_node or '').split('.')[-1] != model_name -%}
        {%- elif test.name == 'not_null' -%}
            {%- do found.append(node.column_name) -%}
        {%- elif test.name == 'keeps_rules' -%}
            {%- do found.extend(test.kwargs.get('not_null', []) | select('string')) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found | unique | sort) }}
{%- endmacro %}
