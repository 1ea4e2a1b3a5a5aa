{#
    The path of a URL, without query and fragment; '/' where the URL has only a host. Null where the
    text is not a URL.
#}
{% macro url_path(expression) -%}
    case
        when {{ matches_pattern(expression, "'^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]+'") }} then coalesce(
            {{ extract_pattern(expression, "'^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]+(/[^?#]*)'") }},
            '/'
        )
    end
{%- endmacro %}
