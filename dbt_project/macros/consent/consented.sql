{#
    The consent gate. It keeps the rows of `customers` whose customer_id may be used at as_of() for
    the purpose and channel that the calling model declares in config.meta.export. That requires a
    row in dim_consents with a live grant or another declared legal basis. A missing row, denied,
    withdrawn and expired all mean no.
    customers: a relation or the name of a CTE with customer_id.
    `select * from {{ consented('lapsed_buyers') }} as allowed`
#}
{% macro consented(customers) -%}
    {%- set export = own_export() -%}
    (
        select candidates.*
        from {{ customers }} as candidates
        inner join {{ ref('dim_consents') }} as consents
            on candidates.customer_id = consents.customer_id
        where
            consents.purpose = '{{ export.purpose }}'
            and consents.channel = '{{ export.channel }}'
            and consents.status = 'granted'
            and (consents.expires_at is null or consents.expires_at > {{ as_of() }})
    )
{%- endmacro %}
