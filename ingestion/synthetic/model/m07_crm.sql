-- What sales people recorded: versions of contacts, deals with the history of their stages, calls.

create or replace table first_orders as
select
    account_no as person_no, min(ordered_at) as first_ordered_at, max(ordered_at) as last_ordered_at
from orders
where not is_cancelled
group by account_no;

-- A contact arrives again when the person marries or moves, when two contacts are merged, and when
-- it is deleted.
create or replace table contact_versions as
with contacts as (
    select
        records.*,
        winner.merged_at as won_at,
        winner.loser_id,
        loser.merged_at as lost_at,
        if(is_deleted_at_source, soon_after(created_at, 300, 'deleted at', record_no, 1), null)
            as deleted_at,
        if(
            (changes_surname or changes_address)
            and life_changed_at > created_at
            and draw('hears of it', record_no) < 0.75,
            after(life_changed_at, 3600),
            null
        ) as updated_life_at,
    from records
    left join crm_merges as winner on winner.winner_no = records.record_no
    left join crm_merges as loser on loser.loser_no = records.record_no
    where source = 'hubspot'
),

moments as (
    select record_no, created_at as changed_at from contacts
    union
    select record_no, updated_life_at
    from contacts
    where
        updated_life_at is not null
        and updated_life_at < coalesce(lost_at, deleted_at, getvariable('world_end'))
    union
    select record_no, won_at from contacts where won_at is not null
    union
    select record_no, coalesce(lost_at, deleted_at)
    from contacts
    where coalesce(lost_at, deleted_at) is not null
)

select
    contacts.* exclude (family_name, street, city, region, postal_code),
    changed_at,
    row_number() over (partition by record_no order by changed_at) as version_no,
    if(knows_life and changes_surname, later_family_name, family_name) as family_name,
    if(knows_life and changes_address, next_street, street) as street,
    if(knows_life and changes_address, next_city, city) as city,
    if(knows_life and changes_address, next_region, region) as region,
    if(knows_life and changes_address, next_postal_code, postal_code) as postal_code,
    if(changed_at >= won_at, loser_id, null) as merged_contact_ids,
    coalesce(changed_at >= coalesce(lost_at, deleted_at), false) as is_deleted,
    first_orders.first_ordered_at < changed_at as has_bought,
from
    (
        select contacts.*, changed_at, coalesce(changed_at >= updated_life_at, false) as knows_life
        from contacts
        inner join moments using (record_no)
    ) as contacts
left join first_orders on first_orders.person_no = contacts.person_no
where changed_at < getvariable('world_end')
order by record_no, version_no;

-- A business customer negotiates one to three contracts. Each runs for a year and may be renewed.
create or replace table deals as
with buyers as (
    select
        record_no as contact_no,
        record_id as contact_id,
        person_no,
        company_no,
        company_id,
        company_name,
        created_at,
        country_code,
        unnest(range(1, 2 + pick(3, 'deal count', person_no))) as turn,
    from records
    where source = 'hubspot' and ordinal = 1 and company_no is not null and not is_deleted_at_source
),

opened as (
    select
        *,
        person_no * 8 + turn as deal_key,
        -- The first negotiations begin early, so that there are contracts to renew.
        after(
            created_at,
            draw('deal opened', person_no, turn)
            * 0.85
            * epoch(getvariable('world_end') - created_at)
        ) as opened_at,
        draw('deal won', person_no, turn) as luck,
    from buyers
),

paced as (
    select
        *,
        4 + 9 * draw('deal pace', deal_key) as days_per_stage,
        case when luck < 0.5 then 'won' when luck < 0.85 then 'lost' else 'stalled' end as fate,
        pick(4, 'stages passed', deal_key) as stages_passed,
        cast(round(800 + 9200 * pow(draw('deal amount', deal_key), 2), -1) as decimal(18, 2))
            as amount_eur,
    from opened
),

closed as (
    select
        *,
        'default' as pipeline_id,
        case fate
            when 'won' then after(opened_at, days_per_stage * 4 * 86400) when
                'lost'
                then after(opened_at, days_per_stage * stages_passed * 86400)
        end as closed_at,
    from paced
),

