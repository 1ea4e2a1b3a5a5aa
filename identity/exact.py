"""Which records of a file are joined by an identifier, judged by what judges shared use in a warehouse.

A file does not say which of its identifiers people share: a family has one mailbox, and a national number is borrowed.
So each of them joins only the records that nothing speaks against (shared_use.py).
Add here: where a file's evidence comes from. Keep out: the judgement (shared_use.py), the limits of an identifier and
the blocklist (people.py drops such values).
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import numpy as np
import pyarrow as pa

from identity.closure import Numbers
from identity.shared_use import refused

_STEPS = (("email",), ("phone", "national_id"))
"""The identifiers in `people`. Addresses come first: those that a record keeps are evidence about the others."""

_WRITTEN = ("first_name", "last_name", "full_name", "company")

_CREATE_KNOWN = r"""
    create or replace temp table known as
    select
        people.person_no,
        written.first_name,
        coalesce(written.last_name, if(written.full_name is null, written.company, null)) as last_name,
        written.full_name,
        coalesce(written.first_name, written.last_name, written.full_name, written.company) is not null as has_name,
        regexp_replace(people.birth_date, '^(\d{4})(\d\d)(\d\d)$', '\1-\2-\3') as birth_date
    from people
    inner join written on people.record_id = written.record_id
"""

# A record without a name or a birth date of its own has those of the records with its address.
_CREATE_FACTS = """
    create or replace temp table facts as
    with beside as (

        select ones.person_no, others.person_no as other_no
        from addresses as ones
        inner join addresses as others on ones.address = others.address and ones.person_no <> others.person_no

    )

    select person_no, 'name' as kind, first_name as value, last_name, full_name from known where has_name
    union
    select person_no, 'birth_date', birth_date, null, null from known where birth_date is not null
    union
    select own.person_no, 'name', others.first_name, others.last_name, others.full_name
    from known as own
    inner join beside on own.person_no = beside.person_no and not own.has_name
    inner join known as others on beside.other_no = others.person_no and others.has_name
    union
    select own.person_no, 'birth_date', others.birth_date, null, null
    from known as own
    inner join beside on own.person_no = beside.person_no and own.birth_date is null
    inner join known as others on beside.other_no = others.person_no and others.birth_date is not null
    union
    select person_no, 'email', address, null, null from addresses
    union
    select person_no, 'link', address, null, null from addresses
"""

# Identifiers whose records all write one name and one birth date need no judgement.
_CREATE_CONTESTED = """
    create or replace temp table contested as
    select distinct identifier_no
    from (
        select
            uses.identifier_no,
            min(lower(concat_ws('|', facts.value, facts.last_name, facts.full_name))) as least,
            max(lower(concat_ws('|', facts.value, facts.last_name, facts.full_name))) as greatest
        from uses
        inner join facts on uses.person_no = facts.person_no and facts.kind in ('name', 'birth_date')
        group by uses.identifier_no, facts.kind
    )
    where least < greatest
"""


def exact_pairs(
    connection: duckdb.DuckDBPyConnection,
    records: pa.Table,
    *,
    nicknames: Iterable[tuple[str, str]],
    links_only: bool,
) -> tuple[Numbers, Numbers]:
    """Pairs of `people`, made from `records`, that identifiers join: each person with the first one of an identifier.

    With `links_only` no source has a person twice. An identifier that two records of a source have joins neither: it
    belongs to one of them at most, and nothing says to which.
    """
    _create_known(connection, records)
    connection.execute("create or replace temp table addresses (person_no bigint, address varchar)")
    joined = []
    for columns in _STEPS:
        named = " union all ".join(
            f"select '{column}' as type, {column} as value, person_no, record_id, coalesce(source, '') as source"
            f" from people where {column} is not null"
            for column in columns
        )
        connection.execute(f"""
            create or replace temp table uses as
            select *, dense_rank() over (order by type, value) as identifier_no from ({named})
        """)
        _refuse(connection, nicknames)
        connection.execute(f"""
            create or replace temp table pairs as
            with joining as (
                select identifier_no, person_no
                from uses
                {"qualify count(*) over (partition by identifier_no, source) = 1" * links_only}
            )
            select min(person_no) over (partition by identifier_no) as person_no_a, person_no as person_no_b
            from joining
        """)
        joined.append(connection.execute(
            "select distinct * from pairs where person_no_a < person_no_b order by all"
        ).fetchnumpy())  # fmt: skip
        connection.execute("insert into addresses select person_no, value from uses where type = 'email'")
    return tuple(  # type: ignore[return-value]
        np.concatenate([np.asarray(found[name], np.int64) for found in joined])
        for name in ("person_no_a", "person_no_b")
    )


def _create_known(connection: duckdb.DuckDBPyConnection, records: pa.Table) -> None:
    """Creates `known`: the names of each person as written, and the birth date."""
    connection.register("given", records)
    columns = [
        f"nullif(trim({name}), '') as {name}" if name in records.column_names else f"cast(null as varchar) as {name}"
        for name in _WRITTEN
    ]
    connection.execute(
        f"create or replace temp table written as select trim(record_id) as record_id, {', '.join(columns)} from given"
    )
    connection.unregister("given")
    connection.execute(_CREATE_KNOWN)


def _refuse(connection: duckdb.DuckDBPyConnection, nicknames: Iterable[tuple[str, str]]) -> None:
    """Deletes from `uses` the records that their identifier does not join with the others."""
    connection.execute(_CREATE_FACTS)
    connection.execute(_CREATE_CONTESTED)
    namers = connection.sql("""
        select
            identifier_no, person_no as namer_no, source, 'record' as namer_type, record_id as namer_value, 1 as tier,
            1 as times_seen, timestamp '1970-01-01' as last_seen_at
        from uses semi join contested using (identifier_no)
    """).to_arrow_table()
    evidence = connection.sql("""
        select person_no as namer_no, facts.* exclude (person_no)
        from facts semi join (from uses semi join contested using (identifier_no)) as named using (person_no)
    """).to_arrow_table()
    refusals = refused(namers.to_pylist(), evidence.to_pylist(), nicknames)
    connection.register("refusals", pa.table({
        "identifier_no": pa.array([identifier_no for identifier_no, _, _ in refusals], pa.int64()),
        "person_no": pa.array([person_no for _, person_no, _ in refusals], pa.int64()),
    }))  # fmt: skip
    connection.execute("delete from uses where (identifier_no, person_no) in (from refusals)")
    connection.unregister("refusals")
