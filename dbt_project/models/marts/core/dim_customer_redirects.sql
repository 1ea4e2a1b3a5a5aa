{#
    grain: one row per customer id that is no longer in use; key: retired_customer_id
    rebuild: a select over the membership history and the current partition
    why here: a published id resolves for ever: its anchor keeps its number and has a customer today
#}
with

history as (

    select * from {{ ref('int_identity__membership_history') }}

),

partition_members as (

    select * from {{ ref('int_identity__partition') }}

),

customers as (

    select * from {{ ref('int_identity__customers') }}

),

former_members as (

    select distinct
        history.customer_no,
        history.identifier_no
    from history
    left join customers on history.customer_no = customers.named_no
    where history.customer_no is not null and customers.named_no is null

),

{# The anchor decides; if it is gone, the oldest remaining former member does. #}
successors as (

    select
        former_members.customer_no,
        customers.customer_id,
        row_number() over (
            partition by former_members.customer_no
            order by
                case when customers.customer_id is null then 1 else 0 end,
                case
                    when former_members.identifier_no = former_members.customer_no then 0 else 1
                end,
                former_members.identifier_no
        ) as choice
    from former_members
    left join partition_members
        on former_members.identifier_no = partition_members.identifier_no
    left join customers on partition_members.customer_no = customers.customer_no

),

final as (

    select
        {{ customer_id_of('customer_no') }} as retired_customer_id,
        customer_id
    from successors
    where choice = 1

)

select * from final
