{# Every node that has a customer, as the members of a run from nothing: each is its own end. #}
{% macro select_all_members(nodes) -%}
    select
        identifier_no as node,
        cast(null as bigint) as old_component_no,
        identifier_no as end_no,
        true as is_reopened,
        cause_rank
    from {{ nodes }}
    where has_customer
{%- endmacro %}
