"""The materialization changed_rows: the table is that of `table`, and rows that did not change are not written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.warehouse.workbench import OwnProject

FILES = {
    "dbt_project.yml": """
name: merganser
version: 0.1.0
profile: own
flags: {send_anonymous_usage_stats: false}
models: {merganser: {+materialized: changed_rows}}
""",
    "profiles.yml": "own: {target: dev, outputs: {dev: {type: duckdb, path: PLACE/own.duckdb, threads: 1}}}",
    "models/_models.yml": """
models:
- name: people
  config: {contract: {enforced: true}}
  columns: [{name: number, data_type: integer}, {name: name, data_type: string}, {name: note, data_type: string}]
""",
    "models/people.sql": "select name, note, number from input.people",
}


class Project(OwnProject):
    """A project of one model over a table."""

    def __init__(self, place: Path) -> None:
        super().__init__(place, FILES, "changed_rows")
        self.query("create schema input")
        self.query(
            "create table input.people as select range::integer as number, 'n' || range as name, 'x' as note "
            "from range(1000)"
        )
        self.query("insert into input.people values (1000, null, null)")

    def order(self) -> list[object]:
        """The numbers in the order of the stored rows: a row that is written again is at the end."""
        return [number for (number,) in self.query("select number from people order by rowid")]

    def mark(self) -> None:
        """Moves row 0 to the end, so that the order shows whether the whole table was written."""
        self.query(
            "create temp table first as from people where number = 0; delete from people where number = 0;"
            "insert into people from first"
        )

    def rewritten(self) -> bool:
        return self.order()[0] == 0

    def differences(self) -> list[tuple[object, ...]]:
        return self.query(
            "(from people except all select number, name, note from input.people) union all "
            "(select number, name, note from input.people except all from people)"
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    assert project.run()
    project.mark()
    return project


def test_only_new_changed_and_gone_rows_are_written(project: Project) -> None:
    before = project.order()
    project.query("insert into input.people values (2000, 'new', null)")
    project.query("update input.people set name = 'changed' where number = 5")
    project.query("update input.people set name = 'no longer null' where number = 1000")
    project.query("delete from input.people where number = 7")
    assert project.run()
    assert project.differences() == []
    stayed = [number for number in before if number not in (5, 7, 1000)]
    after = project.order()
    assert after[: len(stayed)] == stayed
    assert set(after[len(stayed) :]) == {5, 1000, 2000}
    assert project.query("select table_name from duckdb_tables() where schema_name = 'main'") == [("people",)]


def test_a_run_over_the_same_rows_writes_nothing(project: Project) -> None:
    before = project.order()
    assert project.run()
    assert project.order() == before
    assert project.differences() == []


@pytest.mark.parametrize("statement", ["update people set name = 'by hand' where number = 3", "delete from people"])
def test_a_table_that_somebody_changed_is_repaired(project: Project, statement: str) -> None:
    project.query(statement)
    assert project.run()
    assert project.differences() == []


def test_a_full_refresh_writes_the_whole_table(project: Project) -> None:
    assert not project.rewritten()
    assert project.run("--full-refresh")
    assert project.rewritten()
    assert project.differences() == []


def test_two_equal_rows_are_not_kept(project: Project) -> None:
    project.query("insert into people from people where number = 3")
    assert project.differences() != []
    assert project.run()
    assert project.differences() == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("people.sql", "select name", "select upper(name) as name"),
        ("_models.yml", "integer}", "integer, constraints: [{type: not_null}]}"),
    ],
)
def test_other_code_and_a_new_constraint_write_the_whole_table(project: Project, file: str, old: str, new: str) -> None:
    path = project.place / "models" / file
    path.write_text(path.read_text().replace(old, new))
    assert project.run()
    assert project.rewritten()
    project.query("insert into input.people values (null, 'without a number', null)")
    assert project.run() == (file == "people.sql")
    assert project.query("select count(*) from people") == [(1002 if file == "people.sql" else 1001,)]


def test_a_column_of_an_input_that_changes_its_type_writes_the_whole_table(project: Project) -> None:
    project.query("alter table input.people alter number type bigint")
    assert not project.run(), "the contract says integer"
    assert not project.rewritten()
    declared = project.place / "models/_models.yml"
    declared.write_text(declared.read_text().replace("integer", "bigint"))
    assert project.run()
    assert project.query("select distinct typeof(number) from people") == [("BIGINT",)]


def test_a_view_becomes_a_table(project: Project) -> None:
    project.query("drop table people")
    project.query("create view people as select 1 as number")
    assert project.run()
    assert project.differences() == []
