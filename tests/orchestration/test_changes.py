"""A build leaves out what has not changed, and nothing else: on a project of a few models with the product's hook."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.cli.main import dbtRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runtime import building, changes
from runtime.building import BuildReport, release_warehouse
from runtime.home import PROJECT_ROOT, Home

PLATFORM = PROJECT_ROOT / "dbt_project" / "macros" / "platform"
MOMENT = "2026-06-30T00:00:00"
EXAMPLES = 20 if os.environ.get("TORTURE") else 2
FILES = {
    "dbt_project.yml": """
name: merganser
version: '1.0'
profile: merganser
on-run-start: "{{ forget_builds(selected_resources) }}"
vars: {factor: 1}
""",
    "seeds/countries.csv": "country,name\nde,Germany\nfr,France\n",
    "macros/doubled.sql": "{% macro doubled(x) %}2 * {{ x }}{% endmacro %}",
    "models/stg_orders.sql": "{{ config(materialized='view') }} select * from {{ source('raw_shop', 'orders') }}",
    "models/stg_visits.sql": "{{ config(materialized='view') }} select * from {{ source('raw_shop', 'visits') }}",
    "models/totals.sql": "{{ config(materialized='table') }} select name, sum({{ doubled('amount') }}) as total"
    " from {{ ref('stg_orders') }} join {{ ref('countries') }} using (country) group by 1",
    "models/known_visits.sql": "{{ config(materialized='incremental') }} select * from {{ ref('stg_visits') }}"
    " {% if is_incremental() %} where _loaded_at > (select max(_loaded_at) from {{ this }}) {% endif %}",
    "models/live_visits.sql": "{{ config(materialized='table', meta={'clock': [{'relation': 'stg_visits', 'column':"
    " 'expires_at'}]}) }} select id, expires_at from {{ ref('stg_visits') }} where expires_at > {{ as_of() }}",
    "models/old_visits.sql": "{{ config(materialized='view', meta={'clock': [{'relation': 'known_visits', 'column':"
    " 'expires_at', 'shift': -1, 'unit': 'month'}]}) }} select id from {{ ref('known_visits') }}"
    " where expires_at < {{ dbt.dateadd('month', -1, as_of()) }}",
    "models/report.sql": "{{ config(materialized='table') }} select (select sum(total) from {{ ref('totals') }}) as t,"
    " (select count(*) from {{ ref('live_visits') }}) as live, (select count(*) from {{ ref('old_visits') }}) as old",
    "models/models.yml": """
sources:
  - {name: raw_shop, tables: [{name: orders}, {name: visits}]}
models:
  - {name: totals, columns: [{name: total, data_tests: [not_null]}]}
  - {name: stg_orders, columns: [{name: amount, data_tests: [{not_null: {config: {severity: warn}}}]}]}
""",
}
TABLES = ("countries", "totals", "known_visits", "live_visits", "old_visits", "report")


@dataclass
class Shop:
    """A home on a project of a few models. `ran`: the nodes that the last build ran."""

    root: Path
    home: Home
    report: BuildReport | None = None
    rows: int = 0
    moment: str = MOMENT
    originals: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, content: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.originals.setdefault(name, content)
        path.write_text(content)

    def replace(self, name: str, old: str, new: str) -> None:
        content = (self.root / name).read_text()
        assert old in content
        self.write(name, content.replace(old, new))

    def revert(self, name: str) -> None:
        self.write(name, self.originals[name])

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.home.warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    def land(self, table: str, amount: str = "10", expires_at: str = "2027-01-01") -> None:
        self.rows += 1
        loaded = f"timestamp '2026-01-01' + to_seconds({self.rows})"
        row = f"{self.rows}, 'de', {amount}, timestamp '{expires_at}', {loaded}, null, null"
        self.execute(f"insert into raw_shop.{table} values ({row})")

    def build(self, *selection: str, **options: Any) -> set[str]:
        """Builds and returns the names of what ran."""
        home = Home(self.home.path, self.moment)
        self.report = building.build(home, selection, **options)
        if self.report.confirmed_at:
            return set()
        return set(self.report.seconds_per_node)

    def content(self, home: Home | None = None) -> dict[str, list[tuple[Any, ...]]]:
        with duckdb.connect(str((home or self.home).warehouse), read_only=True) as connection:
            return {name: sorted(connection.execute(f"from {name}").fetchall(), key=repr) for name in TABLES}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A built shop."""
    found = Shop(tmp_path / "project", Home(tmp_path / "home", MOMENT))
    for name, content in FILES.items():
        found.write(name, content)
    shutil.copy(PROJECT_ROOT / "profiles.yml", found.root)
    for name in ("as_of", "forget_builds"):
        found.write(f"macros/{name}.sql", (PLATFORM / f"{name}.sql").read_text())
    monkeypatch.setattr(building, "PROJECT_ROOT", found.root)
    found.home.prepare()
    found.execute("create schema raw_shop")
    for table in ("orders", "visits"):
        columns = "id int, country text, amount int, expires_at timestamp, _loaded_at timestamp,"
        found.execute(f"create table raw_shop.{table} ({columns} _superseded_at timestamp, _deleted_at timestamp)")
        found.land(table)
    assert found.build() >= {"countries", "totals", "not_null_totals_total", "report"}
    return found


