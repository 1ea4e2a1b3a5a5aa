{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='segment',
        on_schema_change='append_new_columns',
        full_refresh=false,
        meta={'clock': []},
    )
}}
{#
    grain: one row per segment that is declared, or was; key: segment
    rebuild: never dropped; it knows when a segment and its present rule came, which no source says
    why here: covers every model with meta.segment. It is built before the memberships, which say
        whether a customer or the rule has changed
#}
with declared as (

    {% for segment in declared_models('segment') %}
        {%- do ref(segment.name) -%}
        select
            {{ dbt.string_literal(segment.name.removeprefix('seg_')) }} as segment,
            {% for key in ['title', 'description', 'owner', 'entered_when'] -%}
                {%- set text = segment.declared.get(key) -%}
                {%- if text is none -%}
                    cast(null as {{ dbt.type_string() }}) as {{ key }},
                {%- else -%}
                    {{ dbt.string_literal(dbt.escape_single_quotes(text | string)) }} as {{ key }},
                {%- endif %}
            {% endfor -%}
            {{ dbt.string_literal(segment.declared.get('kind', 'audience')) }} as kind,
            {{ dbt.string_literal(rule_version(segment.name)) }} as rule_version,
            {{ 'false' if segment.declared.get('is_remembered') is false else 'true' }} as is_remembered
        {{ "union all" if not loop.last }}
    {% endfor %}

),

{% if is_incremental() %}
    known as (

        select * from {{ this }}

    ),

    current_segments as (

        select
            declared.segment,
            declared.title,
            declared.description,
            declared.owner,
            declared.entered_when,
            declared.kind,
            declared.rule_version,
            declared.is_remembered,
            coalesce(known.first_seen_at, {{ as_of() }}) as first_seen_at,
            case
                when known.segment is null or known.retired_at is not null then {{ as_of() }}
                else known.declared_since
            end as declared_since,
            {{ as_of() }} as evaluated_at,
            case
                when known.rule_version <> declared.rule_version then {{ as_of() }}
                else known.rule_changed_at
            end as rule_changed_at,
            case
                when known.rule_version <> declared.rule_version then known.evaluated_at
                else known.previous_rule_until
            end as previous_rule_until,
            cast(null as timestamp) as retired_at
        from declared
        left join known on declared.segment = known.segment

    ),

    retired_segments as (

        select
            known.segment,
            known.title,
            known.description,
            known.owner,
            known.entered_when,
            known.kind,
            known.rule_version,
            known.is_remembered,
            known.first_seen_at,
            known.declared_since,
            known.evaluated_at,
            known.rule_changed_at,
            known.previous_rule_until,
            coalesce(known.retired_at, {{ as_of() }}) as retired_at
        from known
        left join declared on known.segment = declared.segment
        where declared.segment is null

    ),

    final as (

        select * from current_segments
        union all
        select * from retired_segments

    )
{% else %}
    final as (

        select
            segment,
            title,
            description,
            owner,
            entered_when,
            kind,
            rule_version,
            is_remembered,
            {{ as_of() }} as first_seen_at,
            {{ as_of() }} as declared_since,
            {{ as_of() }} as evaluated_at,
            cast(null as timestamp) as rule_changed_at,
            cast(null as timestamp) as previous_rule_until,
            cast(null as timestamp) as retired_at
        from declared

    )
{% endif %}

select * from final
