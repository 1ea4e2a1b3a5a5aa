{#
    grain: one row per combination of source, medium, campaign and click id of sessions; key:
        traffic_key
    why here: rules are evaluated per combination, not per session; a changed rule rebuilds no
        session
#}
with sessions as (

    select distinct
        traffic_key,
        traffic_source,
        traffic_medium,
        lower(coalesce(utm_campaign, '')) as campaign,
        coalesce(click_id_type, '') as click_id_type
    from {{ ref('int_events__sessions') }}

),

categories as (

    select * from {{ ref('traffic_source_categories') }}

),

rules as (

    select * from {{ ref('channel_rules') }}

),

-- A source that two patterns match has the first category.
categorised as (

    select
        sessions.traffic_key,
        min(categories.category) as source_category
    from sessions
    inner join categories on {{ matches_pattern('sessions.traffic_source', 'categories.source_pattern') }}
    group by 1

),

matched as (

    select
        sessions.*,
        rules.channel,
        rules.rule_priority,
        row_number() over (partition by sessions.traffic_key order by rules.rule_priority) as rule_rank
    from sessions
    left join categorised on sessions.traffic_key = categorised.traffic_key
    inner join rules
        on
            (
                rules.click_id_pattern is null
                or {{ matches_pattern('sessions.click_id_type', 'rules.click_id_pattern') }}
            )
            and (rules.source_category is null or categorised.source_category = rules.source_category)
            and (
                rules.source_pattern is null
                or {{ matches_pattern('sessions.traffic_source', 'rules.source_pattern') }}
            )
            and (
                rules.medium_pattern is null
                or {{ matches_pattern('sessions.traffic_medium', 'rules.medium_pattern') }}
            )
            and (
                rules.campaign_pattern is null
                or {{ matches_pattern('sessions.campaign', 'rules.campaign_pattern') }}
            )

),

final as (

    select
        traffic_key,
        traffic_source,
        traffic_medium,
        campaign,
        click_id_type,
        channel,
        rule_priority
    from matched
    where rule_rank = 1

)

select * from final
