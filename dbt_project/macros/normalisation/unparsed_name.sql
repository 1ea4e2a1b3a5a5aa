{#
    The value if it is a name that cnf_lookups__names has: a first or last name with Latin letters, all
    capitals or all small, or a full name; otherwise null.
#}
{% macro unparsed_name(kind, value) -%}
    case
        when {{ kind }} = 'full_name' then {{ value }}
        when
            {{ kind }} in ('first_name', 'last_name')
            and {{ matches_pattern(value, "'[A-Za-zÀ-ɏ]'") }}
            and not ({{ matches_pattern(value, "'\\p{Lu}'") }} and {{ matches_pattern(value, "'\\p{Ll}'") }})
            then {{ value }}
    end
{%- endmacro %}
