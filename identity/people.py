"""Normalises person records for the comparisons, in one SQL statement.

Add here: a column that records may have, and how it is normalised. Keep out: how two values are compared
(comparisons.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb
import pyarrow as pa

from identity.domains import readable_domain

COLUMNS = (
    "record_id", "source", "first_name", "middle_name", "last_name", "full_name", "email", "phone", "birth_date",
    "street", "house_number", "unit", "city", "postal_code", "region", "country", "ssn", "company", "occupation",
)  # fmt: skip
"""The columns of a record; all but `record_id` may be missing."""

DATE_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d-%b-%Y", "%d %b %Y",
    "%d %B %Y", "%b %d %Y", "%B %d, %Y", "%Y-%m-%d %H:%M:%S",
)  # fmt: skip
"""Tried in this order: if day and month are ambiguous, the month comes first. The comparison of dates has a level for
swapped day and month."""

_FOLDED = "nullif(regexp_replace(lower(strip_accents({0})), '[^\\p{{L}}]', '', 'g'), '')"
_SPELT = (  # an umlaut is one letter, with dots or with an e; words of fewer than three letters are none
    "nullif(regexp_extract(regexp_replace(regexp_replace(strip_accents({0}), '[^\\p{{L}}]', '', 'g'),"
    " '([aou])e', '\\1', 'g'), '.{{3,}}'), '')"
)
_STREET_WORDS = (
    "street|str|st|avenue|ave|av|road|rd|drive|dr|lane|ln|place|pl|court|ct|crescent|cres|circuit|cct|close|cl|"
    "boulevard|blvd|way|terrace|tce|parade|pde|strasse|straße|highway|hwy|apt|apartment|unit|suite|ste|floor|fl"
)

_ROWS_AT_ONCE = 16_384  # of an Arrow table per thread, so that several threads can read
_GENERATION = r"\s(jr|junior|sr|senior|i|ii|iii|iv)[.]?$"

_GIVEN = f"regexp_replace(given, '{_GENERATION}', '')"
_FAMILY = f"regexp_replace(family, '{_GENERATION}', '')"

SELECT = rf"""
with whole as (

    select
        person_no,
        record_id,
        source,
        lower(strip_accents(trim(first_name))) as given,
        lower(strip_accents(trim(middle_name))) as middle,
        lower(strip_accents(trim(last_name))) as family,
        regexp_split_to_array(lower(strip_accents(trim(full_name))), '\s+') as words,
        lower(strip_accents(trim(company))) as company,
        regexp_extract(lower(email), '[^\s<>"@]+@[^\s<>"@]+[.][^\s<>"@]+') as address,
        nullif(right(regexp_replace(phone, '[^0-9]', '', 'g'), 9), '') as digits,
        trim(birth_date) as birth_text,
        nullif(regexp_replace(lower(ssn), '[^0-9a-z]', '', 'g'), '') as national_id,
        lower(strip_accents(trim(coalesce(house_number, '')))) as house,
        lower(strip_accents(trim(street))) as street,
        {_FOLDED.format("city")} as city,
        nullif(regexp_replace(lower(unit), '[^0-9a-z]', '', 'g'), '') as unit,
        nullif(regexp_replace(lower(postal_code), '[^0-9a-z]', '', 'g'), '') as postal_code,
        {_FOLDED.format("occupation")} as occupation
    from records

),

named as (

    select
        * exclude (given, middle, family),
        case
            when given is not null or family is not null or words is null then given
            when words[1] like '%,' then words[2]
            when len(words) > 1 then words[1]
        end as given,
        case
            when given is not null or family is not null or words is null or len(words) < 3 then middle
            when words[1] like '%,' then coalesce(middle, words[3])
            else coalesce(middle, array_to_string(words[2:-2], ' '))
        end as middle,
        case
            when given is not null or family is not null then family
            when words[1] like '%,' then words[1]
            else coalesce(words[-1], company)
        end as family,
        try_strptime(
            regexp_replace(regexp_replace(birth_text, '/([01]\d)$', '/20\1'), '/([2-9]\d)$', '/19\1'),
            {list(DATE_FORMATS)!r}
        ) as birth_time
    from whole

),

