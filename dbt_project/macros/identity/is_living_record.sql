{#
    True on every arrived version of a record whose current version is not deleted: what a deleted record once said is no evidence.
    A CRM deletes the loser of a merge: it lives on through its winner, so pass a condition that is true for such a record.
#}
{% macro is_living_record(record_id, is_merged_away='false') -%}
    (
        max(case when is_current and coalesce(is_deleted, false) then 1 else 0 end)
            over (partition by {{ record_id }}) = 0
        or {{ is_merged_away }}
    )
{%- endmacro %}
