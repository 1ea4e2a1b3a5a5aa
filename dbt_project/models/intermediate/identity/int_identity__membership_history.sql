{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        full_refresh=false,
        meta={'clock': []},
    )
}}
{#
    grain: one row per change of an identifier's customer; key: (identifier_no, revision_no)
    rebuild: appends differences from the last known state, so a re-run adds nothing; never dropped
    why here: what was known when; customer_no is null once the identifier has no customer. An
        erased identifier that named a customer stays as a number and follows the oldest remaining
        identifier of that customer (carrier_no)
#}
with

members as (

    select
        identifier_no,
        customer_no,
        cause_rank
    from {{ ref('int_identity__partition') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}

),

{# The time of a build is the latest arrival or decision that it has read: history depends on data. #}
latest as (

    select max(known_at) as known_at
    from (
        select max(last_loaded_at) as known_at from {{ ref('int_identity__records') }}

        union all

        select max(decided_at) as known_at
        from overrides
        where problem is null and decided_at <= {{ build_started_at() }}
    ) as moments

),

{% if is_incremental() %}
history as (

    select
        identifier_no,
        customer_no,
        {{ 'cast(null as bigint) as carrier_no' if lacks_column(this, 'carrier_no') else 'carrier_no' }},
        revision_no,
        valid_from,
        row_number() over (partition by identifier_no order by revision_no desc) as recency
    from {{ this }}

),

known as (

    select
        identifier_no,
        customer_no,
        carrier_no
    from history
    where recency = 1 and customer_no is not null

),

{# Erased identifiers that named a customer, with that customer's oldest remaining identifier. #}
carriers as (

    select
        anchors.identifier_no,
        coalesce(min(carriers_before.identifier_no), min(members.identifier_no)) as carrier_no
    from known as anchors
    inner join identifiers on anchors.identifier_no = identifiers.identifier_no
    inner join known as former_members on anchors.customer_no = former_members.customer_no
    inner join members on former_members.identifier_no = members.identifier_no
    left join members as carriers_before on anchors.carrier_no = carriers_before.identifier_no
    where
        identifiers.identifier_value is null
        and (anchors.customer_no = anchors.identifier_no or anchors.carrier_no is not null)
    group by 1

),

inherited as (

    select
        members.customer_no,
        min(carriers.identifier_no) as named_no
    from carriers
    inner join members on carriers.carrier_no = members.identifier_no
    group by 1

),

placed as (

    select
        members.identifier_no,
        least(members.customer_no, coalesce(inherited.named_no, members.customer_no)) as customer_no,
        cast(null as bigint) as carrier_no,
        members.cause_rank
    from members
    left join inherited on members.customer_no = inherited.customer_no

    union all

    select
        carriers.identifier_no,
        least(members.customer_no, inherited.named_no) as customer_no,
        carriers.carrier_no,
        members.cause_rank
    from carriers
    inner join members on carriers.carrier_no = members.identifier_no
    inner join inherited on members.customer_no = inherited.customer_no

),

revision as (

    select
        coalesce(max(revision_no), 0) + 1 as revision_no,
        max(valid_from) as valid_from
    from history

),

{# A build with nothing new, after a changed rule or a withdrawn decision, has the time of its start. #}
moment as (

    select
        case
            when revision.valid_from is null or latest.known_at > revision.valid_from
                then latest.known_at
            else greatest({{ build_started_at() }}, revision.valid_from)
        end as valid_from
    from latest
    cross join revision

),

changed as (

    select
        placed.identifier_no,
        placed.customer_no,
        placed.carrier_no,
        placed.cause_rank
    from placed
    left join known on placed.identifier_no = known.identifier_no
    where
        known.identifier_no is null
        or placed.customer_no <> known.customer_no
        or placed.carrier_no is distinct from known.carrier_no

    union all

    select
        known.identifier_no,
        cast(null as bigint) as customer_no,
        cast(null as bigint) as carrier_no,
        coalesce(nodes.cause_rank, 4) as cause_rank
    from known
    left join placed on known.identifier_no = placed.identifier_no
    left join nodes on known.identifier_no = nodes.identifier_no
    where placed.identifier_no is null

),
{% else %}
    revision as (

        select 1 as revision_no

    ),

    moment as (

        select known_at as valid_from from latest

    ),

    changed as (

        select
            members.identifier_no,
            members.customer_no,
            cast(null as bigint) as carrier_no,
            members.cause_rank
        from members

    ),
{% endif %}

final as (

    select
        changed.identifier_no,
        changed.customer_no,
        changed.carrier_no,
        cast(revision.revision_no as bigint) as revision_no,
        case changed.cause_rank
            when 1 then 'override'
            when 2 then 'erasure'
            when 3 then 'rule'
            else 'edge'
        end as cause,
        moment.valid_from
    from changed
    cross join revision
    cross join moment

)

select * from final
