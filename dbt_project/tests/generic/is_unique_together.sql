{#
    No two rows have the same values in all of these columns; nulls count as values. Narrow the rows
    with `where` (is_current).
#}
{% test is_unique_together(model, columns) %}

select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1

{% endtest %}