ORDERS = {"stg_orders", "not_null_stg_orders_amount", "totals", "not_null_totals_total", "report"}
VISITS = {"stg_visits", "known_visits", "live_visits", "old_visits", "report"}
ALL = ORDERS | VISITS | {"countries"}


def test_nothing_runs_if_nothing_changed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """dbt does not start, and the last build stays the last one."""
    first = shop.report
    assert first is not None
    with monkeypatch.context() as patch:
        patch.setattr(building, "_invoke", None)
        assert shop.build() == set()
    assert shop.report is not None
    assert (shop.report.build_id, shop.report.whole) == (first.build_id, True)
    assert building.last_build(shop.home) == shop.report
    assert shop.build(everything=True) == ALL
    assert shop.build(full_refresh=True) == ALL
    assert shop.build("totals") == {"totals", "not_null_totals_total"}, "a selection runs what it names"


def test_what_is_built_from_a_change_runs(shop: Shop) -> None:
    """New rows, a mark on a row, a new column, a seed, a model, a macro, a test, the project's variables."""
    shop.land("orders")
    assert shop.build() == ORDERS
    assert shop.report is not None
    assert (shop.report.unchanged_count, shop.report.whole) == (len(ALL - ORDERS), True)
    shop.execute("update raw_shop.visits set _deleted_at = timestamp '2026-02-01' where id = 2")
    assert shop.build() == VISITS
    shop.execute("alter table raw_shop.visits add column page text")
    shop.replace("models/known_visits.sql", "select *", "select id, expires_at, _loaded_at")
    assert shop.build(full_refresh=True) == ALL
    shop.write("seeds/countries.csv", "country,name\nde,Deutschland\n")
    assert shop.build() == ORDERS - {"stg_orders", "not_null_stg_orders_amount"} | {"countries"}
    assert shop.content()["totals"] == [("Deutschland", 40)]
    shop.replace("models/live_visits.sql", "select id", "select -id as id")
    assert shop.build() == {"live_visits", "report"}
    shop.replace("macros/doubled.sql", "2 *", "3 *")
    assert shop.build() == {"totals", "not_null_totals_total", "report"}
    assert shop.content()["totals"] == [("Deutschland", 60)]
    shop.replace("models/models.yml", "severity: warn", "severity: error")
    assert shop.build() == {"not_null_stg_orders_amount"} | ORDERS - {"stg_orders"} - ORDERS
    shop.replace("dbt_project.yml", "factor: 1", "factor: 2")
    assert shop.build() == ALL
    assert shop.build() == set()


def test_a_dropped_or_foreign_relation_is_built_again(shop: Shop) -> None:
    shop.execute("drop table totals")
    assert shop.build() == {"totals", "not_null_totals_total", "report"}
    shop.execute("drop view stg_visits")
    shop.execute("create table stg_visits as from raw_shop.visits")
    assert "stg_visits" in shop.build()
    assert shop.execute("select count(*) from duckdb_views() where view_name = 'stg_visits'") == [(1,)]


