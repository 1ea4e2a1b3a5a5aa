-- All persons: customers 1..N in households and companies, each known to at least one system, and
-- visitors N+1.. who never identify themselves.

create or replace table households as
with started as (
    select
        n as person_no,
        n % 6 = 1 or chance(0.62, 'household starts', n) as is_start,
    from range(1, getvariable('customers') + 1) as person (n)
),

numbered as (
    select
        person_no,
        cast(sum(cast(is_start as integer)) over (order by person_no) as bigint) as household_no,
    from started
),

sized as (
    select household_no, min(person_no) as first_person_no, count(*) as member_count,
    from numbered
    group by household_no
),

placed as (
    select
        sized.*,
        countries.* exclude (weight),
        pick(
            (select count(*) from family_names where country_code = countries.country_code),
            'family name',
            household_no
        ) as family_idx,
        pick(
            (select count(*) from city_slots where country_code = countries.country_code),
            'city',
            household_no
        ) as city_slot,
        pick(8, 'street', household_no) as street_idx,
    from sized
    inner join country_slots on country_slots.slot = pick(100, 'country', household_no)
    inner join countries using (country_code)
)

select
    placed.* exclude (family_idx, city_slot, street_idx),
    family_names.family_name,
    family_names.latin as family_latin,
    city_slots.city,
    city_slots.region,
    fill(city_slots.postal_pattern, 'postal code', household_no) as postal_code,
    case
        when
            streets.number_first
            then concat(pick(180, 'house number', household_no), ' ', streets.street)
        else concat(streets.street, ' ', pick(180, 'house number', household_no))
    end as street,
    concat(
        '+',
        dial_code,
        landline_prefixes[1 + household_no % 3],
        digits(household_no // 3, if(placed.country_code = 'US', 6, 7))
    ) as family_phone,
    member_count > 1
    and chance(getvariable('shared_family_phones'), 'family phone', household_no) as shares_phone,
    member_count > 1
    and chance(getvariable('shared_tablets'), 'tablet', household_no) as shares_tablet,
from placed
inner join
    family_names
    on family_names.country_code = placed.country_code and family_names.idx = placed.family_idx
inner join
    city_slots
    on city_slots.country_code = placed.country_code and city_slots.slot = placed.city_slot
inner join streets on streets.country_code = placed.country_code and streets.idx = placed.street_idx
order by household_no;

-- Companies buy under contracts. A company has five buyers on average, and a mailbox that all of
-- them may use.
create or replace table companies as
with named as (
    select
        n as company_no,
        [
            'Nord',
            'Alt',
            'Blau',
            'Silber',
            'Kron',
            'Feld',
            'Ost',
            'Linden',
            'Stern',
            'Hafen',
            'Grand',
            'Bel',
            'Clear',
            'Oak',
            'River',
            'North',
            'Iron',
            'Bright',
            'Summit',
            'Harbour'
        ][pick(20, 'firm beginning', n)] as beginning,
        [
            'werk',
            'haus',
            'tec',
            'logistik',
            'bau',
            'gastro',
            'media',
            'labs',
            'works',
            'foods',
            'studio',
            'mobil'
        ][pick(12, 'firm ending', n)] as ending,
        ['GmbH', 'AG', 'Ltd', 'SARL', 'BV', 'Inc', 'Sp. z o.o.', 'Ltda'][pick(8, 'firm form', n)]
            as form,
        [
            'Hospitality',
            'Retail',
            'Manufacturing',
            'Professional services',
            'Education',
            'Health care'
        ][pick(6, 'industry', n)] as industry,
        after(
            getvariable('world_start'), draw('firm seen', n) * 0.3 * getvariable('world_seconds')
        ) as created_at,
    from range(1, getvariable('companies') + 1) as company (n)
)

select
    company_no, industry, created_at,
    concat(beginning, ending, ' ', form) as company_name,
    concat(
        lower(beginning || ending),
        if(company_no > 40, concat('-', company_no), ''),
        '-',
        company_no % 10,
        '.example'
    ) as domain,
    (8700000000 + company_no * 97)::varchar as company_id,
    households.city, households.country_code, households.country_name,
from (
    select named.*, 1 + (company_no * 7) % household_count as household_no
    from named
    cross join (select count(*) as household_count from households) as counted
) as settled
inner join households using (household_no);

create or replace table persons as
with numbered as (
    select households.*, unnest(range(first_person_no, first_person_no + member_count)) as person_no
    from households
),

drawn as (
    select
        *,
        chance(getvariable('non_latin_names'), 'non latin', person_no)
        and country_code <> 'JP' as has_foreign_name,
        if(chance(0.52, 'gender', person_no), 'f', 'm') as gender,
        -- Growth: more customers arrive late than early. The first one arrives on the first day.
        in_daytime(
            after(
                getvariable('world_start'),
                pow(draw('first seen', person_no), 0.8) * 0.985 * getvariable('world_seconds')
            ),
            'first hour',
            person_no
        ) as first_seen_at,
        cast(date '1946-01-01' + cast(floor(draw('birth', person_no) * 22600) as integer) as date)
            as birth_date,
        if(
            chance(0.16, 'business', person_no),
            pick(getvariable('companies'), 'company', person_no),
            null
        ) as company_no,
        pick_skewed(6, 1.3, 'favourite', person_no) as favourite_category,
        draw('pace', person_no, 1) as pace,
        -- Systems that know the person.
        chance(0.62, 'has account', person_no) as wants_account,
        chance(0.86, 'uses web', person_no) as uses_web,
        chance(0.30, 'in crm', person_no) as in_crm,
        chance(0.72, 'in newsletter', person_no) as in_newsletter,
        chance(0.16, 'asked support', person_no) as in_support,
        chance(0.12, 'at partner', person_no) as at_partner,
        -- Data problems that come from the person's life, not from a record.
        chance(getvariable('several_emails'), 'several e-mails', person_no) as has_second_email,
        chance(getvariable('changed_surnames'), 'changed surname', person_no) as changes_surname,
        chance(getvariable('changed_addresses'), 'changed address', person_no) as changes_address,
        chance(getvariable('employees'), 'employee', person_no)
        or (
            getvariable('employees') > 0
            and person_no = 1 + cast(getvariable('customers') // 2 as bigint)
        ) as is_employee,
        -- Dozens of people use a kiosk, so a small world also has two dozen kiosk users.
        getvariable('kiosk_visits') > 0
        and chance(
            greatest(getvariable('kiosk_visits'), least(0.3, 70 / getvariable('customers'))),
            'kiosk visitor',
            person_no
        ) as visits_kiosk,
    from numbered
),

named as (
    select
        drawn.* exclude (family_name, family_latin),
        given_names.given_name,
        given_names.latin as given_latin,
        coalesce(own_family.family_name, drawn.family_name) as family_name,
        coalesce(own_family.latin, drawn.family_latin) as family_latin,
        married.family_name as later_family_name,
        married.latin as later_family_latin,
        after(
            first_seen_at,
            (0.1 + 0.8 * draw('life moment', person_no))
            * epoch(getvariable('world_end') - first_seen_at)
        ) as life_changed_at,
    from drawn
    inner join given_names
        on given_names.country_code = if(has_foreign_name, 'XX', drawn.country_code)
        and given_names.gender = drawn.gender
        and given_names.idx
        = pick_skewed(
            if(has_foreign_name, 10, if(drawn.country_code = 'JP', 16, 24)),
            1.4,
            'given name',
            person_no
        )
    -- One in five members of a household has a different family name.
    left join family_names as own_family
        on own_family.country_code = if(has_foreign_name, 'XX', drawn.country_code)
        and own_family.idx = pick(if(has_foreign_name, 10, 160), 'own family name', person_no)
        and (has_foreign_name or chance(0.2, 'own name', person_no))
    left join family_names as married
        on changes_surname
        and married.country_code = drawn.country_code
        and married.idx = pick(160, 'married name', person_no)
),

addressed as (
    select
        *,
        uses_web and wants_account as has_account,
        -- A number where two persons would have the same mailbox.
        concat(
            mailbox_text(given_latin),
            ['.', '', '_', '-'][pick(4, 'mailbox joint', person_no)],
            mailbox_text(family_latin),
            if(
                chance(0.4, 'mailbox year', person_no),
                right(cast(year(birth_date) as varchar), 2),
                ''
            )
        ) as mailbox,
        mail_domains[pick(3, 'mail domain', person_no)] as mail_domain,
    from named
),

distinct_mailboxes as (
    select
        *,
        row_number() over (partition by mailbox, mail_domain order by person_no) as mailbox_turn,
    from addressed
)

select
    * exclude (
        mailbox,
        mail_domain,
        mailbox_turn,
        in_crm,
        in_newsletter,
        first_person_no,
        landline_prefixes,
        mail_domains,
        mobile_prefixes
    ),
    concat('P', lpad(cast(person_no as varchar), 9, '0')) as person_id,
    in_crm or company_no is not null or not (has_account or in_support or at_partner) as in_crm,
    in_newsletter and (has_account or in_crm) as in_newsletter,
    concat(mailbox, if(mailbox_turn > 1, concat('.', mailbox_turn), ''), '@', mail_domain) as email,
    if(
        has_second_email,
        concat(
            substr(mailbox_text(given_latin), 1, 1),
            mailbox_text(family_latin),
            digits(person_no, 7),
            '@second-box.example'
        ),
        null
    ) as second_email,
    concat(
        '+',
        dial_code,
        mobile_prefixes[1 + person_no % 3],
        digits(person_no // 3, if(country_code = 'US', 6, 7))
    ) as own_phone,
    if(
        has_account,
        cast(6100000000000 + person_no * 32768 + bits('account id', person_no) % 32768 as varchar),
        null
    ) as shopify_customer_id,
    after(first_seen_at, draw('account made', person_no) * 3600 * 24 * 3) as account_created_at,
from distinct_mailboxes
order by person_no;

-- Phone numbers that their first holder gave up and another person in the country got later.
create or replace table recycled_phones as
with drawn as (
    select person_no, country_code, own_phone, first_seen_at,
    from persons
    where chance(least(1, 2 * getvariable('recycled_phones')), 'recycled phone', person_no)
),

ordered as (
    select
        *, row_number() over (partition by country_code order by first_seen_at, person_no) as turn
    from drawn
)

select
    former.person_no as former_person_no,
    later.person_no as later_person_no,
    former.own_phone as phone,
    later.first_seen_at as changed_hands_at,
from ordered as former
inner join ordered as later using (country_code)
where former.turn % 2 = 1 and later.turn = former.turn + 1;

-- Facts about a person that no record states: the new address, the married name, the new phone
-- number.
create or replace table lives as
select
    persons.person_no,
    coalesce(taken.phone, persons.own_phone) as phone,
    -- The former holder's next number is the new holder's own number, which no other person uses.
    if(given_up.former_person_no is not null, successor.own_phone, null) as next_phone,
    given_up.changed_hands_at as phone_changed_at,
    if(persons.changes_address, persons.life_changed_at, null) as moved_at,
    fill(
        case persons.country_code
            when 'GB' then 'SW# #@@' when 'NL' then '10## @@' when 'FR' then '751##' when
                'US'
                then '101##' when 'PL' then '01-###' when 'JP' then '150-####' when
                'BR'
                then '02###-000' else '11###'
        end,
        'next postal code',
        persons.person_no
    ) as next_postal_code,
    city_slots.city as next_city,
    city_slots.region as next_region,
    concat(streets.street, ' ', pick(120, 'next number', persons.person_no)) as next_street,
from persons
left join recycled_phones as taken on taken.later_person_no = persons.person_no
left join recycled_phones as given_up on given_up.former_person_no = persons.person_no
left join persons as successor on successor.person_no = given_up.later_person_no
inner join city_slots on city_slots.country_code = persons.country_code and city_slots.slot = 1
inner join
    streets
    on
        streets.country_code = persons.country_code
        and streets.idx = pick(8, 'next street', persons.person_no)
order by persons.person_no;
