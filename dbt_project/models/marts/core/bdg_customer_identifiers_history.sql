{#
    grain: one row per stay of an identifier with a customer; key: (identifier_no, valid_from)
    rebuild: a pure select over the membership history
    why here: who was this cookie on 3 March? As known then: the row whose valid_from and valid_to
        enclose the day. As known now: present_customer_id, if first_seen_at is not later than the
        day
#}
with

history as (

    select * from {{ ref('int_identity__membership_history') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

present as (

    select * from {{ ref('int_identity__customer_identifiers') }}

),

stays as (

    select
        identifier_no,
        customer_no,
        revision_no,
        cause,
        valid_from,
        lead(valid_from) over (partition by identifier_no order by revision_no) as valid_to
    from history

),

final as (

    select
        stays.identifier_no,
        identifiers.identifier_type,
        identifiers.identifier_value,
        {{ customer_id_of('stays.customer_no') }} as customer_id,
        present.customer_id as present_customer_id,
        stays.cause,
        stays.valid_to is null as is_current,
        stays.valid_from,
        stays.valid_to,
        present.first_seen_at
    from stays
    inner join identifiers on stays.identifier_no = identifiers.identifier_no
    left join present on stays.identifier_no = present.identifier_no
    where
        stays.customer_no is not null
        and identifiers.identifier_value is not null
        {# A state that was corrected before new data arrived was never published. #}
        and (stays.valid_to is null or stays.valid_to > stays.valid_from)

)

select * from final
