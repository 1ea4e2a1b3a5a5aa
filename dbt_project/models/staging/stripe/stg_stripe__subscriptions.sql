with source as (

    select * from {{ source('stripe', 'subscription_history') }}

),

final as (

    select
        source.id as subscription_id,
        {{ clean_text('source.customer_id') }} as stripe_customer_id,
        lower({{ clean_text('source.status') }}) as status,
        {{ normalize_currency('source.currency') }} as currency_code,
        coalesce(source.cancel_at_period_end, source.cancel_at is not null) as is_ending,
        not coalesce(source.livemode, true) as is_test,
        coalesce(
            {{ parse_moment('source.start_date') }}, {{ parse_moment('source.created') }}
        ) as started_at,
        {{ parse_moment('source.current_period_start') }} as current_period_start_at,
        {{ parse_moment('source.current_period_end') }} as current_period_end_at,
        {{ parse_moment('source.trial_end') }} as trial_end_at,
        {{ parse_moment('source.cancel_at') }} as cancel_at,
        {{ parse_moment('source.canceled_at') }} as canceled_at,
        {{ parse_moment('source.ended_at') }} as ended_at,
        {{ record_state("not source._fivetran_active") }}
    from source

)

select * from final
