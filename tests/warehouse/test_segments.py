"""Segments over time, on the real project: who enters, who leaves, who stays, and that a second run writes nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.synthetic import WorldConfig
from runtime.home import PROJECT_ROOT, Home
from tests.warehouse.workbench import AS_OF, Workbench

MEMBERSHIPS = "segments.fct_segment_memberships"
HISTORIES = (MEMBERSHIPS, "segments.dim_segments", "segments.fct_segment_sizes")


def build_segments(bench: Workbench, as_of: str) -> None:
    bench.build("path:dbt_project/models/segments", as_of=as_of)


def open_stays(bench: Workbench) -> set[tuple[Any, ...]]:
    return set(bench.query(f"select segment, customer_id from {MEMBERSHIPS} where exited_at is null"))


def members(bench: Workbench) -> set[tuple[Any, ...]]:
    """The rows of every segment with memberships; the views contain dbt's as_of as a literal."""
    remembered = "select segment from segments.dim_segments where is_remembered and retired_at is null"
    views = [f"segments.seg_{segment}" for (segment,) in bench.query(remembered)]
    assert len(views) >= 25
    return {
        (view.removeprefix("segments.seg_"), customer)
        for view in views
        for (customer,) in bench.query(f"select customer_id from {view}")
    }


def test_stays_follow_the_segments_through_time(workbench: Workbench) -> None:
    workbench.write(WorldConfig(customers=150, seed=29, history_days=200))
    workbench.land()
    workbench.build("+path:dbt_project/models/segments")
    first = members(workbench)
    assert len({segment for segment, _ in first}) >= 5
    assert open_stays(workbench) == first

    # The same moment again writes nothing.
    rows = {table: workbench.rows(table) for table in HISTORIES}
    build_segments(workbench, workbench.home.as_of)
    assert {table: workbench.rows(table) for table in HISTORIES} == rows
    sizes = (
        "select segment, member_count from segments.fct_segment_sizes where size_date = date '{}' and member_count > 0"
    )
    assert dict(workbench.query(sizes.format("2026-06-30"))).items() >= Counter(name for name, _ in first).items()

    # Three days later some enter and some leave. No member has two open memberships of one segment.
    build_segments(workbench, "2026-07-03T00:00:00")
    second = members(workbench)
    assert second != first
    assert open_stays(workbench) == second
    closed = set(workbench.query(f"select segment, customer_id from {MEMBERSHIPS} where exited_at is not null"))
    assert closed == first - second
    entered = workbench.query(
        f"select segment, customer_id from {MEMBERSHIPS} where entered_at = timestamp '2026-07-03 00:00:00'"
    )
    assert set(entered) == second - first
    moved = (
        "select sum(entered_count), sum(exited_count) from segments.fct_segment_sizes where size_date = '2026-07-03'"
    )
    assert workbench.query(moved) == [(len(second - first), len(first - second))]
    assert dict(workbench.query(sizes.format("2026-07-03"))).items() >= Counter(name for name, _ in second).items()

    # A full refresh keeps what a rebuild cannot know.
    rows = {table: workbench.rows(table) for table in HISTORIES}
    names = [table.removeprefix("segments.") for table in HISTORIES]
    workbench.build(*names, full_refresh=True, as_of="2026-07-03T00:00:00")
    assert {table: workbench.rows(table) for table in HISTORIES} == rows

    owners = set(workbench.query(f"select membership_id, customer_id from {MEMBERSHIPS}"))

    # Two members become one customer: one membership continues, the other is closed as merged, under the surviving id.
    (segment, oldest), *_ = sorted(second, key=lambda pair: (pair[0], pair[1]))
    younger = next(customer for name, customer in sorted(second) if name == segment and customer != oldest)
    with duckdb.connect(str(workbench.home.warehouse)) as connection:
        connection.execute("delete from marts.dim_customer_redirects")
        names = [name for name, *_ in connection.execute("describe marts.dim_customer_redirects").fetchall()]
        values = {"retired_customer_id": younger, "customer_id": oldest}
        connection.execute(
            f"insert into marts.dim_customer_redirects ({', '.join(values)}) values (?, ?)",
            [values[name] for name in values],
        )
        assert set(values) <= set(names)
    build_segments(workbench, "2026-07-03T00:00:00")
    assert workbench.query(
        f"select count(*) from {MEMBERSHIPS} where segment = ? and customer_id = ? and exited_at is null",
        [segment, oldest],
    ) == [(1,)]
    assert workbench.query(
        f"select count(*) from {MEMBERSHIPS} where segment = ? and customer_id = ? and exit_reason = 'merged'",
        [segment, oldest],
    ) == [(1,)]

    # The merge is undone: each membership belongs to the customer who entered, and none is there twice.
    with duckdb.connect(str(workbench.home.warehouse)) as connection:
        connection.execute("delete from marts.dim_customer_redirects")
    build_segments(workbench, "2026-07-03T00:00:00")
    assert open_stays(workbench) == second
    assert set(workbench.query(f"select membership_id, customer_id from {MEMBERSHIPS}")) >= owners
    assert workbench.query(f"select count(*) - count(distinct membership_id) from {MEMBERSHIPS}") == [(0,)]


@pytest.mark.parametrize("value", ["0", "-4", "169", "four"])
def test_a_var_outside_its_range_does_not_compile(tmp_path: Path, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the var and its legal range."""
    from dbt.cli.main import dbtRunner

    places = ["--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT), "--log-level", "none"]
    for name, setting in Home(tmp_path, AS_OF).environment().items():
        monkeypatch.setenv(name, setting)
    outcome = dbtRunner().invoke(["parse", *places, "--vars", f"{{abandoned_cart_hours: {value}}}"])
    assert "abandoned_cart_hours" in str(outcome.exception)
    assert "from 1 to 168" in str(outcome.exception)
