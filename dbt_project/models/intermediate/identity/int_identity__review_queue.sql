{#
    grain: one row per two customers that may be one person and that nobody has decided on; key: (identifier_no_a, identifier_no_b)
    rebuild: full table
    why here: what `merganser identity review` asks: of each two customers the likeliest pair of records
#}
with

person_pairs as (

    select * from {{ ref('int_identity__person_pairs') }}

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}

),

partition_members as (

    select * from {{ ref('int_identity__partition') }}

),

placed as (

    select
        person_pairs.identifier_no_a,
        person_pairs.identifier_no_b,
        person_pairs.match_probability,
        case
            when person_pairs.verdict = 'held' then concat('held:', person_pairs.reason) else person_pairs.verdict
        end as reason,
        person_pairs.model_version,
        least(first_members.customer_no, second_members.customer_no) as older_no,
        greatest(first_members.customer_no, second_members.customer_no) as younger_no
    from person_pairs
    inner join partition_members as first_members
        on person_pairs.identifier_no_a = first_members.identifier_no
    inner join partition_members as second_members
        on person_pairs.identifier_no_b = second_members.identifier_no
    where
        person_pairs.verdict in ('held', 'question')
        and first_members.customer_no <> second_members.customer_no

),

{# Decided is what a person said of any two identifiers of the two customers. #}
decided as (

    select distinct
        least(first_members.customer_no, second_members.customer_no) as older_no,
        greatest(first_members.customer_no, second_members.customer_no) as younger_no
    from overrides
    inner join partition_members as first_members
        on overrides.identifier_no_a = first_members.identifier_no
    inner join partition_members as second_members
        on overrides.identifier_no_b = second_members.identifier_no
    where overrides.problem is null

),

ranked as (

    select
        placed.*,
        row_number() over (
            partition by placed.older_no, placed.younger_no
            order by placed.match_probability desc, placed.identifier_no_a asc, placed.identifier_no_b asc
        ) as choice
    from placed
    left join decided
        on placed.older_no = decided.older_no and placed.younger_no = decided.younger_no
    where decided.older_no is null

),

final as (

    select
        identifier_no_a,
        identifier_no_b,
        older_no as customer_no_a,
        younger_no as customer_no_b,
        reason,
        model_version,
        match_probability
    from ranked
    where choice = 1

)

select * from final
