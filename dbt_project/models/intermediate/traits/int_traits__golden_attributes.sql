{#
    grain: one row per (customer_id, attribute) that has a value
    rebuild: full table
    why here: the seed attribute_rules decides; attributes of one group come from one record, so that addresses are never mixed
#}
with

records as (

    select * from {{ ref('int_traits__golden_records') }}

),

customer_identifiers as (

    select * from {{ ref('int_identity__customer_identifiers') }}

),

attribute_rules as (

    select * from {{ ref('attribute_rules') }}

),

owned as (

    select
        records.*,
        customer_identifiers.customer_id
    from records
    inner join customer_identifiers
        on
            records.identifier_type = customer_identifiers.identifier_type
            and records.identifier_value = customer_identifiers.identifier_value
    where customer_identifiers.customer_id is not null

),

offers as (

    select
        owned.*,
        attribute_rules.attribute_group,
        attribute_rules.priority,
        case attribute_rules.attribute_group
            when 'email' then owned.email
            when 'phone' then owned.phone
        end as contact_value
    from owned
    inner join attribute_rules
        on owned.source = attribute_rules.source and owned.record_type = attribute_rules.record_type
    where
        case attribute_rules.attribute_group
            when 'name' then coalesce(owned.first_name, owned.last_name)
            when 'address' then coalesce(owned.street, owned.city, owned.postal_code)
            when 'email' then owned.email
            when 'phone' then owned.phone
            when 'birth_date' then cast(owned.birth_date as {{ dbt.type_string() }})
            when 'company' then owned.company_name
            when 'lifecycle_stage' then owned.lifecycle_stage
            when 'loyalty_tier' then owned.loyalty_tier
        end is not null

),

{# An address that reaches this customer alone goes before a shared one; a placeholder is none. #}
reachable as (

    select
        offers.*,
        case
            when offers.contact_value is null then 0
            when
                contacts.identifier_status = 'usable' and contacts.customer_id = offers.customer_id
                then 0
            when contacts.identifier_status in ('usable', 'shared') then 1
            else 2
        end as reach
    from offers
    left join customer_identifiers as contacts
        on
            offers.attribute_group = contacts.identifier_type
            and offers.contact_value = contacts.identifier_value
    where offers.contact_value is null or contacts.is_attribute

),

ranked as (

    select
        *,
        row_number() over (
            partition by customer_id, attribute_group
            order by
                reach asc,
                priority asc,
                observed_at desc,
                source asc,
                record_type asc,
                record_id asc
        ) as choice
    from reachable

),

attributes as (

    {% for attribute, group in [
        ('first_name', 'name'), ('last_name', 'name'),
        ('street', 'address'), ('city', 'address'), ('region', 'address'), ('postal_code', 'address'),
        ('country_code', 'address'),
        ('email', 'email'), ('phone', 'phone'), ('birth_date', 'birth_date'),
        ('company_name', 'company'), ('lifecycle_stage', 'lifecycle_stage'), ('loyalty_tier', 'loyalty_tier'),
    ] %}
        select
            '{{ attribute }}' as attribute,
            '{{ group }}' as attribute_group
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

),

chosen as (

    select
        ranked.customer_id,
        attributes.attribute,
        case attributes.attribute
            {% for attribute in [
                'first_name', 'last_name', 'street', 'city', 'region', 'postal_code', 'country_code', 'email',
                'phone', 'company_name', 'lifecycle_stage', 'loyalty_tier'
            ] %}
                when '{{ attribute }}' then ranked.{{ attribute }}
            {% endfor %}
            when 'birth_date' then cast(ranked.birth_date as {{ dbt.type_string() }})
        end as value,
        ranked.source,
        ranked.record_id as source_record_id,
        concat(ranked.source, ' ', ranked.record_type, ', priority ', ranked.priority) as rule,
        ranked.observed_at
    from ranked
    inner join attributes on ranked.attribute_group = attributes.attribute_group
    where ranked.choice = 1

),

final as (

    select * from chosen
    where value is not null

)

select * from final
