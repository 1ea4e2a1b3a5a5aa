{#
    grain: one row per deal that was not merged into another; key: deal_id
    why here: status, primary contact and value in the reporting currency are computed once;
        customer_id is joined in the marts
#}
{% set reporting_currency = var('reporting_currency', 'EUR') | upper %}
{% set default_currency = var('default_currency', 'EUR') | upper %}
{% set weighted = "case
                when joined.status = 'won' then joined.amount
                when joined.status = 'lost' then 0
                else joined.amount * joined.chance_to_win
            end" %}
with stated as (

    {{ union_concept('deals') }}

),

deal_merges as (

    select * from {{ ref('int_crm__deal_merges') }}

),

histories as (

    select * from {{ ref('int_crm__deal_histories') }}

),

deals as (

    select
        stated.*,
        coalesce(stated.stage_id, histories.last_stage_id) as known_stage_id,
        histories.reopened_count,
        histories.first_closed_at,
        histories.close_date_move_count,
        histories.close_date_moved_days,
        histories.last_expected_date,
        histories.last_is_closed,
        histories.last_is_won
    from stated
    left join deal_merges on stated.source = deal_merges.source and stated.deal_id = deal_merges.merged_deal_id
    left join histories
        on stated.source = histories.source and stated.deal_id = histories.deal_id
    where deal_merges.merged_deal_id is null

),

merge_counts as (

    select
        source,
        deal_id,
        count(*) as merged_deal_count
    from deal_merges
    group by 1, 2

),

stages as (

    {{ union_concept('stages') }}

),

deal_contacts as (

    select * from {{ ref('int_crm__deal_contacts') }}
    where is_primary

),

contact_counts as (

    select
        source,
        deal_id,
        count(*) as contact_count
    from {{ ref('int_crm__deal_contacts') }}
    group by 1, 2

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

rates as (

    select * from {{ ref('int_commerce__reporting_rates') }}

),

joined as (

    select
        deals.*,
        identifiers.identifier_no,
        stages.pipeline_name,
        -- Without a list of stages, the stage id is the name.
        coalesce(stages.stage_name, deals.known_stage_id) as stage_name,
        coalesce(stages.probability, deals.probability) as chance_to_win,
        coalesce(deals.currency_code, '{{ default_currency }}') as deal_currency_code,
        case
            -- A CRM no longer counts a deal of a deleted stage as closed: the last outcome stays.
            when stages.is_deleted and (deals.is_won or stages.is_won) then 'won'
            when stages.is_deleted and (deals.is_closed or stages.is_closed) then 'lost'
            when coalesce(deals.is_won, stages.is_won, deals.last_is_won, false) then 'won'
            when coalesce(deals.is_closed, stages.is_closed, deals.last_is_closed, false) then 'lost'
            else 'open'
        end as status,
        coalesce(merge_counts.merged_deal_count, 0) as merged_deal_count,
        coalesce(contact_counts.contact_count, 0) as contact_count
    from deals
    left join stages
        on deals.source = stages.source and deals.known_stage_id = stages.stage_id
    left join deal_contacts
        on deals.source = deal_contacts.source and deals.deal_id = deal_contacts.deal_id
    left join contact_counts
        on deals.source = contact_counts.source and deals.deal_id = contact_counts.deal_id
    left join merge_counts
        on deals.source = merge_counts.source and deals.deal_id = merge_counts.deal_id
    left join identifiers
        on
            deal_contacts.identifier_type = identifiers.identifier_type
            and deal_contacts.identifier_value = identifiers.identifier_value

),

final as (

    select
        joined.deal_id,
        joined.identifier_no,
        joined.company_id,
        joined.owner_id,
        joined.known_stage_id as stage_id,
        joined.source,
        joined.deal_name,
        joined.pipeline_name,
        joined.stage_name,
        joined.status,
        joined.won_reason,
        joined.lost_reason,
        joined.contract_status,
        joined.deal_currency_code as currency_code,
        joined.amount,
        {{ money(weighted) }} as weighted_amount,
        {{ money('joined.amount * rates.rate_to_reporting') }} as amount_reporting,
        {{ money('(' ~ weighted ~ ') * rates.rate_to_reporting') }} as weighted_amount_reporting,
        '{{ reporting_currency }}' as reporting_currency,
        joined.contact_count,
        joined.merged_deal_count,
        coalesce(joined.reopened_count, 0) as reopened_count,
        coalesce(joined.close_date_move_count, 0) as close_date_move_count,
        joined.close_date_moved_days,
        joined.contract_end_date,
        case when joined.status = 'open' then joined.close_date else joined.last_expected_date end
            as expected_close_date,
        joined.created_at is null as is_occurred_at_estimated,
        coalesce(joined.created_at, joined.updated_at, joined.loaded_at) as occurred_at,
        -- Some CRMs keep the expected close date in the same field.
        case when joined.status <> 'open' then joined.closed_at end as closed_at,
        case
            when joined.reopened_count > 0 then joined.first_closed_at
            when joined.status <> 'open' then joined.closed_at
        end as first_closed_at,
        joined.loaded_at
    from joined
    left join rates on joined.deal_currency_code = rates.currency_code

)

select * from final
