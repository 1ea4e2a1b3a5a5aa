{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, attribute) for which a current record has a value
    rebuild: a view over staging
#}
{# Attribute: column in staging. #}
{% set attributes = {
    'email': 'email',
    'first_name': 'first_name',
    'last_name': 'last_name',
} %}
with

customers as (

    select * from {{ ref('stg_NAME__customers') }}
    where is_current and not is_deleted

),

final as (

    {{ offer_attributes(
        'customer', 'customers', 'NAME_customer_id', ["'email'", 'email'],
        'coalesce(updated_at, created_at, loaded_at)', attributes,
    ) }}

)

select * from final
