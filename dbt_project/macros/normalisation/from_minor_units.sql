{#
    An amount in minor units (cents), converted exactly to the currency's main unit. A currency that
    is not in the seed has a hundred minor units.
#}
{% macro from_minor_units(amount, decimals) -%}
    {{ try_cast_to(amount, 'decimal(30, 12)') }} * case {{ decimals }} when 0 then 1.000 when 3 then 0.001 else 0.010 end
{%- endmacro %}
