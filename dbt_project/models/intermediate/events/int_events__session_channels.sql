{#
    grain: one row per combination of tags, click ids and referrer of sessions; key: traffic_key
    why here: rules are evaluated per combination, not per session; a changed rule rebuilds no
        session
#}
with sessions as (

    select distinct
        coalesce(lower(utm_source), '') as utm_source,
        coalesce(lower(utm_medium), '') as utm_medium,
        coalesce(referrer_domain, '') as referrer_domain,
        gclid is not null as has_gclid,
        fbclid is not null as has_fbclid
    from {{ ref('int_events__sessions') }}

),

rules as (

    select * from {{ ref('channel_rules') }}

),

matched as (

    select
        sessions.*,
        rules.channel,
        rules.rule_priority,
        row_number() over (
            partition by
                sessions.utm_source,
                sessions.utm_medium,
                sessions.referrer_domain,
                sessions.has_gclid,
                sessions.has_fbclid
            order by rules.rule_priority
        ) as rule_rank
    from sessions
    inner join rules
        on
            (
                rules.click_id is null
                or (rules.click_id = 'gclid' and sessions.has_gclid)
                or (rules.click_id = 'fbclid' and sessions.has_fbclid)
            )
            and (
                rules.source_pattern is null
                or {{ matches_pattern('sessions.utm_source', 'rules.source_pattern') }}
            )
            and (
                rules.medium_pattern is null
                or {{ matches_pattern('sessions.utm_medium', 'rules.medium_pattern') }}
            )
            and (
                rules.referrer_pattern is null
                or {{ matches_pattern('sessions.referrer_domain', 'rules.referrer_pattern') }}
            )

),

final as (

    select
        utm_source
        || '|' || utm_medium
        || '|' || referrer_domain
        || '|' || case when has_gclid then '1' else '0' end
        || case when has_fbclid then '1' else '0' end as traffic_key,
        utm_source,
        utm_medium,
        referrer_domain,
        channel,
        rule_priority,
        has_gclid,
        has_fbclid
    from matched
    where rule_rank = 1

)

select * from final
