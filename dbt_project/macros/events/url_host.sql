{# The host of a URL, lower case, without port and without a leading www; null where it is no URL. #}
{% macro url_host(expression) -%}
    lower({{ extract_pattern(expression, "'^[A-Za-z][A-Za-z0-9+.-]*://(?:[^@/?#]*@)?(?:[wW]{3}[.])?([^/?#:]+)'") }})
{%- endmacro %}
