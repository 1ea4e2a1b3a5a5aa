{#
    grain: one row per currency that an amount of a fact has; key: currency_code
    why here: shows which amounts have no value in the reporting currency, by the currency's name
#}
{% set facts = ['fct_orders', 'fct_checkouts', 'fct_deals', 'fct_subscriptions', 'fct_ad_spend', 'fct_events'] %}
with

{% for fact in facts %}
    {{ fact }} as (

        select
            currency_code,
            count(*) as row_count
        from {{ ref(fact) }}
        where currency_code is not null
        group by 1

    ),

{% endfor %}
rates as (

    select * from {{ ref('int_commerce__reporting_rates') }}

),

used as (

    {% for fact in facts -%}
        select * from {{ fact }}
        {%- if not loop.last %}

            union all

        {% endif %}
    {%- endfor %}

),

final as (

    select
        used.currency_code,
        '{{ var('reporting_currency', 'EUR') | upper }}' as reporting_currency,
        max(rates.rate_to_reporting) as rate_to_reporting,
        max(rates.rate_date) as rate_date,
        cast(sum(used.row_count) as bigint) as row_count
    from used
    left join rates on used.currency_code = rates.currency_code
    group by 1, 2

)

select * from final
