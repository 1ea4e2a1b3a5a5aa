{# The id of a household: that of its oldest customer, with H instead of C. Null stays null. #}
{% macro household_id_of(customer_id) -%}
    'H' || substr({{ customer_id }}, 2)
{%- endmacro %}
