select
    cast(62000000 + cast(ticket_id as bigint) as varchar) as id,
    ticket_id,
    record_id as requester_id,
    concat('38', agent_no) as assignee_id,
    if(is_content, 'good', 'bad') as score,
    case when draw('rating comment', record_no, turn) > 0.4 then null when is_content then 'Quick and friendly, thank you.' else 'Took too long.' end as comment,
    if(is_content, null, 'The issue took too long to resolve') as reason,
    after(solved_at, 7200) as created_at,
    after(solved_at, 7200) as updated_at,
    false as _fivetran_deleted,
    synced(after(solved_at, 7200), 'rating synced', record_no) as _fivetran_synced,
    synced(after(solved_at, 7200), 'rating synced', record_no) as _arrived_at,
    record_no * 64 + turn as _order,
from tickets
where is_solved and is_rated
