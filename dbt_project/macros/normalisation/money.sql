{#
    An amount of money with two decimals, exact. Null from ten million million on, so that one
    absurd amount breaks neither the build nor a sum.
    digits: 18 for a sum of amounts.
#}
{% macro money(expression, digits=15) -%}
    {%- set fitting = try_cast_to(expression, 'decimal(' ~ digits ~ ', 2)') -%}
    {{ fitting if digits == 18 else 'cast(' ~ fitting ~ ' as decimal(18, 2))' }}
{%- endmacro %}
