{# The published name of a customer number: C and ten digits, so that text sorts as the numbers do. Null stays null. #}
{% macro customer_id_of(customer_no) -%}
    'C' || lpad(cast({{ customer_no }} as {{ dbt.type_string() }}), 10, '0')
{%- endmacro %}
