{#
    A word that a source uses for a decision, a purpose or a channel, as consent_words is searched: full-width letters made plain,
    invisible characters removed, lower case, without spaces and the signs - _ . / that sources write differently ("Opt-in",
    opt_in and optIn are one word). Null where nothing is left, or where the text says that there is nothing.
#}
{% macro normalize_word(expression) -%}
    {%- set word -%}
        {{ replace_pattern("lower(" ~ fold_width(expression) ~ ")", "'[\\p{Cf}\\p{Cc}\\p{Z}_./\"''-]+'") }}
    {%- endset -%}
    case when {{ word }} not in ('', 'null', 'nil', 'nan', 'na', 'undefined') then {{ word }} end
{%- endmacro %}
