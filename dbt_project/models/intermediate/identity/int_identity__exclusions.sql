{{ config(materialized='view') }}
{#
    grain: one row per two identifiers that a person decided to keep apart;
        key: (identifier_no_a, identifier_no_b)
    rebuild: a view over the decisions that are applied
#}
with

overrides as (

    select * from {{ ref('int_identity__overrides') }}

),

final as (

    select
        identifier_no_a,
        identifier_no_b
    from overrides
    where action = 'exclude' and problem is null

)

select * from final
