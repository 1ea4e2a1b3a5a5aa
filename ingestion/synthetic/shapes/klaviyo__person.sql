-- A profile arrives when it is created, when its subscription ends, and when it is deleted.
with profiles as (
    select
        records.*, mail_permissions.email_until,
        if(
            is_deleted_at_source,
            soon_after(created_at, 300, 'profile deleted at', records.record_no, 1),
            null
        ) as deleted_at,
    from records
    left join mail_permissions using (record_no)
    where records.source = 'klaviyo'
),

moments as (
    select record_no, created_at as changed_at from profiles
    union
    select record_no, email_until
    from profiles
    where email_until > created_at and (deleted_at is null or email_until < deleted_at)
    union
    select record_no, deleted_at from profiles where deleted_at is not null
)

select
    record_id as id,
    email,
    phone as phone_number,
    given_name as first_name,
    family_name as last_name,
    cast(null as varchar) as title,
    company_name as organization,
    street as address_1,
    cast(null as varchar) as address_2,
    city, region,
    postal_code as zip,
    country_name as country,
    ['Europe/Berlin', 'America/New_York', 'Europe/London'][
        1 + cast(country_code = 'US' as integer) + 2 * cast(country_code = 'GB' as integer)
    ] as timezone,
    created_at as created,
    changed_at as updated,
    coalesce(changed_at >= deleted_at, false) as _fivetran_deleted,
    synced(changed_at, 'profile synced', record_no) as _fivetran_synced,
    synced(changed_at, 'profile synced', record_no) as _arrived_at,
    record_no * 1000000 + epoch(changed_at) % 1000000 as _order,
from moments
inner join profiles using (record_no)
where changed_at < getvariable('world_end')
