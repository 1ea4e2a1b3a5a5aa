{{ config(materialized='view') }}
{#
    grain: one row per (source, identifier) of an order or a deal, with when it began
    rebuild: a view over staging
    why here: who has a contract may be served under it, without being asked
#}
with

contracts as (

    {% for source in ['shopify', 'shopify_graphql'] %}
        select
            '{{ source }}' as source,
            case
                when shopify_customer_id is null then 'shopify_order_id' else 'shopify_customer_id'
            end
                as identifier_type,
            coalesce(shopify_customer_id, order_id) as identifier_value,
            coalesce(ordered_at, updated_at, loaded_at) as contracted_at
        from {{ ref('stg_' ~ source ~ '__orders') }}
        where is_current and not coalesce(is_deleted, false) and not coalesce(is_test, false)

        union all

    {% endfor %}
    select
        'hubspot' as source,
        'hubspot_contact_id' as identifier_type,
        links.contact_id as identifier_value,
        coalesce(deals.created_at, deals.loaded_at) as contracted_at
    from {{ ref('stg_hubspot__contacts_deals') }} as links
    inner join {{ ref('stg_hubspot__deals') }} as deals on links.deal_id = deals.deal_id
    where
        links.is_current
        and not coalesce(links.is_deleted, false)
        and deals.is_current
        and not coalesce(deals.is_deleted, false)

    union all

    select
        'salesforce' as source,
        'salesforce_contact_id' as identifier_type,
        contact_id as identifier_value,
        coalesce(created_at, loaded_at) as contracted_at
    from {{ ref('stg_salesforce__deals') }}
    where is_current and not coalesce(is_deleted, false) and contact_id is not null

),

final as (

    select
        source,
        identifier_type,
        identifier_value,
        min(contracted_at) as contracted_at
    from contracts
    group by 1, 2, 3

)

select * from final
