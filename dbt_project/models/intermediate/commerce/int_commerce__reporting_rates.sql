{#
    grain: one row per currency; key: currency_code
    why here: the only place that converts to the reporting currency (var reporting_currency)
#}
{% set reporting_currency = var('reporting_currency', 'EUR') | upper %}
with rates as (

    select * from {{ ref('currency_rates') }}

),

reporting as (

    select * from rates
    where currency_code = '{{ reporting_currency }}'

),

final as (

    select
        rates.currency_code,
        reporting.currency_code as reporting_currency,
        cast(reporting.units_per_eur as double) / cast(rates.units_per_eur as double)
            as rate_to_reporting,
        rates.rate_date
    from rates
    cross join reporting

)

select * from final
