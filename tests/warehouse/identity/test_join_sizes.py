"""No join of an identity model emits many times the rows that identity reads: 100,000 customers would fill a disk.

A planner may join two counts by a column of few values first. With little data nobody notices the time or the memory,
but the number of rows shows it. Keep out: times, and results.
"""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.synthetic import WorldConfig
from runtime.home import Home
from tests.warehouse.workbench import Workbench

MOST_ROWS_PER_RECORD = 5  # rows per row of int_identity__records; the demo's largest join emits 1.6
MODELS = "compiled/merganser/dbt_project/models/intermediate/identity"
# What the planner made of the limits of two customers until 24d8fc9: the counts of all customers, joined by type first.
COUNTS_OF_ALL_PAIRS = """
with counts as (
    select members.customer_no, statuses.identifier_type, count(*) as identifier_count
    from intermediate.int_identity__partition as members
    inner join intermediate.int_identity__identifier_status as statuses
        on members.identifier_no = statuses.identifier_no
    where statuses.max_per_customer is not null
    group by 1, 2
)
select max(first_counts.identifier_count + second_counts.identifier_count)
from counts as first_counts
inner join counts as second_counts on first_counts.identifier_type = second_counts.identifier_type
"""


@pytest.fixture(scope="module")
def demo_warehouse(demo_home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{demo_home.warehouse}' as warehouse (read_only)")
        connection.execute("use warehouse")
        yield connection


def rows_of_joins(operator: dict[str, Any]) -> Iterator[int]:
    """How many rows each join below an operator emitted."""
    if "JOIN" in operator["type"] or "PRODUCT" in operator["type"]:
        yield operator["intermediate_rows"]
    for child in operator.get("children", []):
        yield from rows_of_joins(child)


def largest_join(connection: duckdb.DuckDBPyConnection, select: str) -> float:
    """The rows of the largest join of a statement, per row of int_identity__records."""
    ((_, plan),) = connection.execute(f"explain (analyze, format json) {select}").fetchall()
    ((records,),) = connection.execute("select count(*) from intermediate.int_identity__records").fetchall()
    return max((rows for root in json.loads(plan)["operator"] for rows in rows_of_joins(root)), default=0) / records


def test_no_join_of_identity_multiplies_its_rows(demo_warehouse: duckdb.DuckDBPyConnection, demo_home: Home) -> None:
    models = sorted((demo_home.dbt_target / MODELS).glob("*.sql"))
    assert len(models) > 20
    sizes = {model.stem: largest_join(demo_warehouse, model.read_text()) for model in models}
    assert sum(size > 0 for size in sizes.values()) > 10
    assert {model: size for model, size in sizes.items() if size > MOST_ROWS_PER_RECORD} == {}


def test_a_join_of_the_counts_of_all_customers_is_seen(demo_warehouse: duckdb.DuckDBPyConnection) -> None:
    assert largest_join(demo_warehouse, COUNTS_OF_ALL_PAIRS) > MOST_ROWS_PER_RECORD


CUSTOMERS = 100_000


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file that this process writes grows beyond a size in bytes, so none of DuckDB's temporary files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(
    not os.environ.get("TORTURE"), reason="skipped: many minutes; the tests above compare rows of joins"
)
def test_identity_of_many_customers_needs_neither_memory_nor_disk(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A join of the counts of all customers once filled 60 GB."""
    monkeypatch.setenv("MERGANSER_MEMORY", "4GB")
    workbench.write(WorldConfig(customers=CUSTOMERS, seed=7, history_days=90))
    workbench.land()
    with files_of_at_most(12 * 2**30):
        workbench.build("+int_identity__refused_edges")
    ((customers,),) = workbench.query("select count(distinct customer_no) from intermediate.int_identity__partition")
    assert customers > CUSTOMERS / 2


def test_a_statement_that_fills_the_disk_is_stopped(tmp_path: Path) -> None:
    """The failing twin of the limit."""
    with duckdb.connect() as connection:
        connection.execute(f"set memory_limit = '40MB'; set threads = 1; set temp_directory = '{tmp_path}'")
        with pytest.raises(duckdb.Error), files_of_at_most(2**20):
            connection.execute("create table a as select md5(i::varchar) as b from range(3_000_000) t(i) order by 1")
