{#
    The last columns of a staging model on a table of versions: whether the record is deleted at its
    source (the source marks it so, or a full batch of files lacks it), and whether this is its
    current version.
    key: the normalised key, where two spellings in raw are one record (15 and 18 characters of a
    Salesforce id); otherwise raw's key.
    updated_at: for a base model: when the source last changed the record, which union_loaders
    compares. A deletion is a change at the moment when it arrived, because few sources date it.
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
