-- url_parameter on URLs and bare query strings.
with cases as (

    select 'https://shop.example/p?gclid=Cj0-abc_1&utm_source=google' as url, 'Cj0-abc_1' as gclid, 'google' as utm_source
    union all
    select 'https://shop.example/p?utm_source=spring%20mail&x=1#gclid=no', null, 'spring mail'
    union all
    select '?utm_source=news+letter', null, 'news letter'
    union all
    select 'https://shop.example/p?notgclid=a&gclid=b', 'b', null
    union all
    select 'https://shop.example/p?gclid=&utm_source=', null, null
    union all
    select 'https://shop.example/p?gclid=a&gclid=b', 'a', null
    union all
    select 'https://shop.example/?utm_source=M%C3%BCnchen', null, 'München'
    union all
    select 'https://shop.example/p', null, null
    union all
    select cast(null as {{ dbt.type_string() }}), null, null

),

parsed as (

    select
        url,
        gclid as expected_gclid,
        utm_source as expected_utm_source,
        {{ url_parameter('url', 'gclid') }} as actual_gclid,
        {{ url_parameter('url', 'utm_source') }} as actual_utm_source
    from cases

)

select * from parsed
where
    actual_gclid is distinct from expected_gclid
    or actual_utm_source is distinct from expected_utm_source
