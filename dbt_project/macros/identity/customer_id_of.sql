{#
    The published id of a customer number: C and ten digits, so that text sorts like the numbers.
    Null stays null.
#}
{% macro customer_id_of(customer_no) -%}
    'C' || lpad(cast({{ customer_no }} as {{ dbt.type_string() }}), 10, '0')
{%- endmacro %}
