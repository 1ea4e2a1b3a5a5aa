{{ config(meta={'clock': 'daily'}) }}
{#
    grain: one row per customer with a purchase and known revenue; key: customer_id
    why here: recency, frequency and monetary value in five parts each, and the first segment of the
        seed rfm_segments that they are in
#}
{% set bounds = [] %}
{% set scores = {} %}
{% for column in ['recency_days', 'order_count', 'revenue_amount'] %}
    {% set steps = [] %}
    {% for part in range(1, 5) %}
        {% do bounds.append(quantile_of(column, part / 5) ~ ' + 1 as ' ~ column ~ '_' ~ part) %}
        {% do steps.append('case when buyers.' ~ column ~ ' >= bounds.' ~ column ~ '_' ~ part ~ ' then 1 else 0 end') %}
    {% endfor %}
    {% do scores.update({column: steps | join('\n            + ')}) %}
{% endfor %}
{% set days = dbt.datediff('last_order_at', as_of(), 'day') %}
with buyers as (

    select
        customer_id,
        revenue_currency,
        {{ days }}
            as recency_days,
        order_count,
        lifetime_revenue_amount as revenue_amount,
        last_order_at
    from {{ ref('dim_customers') }}
    where order_count > 0 and lifetime_revenue_amount is not null and last_order_at <= {{ as_of() }}

),

segments as (

    select * from {{ ref('rfm_segments') }}

),

{# A part begins one above the quantile: days, orders and amounts count in whole numbers. #}
bounds as (

    select
        {{ bounds | join(',\n        ') }}
    from buyers

),

scored as (

    select
        buyers.*,
        5 - (
            {{ scores['recency_days'] }}
        ) as recency_score,
        1 + (
            {{ scores['order_count'] }}
        ) as frequency_score,
        1 + (
            {{ scores['revenue_amount'] }}
        ) as monetary_score
    from buyers
    cross join bounds

),

named as (

    select
        scored.*,
        segments.rfm_segment,
        row_number() over (partition by scored.customer_id order by segments.position) as choice
    from scored
    left join segments
        on
            scored.recency_score between segments.recency_from and segments.recency_to
            and scored.frequency_score between segments.frequency_from and segments.frequency_to
            and scored.monetary_score between segments.monetary_from and segments.monetary_to

),

final as (

    select
        customer_id,
        revenue_currency,
        coalesce(rfm_segment, 'others') as rfm_segment,
        cast(recency_score as integer) as recency_score,
        cast(frequency_score as integer) as frequency_score,
        cast(monetary_score as integer) as monetary_score,
        cast(recency_days as bigint) as recency_days,
        order_count,
        revenue_amount,
        last_order_at
    from named
    where choice = 1

)

select * from final
