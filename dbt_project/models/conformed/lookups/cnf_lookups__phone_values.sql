{#
    grain: one row per distinct phone, as typed, of all conformed models; key: phone_text
    rebuild: full table
    why here: the engine plans the union of all sources once, and not again in each reader and test
#}
with identifiers as (

    {{ union_concept('identifiers') }}

),

attributes as (

    {{ union_concept('attributes') }}

),

consents as (

    {{ union_concept('consents') }}

),

checkouts as (

    {{ union_concept('checkouts') }}

),

stated as (

    {% for relation in ['identifiers', 'consents', 'checkouts'] %}
        select {{ unparsed_phone('identifier_type', 'identifier_value') }} as phone_text
        from {{ relation }}

        union all

    {% endfor %}
    select {{ unparsed_phone('attribute', 'value') }} as phone_text
    from attributes

),

final as (

    select distinct phone_text
    from stated
    where phone_text is not null

)

select * from final
