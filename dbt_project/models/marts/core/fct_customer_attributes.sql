{#
    grain: one row per (customer_id, attribute) that has a golden value
    rebuild: full table
    why here: the origin of each golden value: source, record, rule and date, and what lost against it
#}
with

golden_attributes as (

    select * from {{ ref('int_traits__golden_attributes') }}

),

final as (

    select
        customer_id,
        attribute,
        value,
        source,
        source_record_id,
        rule,
        runner_up_count,
        runners_up,
        observed_at
    from golden_attributes

)

select * from final
