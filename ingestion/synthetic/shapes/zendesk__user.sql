-- Requesters, and the agents who answer them.
select
    record_id as id,
    concat_ws(' ', given_name, family_name) as name,
    email,
    phone_text as phone,
    if(draw('knows account', record_no) < 0.3, shopify_customer_id, null) as external_id,
    'end-user' as role,
    cast(null as varchar) as organization_id,
    locale,
    cast(null as varchar) as time_zone,
    true as active,
    false as suspended,
    true as verified,
    created_at,
    created_at as updated_at,
    false as _fivetran_deleted,
    synced(created_at, 'requester synced', record_no) as _fivetran_synced,
    synced(created_at, 'requester synced', record_no) as _arrived_at,
    record_no as _order,
from records
where source = 'zendesk'
union all
select
    concat('38', agent_no), agent_name, concat(mailbox_text(split_part(agent_name, ' ', 1)), '.support@nordkai.example'), null, null, 'agent', null, 'en-US', 'Berlin',
    true, false, true, getvariable('world_start'), getvariable('world_start'), false,
    getvariable('world_start') + interval 5 hour, getvariable('world_start') + interval 5 hour, agent_no,
from support_agents
