{#
    grain: one row per row of the seed identity_overrides; key: override_key
    rebuild: full table
    why here: a decision that cannot be applied is counted with its reason, never applied in part
#}
with

overrides as (

    select
        *,
        {{ md5_hex(
            "concat_ws('|', action, identifier_type_a, identifier_value_a, identifier_type_b, identifier_value_b,"
            ~ " decided_by, cast(decided_at as " ~ dbt.type_string() ~ "))"
        ) }} as override_key
    from {{ ref('identity_overrides') }}

),

identifier_types as (

    select * from {{ ref('identifier_types') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

numbered as (

    select
        overrides.*,
        first_identifiers.identifier_no as first_no,
        second_identifiers.identifier_no as second_no,
        first_types.identifier_type is not null and second_types.identifier_type is not null as is_typed
    from overrides
    left join identifier_types as first_types on overrides.identifier_type_a = first_types.identifier_type
    left join identifier_types as second_types on overrides.identifier_type_b = second_types.identifier_type
    left join identifiers as first_identifiers
        on
            overrides.identifier_type_a = first_identifiers.identifier_type
            and overrides.identifier_value_a = first_identifiers.identifier_value
    left join identifiers as second_identifiers
        on
            overrides.identifier_type_b = second_identifiers.identifier_type
            and overrides.identifier_value_b = second_identifiers.identifier_value

),

{# Of several decisions on the same two identifiers the latest counts; at equal times, the split. #}
ranked as (

    select
        *,
        first_value(action) over (
            partition by least(first_no, second_no), greatest(first_no, second_no)
            order by decided_at desc, action asc, override_key asc
        ) as latest_action,
        row_number() over (
            partition by least(first_no, second_no), greatest(first_no, second_no)
            order by decided_at desc, action asc, override_key asc
        ) as choice
    from numbered

),

final as (

    select
        override_key,
        least(first_no, second_no) as identifier_no_a,
        greatest(first_no, second_no) as identifier_no_b,
        action,
        decided_by,
        reason,
        case
            when not is_typed then 'unknown_type'
            when first_no is null or second_no is null then 'unknown_identifier'
            when first_no = second_no then 'same_identifier'
            when choice > 1 and action <> latest_action then 'contradicted'
            when choice > 1 then 'repeated'
        end as problem,
        decided_at
    from ranked

)

select * from final
