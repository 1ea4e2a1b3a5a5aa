{%- set is_on = var('identity_probabilistic', true) -%}
{%- set match_percent = bounded_var('identity_match_percent', 92, 50, 99) -%}
{%- do bounded_var('identity_review_percent', 10, 1, match_percent - 1) -%}
{{
    config(
        materialized='incremental' if is_on else 'table',
        incremental_strategy='delete+insert',
        unique_key='identifier_no',
        meta={'clock': []},
    )
}}
{#
    grain: one row per own identifier of a record that has a person's name; key: identifier_no
    rebuild: rows that changed get a new revision_no, rows of deleted records keep no values; a full
        refresh starts over
    why here: the input of the probabilistic tier; while it is off, an empty table, because a view is
        planned again in each reader
#}
{%- set names = ['first_name', 'last_name'] -%}
{%- set place = ['city', 'region', 'postal_code', 'country_code'] -%}
{%- set contact = names + ['email', 'mobile_phone', 'phone', 'company_name', 'street'] + place -%}
{%- set columns = contact + ['full_name', 'birth_date'] -%}
with

offered as (

    select * from {{ ref('int_identity__attributes') }}

),

records as (

    select
        source,
        record_type,
        record_id,
        identifier_type,
        identifier_value,
        {% for column in columns -%}
            {%- set value = "max(case when attribute = '" ~ column ~ "' then value end)" -%}
            {{ 'cast(' ~ value ~ ' as date)' if column == 'birth_date' else value }} as {{ column }},
        {% endfor -%}
        max(observed_at) as observed_at
    from offered
    where allows_matching
    group by 1, 2, 3, 4, 5

),

{# Two connectors of one CRM may both have a record of one identifier: the newer one counts, then
    the order of the values. #}
ranked as (

    select
        *,
        row_number() over (
            partition by identifier_type, identifier_value
            order by observed_at desc, {{ columns | join(', ') }}
        ) as recency
    from records
    where
        coalesce(first_name, last_name, full_name) is not null
        {% if not is_on %}
            and false
        {% endif %}

),

identifier_types as (

    select * from {{ ref('identifier_types') }}

),

identifier_status as (

    select * from {{ ref('int_identity__identifier_status') }}

),

{# Shared addresses and phone numbers are not evidence here either. #}
current_persons as (

    select
        own.identifier_no,
        {% for column in columns if column not in ['email', 'phone', 'mobile_phone'] -%}
            ranked.{{ column }},
        {% endfor -%}
        emails.identifier_value as email,
        coalesce(mobiles.identifier_value, phones.identifier_value) as phone,
        own.identifier_type,
        identifier_types.max_per_customer = 1 as is_exclusive,
        ranked.observed_at,
        true as is_living
    from ranked
    inner join identifier_status as own
        on
            ranked.identifier_type = own.identifier_type
            and ranked.identifier_value = own.identifier_value
            and own.identifier_status = 'usable'
    inner join identifier_types on own.identifier_type = identifier_types.identifier_type
    left join identifier_status as emails
        on
            emails.identifier_type = 'email'
            and ranked.email = emails.identifier_value
            and emails.identifier_status = 'usable'
    left join identifier_status as mobiles
        on
            mobiles.identifier_type = 'phone'
            and ranked.mobile_phone = mobiles.identifier_value
            and mobiles.identifier_status = 'usable'
    left join identifier_status as phones
        on
            phones.identifier_type = 'phone'
            and ranked.phone = phones.identifier_value
            and phones.identifier_status = 'usable'
    where ranked.recency = 1 and identifier_types.joins

),

final as (

    {{ select_revised_rows('current_persons', ['identifier_no'], {
        'identifier_type': 'null',
        'first_name': 'null',
        'last_name': 'null',
        'full_name': 'null',
        'email': 'null',
        'phone': 'null',
        'birth_date': 'null',
        'company_name': 'null',
        'street': 'null',
        'city': 'null',
        'region': 'null',
        'postal_code': 'null',
        'country_code': 'null',
        'observed_at': 'null',
        'is_exclusive': 'false',
        'is_living': 'false',
    }) }}

)

select * from final
