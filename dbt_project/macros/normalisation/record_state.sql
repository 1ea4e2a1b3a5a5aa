{#
    The last columns of a staging model on a table of versions: is the record deleted at its source (by its own word, or because a
    delivery that should hold it did not), is this its current version.
#}
{% macro record_state(deleted="false") -%}
    coalesce({{ deleted }}, false) or source._deleted_at is not null as is_deleted,
    source._superseded_at is null as is_current,
    source._loaded_at as loaded_at
{%- endmacro %}
