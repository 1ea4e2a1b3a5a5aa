{#
    True on every version of a record whose current version exists and is not deleted: a deleted
    record is not evidence.
    A CRM deletes the loser of a merge, which lives on through its winner: pass a condition that is
    true for such a record.
#}
{% macro is_living_record(record_id, is_merged_away='false') -%}
    (
        coalesce(
            min(case when is_current then case when coalesce(is_deleted, false) then 0 else 1 end end)
                over (partition by {{ record_id }}),
            0
        ) = 1
        or {{ is_merged_away }}
    )
{%- endmacro %}
