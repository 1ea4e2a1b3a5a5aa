{#
    A first or last name as Meta matches it: lower case, without punctuation, letters of every
    script kept, SHA-256 in hex. Null where nothing remains.
#}
{% macro hash_meta_name(expression) -%}
    {%- set spaced = replace_pattern(expression, "'\\s+'", "' '") -%}
    {%- set letters = replace_pattern(spaced, "'[^\\p{L}\\p{M}\\p{N} ]'") -%}
    {{ sha256_hex("nullif(lower(trim(" ~ letters ~ ")), '')") }}
{%- endmacro %}
