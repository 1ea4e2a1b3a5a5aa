{#
    An e-mail address as it is matched and hashed: lower case, trimmed; null where it is not plausibly one (raw keeps what came).
    Plausible: one @, a local part of 1 to 64 characters without dots at its ends or in pairs, a domain of two labels or more whose
    last is no number, 254 characters in all (RFC 5321, sections 4.5.3.1 and 2.3.5). Dots and +tags stay: they may tell two people apart.
#}
{% macro normalize_email(expression) -%}
    {%- set email = "lower(" ~ trim_whitespace(expression) ~ ")" -%}
    {%- set letter = "a-z0-9ß-ɏ" -%}
    {%- set local_part = "[" ~ letter ~ "!#-''*+/=?^_`{-~-]+([.][" ~ letter ~ "!#-''*+/=?^_`{-~-]+)*" -%}
    {%- set label = "[" ~ letter ~ "]([" ~ letter ~ "-]*[" ~ letter ~ "])?" -%}
    {%- set last_label = "([a-zß-ɏ]{2,}|xn--[a-z0-9-]+)" -%}
    {%- set pattern = "'^" ~ local_part ~ "@(" ~ label ~ "[.])+" ~ last_label ~ "$'" -%}
    case
        when
            length({{ email }}) <= 254
            and position('@' in {{ email }}) between 2 and 65
            and {{ matches_pattern(email, pattern) }}
            then {{ email }}
    end
{%- endmacro %}