def test_everything_runs_once_raw_rows_were_rewritten(shop: Shop) -> None:
    """As after `merganser ingest --rebuild`: the rows may have other values under the same marks."""
    with duckdb.connect(str(shop.home.warehouse)) as connection:
        changes.forget_all(connection)
    assert shop.build() == ALL
    assert shop.build() == set()


def test_what_another_tool_built_is_built_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain dbt with an edited model; the edit is gone before the next build."""
    shop.replace("models/totals.sql", "sum(", "-sum(")
    with monkeypatch.context() as patch:
        for name, value in shop.home.environment().items():
            patch.setenv(name, value)
        place = ["--project-dir", str(shop.root), "--profiles-dir", str(shop.root)]
        assert dbtRunner().invoke(["run", "-s", "totals", "--quiet", *place]).success
        release_warehouse()
    assert shop.content()["totals"] == [("Germany", -20)]
    shop.revert("models/totals.sql")
    assert shop.build() == {"totals", "not_null_totals_total", "report"}
    assert shop.content()["totals"] == [("Germany", 20)]


def test_a_killed_build_leaves_no_record(shop: Shop) -> None:
    """The edited model was built before the kill; the edit is gone before the next build."""
    shop.replace("models/totals.sql", "sum(", "-sum(")
    shop.replace(
        "models/report.sql", "select (", "select (select sum(a.range) from range(9999999) a, range(99999) b), ("
    )
    code = (
        "import sys; from pathlib import Path; from runtime import building; from runtime.home import Home;"
        " building.PROJECT_ROOT = Path(sys.argv[1]); building.build(Home(Path(sys.argv[2]), sys.argv[3]))"
    )
    log = shop.home.dbt_logs / "dbt.log"
    log.unlink()
    arguments = [sys.executable, "-c", code, str(shop.root), str(shop.home.path), MOMENT]
    with subprocess.Popen(arguments, cwd=PROJECT_ROOT) as process:
        give_up = time.monotonic() + 120
        while "START sql table model main.report" not in (log.read_text() if log.exists() else ""):
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert building.last_build(shop.home).succeeded is False  # type: ignore[union-attr]
    assert shop.content()["totals"] == [("Germany", -20)]
    shop.revert("models/totals.sql")
    shop.revert("models/report.sql")
    assert shop.build() == {"totals", "not_null_totals_total", "report"}
    assert shop.content()["totals"] == [("Germany", 20)]


def test_a_test_that_failed_fails_again(shop: Shop) -> None:
    """Its model and what is built from it run again, until the test passes."""
    shop.land("orders", amount="null")
    shop.replace("models/totals.sql", "sum({{ doubled('amount') }})", "case when bool_and(amount > 0) then 1 end")
    shop.execute("delete from raw_shop.orders where amount is not null")
    for _ in range(2):
        ran = shop.build()
        assert shop.report is not None
        assert [failure.name for failure in shop.report.failures] == ["not_null_totals_total"]
        assert {"totals", "not_null_totals_total", "report"} <= ran
        assert shop.report.counts["model"]["skipped"] == 1
    shop.land("orders")
    shop.execute("delete from raw_shop.orders where amount is null")
    assert shop.build() >= {"totals", "not_null_totals_total", "report"}
    assert shop.report.whole
    assert shop.build() == set()


def test_warnings_of_unchanged_tests_stay(shop: Shop) -> None:
    shop.land("orders", amount="null")
    shop.build()
    assert shop.report is not None
    warned = shop.report.warnings
    assert [warning.name for warning in warned] == ["not_null_stg_orders_amount"]
    shop.land("visits")
    assert shop.build() == VISITS
    assert shop.report.warnings == warned
    assert shop.build() == set()
    assert shop.report.warnings == warned
    shop.execute("delete from raw_shop.orders where amount is null")
    assert shop.build() == ORDERS
    assert shop.report.warnings == []


def test_a_selection_records_what_it_read(shop: Shop) -> None:
    """A model that was built alone over an old parent runs again after the parent; versions show what changed."""
    before = changes.versions(shop.home)
    shop.land("visits")
    assert shop.build("report") == {"report"}
    after = changes.versions(shop.home)
    assert {name for name, version in after.items() if before[name] != version} == {"main.report", "main.stg_visits"}
    assert shop.report is not None
    assert not shop.report.whole
    assert shop.build() == VISITS
    assert shop.report.whole
    now = changes.versions(shop.home)
    assert {name for name, version in now.items() if after[name] != version} == {
        f"main.{name}" for name in VISITS - {"stg_visits"}
    }
    shop.build("stg_orders")
    assert changes.versions(shop.home) == now, "a view that did not change has the same version"
    assert shop.build() == set()
    assert shop.report.whole, "the last build was a selection, and everything is built"


def test_time_runs_only_the_models_whose_rows_it_changes(shop: Shop) -> None:
    shop.land("visits", expires_at="2026-06-30T06:00:00")
    shop.build()
    assert [row[0] for row in shop.content()["live_visits"]] == [2, 3]
    shop.moment = "2026-06-30T05:00:00"
    assert shop.build() == set()
    shop.moment = "2026-06-30T06:00:01"
    assert shop.build() == {"live_visits", "report"}, "it expired, and nothing landed"
    assert [row[0] for row in shop.content()["live_visits"]] == [2]
    assert shop.build() == set()
    shop.moment = "2026-08-01T00:00:00"
    assert shop.build() == {"old_visits", "report"}
    assert shop.content()["old_visits"] == [(3,)]
    shop.moment = MOMENT
    assert shop.build() == {"live_visits", "old_visits", "report"}, "time went back"
    shop.replace("models/live_visits.sql", ", meta={'clock': [{'relation': 'stg_visits', 'column': 'expires_at'}]}", "")
    shop.build()
    shop.moment = "2026-06-30T00:00:01"
    assert shop.build() == {"live_visits", "report"}, "a model that reads the time and does not say how runs always"


def _step(name: str) -> Callable[[Shop, int], None]:
    def replaced(shop: Shop, number: int) -> None:
        shop.write("seeds/countries.csv", f"country,name\nde,Name {number}\n")

    def edited(shop: Shop, number: int) -> None:
        shop.write("models/live_visits.sql", FILES["models/live_visits.sql"].replace("id,", f"id + {number} as id,"))

    def moved(shop: Shop, number: int) -> None:
        shop.moment = f"2026-0{7 + number % 3}-01T00:00:0{number}"

    steps: dict[str, Callable[[Shop, int], None]] = {
        "orders land": lambda shop, number: shop.land("orders", str(number)),
        "visits land": lambda shop, number: shop.land("visits", "1", f"2026-0{5 + number % 5}-15"),
        "a visit is deleted": lambda shop, number: _ignore(
            shop.execute(
                f"update raw_shop.visits set _deleted_at = '2026-03-0{1 + number}' where id % 3 = {number % 3}"
            )
        ),
        "the seed changes": replaced,
        "a model changes": edited,
        "time passes": moved,
        "a table is dropped": lambda shop, number: _ignore(
            shop.execute(f"drop table {('totals', 'live_visits', 'report')[number % 3]}")
        ),
        "a part is built": lambda shop, number: _ignore(
            shop.build(("totals", "live_visits", "known_visits", "report", "stg_visits+")[number % 5])
        ),
    }
    return steps[name]


def _ignore(_: object) -> None:
    return None


STEPS = (
    "orders land",
    "visits land",
    "a visit is deleted",
    "the seed changes",
    "a model changes",
    "time passes",
    "a table is dropped",
    "a part is built",
)


@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 8)), min_size=3, max_size=5))
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_what_is_left_out_would_not_differ(shop: Shop, steps: list[tuple[str, int]]) -> None:
    """After each step, the build of what changed gives what a build of everything gives."""
    other = Home(shop.home.path.with_name("everything"))
    for step, number in steps:
        try:
            _step(step)(shop, number)
        except duckdb.CatalogException:
            continue  # it was dropped before
        shop.build()
        assert shop.report is not None
        assert shop.report.whole
        shutil.rmtree(other.path, ignore_errors=True)
        shutil.copytree(shop.home.path, other.path)
        assert building.build(Home(other.path, shop.moment), everything=True).unchanged_count == 0
        assert shop.content() == shop.content(other), step
        assert shop.build() == set()
