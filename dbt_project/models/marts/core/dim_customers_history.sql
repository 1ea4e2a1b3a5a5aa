{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='customer_history_id',
        on_schema_change='append_new_columns',
        full_refresh=false,
        meta={'clock': []},
        post_hook="delete from {{ this }} where customer_id not in (
            select customers.customer_id from {{ ref('dim_customers') }} as customers
        ) and customer_id not in (
            select redirects.retired_customer_id from {{ ref('dim_customer_redirects') }} as redirects
        )"
    )
}}
{#
    grain: one row per state of a customer's golden attributes; key: customer_history_id
    rebuild: never dropped; each run writes only the customers whose state changed
    why here: what a customer was on a day; customers who are erased leave no row
#}
{% set types = {
    'household_id': 'string', 'is_identified': 'boolean', 'is_employee': 'boolean', 'email_status': 'string',
    'contract_status': 'string',
} %}
{% for attribute in golden_attributes() %}{% do types.update({attribute.name: attribute.data_type}) %}{% endfor %}
{% set columns = types.keys() | list %}
{# Empty columns leave the hash as it is, so that a new attribute starts no new state of everybody. #}
{% set texts = [] %}
{% for column in columns %}
    {% do texts.append(
        "case when " ~ column ~ " is not null then concat('" ~ column ~ "=', cast(" ~ column ~ " as "
        ~ dbt.type_string() ~ ")) end"
    ) %}
{% endfor %}
with customers as (

    select
        customer_id,
        {% for column in columns -%}
            {{ column }},
        {% endfor -%}
        {{ md5_hex("concat_ws('|', " ~ texts | join(', ') ~ ")") }} as attribute_hash
    from {{ ref('dim_customers') }}

),

{% if is_incremental() %}
    open_rows as (

        select
            customer_history_id,
            customer_id,
            {% for column, type in types.items() -%}
                {{ 'cast(null as ' ~ type ~ ') as ' if lacks_column(this, column) }}{{ column }},
            {% endfor -%}
            attribute_hash,
            valid_from
        from {{ this }}
        where valid_to is null

    ),

    opened as (

        select customers.*
        from customers
        left join open_rows
            on
                customers.customer_id = open_rows.customer_id
                and customers.attribute_hash = open_rows.attribute_hash
        where open_rows.customer_id is null

    ),

    closed as (

        select open_rows.*
        from open_rows
        left join customers
            on
                open_rows.customer_id = customers.customer_id
                and open_rows.attribute_hash = customers.attribute_hash
        where customers.customer_id is null

    ),
{% else %}
    opened as (

        select * from customers

    ),
{% endif %}

started as (

    select
        {{ md5_hex(
            "concat(customer_id, ':', attribute_hash, ':', cast(" ~ as_of() ~ " as " ~ dbt.type_string() ~ "))"
        ) }} as customer_history_id,
        customer_id,
        {% for column in columns -%}
            {{ column }},
        {% endfor -%}
        attribute_hash,
        {{ as_of() }} as valid_from,
        cast(null as timestamp) as valid_to
    from opened

),

final as (

    select * from started
    {%- if is_incremental() %}

        union all

        select
            customer_history_id,
            customer_id,
            {% for column in columns -%}
                {{ column }},
            {% endfor -%}
            attribute_hash,
            valid_from,
            greatest({{ as_of() }}, valid_from) as valid_to
        from closed
        -- A state that comes back at the moment at which it ended goes on.
        where customer_history_id not in (select resumed.customer_history_id from started as resumed)
    {%- endif %}

)

select * from final
