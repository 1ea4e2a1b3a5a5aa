{#
    A boolean that a source stores as text ('true', 'FALSE', '1', 'yes', ''); null where it is
    neither.
#}
{% macro parse_flag(expression) -%}
    case
        when lower(trim({{ expression }})) in ('true', 't', 'yes', 'y', '1') then true
        when lower(trim({{ expression }})) in ('false', 'f', 'no', 'n', '0') then false
    end
{%- endmacro %}
