{#
    grain: one row per member of the segment who may be contacted for the declared purpose; key: record_key
#}
with members as (

    select customer_id from {{ ref('seg_SEGMENT') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

allowed as (

    select customer_id from {{ consented('members') }} as consented_members

),

final as (

    select
        customers.customer_id as record_key,
        customers.customer_id,
        customers.email,
        customers.order_count,
        customers.last_order_at
    from allowed
    inner join customers on allowed.customer_id = customers.customer_id
    where customers.email is not null

)

select * from final
