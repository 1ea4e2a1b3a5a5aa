{#
    One block of int_identity__records: which identifiers a record names. Its own identifier (the first one of `own` that is
    not null) is what the others are linked to.
    source, record_type: as in the seed match_rules. relation: a staging model or CTE. record_id: SQL.
    own: {identifier type: column}, the strongest first; a record that has none of them names nobody.
    email, phone, mobile_phone, user_id, anonymous_id: the columns that hold them. other: [identifier type, column].
    is_living: SQL, false on what is no evidence any more. seen_at: SQL of two moments, the first and the last.
    is_grouped: for events, which are counted per combination and not kept one by one.
#}
{% macro name_identifiers(
    source, record_type, relation, record_id, own, email=none, phone=none, mobile_phone=none, user_id=none,
    anonymous_id=none, other=none, is_living='true', first_seen_at='created_at', last_seen_at='updated_at',
    where='true', is_grouped=false
) -%}
    {%- set nothing = 'cast(null as ' ~ dbt.type_string() ~ ')' -%}
    {%- set own_columns = (own.values() | list + [nothing]) | join(', ') -%}
    {%- set named = own.values() | list + [email, phone, mobile_phone, user_id, anonymous_id, other[1] if other else none] -%}
    select
        '{{ source }}' as source,
        '{{ record_type }}' as record_type,
        {{ record_id }} as record_id,
        case
            {%- for type, column in own.items() %}
            when {{ column }} is not null then '{{ type }}'
            {%- endfor %}
        end as own_type,
        coalesce({{ own_columns }}) as own_value,
        {{ email or nothing }} as email,
        {{ phone or nothing }} as phone,
        {{ mobile_phone or nothing }} as mobile_phone,
        {{ user_id or nothing }} as user_id,
        {{ anonymous_id or nothing }} as anonymous_id,
        {{ "'" ~ other[0] ~ "'" if other else nothing }} as other_type,
        {{ other[1] if other else nothing }} as other_value,
        {%- if is_grouped %}
        cast(count(*) as bigint) as times_seen,
        true as is_living,
        min(loaded_at) as first_loaded_at,
        max(loaded_at) as last_loaded_at,
        min({{ first_seen_at }}) as first_seen_at,
        max({{ last_seen_at }}) as last_seen_at
        {%- else %}
        cast(1 as bigint) as times_seen,
        {{ is_living }} as is_living,
        loaded_at as first_loaded_at,
        loaded_at as last_loaded_at,
        {#- A source may say that a record was changed before it was made. #}
        {%- set first = 'coalesce(' ~ first_seen_at ~ ', ' ~ last_seen_at ~ ', loaded_at)' %}
        {%- set last = 'coalesce(' ~ last_seen_at ~ ', ' ~ first_seen_at ~ ', loaded_at)' %}
        least({{ first }}, {{ last }}) as first_seen_at,
        greatest({{ first }}, {{ last }}) as last_seen_at
        {%- endif %}
    from {{ relation }}
    where {{ where }} and coalesce({{ own_columns }}) is not null
    {%- if is_grouped %}
    group by {{ named | reject('none') | unique | join(', ') }}
    {%- endif %}
{%- endmacro %}
