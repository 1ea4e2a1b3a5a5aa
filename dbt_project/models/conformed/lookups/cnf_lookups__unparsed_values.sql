{#
    grain: one row per distinct phone, as typed, per internationalised mail domain, and per name in
        one case or with all its parts, of all conformed models; key: value_type, value
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
        select
            identifier_type as kind,
            identifier_value as stated_value
        from {{ relation }}

        union all

    {% endfor %}
    {# Many shops use the e-mail address as the id of an account. #}
    select
        'email' as kind,
        {{ normalize_email('identifier_value') }} as stated_value
    from identifiers
    where identifier_type not in ('email', 'phone') and position('@' in identifier_value) > 1

    union all

    select
        attribute as kind,
        value as stated_value
    from attributes

),

unparsed as (

    select
        case when {{ unparsed_phone('kind', 'stated_value') }} is null then 'email_domain' else 'phone' end
            as value_type,
        coalesce(
            {{ unparsed_phone('kind', 'stated_value') }}, {{ unparsed_email_domain('kind', 'stated_value') }}
        ) as value
    from stated

    union all

    select
        attribute as value_type,
        {{ unparsed_name('attribute', 'value') }} as value
    from attributes
    where allows_attributes

),

final as (

    select distinct
        value_type,
        value
    from unparsed
    where value is not null

)

select * from final
