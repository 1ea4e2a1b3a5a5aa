"""Which pairs are compared at all: keys that two records share, in blocks small enough to afford.

Add here: a key. Keep out: how a pair is judged (comparisons.py).
"""

from __future__ import annotations

import duckdb

KEYS = (
    ("email",), ("email_name",), ("phone",), ("national_id",), ("birth_date",),
    ("first_name", "last_name"), ("least(first_name, last_name)", "greatest(first_name, last_name)"),
    ("first_name", "city"), ("last_name", "city"), ("first_name", "postal_code"), ("last_name", "postal_code"),
    ("first_name", "birth_date"), ("last_name", "birth_date"), ("postal_code", "birth_date"),
    ("first_name", "right(birth_date, 4)"), ("last_name", "right(birth_date, 4)"),
    ("first_name", "street"), ("last_name", "street", "house_number"), ("street", "house_number"),
    ("first_name", "left(birth_date, 4)"), ("last_name", "left(birth_date, 4)"), ("city", "left(birth_date, 4)"),
    ("city", "right(birth_date, 4)"), ("left(email_name, 5)",),
    ("left(first_name, 1)", "last_name", "left(birth_date, 4)"),
    ("left(first_name, 2)", "left(last_name, 2)", "left(birth_date, 4)"),
    ("left(first_name, 1)", "last_name"), ("last_name",), ("first_name", "left(last_name, 2)"),
)  # fmt: skip

PAIRS_PER_RECORD = 60
"""How many pairs a record may cost on average. Blocks are taken from the smallest up until that is spent."""


def block(connection: duckdb.DuckDBPyConnection, *, only_new: bool = False) -> int:
    """Make `candidates` (person_no_a < person_no_b) of `people`, and return how many pairs they are.

    A key is a number here: two texts of the same hash only cost a comparison. With `only_new` a pair has at least one
    record of `new_people`.
    """
    keys = "\nunion all\n".join(
        f"select person_no, hash({number}, {', '.join(parts)}) as block from people"
        f" where {' and '.join(f'({part}) is not null' for part in parts)}"
        for number, parts in enumerate(KEYS)
    )
    connection.execute(f"create or replace temp table block_keys as {keys}")
    connection.execute(f"""
        create or replace temp table affordable_blocks as
        with sizes as (
            select block, count(*) as size from block_keys group by 1 having count(*) > 1
        ), spent as (
            select *, sum(size * (size - 1) / 2) over (order by size range unbounded preceding) as pairs from sizes
        )
        select block from spent where pairs <= {PAIRS_PER_RECORD} * (select count(*) from people)
    """)
    new = "and (a.person_no in (from new_people) or b.person_no in (from new_people))" if only_new else ""
    connection.execute(f"""
        create or replace table candidates as
        with kept as (select person_no, block from block_keys semi join affordable_blocks using (block))
        select distinct a.person_no as person_no_a, b.person_no as person_no_b
        from kept as a
        inner join kept as b on a.block = b.block and a.person_no < b.person_no {new}
    """)
    return int(connection.execute("select count(*) from candidates").fetchall()[0][0])
