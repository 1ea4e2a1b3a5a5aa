"""A home made by hand: its tables, suites that pass on them, and the record of a build.

Add here: functions that change such a home. Keep out: fixtures (conftest.py), assertions.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from publication.expectations import Rule, TableSuite
from publication.serving_file import Relation
from runtime import building
from runtime.home import Home

CUSTOMERS = 20
RELATIONS = [
    Relation(
        "marts", "dim_customers", "One row per customer; its's key", {"customer_id": "Key", "absent": "Not there"}
    ),
    Relation("segments", "seg_first"),
]
ORPHANS = Rule(
    name="orders_have_customers",
    says="Every order's customer is a customer",
    broken_by="""
        select orders.order_id from {batch} as orders
        left join marts.dim_customers as customers on orders.customer_id = customers.customer_id
        where customers.customer_id is null
    """,
    key="order_id",
    needs=("marts.dim_customers",),
)
SUITES = [
    TableSuite(
        "marts.dim_customers",
        columns=("customer_id", "email"),
        not_null=("customer_id",),
        unique=(("customer_id",), ("customer_id", "email")),
        accepted_values={"status": ("new", "known")},
        min_rows=1,
    ),
    TableSuite("marts.fct_orders", rules=(ORPHANS,)),
    TableSuite("segments.seg_absent", optional=True),
]


def write(home: Home, *statements: str) -> None:
    """Runs statements in the warehouse of a home."""
    with duckdb.connect(str(home.warehouse)) as connection:
        for statement in statements:
            connection.execute(statement)


def read(path: Path, statement: str) -> list[tuple[object, ...]]:
    """Rows of a DuckDB file."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(statement).fetchall()


def record_build(home: Home, build_id: str, *, succeeded: bool = True, selection: tuple[str, ...] = ()) -> None:
    """Writes the record of a build."""
    report = building.BuildReport(
        build_id=build_id,
        started_at="2026-06-30T00:00:00",
        seconds=1.0,
        succeeded=succeeded,
        selection=list(selection),
        as_of=home.as_of,
        counts={"test": {"pass": 3}},
    )
    building._record(home, report)
