{{ config(materialized='view') }}
{#
    grain: one row per pair of identifiers that a person decided to keep apart; key: (identifier_no_a, identifier_no_b)
    rebuild: a view over the seed
#}
with

overrides as (

    select * from {{ ref('identity_overrides') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

final as (

    select distinct
        least(first_identifiers.identifier_no, second_identifiers.identifier_no) as identifier_no_a,
        greatest(first_identifiers.identifier_no, second_identifiers.identifier_no)
            as identifier_no_b
    from overrides
    inner join identifiers as first_identifiers
        on
            overrides.identifier_type_a = first_identifiers.identifier_type
            and overrides.identifier_value_a = first_identifiers.identifier_value
    inner join identifiers as second_identifiers
        on
            overrides.identifier_type_b = second_identifiers.identifier_type
            and overrides.identifier_value_b = second_identifiers.identifier_value
    where
        overrides.action = 'exclude'
        and first_identifiers.identifier_no <> second_identifiers.identifier_no

)

select * from final
