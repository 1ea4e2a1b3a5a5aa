-- What each system states about a person: one row per record, with the errors of its author. The
-- raw shapes only copy from here.

-- Within `days` after a moment, but always before the world ends.
create or replace macro soon_after(moment, days, stream, a, b) as
    after(
        moment,
        draw(stream, a, b) * least(days * 86400.0, 0.9 * epoch(getvariable('world_end') - moment))
    );

create or replace table record_list as
with listed as (
    -- system: a number for the streams. typed: a person typed it. *_share: share of records that
    -- have the field.
    select
        'hubspot' as source,
        'contacts' as entity,
        1 as system,
        person_no,
        1 as ordinal,
        true as is_typed,
        0.93 as email_share,
        0.75 as phone_share,
        soon_after(first_seen_at, 6, 'in crm at', person_no, 1) as created_at,
    from persons
    where in_crm
    union all
    select
        'hubspot',
        'contacts',
        2,
        person_no,
        2,
        true,
        0.85,
        0.75,
        soon_after(first_seen_at, 200, 'in crm at', person_no, 2),
    from persons
    where in_crm and chance(getvariable('crm_duplicates'), 'crm duplicate', person_no)
    union all
    select
        'shopify',
        'customer',
        3,
        person_no,
        1,
        false,
        1.0,
        0.35,
        soon_after(first_seen_at, 0.01, 'account at', person_no, 1),
    from persons
    where has_account
    union all
    select
        'klaviyo',
        'person',
        4,
        person_no,
        1,
        false,
        1.0,
        0.3,
        soon_after(first_seen_at, 20, 'newsletter at', person_no, 1),
    from persons
    where in_newsletter
    union all
    select
        'zendesk',
        'user',
        5,
        person_no,
        1,
        true,
        0.96,
        0.4,
        soon_after(first_seen_at, 90, 'support at', person_no, 1),
    from persons
    where in_support
    union all
    select
        'partner',
        'customers',
        6,
        person_no,
        1,
        true,
        0.88,
        0.6,
        soon_after(first_seen_at, 120, 'partner at', person_no, 1),
    from persons
    where at_partner
    union all
    -- What a person without an account types at the checkout; the same each time.
    select 'shop', 'guest', 7, person_no, 1, true, 1.0, 0.5, first_seen_at,
    from persons
    where not has_account
)

select *, person_no * 8 + system as record_no
from listed;

create or replace table records as
with described as (
    select
        record_list.*,
        persons.* exclude (person_no),
        lives.* exclude (person_no),
        companies.domain as company_domain,
        companies.company_name,
        companies.company_id,
        nicknames.nickname,
        changes_surname and record_list.created_at >= persons.life_changed_at as is_renamed,
        changes_address and record_list.created_at >= persons.life_changed_at as is_moved,
        has_foreign_name or persons.country_code = 'JP' as is_non_latin,
        draw('latin', record_no) < if(is_typed, 0.6, 0.35) as is_transcribed,
        is_typed
        and chance(getvariable('placeholders'), 'placeholder', record_no) as has_placeholder,
        is_typed and persons.company_no is not null
        and chance(getvariable('role_mailboxes'), 'role mailbox', record_no) as has_role_mailbox,
        is_typed and chance(getvariable('typos'), 'typo', record_no) as has_typo,
        draw('typo where', record_no) < 0.6 as typo_is_in_name,
        draw('has email', record_no) < email_share as has_email,
        draw('has phone', record_no) < phone_share as has_phone,
    from record_list
    inner join persons using (person_no)
    inner join lives using (person_no)
    left join companies on companies.company_no = persons.company_no
    left join nicknames on nicknames.given_name = persons.given_name
),

-- Variants of names by author.
named as (
    select
        *,
        coalesce(if(is_renamed, later_family_name, null), family_name) as true_family_name,
        coalesce(if(is_renamed, later_family_latin, null), family_latin) as true_family_latin,
        nickname is not null
        and chance(getvariable('nicknames'), 'nickname', record_no) as has_nickname,
        not is_non_latin
        and chance(getvariable('accents_lost'), 'accents', record_no) as drops_accents,
    from described
),

written as (
    select
        *,
        case
            when has_nickname then nickname
            when is_non_latin and is_transcribed then given_latin
            when drops_accents then strip_accents(given_name)
            else given_name
        end as written_given_name,
        case
            when is_non_latin and is_transcribed then true_family_latin
            when drops_accents then strip_accents(true_family_name)
            else true_family_name
        end as right_family_name,
        case
            when not has_email then null
            when has_role_mailbox then 'info@' || company_domain
            when has_placeholder and draw('placeholder where', record_no) < 0.6 then 'test@test.com'
            when
                second_email is not null and draw('which email', record_no) < 0.45
                then second_email
            else email
        end as right_email,
        case
            when not has_phone then null
            when has_placeholder and draw('placeholder where', record_no) >= 0.6 then null
            when shares_phone and draw('which phone', record_no) < 0.6 then family_phone
            when phone_changed_at is not null and created_at >= phone_changed_at then next_phone
            else phone
        end as right_phone,
    from named
),