folded as (

    select
        person_no,
        record_id,
        source,
        {_FOLDED.format(_GIVEN)} as first_name,
        {_FOLDED.format("middle")} as middle_name,
        {_FOLDED.format(_FAMILY)} as last_name,
        case coalesce(nullif(regexp_extract(family, '{_GENERATION}', 1), ''), regexp_extract(given, '{_GENERATION}', 1))
            when '' then null
            when 'jr' then 'junior'
            when 'ii' then 'junior'
            when 'sr' then 'senior'
            when 'i' then 'senior'
            else coalesce(
                nullif(regexp_extract(family, '{_GENERATION}', 1), ''), regexp_extract(given, '{_GENERATION}', 1)
            )
        end as generation,
        nullif(address, '') as email,
        case when length(digits) >= 7 and length(replace(digits, right(digits, 1), '')) > 0 then digits end as phone,
        coalesce(
            strftime(birth_time, '%Y%m%d'), nullif(regexp_replace(birth_text, '[^0-9]', '', 'g'), '')
        ) as birth_date,
        case
            when length(national_id) >= 4 and length(replace(national_id, right(national_id, 1), '')) > 0
                then national_id
        end as national_id,
        coalesce(
            nullif(regexp_replace(house, '[^0-9a-z]', '', 'g'), ''), nullif(regexp_extract(street, '\b(\d+)\b', 1), '')
        ) as house_number,
        nullif(
            regexp_replace(
                regexp_replace(split_part(street, ',', 1), '\b({_STREET_WORDS})\b', ' ', 'g'), '[^\p{{L}}]', '', 'g'
            ),
            ''
        ) as street,
        unit,
        city,
        postal_code,
        {_FOLDED.format("company")} as company,
        occupation
    from named

),

nicknamed as (

    select nickname, list(distinct given_name) as names from nicknames group by 1

)

select
    folded.*,
    split_part(folded.email, '@', 1) as email_name,
    split_part(folded.email, '@', 2) as email_domain,
    regexp_replace(split_part(folded.email, '@', 1), '[^a-z]', '', 'g') as email_letters,
    coalesce(
        contains({_SPELT.format("split_part(folded.email, '@', 1)")}, {_SPELT.format("folded.last_name")})
        or contains({_SPELT.format("split_part(folded.email, '@', 1)")}, {_SPELT.format("folded.first_name")}),
        false
    ) as is_email_of_name,
    list_append(coalesce(nicknamed.names, []), folded.first_name) as given_names,
    coalesce(list_min(nicknamed.names), folded.first_name) as formal_name,
    left(folded.last_name, 1) || regexp_replace(substr(folded.last_name, 2), '[aeiouyhw]', '', 'g')
        as last_name_consonants
from folded
left join nicknamed on folded.first_name = nicknamed.nickname
"""

_SELECT_SHARED = """
select {0} as value
from people
where {0} is not null
group by 1
having count(distinct left(first_name, 1) || '.' || left(last_name, 1)) > {1}
"""


def prepare(
    connection: duckdb.DuckDBPyConnection,
    records: pa.Table,
    *,
    nicknames: Iterable[tuple[str, str]],
    blocked_emails: Iterable[str],
    most_persons: Mapping[str, int],
) -> int:
    """Creates the table `people` from person records: one row each, numbered from 1 in the order of their ids, or by
    their column `person_no`.

    An e-mail or phone with more persons (by their initials) than its type allows is dropped, and so is the mailbox of a
    role. Returns the number of records.
    """
    wanted = [
        f"cast({name} as varchar) as {name}" if name in records.column_names else f"cast(null as varchar) as {name}"
        for name in COLUMNS
    ]
    is_numbered = "person_no" in records.column_names
    number = "person_no" if is_numbered else "row_number() over (order by trim(record_id))"
    connection.register("arrived", pa.Table.from_batches(records.to_batches(_ROWS_AT_ONCE), records.schema))
    trimmed = [f"nullif(trim({name}), '') as {name}" for name in COLUMNS]
    connection.execute(
        f"create or replace temp view records as select cast({number} as bigint) as person_no, {', '.join(trimmed)}"
        f" from (select {', '.join([*wanted, *['person_no'] * is_numbered])} from arrived)"
    )
    connection.execute("create or replace temp table nicknames (nickname varchar, given_name varchar)")
    pairs = list(nicknames)
    connection.execute(
        "insert into nicknames select unnest(cast(? as varchar[])), unnest(cast(? as varchar[]))",
        [[nickname for nickname, _ in pairs], [given_name for _, given_name in pairs]],
    )
    connection.execute(f"create or replace table people as {SELECT}")
    connection.unregister("arrived")
    international = "regexp_matches(email_domain, '[^\\x00-\\x7f]|xn--|[.]$')"
    for (domain,) in connection.execute(f"select distinct email_domain from people where {international}").fetchall():
        connection.execute(
            "update people set email = email_name || '@' || $1, email_domain = $1 where email_domain = $2",
            [readable_domain(domain), domain],
        )
    connection.execute(
        "update people set email = null, email_name = null where list_contains(?, email_name) or email in"
        f" ({_SELECT_SHARED.format('email', int(most_persons['email']))})",
        [list(blocked_emails)],
    )
    connection.execute(
        f"update people set phone = null where phone in ({_SELECT_SHARED.format('phone', int(most_persons['phone']))})"
    )
    return int(connection.execute("select count(*) from people").fetchall()[0][0])