contracted as (
    select
        *,
        -- Most contracts run for a year. Some are shorter and end in the two months after the
        -- world, with the budgets.
        case
            when fate <> 'won' or closed_at >= getvariable('world_end') then null
            when
                closed_at < getvariable('world_end') - interval 200 day
                and draw('budget year', deal_key) < 0.45
                then cast(getvariable('world_end') as date) + pick(56, 'contract end', deal_key)
            else cast(closed_at as date) + 365
        end as contract_end_date,
    from closed
),

renewals as (
    select
        * exclude (
            pipeline_id, opened_at, closed_at, fate, deal_key, turn, stages_passed, days_per_stage
        ),
        'renewal' as pipeline_id,
        cast(contract_end_date - 75 as timestamp) + interval 9 hour as opened_at,
        deal_key + 4000000000 as deal_key,
        turn + 4 as turn,
        2 as stages_passed,
        10 + 20 * draw('renewal pace', deal_key) as days_per_stage,
        case
            when contract_end_date > cast(getvariable('world_end') as date) then 'stalled' when
                draw('renewed', deal_key) < 0.7
                then 'won' else 'lost'
        end as fate,
    from contracted
    where
        contract_end_date is not null
        and contract_end_date - 75 < cast(getvariable('world_end') as date)
),

united as (
    select
        deal_key,
        contact_no,
        contact_id,
        person_no,
        company_id,
        company_name,
        country_code,
        pipeline_id,
        opened_at,
        closed_at,
        days_per_stage,
        stages_passed,
        fate,
        amount_eur,
        contract_end_date
    from contracted
    union all
    select
        deal_key,
        contact_no,
        contact_id,
        person_no,
        company_id,
        company_name,
        country_code,
        pipeline_id,
        opened_at,
        if(fate = 'stalled', null, cast(contract_end_date as timestamp) - interval 5 day),
        days_per_stage,
        stages_passed,
        fate,
        amount_eur,
        -- A renewed contract ends a year later.
        if(fate = 'won', contract_end_date + 365, contract_end_date),
    from renewals
)

select
    united.*,
    cast(6700000000 + row_number() over (order by opened_at, deal_key) * 37 as varchar) as deal_id,
    countries.currency,
    money(amount_eur * price_level, money_digits) as amount,
    1 + deal_key % 8 as rep_no,
from united
inner join countries using (country_code)
where opened_at < getvariable('world_end')
order by opened_at, deal_key;

create or replace table deal_stage_entries as
with planned as (
    select
        deals.deal_key,
        deals.deal_id,
        deals.opened_at,
        deals.closed_at,
        deals.fate,
        deals.days_per_stage,
        deal_stages.stage_id,
        deal_stages.stage_order,
        deal_stages.is_closed,
        deal_stages.probability,
        case
            when
                not deal_stages.is_closed
                then after(opened_at, stage_order * days_per_stage * 86400)
            else closed_at
        end as entered_at,
    from deals
    inner join deal_stages using (pipeline_id)
    where if(
        deal_stages.is_closed,
        (fate = 'won' and probability = 1) or (fate = 'lost' and probability = 0),
        fate = 'won' or stage_order < stages_passed
    )
)

select *, row_number() over (partition by deal_key order by entered_at, stage_order) as version_no
from planned
where
    entered_at < getvariable('world_end') and (is_closed or closed_at is null or entered_at < closed_at);

create or replace table calls as
with made as (
    select
        records.record_no as contact_no, records.record_id as contact_id, person_no, created_at,
        unnest(
            range(
                1,
                1
                + cast(
                    floor(
                        wait('call count', record_no) * if(company_no is null, 0.25, 2.2)
                    ) as integer
                )
            )
        ) as turn,
    from records
    where source = 'hubspot'
)

select
    *,
    cast(430000000000 + contact_no * 64 + turn as varchar) as call_id,
    soon_after(created_at, 240, 'called at', contact_no, turn) as called_at,
    if(chance(0.7, 'call direction', contact_no, turn), 'OUTBOUND', 'INBOUND') as direction,
    pick(5, 'call disposition', contact_no, turn) as disposition_no,
    cast(20000 + 600000 * pow(draw('call length', contact_no, turn), 2) as bigint) as duration_ms,
    1 + (contact_no + turn) % 8 as rep_no,
from made
where turn < 30
order by contact_no, turn;
