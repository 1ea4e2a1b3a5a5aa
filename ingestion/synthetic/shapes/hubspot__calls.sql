select
    call_id as id,
    utc(called_at) as hs_timestamp,
    direction as hs_call_direction,
    ['connected', 'connected', 'no_answer', 'left_voicemail', 'busy'][disposition_no]
        as hs_call_disposition,
    if(disposition_no <= 2, duration_ms, cast(0 as bigint)) as hs_call_duration,
    case
        when disposition_no = 3 then 'Nobody picked up.'
        when disposition_no > 3 then 'Left a message.'
        else
            [
                'Asked for an offer on the yearly contract.',
                'Wants to hear back after the holidays.',
                'Happy with the last delivery.',
                'Compares with another supplier; price is the question.',
                'Needs the invoice again.'
            ][pick(5, 'call body', contact_no, turn)]
    end as hs_call_body,
    cast(10 + rep_no as varchar) as hubspot_owner_id,
    utc(called_at) as hs_lastmodifieddate,
    false as is_deleted,
    dlt_load_id(called_at) as _dlt_load_id,
    dlt_id('call', contact_no * 64 + turn) as _dlt_id,
    called_at as _arrived_at,
    call_id as _order,
from calls
