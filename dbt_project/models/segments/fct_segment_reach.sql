{{
    config(
        materialized='changed_rows',
        meta={'clock': [{'relation': 'dim_consents', 'column': 'expires_at'}]},
    )
}}
{#
    grain: one row per segment, purpose and channel; key: segment_purpose_key
    why here: who of a segment may be addressed, and at which address. exp_withheld__customers has
        the same per sync and customer
#}
with segments as (

    select * from {{ ref('dim_segments') }}
    where retired_at is null and is_remembered

),

stays as (

    select
        segment,
        customer_id
    from {{ ref('fct_segment_memberships') }}
    where exited_at is null

),

purposes as (

    select * from {{ ref('purposes') }}

),

customers as (

    select
        customer_id,
        is_email_reachable,
        is_sms_reachable,
        coalesce(email_status in ('valid', 'shared'), false) as has_email,
        coalesce(phone_status in ('valid', 'shared'), false) as has_phone
    from {{ ref('dim_customers') }}

),

consents as (

    select * from {{ ref('dim_consents') }}
    where status = 'granted' and (expires_at is null or expires_at > {{ as_of() }})

),

syncs as (

    select distinct
        purpose,
        channel,
        cast(null as {{ dbt.type_string() }}) as destination
    from purposes
    where 1 = 0
    {% for export in declared_models('export', required=['purpose', 'channel', 'destination']) %}
        union
        select
            '{{ export.declared.purpose }}' as purpose,
            '{{ export.declared.channel }}' as channel,
            '{{ export.declared.destination }}' as destination
    {% endfor %}

),

destinations as (

    select
        purpose,
        channel,
        {{ dbt.listagg('destination', "', '", 'order by destination') }} as destinations
    from syncs
    group by 1, 2

),

sizes as (

    select
        segments.segment,
        count(stays.customer_id) as member_count
    from segments
    left join stays on segments.segment = stays.segment
    group by 1

),

consented as (

    select
        stays.segment,
        consents.purpose,
        consents.channel,
        count(*) as consented_count,
        count(
            case
                when consents.channel = 'email' and not customers.is_email_reachable then null
                when consents.channel = 'sms' and not customers.is_sms_reachable then null
                when consents.channel = 'phone' and not customers.has_phone then null
                when consents.channel = 'ads' and not customers.has_email and not customers.has_phone then null
                else 1
            end
        ) as reachable_count
    from stays
    inner join consents on stays.customer_id = consents.customer_id
    inner join customers on stays.customer_id = customers.customer_id
    group by 1, 2, 3

),

final as (

    select
        sizes.segment || '|' || purposes.purpose || '|' || purposes.channel as segment_purpose_key,
        sizes.segment,
        purposes.purpose,
        purposes.channel,
        destinations.destinations,
        cast(sizes.member_count as bigint) as member_count,
        cast(coalesce(consented.consented_count, 0) as bigint) as consented_count,
        cast(coalesce(consented.reachable_count, 0) as bigint) as reachable_count
    from sizes
    cross join purposes
    left join destinations
        on purposes.purpose = destinations.purpose and purposes.channel = destinations.channel
    left join consented
        on
            sizes.segment = consented.segment
            and purposes.purpose = consented.purpose
            and purposes.channel = consented.channel

)

select * from final
