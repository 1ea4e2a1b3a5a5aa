"""A view of the project replaces the existing relation, except where it breaks its contract."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from runtime.home import PROJECT_ROOT
from tests.warehouse.workbench import run_own_project

FILES = {
    "dbt_project.yml": "{name: merganser, version: 0.1.0, profile: views, flags: {send_anonymous_usage_stats: false}}",
    "profiles.yml": "views: {target: dev, outputs: {dev: {type: duckdb, path: PLACE/views.duckdb, threads: 1}}}",
    "models/_models.yml": """
models:
- name: promised
  config: {contract: {enforced: true}}
  columns: [{name: number, data_type: integer}]
""",
    "models/promised.sql": "select 1 as number",
    "models/reader.sql": "select number from {{ ref('promised') }}",
}


class Project:
    """A dbt project of two views, one of which reads the other, with the product's own materialization."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name, text in FILES.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(text.replace("PLACE", str(place)))
        (place / "macros").mkdir()
        shutil.copy(PROJECT_ROOT / "dbt_project/macros/platform/view.sql", place / "macros")

    def run(self) -> bool:
        succeeded, _ = run_own_project(self.place)
        return succeeded

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.place / "views.duckdb")) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_view_takes_the_place_of_what_stands_there(project: Project) -> None:
    project.query("create table promised as select 'a table once' as number")
    for answer in (1, 2):
        (project.place / "models/promised.sql").write_text(f"select {answer} as number")
        assert project.run()
        assert set(project.query("select table_name, table_type from information_schema.tables")) == {
            ("promised", "VIEW"),
            ("reader", "VIEW"),
        }
        assert project.query("select number from reader") == [(answer,)]


def test_a_view_that_breaks_its_contract_replaces_nothing(project: Project) -> None:
    assert project.run()
    (project.place / "models/promised.sql").write_text("select 'two' as number, 3 as more")
    assert not project.run()
    assert project.query("select * from promised") == [(1,)]
