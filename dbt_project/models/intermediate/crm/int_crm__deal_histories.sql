{#
    grain: one row per deal with a known history; key: source, deal_id
    why here: whether a deal was reopened and how often its close date moved follow from its earlier
        states, which a deal that was merged away takes with it
#}
with versions as (

    {{ union_concept('deal_versions') }}

),

entries as (

    {{ union_concept('deal_stages') }}

),

stages as (

    {{ union_concept('stages') }}

),

states as (

    select
        versions.source,
        versions.deal_id,
        versions.stage_id,
        versions.close_date,
        versions.changed_at,
        coalesce(versions.is_closed, stages.is_closed) as is_closed,
        coalesce(versions.is_won, stages.is_won) as is_won
    from versions
    left join stages on versions.source = stages.source and versions.stage_id = stages.stage_id

),

{# Two accounts of the same: the list of stages that a deal entered, and the versions that arrived. #}
closings as (

    select
        'stages' as account,
        entries.source,
        entries.deal_id,
        stages.is_closed,
        entries.entered_at as changed_at,
        entries.stage_id as tie
    from entries
    inner join stages on entries.source = stages.source and entries.stage_id = stages.stage_id
    where stages.is_closed is not null

    union all

    select
        'versions' as account,
        source,
        deal_id,
        is_closed,
        changed_at,
        coalesce(stage_id, '') as tie
    from states
    where is_closed is not null

),

compared_closings as (

    select
        account,
        source,
        deal_id,
        is_closed,
        changed_at,
        lag(is_closed) over (
            partition by account, source, deal_id
            order by changed_at, is_closed, tie
        ) as was_closed
    from closings

),

reopenings_by_account as (

    select
        account,
        source,
        deal_id,
        sum(case when was_closed and not is_closed then 1 else 0 end) as reopened_count,
        min(case when is_closed then changed_at end) as first_closed_at
    from compared_closings
    group by 1, 2, 3

),

{# The list of stages is complete where there is one; versions may have been missed, or say more. #}
reopenings as (

    select
        source,
        deal_id,
        max(reopened_count) as reopened_count,
        coalesce(
            min(case when account = 'stages' then first_closed_at end),
            min(first_closed_at)
        ) as first_closed_at
    from reopenings_by_account
    group by 1, 2

),

{# On closing, a CRM replaces the expected date by the actual one: that is no move. #}
expected_dates as (

    select
        source,
        deal_id,
        close_date,
        changed_at,
        lag(close_date) over (
            partition by source, deal_id
            order by changed_at, close_date
        ) as previous_date,
        row_number() over (
            partition by source, deal_id
            order by changed_at, close_date
        ) as position,
        row_number() over (
            partition by source, deal_id
            order by changed_at desc, close_date desc
        ) as position_from_last
    from states
    where close_date is not null and not coalesce(is_closed, false)

),

moves as (

    select
        source,
        deal_id,
        sum(case when close_date <> previous_date then 1 else 0 end) as close_date_move_count,
        max(case when position = 1 then close_date end) as first_expected_date,
        max(case when position_from_last = 1 then close_date end) as last_expected_date
    from expected_dates
    group by 1, 2

),

last_stages as (

    select
        source,
        deal_id,
        stage_id as last_stage_id
    from states
    where stage_id is not null
    qualify
        row_number() over (
            partition by source, deal_id
            order by changed_at desc, stage_id desc
        ) = 1

),

last_outcomes as (

    select
        source,
        deal_id,
        is_closed as last_is_closed,
        coalesce(is_won, false) as last_is_won
    from states
    where is_closed is not null
    qualify
        row_number() over (
            partition by source, deal_id
            order by changed_at desc, is_closed desc, is_won desc
        ) = 1

),

known as (

    select distinct
        source,
        deal_id
    from states

    union

    select distinct
        source,
        deal_id
    from closings

),

final as (

    select
        known.source,
        known.deal_id,
        coalesce(reopenings.reopened_count, 0) as reopened_count,
        reopenings.first_closed_at,
        coalesce(moves.close_date_move_count, 0) as close_date_move_count,
        {{ dbt.datediff('moves.first_expected_date', 'moves.last_expected_date', 'day') }}
            as close_date_moved_days,
        moves.last_expected_date,
        last_stages.last_stage_id,
        last_outcomes.last_is_closed,
        last_outcomes.last_is_won
    from known
    left join reopenings on known.source = reopenings.source and known.deal_id = reopenings.deal_id
    left join moves on known.source = moves.source and known.deal_id = moves.deal_id
    left join last_stages
        on known.source = last_stages.source and known.deal_id = last_stages.deal_id
    left join last_outcomes
        on known.source = last_outcomes.source and known.deal_id = last_outcomes.deal_id

)

select * from final
