{#
    For an incremental model whose rows are never deleted: the rows of `current` that are new,
    differ from those of the model, or are gone, with the revision of that change. Models that read
    it select the rows with a greater revision than they know.
    current: CTE or relation. keys: columns that identify a row. columns: {column: SQL of its value
    on a row that is gone}.
    cause: SQL of cause_rank (1 override, 2 erasure, 3 rule, 4 evidence) over `current` and `known`.
    joins: more of the from clause.
    A revision is the second in which the run started, and always greater than the last one. So it
    grows even where a clock does not, and a rebuilt table does not reuse revisions that its readers
    have seen.
#}
{% macro select_revised_rows(current, keys, columns, cause='4', joins='') -%}
    {%- set now = run_started_at.timestamp() | int -%}
    {%- if not is_incremental() -%}
        select
            {% for column in keys + columns.keys() | list %}current.{{ column }}, {% endfor %}
            4 as cause_rank,
            cast({{ now }} as bigint) as revision_no
        from {{ current }} as current
    {%- else -%}
        {%- set there = 'current.' ~ keys[0] ~ ' is not null' -%}
        select
            {% for key in keys %}coalesce(current.{{ key }}, known.{{ key }}) as {{ key }}, {% endfor %}
            {% for column, gone in columns.items() -%}
            case when {{ there }} then current.{{ column }} else {{ gone }} end as {{ column }},
            {% endfor -%}
            {{ cause }} as cause_rank,
            greatest(
                cast({{ now }} as bigint), (select coalesce(max(revision_no), 0) + 1 from {{ this }})
            ) as revision_no
        from {{ current }} as current
        full outer join {{ this }} as known
            on {% for key in keys %}current.{{ key }} = known.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
        {{ joins }}
        where
            known.{{ keys[0] }} is null
            {% for column, gone in columns.items() -%}
            or case when {{ there }} then current.{{ column }} else {{ gone }} end is distinct from known.{{ column }}
            {% endfor %}
    {%- endif -%}
{%- endmacro %}
