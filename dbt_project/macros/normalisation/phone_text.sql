{#
    A phone in staging and conformed models: `<ISO-2 country of its record or nothing>|<as typed>`;
    null where it has no digit. Without a country only numbers with a + can be parsed.
    cnf_lookups__phone_numbers parses it, and the concept models join the number.
#}
{% macro phone_text(expression, country="''") -%}
    case
        when {{ matches_pattern(expression, "'[0-9]'") }}
            then coalesce({{ country }}, '') || '|' || trim({{ expression }})
    end
{%- endmacro %}
