with

api as (

    select * from {{ ref('base_hubspot__emails_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__emails_fivetran') }}

),

final as (

    {{ union_loaders(
        ['api', 'fivetran'], ['email_id'], [
            'email_id', 'owner_id', 'direction', 'status', 'subject', 'body', 'from_email',
            'to_emails', 'occurred_at'
        ],
    ) }}

)

select * from final
