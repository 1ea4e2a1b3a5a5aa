{# An amount in minor units (cents) in the currency's own unit, exact: of a currency that the seed does not know, a hundred make one. #}
{% macro from_minor_units(amount, decimals) -%}
    {{ try_cast_to(amount, 'decimal(30, 12)') }} * case {{ decimals }} when 0 then 1.000 when 3 then 0.001 else 0.010 end
{%- endmacro %}