slipped as (
    select
        *,
        has_typo and typo_is_in_name as has_name_typo,
        case
            when has_typo and not typo_is_in_name and not has_placeholder and not has_role_mailbox
                then
                    concat(
                        slip(split_part(right_email, '@', 1), 'mail typo', record_no),
                        '@',
                        split_part(right_email, '@', 2)
                    )
            else right_email
        end as typed_email,
    from written
),

-- Where the address is a system's key, a second record with it is refused, and its clerk leaves the
-- field empty.
admitted as (
    select
        *,
        if(
            source in ('hubspot', 'zendesk')
            and row_number() over (partition by source, typed_email order by created_at, record_no)
            > 1,
            null, typed_email
        ) as admitted_email,
    from slipped
)

select
    source, entity, system, person_no, ordinal, record_no, created_at, is_typed,
    written_given_name as given_name,
    if(has_name_typo, slip(right_family_name, 'name typo', record_no), right_family_name)
        as family_name,
    admitted_email as email,
    right_phone as phone,
    -- Spelling of the number: international, with 00, or national.
    case
        when
            has_placeholder and right_phone is null and draw('placeholder where', record_no) >= 0.6
            then '000-0000'
        when right_phone is null then null
        when not is_typed or draw('phone format', record_no) < 0.45 then right_phone
        when draw('phone format', record_no) < 0.6
            then
                concat(
                    '+',
                    dial_code,
                    ' ',
                    substr(right_phone, length(dial_code) + 2, 3),
                    ' ',
                    substr(right_phone, length(dial_code) + 5)
                )
        when
            draw('phone format', record_no) < 0.7 and country_code not in ('US', 'JP', 'BR')
            then concat('00', substr(right_phone, 2))
        else
            concat(
                trunk,
                substr(right_phone, length(dial_code) + 2, 3),
                ' ',
                substr(right_phone, length(dial_code) + 5)
            )
    end as phone_text,
    if(is_moved, next_street, street) as street,
    if(is_moved, next_city, city) as city,
    if(is_moved, next_region, region) as region,
    if(is_moved, next_postal_code, postal_code) as postal_code,
    country_code,
    country_name,
    company_no,
    company_name,
    company_id,
    birth_date,
    first_seen_at,
    shopify_customer_id,
    locale,
    changes_surname, changes_address, life_changed_at,
    later_family_name, next_street, next_city, next_region, next_postal_code,
    case source
        when
            'hubspot'
            then
                cast(
                    51
                    + 50
                    * row_number()
                        over (partition by source order by created_at, record_no)
                    as varchar
                )
        when 'shopify' then shopify_customer_id
        when 'klaviyo' then concat('01', upper(left(token('klaviyo', person_no), 24)))
        when 'zendesk' then concat('39', digits(person_no, 10))
        when 'partner' then concat('LP-', digits(person_no, 8))
        else concat('guest-', digits(person_no, 8))
    end as record_id,
    -- The errors, for mess_truth.
    has_name_typo or coalesce(admitted_email <> right_email, false) as is_typo,
    has_nickname as is_nickname,
    drops_accents
    and (
        strip_accents(given_name) <> given_name
        or strip_accents(true_family_name) <> true_family_name
    )
    and not has_nickname as is_accents_lost,
    is_non_latin and has_foreign_name as is_non_latin_name,
    changes_surname as is_changed_surname,
    changes_address as is_changed_address,
    coalesce(admitted_email = second_email, false) as is_second_email,
    has_phone and right_phone = family_phone as is_family_phone,
    has_role_mailbox and admitted_email is not null as is_role_mailbox,
    has_placeholder
    and (
        draw('placeholder where', record_no) >= 0.6
        or coalesce(admitted_email = 'test@test.com', false)
    ) as is_placeholder,
    source in ('hubspot', 'klaviyo')
    and ordinal = 1
    and chance(getvariable('deleted_records'), 'deleted', record_no) as is_deleted_at_source,
from admitted
order by record_no;

-- A CRM contact entered twice may be merged later: the older one wins.
create or replace table crm_merges as
select
    winner.record_no as winner_no,
    winner.record_id as winner_id,
    loser.record_no as loser_no,
    loser.record_id as loser_id,
    loser.person_no,
    after(
        greatest(winner.created_at, loser.created_at),
        (0.05 + 0.9 * draw('merged at', loser.record_no))
        * epoch(getvariable('world_end') - greatest(winner.created_at, loser.created_at))
    ) as merged_at,
from records as loser
inner join
    records as winner
on winner.source = 'hubspot' and winner.person_no = loser.person_no and winner.ordinal = 1
    and not winner.is_deleted_at_source
where
    loser.source = 'hubspot' and loser.ordinal = 2 and chance(getvariable('crm_merges'), 'crm merge', loser.record_no);

drop table record_list;
