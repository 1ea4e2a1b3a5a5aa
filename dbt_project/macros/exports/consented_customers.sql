{#
    The consent gate of exports, as a relation of customer_id: who has a live, positive consent (or another declared basis) for a
    purpose on a channel at as_of(). No row, denied, withdrawn and expired are all no.
#}
{% macro consented_customers(purpose, channel) -%}
    (
        select customer_id
        from {{ ref('dim_consents') }}
        where
            purpose = '{{ purpose }}'
            and channel = '{{ channel }}'
            and status = 'granted'
            and (expires_at is null or expires_at > {{ as_of() }})
    )
{%- endmacro %}
