{#
    The host of a URL, in lower case, without port and leading www. Null where the text is not a
    URL.
#}
{% macro url_host(expression) -%}
    lower({{ extract_pattern(expression, "'^[A-Za-z][A-Za-z0-9+.-]*://(?:[^@/?#]*@)?(?:[wW]{3}[.])?([^/?#:]+)'") }})
{%- endmacro %}
