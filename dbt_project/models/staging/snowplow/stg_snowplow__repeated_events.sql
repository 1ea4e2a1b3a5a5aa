{{ config(materialized='table') }}

with source as (

    select * from {{ source('snowplow', 'events') }}

),

final as (

    select
        event_id,
        min(collector_tstamp) as first_collected_at
    from source
    group by 1
    having count(*) > 1

)

select * from final
