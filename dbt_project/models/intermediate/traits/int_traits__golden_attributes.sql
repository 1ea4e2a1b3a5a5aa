{{ config(materialized='changed_rows') }}
{#
    grain: one row per (customer_id, attribute) that has a value
    rebuild: full table
    why here: the seeds decide (survivorship_rules how, attribute_rules which source, and
        attribute_overrides against both); attributes of one group come from one record, so that
        addresses are never mixed
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

survivorship_rules as (

    select * from {{ ref('survivorship_rules') }}

),

{# Of two decisions about a customer the later one counts; an identifier that is nobody's decides nothing. #}
overrides as (

    select
        owners.customer_id,
        decisions.attribute,
        decisions.value,
        decisions.decided_on
    from {{ ref('attribute_overrides') }} as decisions
    inner join customer_identifiers as owners
        on
            decisions.identifier_type = owners.identifier_type
            and decisions.identifier_value = owners.identifier_value
    where owners.customer_id is not null
    qualify
        row_number() over (
            partition by owners.customer_id, decisions.attribute
            order by decisions.decided_on desc, decisions.identifier_type asc, decisions.identifier_value asc
        ) = 1

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
        coalesce(survivorship_rules.survivorship, 'source_priority') as survivorship,
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
    left join survivorship_rules on attributes.attribute_group = survivorship_rules.attribute_group
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

{# How often other records say the same, and how much a record says: of a record with all its values. #}
measured as (

    select
        source,
        record_type,
        record_id,
        customer_id,
        attribute_group,
        sum(same_count) as frequency,
        sum(length(value)) as total_length
    from (
        select
            *,
            count(*) over (partition by customer_id, attribute, lower(value)) as same_count
        from competing
        where survivorship in ('most_frequent', 'longest') and is_competing and record_reach is not null
    ) as compared
    group by 1, 2, 3, 4, 5

),

ranked as (

    select
        competing.*,
        measured.frequency,
        measured.total_length,
        rank() over (
            partition by competing.customer_id, competing.attribute_group
            order by
                competing.record_reach asc,
                case when competing.survivorship = 'verified_first' and not competing.is_verified then 1 else 0 end asc,
                case when competing.survivorship = 'most_frequent' then measured.frequency end desc,
                case when competing.survivorship = 'longest' then measured.total_length end desc,
                case when competing.survivorship = 'most_recent' then competing.observed_at end desc,
                case when competing.survivorship = 'first' then competing.observed_at end asc,
                competing.priority asc,
                competing.observed_at desc,
                competing.source asc,
                competing.record_type asc,
                competing.record_id asc
        ) as choice
    from competing
    left join measured
        on
            competing.survivorship in ('most_frequent', 'longest')
            and competing.customer_id = measured.customer_id
            and competing.attribute_group = measured.attribute_group
            and competing.source = measured.source
            and competing.record_type = measured.record_type
            and competing.record_id = measured.record_id
    where competing.record_reach is not null

),

winners as (

    select
        ranked.customer_id,
        ranked.attribute,
        ranked.attribute_group,
        ranked.value,
        ranked.source,
        ranked.record_id,
        concat(
            case when ranked.survivorship <> 'source_priority' then concat(ranked.survivorship, ': ') else '' end,
            ranked.source, ' ', ranked.record_type, ', priority ', ranked.priority
        ) as rule,
        ranked.record_reach,
        ranked.is_verified,
        ranked.frequency,
        ranked.total_length,
        ranked.priority,
        ranked.observed_at
    from ranked
    where ranked.choice = 1

),

golden as (

    select
        coalesce(winners.customer_id, overrides.customer_id) as customer_id,
        coalesce(winners.attribute, overrides.attribute) as attribute,
        coalesce(overrides.value, winners.value) as value,
        case when overrides.customer_id is null then winners.source else 'attribute_overrides' end as source,
        case when overrides.customer_id is null then winners.record_id end as source_record_id,
        case when overrides.customer_id is null then winners.rule else 'manual override' end as rule,
        case
            when overrides.customer_id is null then winners.observed_at else cast(overrides.decided_on as timestamp)
        end as observed_at
    from winners
    full outer join overrides
        on winners.customer_id = overrides.customer_id and winners.attribute = overrides.attribute

),

{# The other values that the customer's records offer, each once, by the best record that offers it. #}
runners_up as (

    select
        ranked.customer_id,
        ranked.attribute,
        ranked.value,
        ranked.source,
        ranked.record_id,
        ranked.observed_at,
        ranked.choice,
        case
            when golden.rule = 'manual override' then 'manual_override'
            when ranked.record_reach > winners.record_reach then 'shared_or_unreachable'
            when ranked.survivorship = 'verified_first' and winners.is_verified and not ranked.is_verified
                then 'not_verified'
            when ranked.survivorship = 'most_frequent' and ranked.frequency < winners.frequency then 'less_frequent'
            when ranked.survivorship = 'longest' and ranked.total_length < winners.total_length then 'shorter'
            when ranked.survivorship = 'most_recent' and ranked.observed_at < winners.observed_at then 'older'
            when ranked.survivorship = 'first' and ranked.observed_at > winners.observed_at then 'later'
            when ranked.priority > winners.priority then 'lower_priority'
            when ranked.observed_at < winners.observed_at then 'older'
            else 'tie'
        end as lost_because
    from ranked
    inner join golden on ranked.customer_id = golden.customer_id and ranked.attribute = golden.attribute
    left join winners on ranked.customer_id = winners.customer_id and ranked.attribute = winners.attribute
    where ranked.value <> golden.value
    qualify
        row_number() over (
            partition by ranked.customer_id, ranked.attribute, ranked.value
            order by ranked.choice
        ) = 1

),

placed as (

    select
        *,
        row_number() over (partition by customer_id, attribute order by choice, value) as place
    from runners_up

),

listed as (

    select
        customer_id,
        attribute,
        count(*) as runner_up_count,
        {{ json_list({
            'place': 'place', 'value': 'value', 'source': 'source', 'source_record_id': 'record_id',
            'observed_at': 'cast(observed_at as ' ~ dbt.type_string() ~ ')', 'lost_because': 'lost_because',
        }) }} as runners_up
    from placed
    group by 1, 2

),

final as (

    select
        golden.customer_id,
        golden.attribute,
        golden.value,
        golden.source,
        golden.source_record_id,
        golden.rule,
        cast(coalesce(listed.runner_up_count, 0) as bigint) as runner_up_count,
        listed.runners_up,
        golden.observed_at
    from golden
    left join listed on golden.customer_id = listed.customer_id and golden.attribute = listed.attribute

)

select * from final
