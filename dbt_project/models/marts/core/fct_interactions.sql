{#
    grain: one row per call or ticket; key: interaction_id
    why here: two kinds of talk with a customer in one shape; the id names the kind, because call 42 is not ticket 42
#}
with calls as (

    select * from {{ ref('int_crm__calls') }}

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
        'call:' || call_id as interaction_id,
        identifier_no,
        source,
        'call' as interaction_type,
        direction,
        disposition as status,
        cast(null as {{ dbt.type_string() }}) as subject,
        cast(null as {{ dbt.type_string() }}) as score,
        duration_seconds,
        occurred_at,
        cast(null as timestamp) as closed_at
    from calls

    union all

    select
        'ticket:' || ticket_id as interaction_id,
        identifier_no,
        source,
        'ticket' as interaction_type,
        'inbound' as direction,
        status,
        subject,
        score,
        cast(null as bigint) as duration_seconds,
        occurred_at,
        closed_at
    from tickets

),

final as (

    select
        unioned.interaction_id,
        customers.customer_id,
        unioned.source,
        unioned.interaction_type,
        unioned.direction,
        unioned.status,
        unioned.subject,
        unioned.score,
        unioned.duration_seconds,
        unioned.occurred_at,
        unioned.closed_at
    from unioned
    left join customers on unioned.identifier_no = customers.identifier_no

)

select * from final
