{#
    grain: one row per two customers that evidence would join and a limit, the size cap or a person
        keeps apart; key: conflict_id
    rebuild: full table
    why here: for review by a person: the edge, the limit, the two sides, and the result of a
        release
#}
with

refused as (

    select *
    from {{ ref('int_identity__refused_edges') }}
    where
        customer_no_a <> customer_no_b
        and (reason like 'limit:%' or reason in ('size_cap', 'override_exclude'))

),

customers as (

    select * from {{ ref('int_identity__customers') }}

),

customer_identifiers as (

    select * from {{ ref('int_identity__customer_identifiers') }}

),

identifier_types as (

    select * from {{ ref('identifier_types') }}

),

{# Each end of the edge on the side of its customer. #}
sided as (

    select
        refused.reason,
        refused.rule,
        refused.source,
        refused.record_id,
        refused.tier,
        refused.times_seen,
        refused.first_seen_at,
        refused.last_seen_at,
        older_ends.customer_no as older_no,
        older_ends.identifier_type as identifier_type_a,
        older_ends.identifier_value as identifier_value_a,
        younger_ends.customer_no as younger_no,
        younger_ends.identifier_type as identifier_type_b,
        younger_ends.identifier_value as identifier_value_b,
        concat(older_ends.identifier_type, ':', older_ends.identifier_value) as name_a,
        concat(younger_ends.identifier_type, ':', younger_ends.identifier_value) as name_b,
        case
            when refused.reason like 'limit:%' then {{ dbt.split_part('refused.reason', "':'", 2) }}
        end as limited_type
    from refused
    inner join customer_identifiers as older_ends
        on
            least(refused.customer_no_a, refused.customer_no_b) = older_ends.customer_no
            and older_ends.identifier_no in (refused.identifier_no_a, refused.identifier_no_b)
    inner join customer_identifiers as younger_ends
        on
            greatest(refused.customer_no_a, refused.customer_no_b) = younger_ends.customer_no
            and younger_ends.identifier_no in (refused.identifier_no_a, refused.identifier_no_b)

),

{# Ordered by evidence alone, as when edges are refused: the order of arrival does not matter. #}
ranked as (

    select
        *,
        row_number() over (
            partition by older_no, younger_no
            order by
                tier asc,
                times_seen desc,
                last_seen_at desc,
                least(name_a, name_b) asc,
                greatest(name_a, name_b) asc,
                rule asc,
                source asc,
                record_id asc
        ) as strength
    from sided

),

conflicts as (

    select
        older_no,
        younger_no,
        min(reason) as reason,
        min(limited_type) as limited_type,
        min(tier) as tier,
        count(*) as edge_count,
        count(distinct source) as source_count,
        cast(sum(times_seen) as bigint) as times_seen,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from sided
    group by 1, 2

),

held as (

    select
        customer_no,
        identifier_type,
        count(*) as identifier_count
    from customer_identifiers
    where customer_no is not null
    group by 1, 2

),

final as (

    select
        {{ md5_hex("concat(older.customer_id, ':', younger.customer_id)") }} as conflict_id,
        older.customer_id as customer_id_a,
        younger.customer_id as customer_id_b,
        conflicts.reason,
        conflicts.limited_type,
        strongest.identifier_type_a,
        strongest.identifier_value_a,
        strongest.identifier_type_b,
        strongest.identifier_value_b,
        strongest.rule,
        strongest.source,
        strongest.record_id as source_record_id,
        conflicts.tier,
        identifier_types.max_per_customer as allowed_count,
        coalesce(older_held.identifier_count, 0) as limited_count_a,
        coalesce(younger_held.identifier_count, 0) as limited_count_b,
        older.identifier_count as identifier_count_a,
        younger.identifier_count as identifier_count_b,
        conflicts.edge_count,
        conflicts.source_count,
        conflicts.times_seen,
        conflicts.first_seen_at,
        conflicts.last_seen_at
    from conflicts
    inner join ranked as strongest
        on
            conflicts.older_no = strongest.older_no
            and conflicts.younger_no = strongest.younger_no
            and strongest.strength = 1
    inner join customers as older on conflicts.older_no = older.customer_no
    inner join customers as younger on conflicts.younger_no = younger.customer_no
    left join identifier_types on conflicts.limited_type = identifier_types.identifier_type
    left join held as older_held
        on conflicts.older_no = older_held.customer_no and conflicts.limited_type = older_held.identifier_type
    left join held as younger_held
        on conflicts.younger_no = younger_held.customer_no and conflicts.limited_type = younger_held.identifier_type

)

select * from final
