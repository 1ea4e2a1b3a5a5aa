{{ config(materialized='changed_rows') }}
{#
    grain: one row per (customer_id, attribute) that has a value
    rebuild: full table
    why here: the seed attribute_rules decides; attributes of one group come from one record, so
        that addresses are never mixed
#}
{%- set uneven_groups = ["''"] -%}
{%- set attributes = golden_attributes() -%}
{%- for group in attributes | map(attribute='group') | unique -%}
    {%- set members = attributes | selectattr('group', 'equalto', group) | list -%}
    {%- set survivorships = members | map(attribute='survivorship') | list -%}
    {%- if 'with_group' in survivorships or (group in ['email', 'phone'] and members | length > 1) -%}
        {%- do uneven_groups.append("'" ~ group ~ "'") -%}
    {%- endif -%}
{%- endfor %}
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

attributes as (

    {% for attribute in attributes %}
        select
            '{{ attribute.name }}' as attribute,
            '{{ attribute.group }}' as attribute_group,
            {{ 'true' if attribute.survivorship == 'best_record' else 'false' }} as is_competing
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

),

{# Sources without a rule for the group come last. #}
offers as (

    select
        records.*,
        owners.customer_id,
        attributes.attribute_group,
        attributes.is_competing,
        coalesce(attribute_rules.priority, 100) as priority,
        case
            when attributes.attribute_group in ('email', 'phone') then records.value
        end as contact_value
    from records
    inner join attributes on records.attribute = attributes.attribute
    inner join customer_identifiers as owners
        on
            records.identifier_type = owners.identifier_type
            and records.identifier_value = owners.identifier_value
    left join attribute_rules
        on
            attributes.attribute_group = attribute_rules.attribute_group
            and records.source = attribute_rules.source
            and records.record_type = attribute_rules.record_type
    where owners.customer_id is not null

),

{# An address of this customer alone wins over a shared one; placeholders do not count. #}
reachable as (

    select
        offers.*,
        case
            when not offers.is_competing then null
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

{# A record competes for a group if it has a value of a competing attribute; the other attributes
    come from the winner. Only in the groups below can the attributes of a record differ in reach. #}
record_reaches as (

    select
        source,
        record_type,
        record_id,
        attribute_group,
        max(reach) as record_reach
    from reachable
    where attribute_group in ({{ uneven_groups | join(', ') }}) and is_competing
    group by 1, 2, 3, 4

),

competing as (

    select
        reachable.*,
        case
            when reachable.attribute_group in ({{ uneven_groups | join(', ') }}) then record_reaches.record_reach
            else reachable.reach
        end as record_reach
    from reachable
    left join record_reaches
        on
            reachable.attribute_group in ({{ uneven_groups | join(', ') }})
            and reachable.source = record_reaches.source
            and reachable.record_type = record_reaches.record_type
            and reachable.record_id = record_reaches.record_id
            and reachable.attribute_group = record_reaches.attribute_group

),

ranked as (

    select
        *,
        rank() over (
            partition by customer_id, attribute_group
            order by
                record_reach asc,
                priority asc,
                observed_at desc,
                source asc,
                record_type asc,
                record_id asc
        ) as choice
    from competing
    where record_reach is not null

),

final as (

    select
        customer_id,
        attribute,
        value,
        source,
        record_id as source_record_id,
        concat(source, ' ', record_type, ', priority ', priority) as rule,
        observed_at
    from ranked
    where choice = 1

)

select * from final
