{#
    grain: one row per two customers that may be one person and are undecided; key:
        (identifier_no_a, identifier_no_b)
    rebuild: full table
    why here: the questions of `merganser identity review`: the likeliest pair of records of each
        two customers
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

named as (

    select
        identifier_no_a,
        identifier_no_b,
        case when verdict = 'held' then concat('held:', reason) else verdict end as reason,
        model_version,
        match_probability,
        0 as is_decision
    from person_pairs
    where verdict in ('held', 'question')

    union all

    select
        identifier_no_a,
        identifier_no_b,
        null as reason,
        null as model_version,
        null as match_probability,
        1 as is_decision
    from overrides
    where problem is null

),

placed as (

    select
        named.*,
        least(first_members.customer_no, second_members.customer_no) as older_no,
        greatest(first_members.customer_no, second_members.customer_no) as younger_no
    from named
    inner join partition_members as first_members
        on named.identifier_no_a = first_members.identifier_no
    inner join partition_members as second_members
        on named.identifier_no_b = second_members.identifier_no
    where first_members.customer_no <> second_members.customer_no

),

{# A decision on any two identifiers of the two customers settles the question. #}
ranked as (

    select
        *,
        row_number() over (
            partition by older_no, younger_no
            order by is_decision desc, match_probability desc, identifier_no_a asc, identifier_no_b asc
        ) as choice
    from placed

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
    where choice = 1 and is_decision = 0

)

select * from final
