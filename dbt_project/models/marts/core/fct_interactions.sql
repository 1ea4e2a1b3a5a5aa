{#
    grain: one row per call, e-mail, meeting, note, task or ticket; key: interaction_id
    why here: every kind of interaction in one shape; the id contains the kind, because call 42 is
        not ticket 42
#}
with engagements as (

    select * from {{ ref('int_crm__engagements') }}

),

tickets as (

    select * from {{ ref('int_support__tickets') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}

),

unioned as (

    select
        engagement_key as interaction_id,
        identifier_no,
        deal_id,
        source,
        engagement_type as interaction_type,
        direction,
        status,
        subject,
        cast(null as {{ dbt.type_string() }}) as score,
        duration_seconds,
        is_occurred_at_estimated,
        occurred_at,
        cast(null as timestamp) as closed_at
    from engagements

    union all

    select
        'ticket:' || ticket_id as interaction_id,
        identifier_no,
        cast(null as {{ dbt.type_string() }}) as deal_id,
        source,
        'ticket' as interaction_type,
        'inbound' as direction,
        status,
        subject,
        score,
        cast(null as bigint) as duration_seconds,
        is_occurred_at_estimated,
        occurred_at,
        closed_at
    from tickets

),

final as (

    select
        unioned.interaction_id,
        customers.customer_id,
        unioned.deal_id,
        unioned.source,
        unioned.interaction_type,
        unioned.direction,
        unioned.status,
        unioned.subject,
        unioned.score,
        unioned.duration_seconds,
        unioned.is_occurred_at_estimated,
        unioned.occurred_at,
        unioned.closed_at
    from unioned
    left join customers on unioned.identifier_no = customers.identifier_no

)

select * from final
