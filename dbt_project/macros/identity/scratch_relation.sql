{# The name of a scratch table of the model that is being built: beside it, with a prefix that nothing else uses. #}
{% macro scratch_relation(name) -%}
    {{ return(api.Relation.create(
        database=this.database, schema=this.schema, identifier=this.identifier ~ '__scratch_' ~ name, type='table'
    )) }}
{%- endmacro %}
