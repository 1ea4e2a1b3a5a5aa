{{ config(materialized='changed_rows') }}
{#
    grain: one row per customer; key: customer_id
    rebuild: full table
    why here: the golden record as one wide row, with facts from the identity graph
#}
{%- set attributes = golden_attributes() %}
with

customer_identifiers as (

    select * from {{ ref('int_identity__customer_identifiers') }}
    where customer_id is not null

),

observations as (

    select * from {{ ref('int_identity__observations') }}

),

golden_attributes as (

    select * from {{ ref('int_traits__golden_attributes') }}

),

employee_domains as (

    select * from {{ ref('employee_domains') }}

),

members as (

    select
        customer_identifiers.customer_id,
        count(*) as identifier_count,
        count(
            case when customer_identifiers.identifier_type = 'email' then 1 end
        ) as email_count,
        max(
            case when customer_identifiers.scope in ('person', 'household') then 1 else 0 end
        ) = 1 as is_identified,
        max(case when employee_domains.email_domain is not null then 1 else 0 end)
        = 1 as is_employee,
        min(customer_identifiers.first_seen_at) as first_seen_at,
        max(customer_identifiers.last_seen_at) as last_seen_at
    from customer_identifiers
    left join employee_domains
        on
            customer_identifiers.identifier_type = 'email'
            and {{ dbt.split_part('customer_identifiers.identifier_value', "'@'", 2) }}
            = employee_domains.email_domain
    group by 1

),

sources as (

    select
        customer_identifiers.customer_id,
        count(distinct observations.source) as source_count
    from observations
    inner join customer_identifiers
        on
            observations.identifier_type = customer_identifiers.identifier_type
            and observations.identifier_value = customer_identifiers.identifier_value
    group by 1

),

golden as (

    select
        customer_id,
        {% for attribute in attributes %}
        max(case when attribute = '{{ attribute.name }}' then value end) as {{ attribute.name }}
        {{- ',' if not loop.last }}
    {% endfor %}
    from golden_attributes
    group by 1

),

final as (

    select
        members.customer_id,
        {% for attribute in attributes %}
            {% set column = 'golden.' ~ attribute.name %}
            {% set is_text = attribute.data_type == 'string' %}
            {{ column if is_text else try_cast_to(column, attribute.data_type) }} as {{ attribute.name }},
        {% endfor %}
        members.identifier_count,
        sources.source_count,
        members.email_count,
        members.is_identified,
        members.is_employee,
        members.first_seen_at,
        members.last_seen_at
    from members
    inner join sources on members.customer_id = sources.customer_id
    left join golden on members.customer_id = golden.customer_id

)

select * from final
