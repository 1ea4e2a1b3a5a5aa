{{ config(materialized='table') }}

with countries as (

    select * from {{ ref('countries') }}

),

aliases as (

    select * from {{ ref('country_aliases') }}

),

spelled as (

    select
        {{ country_spelling('country_code') }} as spelling,
        country_code
    from countries
    union all
    select
        {{ country_spelling('iso3_code') }} as spelling,
        country_code
    from countries
    union all
    select
        {{ country_spelling('country_name') }} as spelling,
        country_code
    from countries
    union all
    select
        {{ country_spelling('alias') }} as spelling,
        country_code
    from aliases

),

final as (

    select distinct
        spelling,
        country_code
    from spelled

)

select * from final
