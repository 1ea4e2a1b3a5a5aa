{#
    The first value that a record in quarantine has at one of these JSON paths, as text. Null where
    its text is not a JSON object.
#}
{% macro json_of_quarantine(paths) -%}
    case
        when is_parsed
            then coalesce(
                {%- for path in paths %}
                {{ clean_text(json_value('record', path)) }},
                {%- endfor %}
                null
            )
    end
{%- endmacro %}
