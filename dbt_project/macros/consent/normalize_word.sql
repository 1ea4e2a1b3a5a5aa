{#
    A source's word for a decision, a purpose or a channel, in the form of the seed consent_words:
    half-width letters, lower case, without invisible characters, spaces and the signs - _ . /
    ("Opt-in", opt_in and optIn are one word). A negative number keeps its sign: -1 differs from 1.
    Null where nothing remains or the text means that there is no value.
#}
{% macro normalize_word(expression) -%}
    {%- set folded = "lower(" ~ fold_width(expression) ~ ")" -%}
    {%- set word = replace_pattern(folded, "'[\\p{Cf}\\p{Cc}\\p{Z}_./\"''-]+'") -%}
    case
        when {{ matches_pattern(folded, "'^[\\p{Cf}\\p{Cc}\\p{Z}]*-[0-9]'") }} then 'minus' || {{ word }}
        when {{ word }} not in ('', 'null', 'nil', 'nan', 'na', 'undefined') then {{ word }}
    end
{%- endmacro %}
