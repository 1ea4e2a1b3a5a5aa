{#
    A whole number that people tune in dbt_project.yml. A value outside its legal range does not
    compile.
#}
{% macro bounded_var(name, default, minimum, maximum) -%}
    {%- set value = var(name, default) | int(none) -%}
    {%- if value is none or value < minimum or value > maximum -%}
        {{ exceptions.raise_compiler_error(
            "var '" ~ name ~ "' is " ~ var(name, default) ~ ": it must be a whole number from "
            ~ minimum ~ " to " ~ maximum ~ " (see vars in dbt_project.yml)"
        ) }}
    {%- endif -%}
    {{ return(value) }}
{%- endmacro %}
