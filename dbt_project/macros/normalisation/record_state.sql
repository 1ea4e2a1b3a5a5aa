{# The last columns of a staging model on a table of versions: is the record deleted at its source, is this its current version. #}
{% macro record_state(deleted="false") -%}
    coalesce({{ deleted }}, false) as is_deleted,
    source._superseded_at is null as is_current,
    source._loaded_at as loaded_at
{%- endmacro %}
