{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='segment_day_key',
        on_schema_change='append_new_columns',
        full_refresh=false,
        meta={'clock': 'daily'},
    )
}}
{#
    grain: one row per segment and day of a build; key: segment_day_key
    rebuild: never dropped; each run writes the rows of its day
    why here: sizes as they were. Memberships cannot tell: an erased customer leaves them, and a
        segment of third-party data has none
#}
with segments as (

    select * from {{ ref('dim_segments') }}
    where retired_at is null or cast(retired_at as date) = cast({{ as_of() }} as date)

),

stays as (

    select
        segment,
        count(case when exited_at is null then 1 end) as member_count,
        count(case when cast(entered_at as date) = cast({{ as_of() }} as date) then 1 end) as entered_count,
        count(
            case when cast(exited_at as date) = cast({{ as_of() }} as date) and exit_reason <> 'merged' then 1 end
        ) as exited_count
    from {{ ref('fct_segment_memberships') }}
    group by 1

),

not_remembered as (

    select
        segment,
        0 as member_count
    from segments
    where 1 = 0
    {% for segment in declared_models('segment') if segment.declared.is_remembered is false %}
        union all
        select
            '{{ segment.name.removeprefix('seg_') }}' as segment,
            count(*) as member_count
        from {{ ref(segment.name) }}
    {% endfor %}

),

final as (

    select
        segments.segment || '|' || cast(cast({{ as_of() }} as date) as {{ dbt.type_string() }}) as segment_day_key,
        segments.segment,
        cast(coalesce(not_remembered.member_count, stays.member_count, 0) as bigint) as member_count,
        cast(case when segments.is_remembered then coalesce(stays.entered_count, 0) end as bigint) as entered_count,
        cast(case when segments.is_remembered then coalesce(stays.exited_count, 0) end as bigint) as exited_count,
        cast({{ as_of() }} as date) as size_date
    from segments
    left join stays on segments.segment = stays.segment
    left join not_remembered on segments.segment = not_remembered.segment

)

select * from final
