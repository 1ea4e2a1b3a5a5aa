{#
    An e-mail address as Meta matches it: trimmed, lower case (dots and +tags stay), SHA-256 in hex.
    A hash stays as it is. Null for what is no address.
#}
{% macro hash_meta_email(expression) -%}
    {%- set email = meta_value('email', expression) -%}
    coalesce({{ sha256_hex("case when position('@' in " ~ email ~ ") > 0 then " ~ email ~ " end") }}, {{ email }})
{%- endmacro %}
