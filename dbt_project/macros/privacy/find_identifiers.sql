{#
    A select of the identifiers in the fields of records: record_key, identifier_type,
    identifier_value and is_exact. is_exact is true where the value comes from a field with a known
    name (consent_fields), false where it was found in a text. Only a "no" may rely on the latter.
    fields: the name of a CTE with record_key, field (snake case; empty for a part of a text) and
    value.
    text_types: identifier types of which a whole text may be a value.
#}
{% macro find_identifiers(fields, text_types) -%}
    {%- set visible = replace_pattern("lower(" ~ fold_width("value") ~ ")", "'\\p{Cf}+'") -%}
    {#- People and web forms also write a@ b, a%40b and a(at)b. -#}
    {%- set visible = replace_pattern(visible, "'\\s*(@|%40|&#64;|[(\\[{]\\s*at\\s*[)\\]}])\\s*'", "'@'") -%}
    {%- set address = "'[a-z0-9_+ß-ɏ][a-z0-9ß-ɏ!#$%&''*+_~.-]*@[a-z0-9ß-ɏ\\p{L}\\p{M}\\p{N}.-]+'" -%}
    {%- set number = "'(?:[+]|tel:|00)[+]?[0-9][0-9 ()/.-]{5,24}[0-9]'" -%}
    select
        record_key,
        identifier_type,
        identifier_value,
        max(case when is_exact then 1 else 0 end) = 1 as is_exact
    from (
        select
            fields.record_key,
            consent_fields.identifier_type,
            case consent_fields.identifier_type
                when 'email' then {{ normalize_email('fields.value') }}
                when 'phone' then {{ phone_digits('fields.value') }}
                else nullif(trim(fields.value), '')
            end as identifier_value,
            true as is_exact
        from {{ fields }} as fields
        inner join {{ ref('consent_fields') }} as consent_fields
            on replace(fields.field, '_', '') = replace(consent_fields.field, '_', '')

        union all

        select
            record_key,
            'email' as identifier_type,
            {{ normalize_email('address') }} as identifier_value,
            false as is_exact
        from (
            select
                record_key,
                {{ explode_matches(visible, address) }} as address
            from {{ fields }}
        ) as addresses

        union all

        select
            record_key,
            'phone' as identifier_type,
            {{ phone_digits('number') }} as identifier_value,
            false as is_exact
        from (
            select
                record_key,
                {{ explode_matches(visible, number) }} as number
            from {{ fields }}
        ) as numbers

        union all

        {# A part of a text can be a phone number without country code, or an id. #}
        select
            record_key,
            'phone' as identifier_type,
            {{ phone_digits('value') }} as identifier_value,
            false as is_exact
        from {{ fields }}
        where field = '' and {{ matches_pattern('value', "'^[(]?[0-9][0-9 ()/.-]{5,20}[0-9]$'") }}

        union all

        select
            fields.record_key,
            identifier_types.identifier_type,
            trim(fields.value) as identifier_value,
            false as is_exact
        from {{ fields }} as fields
        cross join {{ ref('identifier_types') }} as identifier_types
        where
            fields.field = ''
            and length(trim(fields.value)) between 5 and 100
            and identifier_types.identifier_type in ('{{ text_types | join("', '") }}')
    ) as found
    where identifier_value is not null
    group by 1, 2, 3
{%- endmacro %}
