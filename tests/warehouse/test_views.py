"""A view of the project replaces the existing relation, except where it breaks its contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.warehouse.workbench import OwnProject

FILES = {
    "dbt_project.yml": "{name: merganser, version: 0.1.0, profile: views, flags: {send_anonymous_usage_stats: false}}",
    "profiles.yml": "views: {target: dev, outputs: {dev: {type: duckdb, path: PLACE/own.duckdb, threads: 1}}}",
    "models/_models.yml": """
models:
- name: promised
  config: {contract: {enforced: true}}
  columns: [{name: number, data_type: integer}]
""",
    "models/promised.sql": "select 1 as number",
    "models/reader.sql": "select number from {{ ref('promised') }}",
}


@pytest.fixture
def project(tmp_path: Path) -> OwnProject:
    return OwnProject(tmp_path, FILES, "view")


def test_a_view_takes_the_place_of_what_stands_there(project: OwnProject) -> None:
    project.query("create table promised as select 'a table once' as number")
    for answer in (1, 2):
        (project.place / "models/promised.sql").write_text(f"select {answer} as number")
        assert project.run()
        assert set(project.query("select table_name, table_type from information_schema.tables")) == {
            ("promised", "VIEW"),
            ("reader", "VIEW"),
        }
        assert project.query("select number from reader") == [(answer,)]


def test_a_view_that_breaks_its_contract_replaces_nothing(project: OwnProject) -> None:
    assert project.run()
    (project.place / "models/promised.sql").write_text("select 'two' as number, 3 as more")
    assert not project.run()
    assert project.query("select * from promised") == [(1,)]
