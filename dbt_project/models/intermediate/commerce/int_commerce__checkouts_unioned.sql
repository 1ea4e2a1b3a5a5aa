{{ config(materialized='view') }}
{#
    grain: one row per checkout and source that records checkouts; key: source, checkout_id
    rebuild: a view over the conformed checkouts
    why here: every shop's checkouts in one shape, phones as numbers, with the required columns of
        fct_checkouts that they lack; int_commerce__checkouts adds those that are known only from
        web events
#}
with checkouts as (

    {{ union_concept('checkouts') }}

),

parsed as (

    {{ parse_values('checkouts', [
        {'kind': 'identifier_type', 'value': 'identifier_value', 'parsed': 'parsed_value'},
    ]) }}

),

shaped as (

    select
        source,
        checkout_id,
        cart_id,
        case when parsed_value is not null then identifier_type end as identifier_type,
        parsed_value as identifier_value,
        upper(currency_code) as currency_code,
        {{ money('total_amount') }} as total_amount,
        coalesce(created_at, updated_at, loaded_at) as created_at,
        created_at is null as is_occurred_at_estimated,
        completed_at,
        updated_at,
        loaded_at
    from parsed

),

final as (

    select
        *,
        {{ missing_columns('fct_checkouts', {'checkout_id': 'checkout_id', 'occurred_at': 'created_at'}) }}
            as missing_columns
    from shaped

)

select * from final
