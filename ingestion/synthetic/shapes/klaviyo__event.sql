select
    left(token(concat('message ', metric_no), message_key), 20) as id,
    record_id as person_id,
    metric_id,
    campaign_id, flow_id,
    cast(null as varchar) as flow_message_id,
    uuid_token(concat('message ', metric_no), message_key) as uuid,
    metric_name as type,
    coalesce(subject, if(flow_id = 'WELC01', 'Welcome to Nordkai', null)) as property_subject,
    if(
        metric_no in (3, 7),
        'https://shop.nordkai.example/?utm_source=klaviyo&utm_medium=email',
        null
    ) as property_url,
    happened_at as datetime,
    happened_at as timestamp,
    false as _fivetran_deleted,
    synced(happened_at, 'message synced', message_key) as _fivetran_synced,
    synced(happened_at, 'message synced', message_key) as _arrived_at,
    message_key * 8 + metric_no as _order,
from messages
inner join message_metrics using (metric_no)
left join newsletters using (campaign_no)
