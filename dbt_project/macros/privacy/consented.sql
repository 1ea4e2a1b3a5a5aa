{#
    The consent gate: the rows of `customers` whose customer_id may be used for a purpose on a channel at as_of(), because a live
    grant or another declared legal basis stands in dim_consents. No row, denied, withdrawn and expired are all no.
    customers: a relation or the name of a CTE with customer_id. purpose, channel: as in the seed purposes.
    `select * from {{ consented('lapsed_buyers', 'advertising', 'ads') }} as allowed`
#}
{% macro consented(customers, purpose, channel) -%}
    (
        select candidates.*
        from {{ customers }} as candidates
        inner join {{ ref('dim_consents') }} as consents
            on candidates.customer_id = consents.customer_id
        where
            consents.purpose = '{{ purpose }}'
            and consents.channel = '{{ channel }}'
            and consents.status = 'granted'
            and (consents.expires_at is null or consents.expires_at > {{ as_of() }})
    )
{%- endmacro %}
