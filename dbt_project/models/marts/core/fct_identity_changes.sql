{#
    grain: one row per change of a customer's id; key: change_id
    rebuild: a pure select over the membership history, so a re-run gives the same rows
    why here: the oldest identifier names the customer, so its moves show what became of the
        customer; other identifiers that moved between two continuing customers are one row
#}
with

history as (

    select * from {{ ref('int_identity__membership_history') }}

),

steps as (

    select
        identifier_no,
        customer_no,
        revision_no,
        cause,
        valid_from,
        lag(customer_no) over (
            partition by identifier_no order by revision_no
        ) as previous_customer_no,
        row_number() over (partition by identifier_no order by revision_no) as step_no
    from history

),

changes as (

    select
        case
            when customer_no is null then 'retired'
            when customer_no <> identifier_no then 'merged'
            when previous_customer_no is null then 'created'
            else 'split'
        end as change_type,
        identifier_no,
        case when customer_no = identifier_no then previous_customer_no else identifier_no end
            as from_customer_no,
        customer_no as to_customer_no,
        step_no,
        revision_no,
        cause,
        valid_from
    from steps
    where
        (customer_no = identifier_no or previous_customer_no = identifier_no)
        and customer_no is distinct from previous_customer_no

),

moves as (

    select
        previous_customer_no as from_customer_no,
        customer_no as to_customer_no,
        revision_no,
        min(identifier_no) as identifier_no
    from steps
    where customer_no <> previous_customer_no
    group by 1, 2, 3

),

transfers as (

    select
        'transferred' as change_type,
        moves.identifier_no,
        moves.from_customer_no,
        moves.to_customer_no,
        steps.step_no,
        moves.revision_no,
        steps.cause,
        steps.valid_from
    from moves
    inner join steps on moves.identifier_no = steps.identifier_no and moves.revision_no = steps.revision_no
    left join changes
        on
            moves.from_customer_no = changes.from_customer_no
            and moves.to_customer_no = changes.to_customer_no
            and moves.revision_no = changes.revision_no
    where changes.change_type is null

),

every_change as (

    select * from changes
    union all
    select * from transfers

),

final as (

    select
        {{ md5_hex("concat(change_type, ':', identifier_no, ':', revision_no)") }} as change_id,
        change_type,
        {{ customer_id_of('from_customer_no') }} as from_customer_id,
        {{ customer_id_of('to_customer_no') }} as to_customer_id,
        case
            when change_type = 'created' and step_no = 1 then 'first_seen'
            when change_type in ('created', 'merged') then 'new_evidence'
            when change_type = 'split' then 'evidence_removed'
            when change_type = 'transferred' then 'other_evidence'
            else 'no_evidence_left'
        end as reason,
        coalesce(cause, 'unknown') as cause,
        valid_from as changed_at
    from every_change

)

select * from final
