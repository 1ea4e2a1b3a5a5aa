{#
    The name of a scratch table of the model that is being built, in a schema that holds only
    scratch tables and exists only during the build.
#}
{% macro scratch_relation(name) -%}
    {{ return(api.Relation.create(
        database=this.database, schema=this.identifier ~ '__scratch', identifier=name, type='table'
    )) }}
{%- endmacro %}
