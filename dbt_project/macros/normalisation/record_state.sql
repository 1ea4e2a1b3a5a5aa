{#
    The last columns of a staging model on a table of versions: is the record deleted at its source (by its own word, or because a
    delivery that should hold it did not), is this its current version.
    key: the normalised key, where two spellings of it in raw are one record (15 and 18 characters of a Salesforce id); else raw's key.
    updated_at: for a base model, which union_loaders compares: when the source last changed the record. A deletion is a change at
    the moment it arrived, as few sources date it.
#}
{% macro record_state(deleted="false", key=none, updated_at=none) -%}
    {%- set is_deleted = 'coalesce(' ~ deleted ~ ', false) or source._deleted_at is not null' -%}
    {{ is_deleted }} as is_deleted,
    {% if key is none -%}
        source._superseded_at is null as is_current,
    {%- else -%}
        source._superseded_at is null
        and row_number() over (
            partition by {{ key }}, source._superseded_at is null
            order by source._loaded_at desc, source.id asc
        ) = 1 as is_current,
    {%- endif %}
    {% if updated_at is not none -%}
        case
            when {{ is_deleted }} then coalesce(source._deleted_at, source._loaded_at)
            else coalesce({{ updated_at }}, cast('1970-01-01' as timestamp))
        end as changed_at,
    {% endif -%}
    source._loaded_at as loaded_at
{%- endmacro %}
