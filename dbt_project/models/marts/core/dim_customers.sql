{#
    grain: one row per customer; key: customer_id
    why here: the golden attributes (var attributes) beside traits from orders, web, messages,
        support and CRM
#}
{% set reporting_currency = var('reporting_currency', 'EUR') | upper %}
with golden as (

    select * from {{ ref('int_traits__golden_customers') }}

),

commerce as (

    select * from {{ ref('int_traits__commerce') }}

),

web as (

    select * from {{ ref('int_traits__web') }}

),

messages as (

    select * from {{ ref('int_traits__messages') }}

),

support as (

    select * from {{ ref('int_traits__support') }}

),

crm as (

    select * from {{ ref('int_traits__crm') }}

),

customers as (

    select * from {{ ref('int_identity__customers') }}

),

households as (

    select
        customers.customer_id,
        {{ household_id_of('oldest.customer_id') }} as household_id
    from {{ ref('int_identity__households') }} as members
    inner join customers on members.customer_no = customers.customer_no
    inner join customers as oldest on members.household_no = oldest.customer_no

),

contact_points as (

    select
        customer_id,
        max(case when channel = 'email' and is_golden then status end) as email_status,
        max(case when channel = 'email' and is_golden and is_reachable then 1 else 0 end) as email_reach,
        max(case when channel = 'sms' and is_golden then status end) as phone_status,
        max(case when channel = 'sms' and is_golden and is_reachable then 1 else 0 end) as sms_reach
    from {{ ref('dim_contact_points') }}
    group by 1

),

contact_types as (

    select
        contact_value,
        contact_type
    from {{ ref('int_traits__contact_types') }}
    where channel = 'email'

),

consents as (

    select
        customer_id,
        {{ dbt.listagg('purpose', "', '", 'order by purpose') }} as consented_purposes
    from {{ ref('dim_consents') }}
    where status = 'granted'
    group by 1

),

final as (

    select
        golden.customer_id,
        {% for attribute in golden_attributes() %}
            golden.{{ attribute.name }},
        {% endfor %}
        households.household_id,
        crm.contract_status,
        contact_types.contact_type as email_type,
        contact_points.email_status,
        contact_points.phone_status,
        consents.consented_purposes,
        web.first_touch_channel,
        web.first_touch_campaign,
        web.last_touch_channel,
        web.last_touch_campaign,
        '{{ reporting_currency }}' as revenue_currency,
        cast(coalesce(golden.identifier_count, 0) as bigint) as identifier_count,
        cast(coalesce(golden.source_count, 0) as bigint) as source_count,
        cast(coalesce(golden.email_count, 0) as bigint) as email_count,
        cast(coalesce(commerce.order_count, 0) as bigint) as order_count,
        cast(coalesce(commerce.cancelled_order_count, 0) as bigint) as cancelled_order_count,
        cast(coalesce(web.session_count, 0) as bigint) as session_count,
        cast(coalesce(web.event_count, 0) as bigint) as event_count,
        cast(coalesce(messages.message_sent_count, 0) as bigint) as message_sent_count,
        cast(coalesce(messages.message_opened_count, 0) as bigint) as message_opened_count,
        cast(coalesce(messages.message_clicked_count, 0) as bigint) as message_clicked_count,
        cast(coalesce(support.ticket_count, 0) as bigint) as ticket_count,
        cast(coalesce(support.open_ticket_count, 0) as bigint) as open_ticket_count,
        cast(coalesce(crm.open_deal_count, 0) as bigint) as open_deal_count,
        cast(coalesce(crm.won_deal_count, 0) as bigint) as won_deal_count,
        cast(coalesce(crm.call_count, 0) as bigint) as call_count,
        {{ money('case when commerce.customer_id is null then 0 else commerce.lifetime_revenue_amount end', 18) }}
            as lifetime_revenue_amount,
        {{ money('commerce.lifetime_revenue_amount / nullif(commerce.order_count, 0)', 18) }}
            as average_order_amount,
        {{ money('case when crm.customer_id is null then 0 else crm.pipeline_amount end', 18) }} as pipeline_amount,
        golden.is_identified,
        golden.is_employee,
        coalesce(contact_points.email_reach, 0) = 1 as is_email_reachable,
        coalesce(contact_points.sms_reach, 0) = 1 as is_sms_reachable,
        crm.contract_end_date,
        golden.first_seen_at,
        golden.last_seen_at,
        commerce.first_order_at,
        commerce.last_order_at,
        web.first_touch_at,
        web.last_touch_at,
        web.last_session_at,
        messages.last_message_opened_at,
        support.last_ticket_at
    from golden
    left join households on golden.customer_id = households.customer_id
    left join commerce on golden.customer_id = commerce.customer_id
    left join web on golden.customer_id = web.customer_id
    left join messages on golden.customer_id = messages.customer_id
    left join support on golden.customer_id = support.customer_id
    left join crm on golden.customer_id = crm.customer_id
    left join contact_points on golden.customer_id = contact_points.customer_id
    left join contact_types on golden.email = contact_types.contact_value
    left join consents on golden.customer_id = consents.customer_id

)

select * from final
