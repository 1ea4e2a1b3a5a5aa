{#
    The first value of a parameter in a URL or query string, decoded; null where it is absent or
    empty. `name` is literal text.
#}
{% macro url_parameter(expression, name) -%}
    {{ decode_url_text(extract_pattern(expression, "'[?&]" ~ name ~ "=([^&#]+)'")) }}
{%- endmacro %}
