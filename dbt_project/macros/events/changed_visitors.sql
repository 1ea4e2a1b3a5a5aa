{#
    A query of the visitors whose events are others than those that a table was built from: of another number, or loaded
    at another moment.
    events: the relation with one row per event. known: the table. known_count: SQL that counts the events of a visitor
    in its rows.
#}
{% macro changed_visitors(events, known, known_count) -%}
    select counted.visitor_no
    from (
        select
            visitor_no,
            count(*) as event_count,
            max(loaded_at) as loaded_at
        from {{ events }}
        group by 1
    ) as counted
    left join (
        select
            visitor_no,
            {{ known_count }} as event_count,
            max(loaded_at) as loaded_at
        from {{ known }}
        group by 1
    ) as known on counted.visitor_no = known.visitor_no
    where
        known.event_count is null
        or known.event_count <> counted.event_count
        or known.loaded_at <> counted.loaded_at
{%- endmacro %}
