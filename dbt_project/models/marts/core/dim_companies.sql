{#
    grain: one row per company; key: company_id
#}
{% set reporting_currency = var('reporting_currency', 'EUR') | upper %}
with companies as (

    select * from {{ ref('int_crm__companies') }}

),

deals as (

    select
        company_id,
        count(*) as deal_count,
        sum(case when status = 'open' then 1 else 0 end) as open_deal_count,
        sum(case when status = 'won' then 1 else 0 end) as won_deal_count,
        sum(case when status = 'open' then coalesce(amount_reporting, 0) else 0 end) as open_amount_reporting,
        sum(case when status = 'won' then coalesce(amount_reporting, 0) else 0 end) as won_amount_reporting,
        -- A sum without an amount would look complete.
        max(case when amount is not null and amount_reporting is null then 1 else 0 end) as lacks_rate
    from {{ ref('fct_deals') }}
    where company_id is not null
    group by 1

),

contacts as (

    select
        company_id,
        count(*) as contact_count
    from {{ ref('int_crm__company_customers') }}
    group by 1

),

final as (

    select
        companies.company_id,
        companies.parent_company_id,
        companies.ultimate_parent_company_id,
        companies.company_name,
        companies.domain,
        companies.industry,
        companies.city,
        companies.country_code,
        companies.record_count,
        coalesce(contacts.contact_count, 0) as contact_count,
        coalesce(deals.deal_count, 0) as deal_count,
        cast(coalesce(deals.open_deal_count, 0) as {{ dbt.type_bigint() }}) as open_deal_count,
        cast(coalesce(deals.won_deal_count, 0) as {{ dbt.type_bigint() }}) as won_deal_count,
        case
            when coalesce(deals.lacks_rate, 0) = 0
                then {{ money('coalesce(deals.open_amount_reporting, 0)') }}
        end as open_amount_reporting,
        case
            when coalesce(deals.lacks_rate, 0) = 0
                then {{ money('coalesce(deals.won_amount_reporting, 0)') }}
        end as won_amount_reporting,
        '{{ reporting_currency }}' as reporting_currency,
        companies.first_created_at
    from companies
    left join deals on companies.company_id = deals.company_id
    left join contacts on companies.company_id = contacts.company_id

)

select * from final
