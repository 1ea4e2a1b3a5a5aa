-- A contact arrives when it was last changed. dlt stores no time of its own except in the load id.
select
    record_id as id,
    record_id as hs_object_id,
    email, given_name as firstname, family_name as lastname,
    -- A landline goes into the field for landlines.
    if(
        phone_text <> '000-0000' and not is_family_phone and draw('mobile field', record_no) < 0.4,
        null,
        phone_text
    ) as phone,
    if(
        phone_text <> '000-0000' and not is_family_phone and draw('mobile field', record_no) < 0.4,
        phone_text,
        null
    ) as mobilephone,
    if(
        company_no is null,
        null,
        ['Buyer', 'Office manager', 'Head of purchasing', 'Chef', 'Owner', 'Facility manager'][
            pick(6, 'job', person_no)
        ]
    ) as jobtitle,
    company_name as company,
    company_id as associatedcompanyid,
    street as address,
    city,
    region as state,
    postal_code as zip,
    -- Typed by hand: either a code or a name.
    if(draw('country field', record_no) < 0.6, country_name, country_code) as country,
    if(draw('birthday known', record_no) < 0.35, strftime(birth_date, '%Y-%m-%d'), null)
        as date_of_birth,
    case
        when coalesce(has_bought, false) then 'customer' when
            company_no is not null
            then 'opportunity' when ordinal = 1 then 'lead' else 'subscriber'
    end as lifecyclestage,
    if(
        company_no is null and draw('has owner', record_no) < 0.7,
        null,
        cast(11 + record_no % 8 as varchar)
    ) as hubspot_owner_id,
    merged_contact_ids as hs_merged_object_ids,
    case
        when coalesce(mail_permissions.email_until <= changed_at, false) then 'true' when
            mail_permissions.email_from is not null
            then 'false'
    end as hs_email_optout,
    utc(created_at) as createdate,
    utc(changed_at) as lastmodifieddate,
    is_deleted,
    dlt_load_id(changed_at) as _dlt_load_id,
    dlt_id('contact', record_no) as _dlt_id,
    changed_at as _arrived_at,
    record_no * 8 + version_no as _order,
from contact_versions
left join
    (select person_no, email_from, email_until from mail_permissions) as mail_permissions
using (person_no)
