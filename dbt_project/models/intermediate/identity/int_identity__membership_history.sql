{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}
{#
    grain: one row per change of an identifier's customer; key: (identifier_no, revision_no)
    rebuild: appends what differs from the last known state, so a re-run adds nothing; never dropped
    why here: what was known when; a null customer_no says that the identifier belongs to nobody any more
#}
with

members as (

    select
        identifier_no,
        customer_no
    from {{ ref('int_identity__partition') }}

),

{# The build's moment is the latest arrival it saw: history is a function of the data, not of the clock. #}
moment as (

    select max(last_loaded_at) as valid_from from {{ ref('int_identity__sightings') }}

),

{% if is_incremental() %}
history as (

    select
        identifier_no,
        customer_no,
        revision_no,
        row_number() over (partition by identifier_no order by revision_no desc) as recency
    from {{ this }}

),

known as (

    select
        identifier_no,
        customer_no
    from history
    where recency = 1

),

revision as (

    select coalesce(max(revision_no), 0) + 1 as revision_no from history

),

changed as (

    select
        members.identifier_no,
        members.customer_no
    from members
    left join known on members.identifier_no = known.identifier_no
    where known.customer_no is null or members.customer_no <> known.customer_no

    union all

    select
        known.identifier_no,
        cast(null as bigint) as customer_no
    from known
    left join members on known.identifier_no = members.identifier_no
    where known.customer_no is not null and members.identifier_no is null

),
{% else %}
    revision as (

        select 1 as revision_no

    ),

    changed as (

        select * from members

    ),
{% endif %}

final as (

    select
        changed.identifier_no,
        changed.customer_no,
        cast(revision.revision_no as bigint) as revision_no,
        moment.valid_from
    from changed
    cross join revision
    cross join moment

)

select * from final
