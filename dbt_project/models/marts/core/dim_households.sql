{#
    grain: one row per household of at least two customers; key: household_id
    rebuild: full table
    why here: who lives together is not one person; a household's id is that of its oldest customer
#}
with

households as (

    select * from {{ ref('int_identity__households') }}

),

evidence as (

    select * from {{ ref('int_identity__household_evidence') }}

),

customers as (

    select * from {{ ref('int_identity__customers') }}

),

golden as (

    select * from {{ ref('int_traits__golden_customers') }}

),

members as (

    select
        households.household_no,
        golden.last_name,
        golden.first_seen_at,
        golden.last_seen_at
    from households
    inner join customers on households.customer_no = customers.customer_no
    inner join golden on customers.customer_id = golden.customer_id

),

{# The family name of most members. #}
ranked_names as (

    select
        household_no,
        last_name,
        row_number() over (
            partition by household_no order by count(*) desc, last_name asc
        ) as choice
    from members
    where last_name is not null
    group by 1, 2

),

counted as (

    select
        household_no,
        cast(count(*) as bigint) as member_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from members
    group by 1

),

shared as (

    select
        households.household_no,
        max(case when evidence.kind = 'phone' then 1 else 0 end) = 1 as has_shared_phone,
        max(case when evidence.kind = 'address' then 1 else 0 end) = 1 as has_shared_address
    from households
    inner join evidence on households.customer_no = evidence.customer_no
    group by 1

),

final as (

    select
        {{ household_id_of('customers.customer_id') }} as household_id,
        ranked_names.last_name as household_name,
        counted.member_count,
        shared.has_shared_phone,
        shared.has_shared_address,
        counted.first_seen_at,
        counted.last_seen_at
    from counted
    inner join customers on counted.household_no = customers.customer_no
    inner join shared on counted.household_no = shared.household_no
    left join ranked_names on counted.household_no = ranked_names.household_no and ranked_names.choice = 1

)

select * from final
