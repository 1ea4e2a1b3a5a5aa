{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='identifier_no',
        meta={'clock': []},
    )
}}
{#
    grain: one row per identifier that was ever observed; key: identifier_no
    rebuild: rows that changed get a new revision_no, identifiers that are no longer observed have
        no customer; a full refresh starts over
    why here: the partition recomputes what has a newer revision than the last one it has seen
#}
with

identifier_status as (

    select * from {{ ref('int_identity__identifier_status') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

{% if is_incremental() %}
erased as (

    select identifier_no from identifiers where identifier_value is null

),

{% endif %}
current_nodes as (

    select
        identifier_no,
        {{ limited_type('identifier_status') }} as identifier_type,
        max_per_customer,
        max_persons_before_shared,
        has_customer
    from identifier_status

),

final as (

    {{ select_revised_rows('current_nodes', ['identifier_no'], {
        'identifier_type': 'known.identifier_type',
        'max_per_customer': 'known.max_per_customer',
        'max_persons_before_shared': 'known.max_persons_before_shared',
        'has_customer': 'false',
    }, cause="""case
                when known.identifier_no is null then 4
                when current.identifier_no is not null then 3
                when erased.identifier_no is not null then 2
                else 4
            end""", joins='left join erased on known.identifier_no = erased.identifier_no') }}

)

select * from final
