{#
    A word that a source uses for a decision, a purpose or a channel, as consent_words is searched: full-width letters made plain,
    invisible characters removed, lower case, without spaces and the signs - _ . / that sources write differently ("Opt-in",
    opt_in and optIn are one word). A negative number keeps its sign: -1 is no 1. Null where nothing is left, or where the text says
    that there is nothing.
#}
{% macro normalize_word(expression) -%}
    {%- set folded = "lower(" ~ fold_width(expression) ~ ")" -%}
    {%- set word = replace_pattern(folded, "'[\\p{Cf}\\p{Cc}\\p{Z}_./\"''-]+'") -%}
    case
        when {{ matches_pattern(folded, "'^[\\p{Cf}\\p{Cc}\\p{Z}]*-[0-9]'") }} then 'minus' || {{ word }}
        when {{ word }} not in ('', 'null', 'nil', 'nan', 'na', 'undefined') then {{ word }}
    end
{%- endmacro %}
