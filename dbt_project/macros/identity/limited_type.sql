{#
    The type by which a limit counts an identifier, as SQL. An id of an account that is an e-mail
    address is counted apart from other ids: shops that changed from addresses to numbers know one
    person by both.
#}
{% macro limited_type(relation) -%}
    case
        when {{ relation }}.identifier_type <> 'email' and position('@' in {{ relation }}.identifier_value) > 1
            then {{ relation }}.identifier_type || ':address'
        else {{ relation }}.identifier_type
    end
{%- endmacro %}
