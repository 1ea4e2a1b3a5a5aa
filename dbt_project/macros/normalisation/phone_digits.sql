{#
    The digits of a phone number, for comparisons: "+" and the digits of an international number
    (+49..., 0049..., tel:+49...); otherwise the national digits without leading zeros. Null for
    fewer than 7 or more than 15 digits. The .0 of a number that a program wrote as a float is left
    out. It only finds the persons whom a "no" may concern: numbers to contact somebody are parsed
    by cnf_lookups__phone_numbers.
#}
{% macro phone_digits(expression) -%}
    {%- set bare = replace_pattern(fold_width(expression), "'(?i)[(]0[)]|(ext|x|#|;).*$|[.]0$'") -%}
    {%- set signs = replace_pattern(bare, "'[^0-9+]'") -%}
    {%- set digits = replace_pattern(signs, "'^00|[+]'") -%}
    {#- As in_today_plan of the parsed numbers: Mexico's former 1, the zero that people leave out in Italy, Argentina's 9. -#}
    {%- set digits -%}
        case
            when {{ matches_pattern(digits, "'^521[0-9]{10}$'") }} then '52' || substr({{ digits }}, 4)
            when {{ matches_pattern(digits, "'^39[124-9][0-9]{5,9}$'") }} then '390' || substr({{ digits }}, 3)
            when {{ matches_pattern(digits, "'^54[1-8][0-9]{9}$'") }} then '549' || substr({{ digits }}, 3)
            else {{ digits }}
        end
    {%- endset -%}
    {%- set national = replace_pattern(signs, "'^0+|[+]'") -%}
    case
        when {{ matches_pattern(signs, "'^([+]|00)[1-9][0-9]{6,14}$'") }} then '+' || {{ digits }}
        when {{ matches_pattern(national, "'^[0-9]{7,15}$'") }} then {{ national }}
    end
{%- endmacro %}
