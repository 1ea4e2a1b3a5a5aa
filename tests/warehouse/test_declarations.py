"""Segments and syncs are found by their declarations in YAML, also when dbt parses only changed files. A model that
checks consent without a declared purpose and channel does not compile.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from runtime.home import PROJECT_ROOT
from tests.warehouse.workbench import run_own_project

MACROS = ("declared_models", "require_custom_vars", "own_export", "consented", "as_of")
FILES = {
    "dbt_project.yml": """
{name: merganser, version: 0.1.0, profile: small, model-paths: [models, custom/dbt_project/models],
flags: {send_anonymous_usage_stats: false}}
""",
    "profiles.yml": "small: {target: dev, outputs: {dev: {type: duckdb, path: PLACE/small.duckdb, threads: 1}}}",
    "models/memberships.sql": """
{%- for segment in declared_models('segment', required=['title']) %}
    select '{{ segment.name }}' as segment, customer_id from {{ ref(segment.name) }} union all
{%- endfor %}
select 'none' as segment, cast(null as varchar) as customer_id
""",
    "models/dim_consents.sql": """
select 'C1' as customer_id, 'advertising' as purpose, 'ads' as channel, 'granted' as status, null as expires_at
union all select 'C2', 'advertising', 'email', 'granted', null
union all select 'C3', 'advertising', 'ads', 'denied', null
""",
}


class Project:
    """A small dbt project with the product's macros. Every run parses only files that changed since the last run."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name, text in FILES.items():
            self.write(name, text.replace("PLACE", str(place)))
        (place / "macros").mkdir()
        for name in MACROS:
            (path,) = (PROJECT_ROOT / "dbt_project/macros").rglob(f"{name}.sql")
            shutil.copy(path, place / "macros")

    def write(self, name: str, text: str) -> None:
        (self.place / name).parent.mkdir(parents=True, exist_ok=True)
        (self.place / name).write_text(text)

    def add_segment(self, name: str, customer: str, meta: str = "{segment: {title: Some}}") -> None:
        self.write(f"models/{name}.sql", f"select '{customer}' as customer_id")
        self.write(f"models/_{name}.yml", f"models: [{{name: {name}, config: {{meta: {meta}}}}}]")

    def remove(self, name: str) -> None:
        (self.place / f"models/{name}.sql").unlink()
        (self.place / f"models/_{name}.yml").unlink()

    def add_export(self, export: str) -> None:
        self.write(
            "models/exp_x__all.sql",
            "with customers as (select unnest(['C1', 'C2', 'C3', 'C4']) as customer_id)\n"
            "select customer_id from {{ consented('customers') }} as allowed",
        )
        self.write("models/_x.yml", f"models: [{{name: exp_x__all, config: {{meta: {export}}}}}]")

    def run(self) -> set[tuple[object, ...]]:
        """The rows of memberships after a run that must succeed."""
        succeeded, told = run_own_project(self.place)
        assert succeeded, told
        rows = self.query("select segment, customer_id from memberships where customer_id is not null")
        return set(rows)

    def refused(self) -> str:
        succeeded, told = run_own_project(self.place)
        assert not succeeded
        return " ".join(told.split())

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.place / "small.duckdb")) as connection:
            return connection.execute(sql).fetchall()

    @property
    def full_parses(self) -> int:
        return (self.place / "logs/dbt.log").read_text().count("Starting full parse")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_segment_comes_and_goes_with_its_two_files(project: Project) -> None:
    """No other file changes, and dbt parses the whole project only once."""
    assert project.run() == set()
    project.add_segment("seg_one", "C1")
    assert project.run() == {("seg_one", "C1")}
    project.add_segment("seg_another", "C2")
    assert project.run() == {("seg_one", "C1"), ("seg_another", "C2")}
    assert project.run() == {("seg_one", "C1"), ("seg_another", "C2")}
    project.remove("seg_one")
    assert project.run() == {("seg_another", "C2")}
    assert project.full_parses == 1


def test_a_declaration_that_is_added_to_a_model_or_taken_from_it_is_seen(project: Project) -> None:
    project.add_segment("seg_one", "C1", meta="{}")
    assert project.run() == set()
    project.add_segment("seg_one", "C1")
    assert project.run() == {("seg_one", "C1")}
    project.add_segment("seg_one", "C1", meta="{pii: none}")
    assert project.run() == set()
    assert project.full_parses == 1


def test_a_model_that_is_switched_off_is_left_out(project: Project) -> None:
    project.add_segment("seg_one", "C1")
    assert project.run() == {("seg_one", "C1")}
    project.write(
        "models/_seg_one.yml", "models: [{name: seg_one, config: {enabled: false, meta: {segment: {title: x}}}}]"
    )
    assert project.run() == set()


@pytest.mark.parametrize(
    ("name", "meta", "told"),
    [
        ("seg_one", "{segment: yes}", "seg_one: config.meta.segment must be a mapping"),
        ("seg_one", "{segment: }", "seg_one: config.meta.segment must be a mapping"),
        ("seg_one", "{segment: {}}", "seg_one: config.meta.segment.title is missing"),
        ("seg_one", "{segment: {title: ''}}", "seg_one: config.meta.segment.title is missing"),
        (
            "seg_It's",
            "{segment: {title: x}}",
            "seg_It's: config.meta.segment needs a model whose name is in snake_case",
        ),
    ],
)
def test_a_wrong_declaration_does_not_compile(name: str, meta: str, told: str, project: Project) -> None:
    project.add_segment(name, "C1", meta)
    assert told in project.refused()


def test_a_declaration_without_its_model_does_not_compile(project: Project) -> None:
    project.add_segment("seg_one", "C1")
    (project.place / "models/seg_one.sql").unlink()
    assert "depends on a node named 'seg_one' which was not found" in project.refused()


def test_consent_is_asked_for_the_purpose_and_channel_that_the_export_declares(project: Project) -> None:
    project.add_export("{export: {purpose: advertising, channel: ads}}")
    project.run()
    assert project.query("select * from exp_x__all") == [("C1",)]
    project.add_export("{export: {purpose: advertising, channel: email}}")
    project.run()
    assert project.query("select * from exp_x__all") == [("C2",)]


@pytest.mark.parametrize(
    ("meta", "key"),
    [
        ("{}", "purpose"),
        ("{export: {channel: ads}}", "purpose"),
        ("{export: {purpose: '', channel: ads}}", "purpose"),
        ("{export: {purpose: advertising}}", "channel"),
        ("{export: {purpose: advertising, channel: [ads]}}", "channel"),
        ("""{export: {purpose: "x' or '1' = '1", channel: ads}}""", "purpose"),
    ],
)
def test_an_export_that_names_no_purpose_or_channel_does_not_compile(meta: str, key: str, project: Project) -> None:
    project.add_export(meta)
    assert f"exp_x__all: config.meta.export.{key} must name a {key} of the seed purposes" in project.refused()


def test_plain_dbt_does_not_build_half_of_the_additions(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads the models in custom/ without its variables, and nothing from a folder elsewhere."""
    assert project.run() == set()
    monkeypatch.setenv("MERGANSER_CUSTOM", "/srv/ours")
    assert "dbt with --project-dir <home>/dbt/project" in project.refused()
    monkeypatch.delenv("MERGANSER_CUSTOM")
    project.write("custom/dbt_project/models/segments/seg_ours.sql", "select 'C1' as customer_id")
    assert "dbt with --project-dir <home>/dbt/project" in project.refused()
    project.write("dbt_project.yml", FILES["dbt_project.yml"].strip()[:-1] + ", vars: {custom_folder: /srv/ours}}")
    assert project.run() == set()
