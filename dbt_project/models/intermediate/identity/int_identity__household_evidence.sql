{{ config(materialized='changed_rows') }}
{#
    grain: one row per (kind, shared_key, customer_no): a phone, or an address with a family name,
        that several customers have in their records
    rebuild: full table
    why here: what shows that customers are one household; the key of an address is a hash
#}
{%- set most_customers = bounded_var('household_max_customers', 10, 2, 1000) %}
with

observations as (

    select * from {{ ref('int_identity__observations') }}

),

customer_identifiers as (

    select * from {{ ref('int_identity__customer_identifiers') }}

),

offered as (

    select * from {{ ref('int_identity__attributes') }}

),

persons as (

    select * from customer_identifiers
    where customer_no is not null and scope in ('person', 'order')

),

phones as (

    select distinct
        'phone' as kind,
        cast(shared.identifier_no as {{ dbt.type_string() }}) as shared_key,
        persons.customer_no
    from observations
    inner join customer_identifiers as shared
        on
            observations.identifier_type = shared.identifier_type
            and observations.identifier_value = shared.identifier_value
            and shared.scope = 'household'
            and shared.identifier_status in ('usable', 'shared')
    inner join persons
        on
            observations.own_type = persons.identifier_type
            and observations.own_value = persons.identifier_value

),

records as (

    select
        source,
        record_type,
        record_id,
        identifier_type,
        identifier_value,
        {{ replace_pattern("lower(max(case when attribute = 'last_name' then value end))", "'[^\\p{L}\\p{N}]'") }}
            as last_name,
        {{ replace_pattern("lower(max(case when attribute = 'street' then value end))", "'[^\\p{L}\\p{N}]'") }}
            as street,
        {{ replace_pattern("lower(max(case when attribute = 'postal_code' then value end))", "'[^\\p{L}\\p{N}]'") }}
            as postal_code
    from offered
    where allows_matching and attribute in ('last_name', 'street', 'postal_code')
    group by 1, 2, 3, 4, 5

),

{# Strangers live in one house: an address counts with a family name. #}
addresses as (

    select distinct
        'address' as kind,
        {{ md5_hex("concat_ws('|', records.last_name, records.street, records.postal_code)") }} as shared_key,
        persons.customer_no
    from records
    inner join persons
        on
            records.identifier_type = persons.identifier_type
            and records.identifier_value = persons.identifier_value
    where records.last_name <> '' and records.street <> '' and records.postal_code <> ''

),

united as (

    select * from phones

    union all

    select * from addresses

),

shared_keys as (

    select
        kind,
        shared_key
    from united
    group by 1, 2
    having count(*) between 2 and {{ most_customers }}

),

final as (

    select united.*
    from united
    inner join shared_keys
        on united.kind = shared_keys.kind and united.shared_key = shared_keys.shared_key

)

select * from final
