{{ config(materialized='changed_rows') }}
{#
    grain: one row per (decision_key, identifier_type, identifier_value) of the banner; a decision
        without identifiers has one row
    rebuild: full table
    why here: the lookup of phones reads it too; as a table, texts are searched once
#}
{%- set nothing = 'cast(null as ' ~ dbt.type_string() ~ ')' -%}
with

staged as (

    select
        *,
        {{ normalize_email('user_id') }} as email_of_user_id,
        {{ phone_digits('phone_text') }} as phone_digits
    from {{ ref('stg_consent_banner__decisions') }}

),

{# A grant by account or address counts for that person, not for others on the device or phone. #}
decisions as (

    select
        *,
        coalesce(user_id, email, customer_id, external_id) is not null
        or position('@' in concat(coalesce(email_text, ''), coalesce(undeclared_fields, ''))) > 0 as names_person
    from staged

),

quarantined as (

    select * from {{ ref('stg_quarantine__consent_records') }}
    where source = 'consent_banner' and entity = 'decisions'

),

quarantined_fields as (

    select * from {{ ref('stg_quarantine__consent_fields') }}

),

quarantined_identifiers as (

    select * from {{ ref('cnf_quarantine__identifiers') }}

),

identifier_types as (

    select * from {{ ref('identifier_types') }}

),

slots as (

    {% for slot in range(8) %}
        select {{ slot }} as slot{{ ' union all' if not loop.last }}
    {% endfor %}

),

declared as (

    select
        decisions.decision_id,
        slots.slot,
        case slots.slot
            when 0 then 'user_id'
            when 1 then 'email'
            when 2 then 'anonymous_id'
            when 3 then 'phone'
            when 4 then 'email'
            when 5 then 'user_id'
            when 6 then 'user_id'
            else 'anonymous_id'
        end as identifier_type,
        case slots.slot
            {# Shopify's API writes the account as gid://shopify/Customer/<number>. #}
            when 0
                then coalesce(
                    {{ extract_pattern('decisions.user_id', "'^gid://shopify/Customer/([0-9]+)$'") }},
                    decisions.user_id
                )
            when 1 then decisions.email
            when 2 then decisions.anonymous_id
            when 3 then coalesce(decisions.phone, decisions.phone_digits)
            when 4 then decisions.email_of_user_id
            when 5 then decisions.customer_id
            when 6 then decisions.external_id
            else decisions.device_id
        end as identifier_value,
        {# An invalid phone counts by its digits: the decision may have no other identifier. #}
        case when slots.slot = 3 then decisions.phone_digits end as fallback_value,
        slots.slot not in (2, 3, 7) or not decisions.names_person as is_exact
    from decisions
    cross join slots

),

{# Decisions with undeclared fields, or with a value that does not fit its column. #}
odd as (

    select * from decisions
    where
        undeclared_fields is not null
        or (email_text is not null and email is null)
        or {{ matches_pattern(
            "concat_ws(' ', user_id, anonymous_id, phone_text, decision_id)", "'@|＠|(^| )([+]|tel:)[0-9]'"
        ) }}

),

pairs as (

    select
        decision_id,
        {{ explode_matches('undeclared_fields', json_pair_pattern()) }} as pair
    from odd
    where undeclared_fields is not null

),

fields as (

    select
        decision_id as record_key,
        {{ json_pair_name('pair') }} as field,
        {{ json_pair_value('pair') }} as value
    from pairs

    {% for column in ['email_text', 'user_id', 'anonymous_id', 'phone_text', 'decision_id', 'undeclared_fields'] %}
        union all

        select
            decision_id as record_key,
            'text' as field,
            {{ column }} as value
        from odd
        where {{ column }} is not null

    {% endfor %}

),

found as (

    {{ find_identifiers('fields', ['user_id', 'anonymous_id', 'shopify_customer_id']) }}

),

united as (

    select
        decision_id,
        identifier_type,
        identifier_value,
        fallback_value,
        is_exact
    from declared
    where identifier_value is not null

    union all

    select
        odd.decision_id,
        found.identifier_type,
        found.identifier_value,
        {{ nothing }} as fallback_value,
        found.is_exact
        and (not odd.names_person or coalesce(identifier_types.scope = 'person', false)) as is_exact
    from found
    inner join odd on found.record_key = odd.decision_id
    left join identifier_types on found.identifier_type = identifier_types.identifier_type

),

identifiers as (

    select
        decision_id,
        identifier_type,
        identifier_value,
        max(fallback_value) as fallback_value,
        max(case when is_exact then 1 else 0 end) = 1 as is_exact
    from united
    group by 1, 2, 3

),

landed as (

    select
        'consent_banner:' || decisions.decision_id as decision_key,
        'decisions' as entity,
        decisions.decision_id as record_key,
        {{ nothing }} as quarantine_id,
        'decision' as word_field,
        decisions.decision as decision_word,
        decisions.purpose as purpose_word,
        decisions.channel as channel_word,
        identifiers.identifier_type,
        identifiers.identifier_value,
        identifiers.fallback_value,
        coalesce(identifiers.is_exact, false) as is_exact,
        true as is_parsed,
        decisions.decided_at,
        decisions.loaded_at as arrived_at
    from decisions
    left join identifiers on decisions.decision_id = identifiers.decision_id

),

{# If a record contains nested objects, such as an earlier decision, only its own fields count. #}
said as (

    select
        quarantined.quarantine_id,
        {% for column in ['decision_id', 'decision', 'purpose', 'channel'] %}
        case
            when {{ matches_pattern('max(quarantined.record)', "':\\s*[{\\[]'") }}
                then max({{ json_of_quarantine(['$.' ~ column]) }})
            else max(case when quarantined_fields.field = '{{ column }}' then quarantined_fields.value end)
        end as {{ column if column == 'decision_id' else column ~ '_word' }}{{ ',' if not loop.last }}
        {% endfor %}
    from quarantined
    inner join quarantined_fields on quarantined.quarantine_id = quarantined_fields.quarantine_id
    group by 1

),

{# A quarantined decision that landed later is repaired. #}
repaired as (

    select quarantined.quarantine_id
    from quarantined
    inner join said on quarantined.quarantine_id = said.quarantine_id
    inner join decisions
        on
            said.decision_id = decisions.decision_id
            and quarantined.quarantined_at < decisions.loaded_at

),

refused as (

    select
        'quarantine:' || quarantined.quarantine_id as decision_key,
        'decisions' as entity,
        said.decision_id as record_key,
        quarantined.quarantine_id,
        quarantined.field as word_field,
        said.decision_word,
        said.purpose_word,
        said.channel_word,
        quarantined_identifiers.identifier_type,
        quarantined_identifiers.identifier_value,
        {{ nothing }} as fallback_value,
        coalesce(quarantined_identifiers.is_exact, false) as is_exact,
        quarantined.is_parsed,
        cast(null as timestamp) as decided_at,
        quarantined.quarantined_at as arrived_at
    from quarantined
    left join said on quarantined.quarantine_id = said.quarantine_id
    left join quarantined_identifiers on quarantined.quarantine_id = quarantined_identifiers.quarantine_id
    left join repaired on quarantined.quarantine_id = repaired.quarantine_id
    where repaired.quarantine_id is null

),

final as (

    select * from landed

    union all

    select * from refused

)

select * from final
