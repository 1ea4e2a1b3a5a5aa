"""Which pairs are compared: records that share a key, in blocks that are not too large.

Add here: a key. Keep out: how a pair is compared (comparisons.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import duckdb
import pyarrow as pa

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
    ("postal_code",), ("last_name_consonants", "left(first_name, 1)"), ("last_name_consonants", "city"),
    ("last_name_consonants", "left(birth_date, 4)"), ("last_name_consonants", "postal_code"),
    ("formal_name", "last_name"), ("formal_name", "city"), ("formal_name", "birth_date"),
    ("formal_name", "postal_code"), ("city", "occupation"),
)  # fmt: skip

PAIRS_PER_RECORD = 60
"""The budget of pairs per record. Blocks are taken from the smallest up until it is spent."""

MOST_IN_BLOCK = 2_000
"""Blocks with more records are excluded, even if they were smaller when the pairs were counted."""


def number_blocks(connection: duckdb.DuckDBPyConnection, *, only_new: bool = False) -> None:
    """Creates `block_keys` (person_no, block) of `people`; with `only_new`, only blocks with a record of `new_people`.

    A block is a hash of the values that its records share. A collision only costs a comparison. Computing the hash
    costs more than comparing the values.
    """
    news = "people semi join new_people using (person_no)"
    keys = "\nunion all\n".join(
        f"select person_no, md5_number_lower(concat_ws(chr(31), {number}, {', '.join(parts)})) as block from people"
        f" where {' and '.join(f'({part}) is not null' for part in parts)}"
        + f" and ({', '.join(parts)}) in (select ({', '.join(parts)}) from {news})"
        * only_new
        for number, parts in enumerate(KEYS)
    )
    connection.execute(f"create or replace temp table block_keys as {keys}")


def large_blocks(connection: duckdb.DuckDBPyConnection) -> list[int]:
    """The blocks beyond the budget, after the smallest ones have spent it."""
    found = connection.execute(f"""
        with sizes as (
            select block, count(*) as size from block_keys group by 1 having count(*) > 1
        ), spent as (
            select *, sum(size * (size - 1) / 2) over (order by size range unbounded preceding) as pairs from sizes
        )
        select block from spent where pairs > {PAIRS_PER_RECORD} * (select count(*) from people) order by 1
    """).fetchnumpy()
    return [int(block) for block in found["block"]]


def huge_blocks(connection: duckdb.DuckDBPyConnection, left_out: Collection[int]) -> list[int]:
    """Other blocks that are too large by themselves, such as a new placeholder value."""
    found = connection.execute(
        f"select block from block_keys group by 1 having count(*) > {MOST_IN_BLOCK} order by 1"
    ).fetchnumpy()
    return [int(block) for block in found["block"] if int(block) not in left_out]


def block(connection: duckdb.DuckDBPyConnection, left_out: Sequence[int], *, only_new: bool = False) -> int:
    """Creates `candidates` (person_no_a < person_no_b) from `block_keys`, and returns the number of pairs.

    Ignores the blocks of `left_out`. With `only_new`, only pairs with at least one record of the table `new_people`.
    """
    connection.register("left_out", pa.table({"block": pa.array(left_out, pa.uint64())}))
    connection.execute(f"""
        create or replace temp table kept_keys as
        select block_keys.person_no, block_keys.block
        from block_keys
        {"semi join (select block from block_keys semi join new_people using (person_no)) using (block)" * only_new}
        anti join left_out using (block)
    """)
    connection.unregister("left_out")
    news = "kept_keys semi join new_people using (person_no)"
    connection.execute(f"""
        create or replace table candidates as
        select distinct
            least(a.person_no, b.person_no) as person_no_a,
            greatest(a.person_no, b.person_no) as person_no_b
        from (from {news if only_new else "kept_keys"}) as a
        inner join kept_keys as b
            on a.block = b.block and a.person_no {"<>" if only_new else "<"} b.person_no
    """)
    return int(connection.execute("select count(*) from candidates").fetchall()[0][0])
