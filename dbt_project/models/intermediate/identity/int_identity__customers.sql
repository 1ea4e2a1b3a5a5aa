{#
    grain: one row per customer of the partition; key: customer_no
    rebuild: full table
    why here: a customer's id is the number of its oldest identifier; after its erasure, the part of
        the customer with the oldest remaining identifier keeps the number
#}
with

partition_members as (

    select * from {{ ref('int_identity__partition') }}

),

carried as (

    select * from {{ ref('int_identity__membership_history') }}
    where carrier_no is not null

),

present as (

    select
        customer_no,
        min(component_no) as component_no,
        count(*) as identifier_count
    from partition_members
    group by 1

),

{# The member that the latest revision names keeps an erased number. #}
latest as (

    select
        history.identifier_no,
        max(history.revision_no) as revision_no
    from {{ ref('int_identity__membership_history') }} as history
    inner join carried on history.identifier_no = carried.identifier_no
    group by 1

),

inherited as (

    select
        partition_members.customer_no,
        min(carried.identifier_no) as named_no
    from carried
    inner join latest
        on
            carried.identifier_no = latest.identifier_no
            and carried.revision_no = latest.revision_no
    inner join partition_members on carried.carrier_no = partition_members.identifier_no
    group by 1

),

named as (

    select
        present.customer_no,
        least(present.customer_no, coalesce(inherited.named_no, present.customer_no)) as named_no
    from present
    left join inherited on present.customer_no = inherited.customer_no

),

final as (

    select
        present.customer_no,
        {{ customer_id_of('named.named_no') }} as customer_id,
        present.component_no,
        named.named_no,
        present.identifier_count
    from present
    inner join named on present.customer_no = named.customer_no

)

select * from final
