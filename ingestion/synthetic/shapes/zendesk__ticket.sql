-- A ticket arrives when it is opened and when it is solved.
with versions as (
    select *, 1 as version_no, asked_at as updated_at from tickets
    union all
    select *, 2, solved_at from tickets where is_solved and solved_at < getvariable('world_end')
)

select
    ticket_id as id,
    record_id as requester_id,
    record_id as submitter_id,
    concat('38', agent_no) as assignee_id,
    '360006965001' as group_id,
    cast(null as varchar) as organization_id,
    ['Where is my parcel?', 'Wrong item received', 'Question about an invoice', 'Change of address', 'Product broke', 'How do I return this?'][subject_no] as subject,
    concat('Hello, ', ['my parcel has not come yet.', 'the box held another product.', 'please send the invoice again.', 'I have moved; please update my address.', 'it broke after a week.', 'I would like to send it back.'][subject_no], if(email is not null and draw('signs with email', record_no, turn) < 0.2, concat(' You reach me at ', email, '.'), '')) as description,
    if(version_no = 2, 'solved', 'open') as status,
    ['low', 'normal', 'normal', 'high'][pick(4, 'ticket priority', record_no, turn)] as priority,
    if(subject_no in (2, 5), 'problem', 'question') as type,
    ['email', 'web', 'chat'][channel_no] as via_channel,
    asked_at as created_at,
    updated_at,
    false as _fivetran_deleted,
    synced(updated_at, 'ticket synced', record_no) as _fivetran_synced,
    synced(updated_at, 'ticket synced', record_no) as _arrived_at,
    record_no * 64 + turn * 2 + version_no as _order,
from versions
