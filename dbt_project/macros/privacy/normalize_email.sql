{#
    An e-mail address in the form that is matched and hashed: lower case, trimmed. Null where it is
    not plausible (raw keeps the original).
    Plausible: one @, a local part of 1 to 64 characters without dots at its ends or in pairs, a
    domain of two or more labels whose last is not a number, 254 characters in all (RFC 5321,
    sections 4.5.3.1 and 2.3.5). Dots and +tags stay, because they may distinguish two people.
    A text that is not a plain address is parsed a second time, without "Name <a@b>", mailto:,
    invisible characters, other blanks, full-width letters, quotes and surrounding punctuation; then
    the domain may have letters of any script. A text with two addresses gives null: the right one
    is unknown. The concept models give an internationalised domain its one form (parse_values).
#}
{% macro normalize_email(expression) -%}
    {%- set plain = "lower(" ~ trim_whitespace(expression) ~ ")" -%}
    {%- set wrapped = _unwrapped_email(expression) -%}
    case
        when {{ _is_plausible_email(plain) }} then {{ plain }}
        when
            {{ matches_pattern(expression, "'^[^@＠]*[@＠][^@＠]*$'") }}
            and {{ _is_plausible_email(wrapped, '\\p{L}\\p{M}\\p{N}', '\\p{L}\\p{M}') }}
            then {{ wrapped }}
    end
{%- endmacro %}

{% macro _is_plausible_email(email, scripts='', last_scripts='') -%}
    {%- set letter = "a-z0-9ß-ɏ" -%}
    {%- set local_part = "[" ~ letter ~ "!#-''*+/=?^_`{-~-]+([.][" ~ letter ~ "!#-''*+/=?^_`{-~-]+)*" -%}
    {%- set of_domain = letter ~ scripts -%}
    {%- set label = "[" ~ of_domain ~ "]([" ~ of_domain ~ "-]*[" ~ of_domain ~ "])?" -%}
    {%- set last_label = "([a-zß-ɏ" ~ last_scripts ~ "]{2,}|xn--[a-z0-9-]+)" -%}
    {%- set pattern = "'^" ~ local_part ~ "@(" ~ label ~ "[.])+" ~ last_label ~ "$'" -%}
    (
        length({{ email }}) <= 254
        and position('@' in {{ email }}) between 2 and 65
        and {{ matches_pattern(email, pattern) }}
    )
{%- endmacro %}

{# The address without the text around it. #}
{% macro _unwrapped_email(expression) -%}
    {%- set visible = replace_pattern("lower(" ~ fold_width(expression) ~ ")", "'\\p{Cf}+'") -%}
    {%- set visible = replace_pattern(visible, "'[。｡]'", "'.'") -%}
    {%- set inner = "coalesce(" ~ extract_pattern(visible, "'<([^<>]*@[^<>]*)>'") ~ ", " ~ visible ~ ")" -%}
    {%- set before = "'^[\\p{Z}\\p{Cc}\\p{Ps}\\p{Pi}\"''`‚„<,;:]*(mailto:)?[\\p{Z}\\p{Cc}]*'" -%}
    {%- set behind = "'([?][^@]*)?[\\p{Z}\\p{Cc}\\p{Pe}\\p{Pi}\\p{Pf}\"''`>.,;:!]*$'" -%}
    {{ replace_pattern(replace_pattern(inner, before), behind) }}
{%- endmacro %}
