{# Drops every scratch table of the model that is being built, one of a run that crashed included. #}
{% macro drop_scratch() -%}
    {%- set prefix = this.identifier ~ '__scratch_' -%}
    {%- for relation in adapter.list_relations(this.database, this.schema) -%}
        {%- if relation.identifier.startswith(prefix) -%}
            {%- do adapter.drop_relation(relation) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
