{{ config(materialized='view') }}
{#
    grain: one row per arrived version of a record; of events, one per combination of identifiers
    rebuild: a view over staging
    why here: the one place that says which record names which identifiers, one block per record
#}
with

{# Salesforce names the winner on the loser: a merge arrives with the loser, whenever the winner did. #}
salesforce_arrivals as (

    select
        contact_id,
        max(loaded_at) as loaded_at
    from {{ ref('stg_salesforce__contacts') }}
    group by 1

),

{% for source in ['hubspot', 'salesforce'] %}
    {{ source }}_merges as (

        select
            contact_id,
            loaded_at,
            created_at,
            updated_at,
            {{ is_living_record('contact_id') }} as is_living,
            {{ split_to_rows('merged_contact_ids', ';') }} as merged_contact_id
        from {{ ref('stg_' ~ source ~ '__contacts') }}

    ),

{% endfor %}
salesforce_merges_arrived as (

    select
        said.contact_id,
        greatest(said.loaded_at, coalesce(losers.loaded_at, said.loaded_at)) as loaded_at,
        said.created_at,
        said.updated_at,
        said.is_living,
        said.merged_contact_id
    from salesforce_merges as said
    left join salesforce_arrivals as losers on said.merged_contact_id = losers.contact_id

),

{# A CRM deletes the loser of a merge; what the loser said counts as long as its winner lives. #}
merged_away as (

    {% for source in ['hubspot', 'salesforce'] %}
        select
            '{{ source }}' as source,
            trim(merged_contact_id) as contact_id
        from {{ source }}_merges
        where is_living

        union

    {% endfor %}
    select
        'hubspot' as source,
        merged_contact_id as contact_id
    from {{ ref('stg_hubspot__contact_merges') }}
    where is_current and not coalesce(is_deleted, false)

),

{% for source in ['hubspot', 'salesforce'] %}
    {{ source }}_contacts as (

        select
            contacts.*,
            {{ is_living_record('contacts.contact_id', 'merged_away.contact_id is not null') }} as is_living
        from {{ ref('stg_' ~ source ~ '__contacts') }} as contacts
        left join merged_away
            on contacts.contact_id = merged_away.contact_id and merged_away.source = '{{ source }}'

    ),

{% endfor %}
segment_events as (

    select
        user_id,
        anonymous_id,
        occurred_at,
        loaded_at
    from {{ ref('stg_segment__tracks') }}
    where not coalesce(is_bot, false)

    union all

    select
        user_id,
        anonymous_id,
        occurred_at,
        loaded_at
    from {{ ref('stg_segment__pages') }}
    where not coalesce(is_bot, false)

),

snowplow_events as (

    select * from {{ ref('stg_snowplow__events') }}
    where is_current and not is_bot

),

{# Second-party data is evidence only while its licence allows it, and never after its expiry. #}
partner_customers as (

    select
        customers.*,
        coalesce(licences.allows_matching, false)
        and {{ is_living_record('customers.partner_record_id') }}
        and coalesce(
            max(case when customers.is_current then customers.expires_at end)
                over (partition by customers.partner_record_id)
            > {{ as_of() }},
            false
        ) as is_living
    from {{ ref('stg_partner__customers') }} as customers
    left join {{ ref('partner_licences') }} as licences
        on customers.licence = licences.licence and customers.purpose = licences.purpose

),

final as (

    {% for source, id_type, merges in [
        ('hubspot', 'hubspot_contact_id', 'hubspot_merges'),
        ('salesforce', 'salesforce_contact_id', 'salesforce_merges_arrived'),
    ] %}
        {{ name_identifiers(
            source, 'contact', source ~ '_contacts', 'contact_id', {id_type: 'contact_id'},
            email='email', phone='phone', mobile_phone='mobile_phone', is_living='is_living',
        ) }}

        union all

        {{ name_identifiers(
            source, 'contact_merge', merges, 'contact_id', {id_type: 'contact_id'},
            other=[id_type, 'trim(merged_contact_id)'], is_living='is_living',
            where="trim(merged_contact_id) <> ''",
        ) }}

        union all

    {% endfor %}
    {{ name_identifiers(
        'hubspot', 'contact_merge', ref('stg_hubspot__contact_merges'), 'contact_id',
        {'hubspot_contact_id': 'contact_id'}, other=['hubspot_contact_id', 'merged_contact_id'],
        is_living=is_living_record("contact_id || '>' || merged_contact_id"),
        first_seen_at='merged_at', last_seen_at='merged_at',
    ) }}

    union all

    {{ name_identifiers(
        'salesforce', 'lead', ref('stg_salesforce__leads'), 'lead_id', {'salesforce_lead_id': 'lead_id'},
        email='email', phone='phone', mobile_phone='mobile_phone', is_living=is_living_record('lead_id'),
    ) }}

    union all

    {{ name_identifiers(
        'salesforce', 'lead_conversion', ref('stg_salesforce__leads'), 'lead_id',
        {'salesforce_lead_id': 'lead_id'}, other=['salesforce_contact_id', 'converted_contact_id'],
        is_living=is_living_record('lead_id'), where='converted_contact_id is not null',
    ) }}

    union all

    {% for source in ['shopify', 'shopify_graphql'] %}
        {{ name_identifiers(
            source, 'customer', ref('stg_' ~ source ~ '__customers'), 'shopify_customer_id',
            {'shopify_customer_id': 'shopify_customer_id'}, email='email', phone='phone',
            is_living=is_living_record('shopify_customer_id'),
        ) }}

        union all

        {{ name_identifiers(
            source, 'account_user', ref('stg_' ~ source ~ '__customers'), 'shopify_customer_id',
            {'shopify_customer_id': 'shopify_customer_id'}, user_id='shopify_customer_id',
            is_living=is_living_record('shopify_customer_id'),
        ) }}

        union all

        {{ name_identifiers(
            source, 'order', ref('stg_' ~ source ~ '__orders'), 'order_id',
            {'shopify_customer_id': 'shopify_customer_id', 'shopify_order_id': 'order_id'},
            email='email', phone='phone', is_living=is_living_record('order_id'),
            first_seen_at='ordered_at', where='not coalesce(is_test, false)',
        ) }}

        union all

        {{ name_identifiers(
            source, 'checkout', ref('stg_' ~ source ~ '__abandoned_checkouts'), 'checkout_id',
            {'shopify_customer_id': 'shopify_customer_id', 'email': 'email', 'phone': 'phone'},
            email='email', phone='phone', is_living=is_living_record('checkout_id'),
        ) }}

        union all

    {% endfor %}
    {{ name_identifiers(
        'segment', 'identify', ref('stg_segment__identifies'),
        "coalesce(user_id, '') || '|' || coalesce(anonymous_id, '')",
        {'user_id': 'user_id', 'anonymous_id': 'anonymous_id'}, email='email', phone='phone',
        user_id='user_id', anonymous_id='anonymous_id',
        first_seen_at='occurred_at', last_seen_at='occurred_at', is_grouped=true,
    ) }}

    union all

    {{ name_identifiers(
        'segment', 'sign_in', 'segment_events',
        "coalesce(user_id, '') || '|' || coalesce(anonymous_id, '')",
        {'user_id': 'user_id', 'anonymous_id': 'anonymous_id'},
        user_id='user_id', anonymous_id='anonymous_id',
        first_seen_at='occurred_at', last_seen_at='occurred_at', is_grouped=true,
    ) }}

    union all

    {{ name_identifiers(
        'segment', 'alias', ref('stg_segment__aliases'),
        "coalesce(user_id, '') || '|' || coalesce(previous_id, '')",
        {'user_id': 'user_id'}, anonymous_id='previous_id',
        first_seen_at='occurred_at', last_seen_at='occurred_at', is_grouped=true,
    ) }}

    union all

    {{ name_identifiers(
        'segment', 'user', ref('stg_segment__users'), 'user_id', {'user_id': 'user_id'}, email='email',
        phone='phone', is_living=is_living_record('user_id'),
        first_seen_at='received_at', last_seen_at='received_at',
    ) }}

    union all

    {{ name_identifiers(
        'snowplow', 'sign_in', 'snowplow_events',
        "coalesce(user_id, '') || '|' || coalesce(domain_userid, '') || '|' || coalesce(network_userid, '')",
        {'user_id': 'user_id', 'domain_userid': 'domain_userid', 'network_userid': 'network_userid'},
        other=['domain_userid', 'domain_userid'],
        first_seen_at='occurred_at', last_seen_at='occurred_at', is_grouped=true,
    ) }}

    union all

    {{ name_identifiers(
        'snowplow', 'cookie', 'snowplow_events', "domain_userid || '|' || coalesce(network_userid, '')",
        {'domain_userid': 'domain_userid'}, other=['network_userid', 'network_userid'],
        first_seen_at='occurred_at', last_seen_at='occurred_at', is_grouped=true,
    ) }}

    union all

    {% for source in ['ga4', 'ga4_fivetran'] %}
        {{ name_identifiers(
            source, 'sign_in', ref('stg_' ~ source ~ '__events'),
            "coalesce(user_id, '') || '|' || coalesce(user_pseudo_id, '')",
            {'user_id': 'user_id', 'user_pseudo_id': 'user_pseudo_id'},
            other=['user_pseudo_id', 'user_pseudo_id'],
            first_seen_at='occurred_at', last_seen_at='occurred_at', where='is_current', is_grouped=true,
        ) }}

        union all

    {% endfor %}
    {{ name_identifiers(
        'klaviyo', 'person', ref('stg_klaviyo__persons'), 'person_id', {'klaviyo_person_id': 'person_id'},
        email='email', phone='phone', is_living=is_living_record('person_id'),
    ) }}

    union all

    {{ name_identifiers(
        'zendesk', 'user', ref('stg_zendesk__users'), 'zendesk_user_id',
        {'zendesk_user_id': 'zendesk_user_id'}, email='email', phone='phone',
        is_living=is_living_record('zendesk_user_id'), where="coalesce(role, 'end-user') = 'end-user'",
    ) }}

    union all

    {{ name_identifiers(
        'zendesk', 'external_id', ref('stg_zendesk__users'), 'zendesk_user_id',
        {'zendesk_user_id': 'zendesk_user_id'}, user_id='external_id',
        is_living=is_living_record('zendesk_user_id'),
        where="coalesce(role, 'end-user') = 'end-user' and external_id is not null",
    ) }}

    union all

    {{ name_identifiers(
        'stripe', 'customer', ref('stg_stripe__customers'), 'stripe_customer_id',
        {'stripe_customer_id': 'stripe_customer_id'}, email='email', phone='phone',
        is_living=is_living_record('stripe_customer_id'), last_seen_at='created_at', where='not is_test',
    ) }}

    union all

    {{ name_identifiers(
        'consent_banner', 'decision', ref('stg_consent_banner__decisions'),
        "coalesce(user_id, '') || '|' || coalesce(anonymous_id, '') || '|' || coalesce(email, '')",
        {'user_id': 'user_id', 'anonymous_id': 'anonymous_id', 'email': 'email'},
        email='email', user_id='user_id', anonymous_id='anonymous_id',
        first_seen_at='decided_at', last_seen_at='decided_at', is_grouped=true,
    ) }}

    union all

    {{ name_identifiers(
        'partner', 'customer', 'partner_customers', 'partner_record_id',
        {'partner_record_id': 'partner_record_id'}, email='email', phone='phone',
        is_living='is_living', first_seen_at='shared_at', last_seen_at='shared_at',
    ) }}

)

select * from final
