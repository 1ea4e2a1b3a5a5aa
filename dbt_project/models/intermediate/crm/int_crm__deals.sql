{#
    grain: one row per deal; key: deal_id
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
with deals as (

    {{ union_concept('deals') }}

),

stages as (

    {{ union_concept('stages') }}

),

deal_contacts as (

    select * from {{ ref('int_crm__deal_contacts') }}

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
        coalesce(stages.stage_name, deals.stage_id) as stage_name,
        coalesce(stages.probability, deals.probability) as chance_to_win,
        coalesce(deals.currency_code, '{{ default_currency }}') as deal_currency_code,
        case
            when coalesce(deals.is_won, stages.is_won, false) then 'won'
            when coalesce(deals.is_closed, stages.is_closed, false) then 'lost'
            else 'open'
        end as status
    from deals
    left join stages
        on deals.source = stages.source and deals.stage_id = stages.stage_id
    left join deal_contacts
        on deals.source = deal_contacts.source and deals.deal_id = deal_contacts.deal_id
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
        joined.stage_id,
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
        joined.contract_end_date,
        joined.created_at is null as is_occurred_at_estimated,
        coalesce(joined.created_at, joined.updated_at, joined.loaded_at) as occurred_at,
        -- Some CRMs keep the expected close date in the same field.
        case when joined.status <> 'open' then joined.closed_at end as closed_at,
        joined.loaded_at
    from joined
    left join rates on joined.deal_currency_code = rates.currency_code

)

select * from final
