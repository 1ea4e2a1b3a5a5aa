select
    '1904400120071' as id,
    'Nordkai' as name,
    'EUR' as currency,
    'Europe/Berlin' as timezone_name,
    'ACTIVE' as account_status,
    getvariable('world_start') + interval 5 hour as _fivetran_synced,
    getvariable('world_start') + interval 5 hour as _arrived_at,
    1 as _order,
