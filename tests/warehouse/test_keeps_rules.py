"""keeps_rules: for each kind of rule, a table that keeps it and a twin that breaks it; what a failure says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import duckdb
import pytest

from publication import quality
from publication.arrivals import published_until, record_published
from publication.data_rules import warned_rules
from runtime import building
from runtime.broken_rules import read_broken_rules
from runtime.building import BuildReport, last_build
from runtime.home import PROJECT_ROOT, Home

PROJECT = """
name: merganser
version: "0.1.0"
profile: merganser
model-paths: [models]
macro-paths: [dbt_project/macros]
test-paths: [dbt_project/tests]
"""
RULES = """
models:
  - name: things
    data_tests:
      - keeps_rules:
          name: keeps_rules_things
          arguments:
            not_null: [thing_id, email, {columns: [status], where: is_current}]
            unique: [thing_id, {columns: email, where: is_current}, [kind, code]]
            accepted_values: {status: [new, "it's old"], level: [0, 2]}
            between: {share: [0, 1]}
            relationships: {parent_id: parents.parent_id, other_id: {to: parents.parent_id, where: is_current}}
            live: [expires_at]
    columns:
      - {name: thing_id, config: {meta: {pii: none}}}
      - {name: email, config: {meta: {pii: direct}}}
  - name: people
    data_tests: [{keeps_rules: {name: keeps_rules_people, arguments: {not_null: [city], unique: [email]}}}]
  - name: words
    data_tests:
      - keeps_rules:
          name: keeps_rules_words
          arguments: {not_null: [word], accepted_values: {kind: [noun]}}
          config: {severity: warn, meta: {tolerated_share: 0.5}}
      - unique: {column_name: word_id}
  - name: letters
    data_tests:
      - keeps_rules:
          name: keeps_rules_letters
          arguments: {not_null: [topic], unique: [{columns: letter_id, where: is_current}, [sender, topic]]}
          config: {severity: warn, meta: {new_rows_by: loaded_at}}
  - name: stamps
    data_tests:
      - keeps_rules:
          name: keeps_rules_stamps
          arguments: {not_null: [stamp]}
          config: {meta: {new_rows_by: loaded_at}}
"""
GOOD = """
create schema land;
create table land.things (thing_id varchar, email varchar, status varchar, level integer, share double,
    parent_id varchar, other_id varchar, kind varchar, code varchar, expires_at timestamp, is_current boolean);
create table land.parents as select 'P1' as parent_id union all select 'P1';
insert into land.things values
    ('T1', 'a@example.com', 'new', 0, 0, 'P1', 'P1', 'x', '1', '2999-01-01', true),
    ('T2', 'b@example.com', 'it''s old', 2, 1, null, null, 'x', null, '2999-01-01', true),
    ('T3', 'b@example.com', null, null, null, 'P1', 'gone', 'y', null, '2999-01-01', false);
create table land.people (email varchar, city varchar);
insert into land.people values ('ada@example.com', 'Berlin');
create table land.words (word_id integer, word varchar, kind varchar);
create table land.stamps as select 'red' as stamp;
create table land.letters (letter_id varchar, sender varchar, topic varchar, is_current boolean, loaded_at timestamp);
insert into land.letters values
    ('L1', 'S1', null, true, '2026-01-01'), ('L2', 'S2', 'x', true, '2026-01-01'),
    ('L2', 'S3', 'y', false, '2026-01-01'), ('L3', 'S3', 'y', true, '2026-01-01');
insert into land.words select range, 'w' || range, 'noun' from range(40);
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of a few views, with the product's macros and generic tests."""
    place = tmp_path_factory.mktemp("project")
    (place / "dbt_project").mkdir()
    (place / "dbt_project.yml").write_text(PROJECT)
    (place / "profiles.yml").symlink_to(PROJECT_ROOT / "profiles.yml")
    (place / "dbt_project/macros").symlink_to(PROJECT_ROOT / "dbt_project/macros")
    (place / "dbt_project/tests").mkdir()
    (place / "dbt_project/tests/generic").symlink_to(PROJECT_ROOT / "dbt_project/tests/generic")
    (place / "models").mkdir()
    (place / "models/models.yml").write_text(RULES)
    for name in ("things", "parents", "people", "words", "letters", "stamps"):
        config = "{{ config(schema='marts', materialized='view') }} "
        (place / f"models/{name}.sql").write_text(f"{config}select * from land.{name}")
    return place


@pytest.fixture
def rebuilt(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., BuildReport]:
    """Runs statements on the good tables, and builds."""
    monkeypatch.setattr(building, "project_of", lambda *_: project)
    home = Home(tmp_path / "home", "2026-06-30T00:00:00")
    home.prepare()

    def run(*statements: str, home: Home = home) -> BuildReport:
        with duckdb.connect(str(home.warehouse)) as connection:
            if not connection.execute("select 1 from duckdb_tables()").fetchall():
                connection.execute(GOOD)
            for statement in statements:
                connection.execute(statement)
        return building.build(home)

    run.home = home  # type: ignore[attr-defined]
    return run


def messages(report: BuildReport) -> list[str]:
    return sorted(failure.message for failure in report.failures)


def test_good_tables_pass(rebuilt: Callable[..., BuildReport]) -> None:
    report = rebuilt()
    assert report.succeeded
    assert report.failures == []
    assert {warning.name for warning in report.warnings} == {"keeps_rules_letters"}
    assert report.count("test", "pass") == 5


ROW = "insert into land.things by name select * replace ({}) from land.things where thing_id = 'T1'"
BREAKS = [
    (
        "not_null of thing_id",
        ROW.format("null as thing_id, 'c@x.org' as email, 'n' as code"),
        "1 of 4 rows (for example thing_id null)",
    ),
    (
        "not_null of email",
        "update land.things set email = null where thing_id <> 'T1'",
        "2 of 3 rows (for example thing_id T2; thing_id T3)",
    ),
    (
        "not_null of status",
        "update land.things set status = null where thing_id = 'T1'",
        "1 of 2 rows (for example thing_id T1)",
    ),
    ("unique of thing_id", ROW.format("'c@x.org' as email, 'n' as code"), "1 of 4 rows (for example thing_id T1)"),
    (
        "unique of email",
        "update land.things set email = 'a@example.com' where thing_id = 'T2'",
        "1 of 2 rows (for example thing_id T1; thing_id T2)",
    ),
    (
        "is_unique_together of kind, code",
        "update land.things set kind = 'y' where thing_id = 'T2'",
        "1 of 3 rows (for example thing_id T2; thing_id T3)",
    ),
    (
        "accepted_values of status",
        "update land.things set status = 'odd' where thing_id = 'T2'",
        "1 of 3 rows (for example thing_id T2)",
    ),
    (
        "accepted_values of level",
        "update land.things set level = 1 where thing_id = 'T2'",
        "1 of 3 rows (for example thing_id T2)",
    ),
    (
        "is_between of share",
        "update land.things set share = 1.1 where thing_id = 'T2'",
        "1 of 3 rows (for example thing_id T2)",
    ),
    (
        "relationships of parent_id",
        "update land.things set parent_id = 'gone' where thing_id = 'T2'",
        "1 of 3 rows (for example thing_id T2)",
    ),
    (
        "relationships of other_id",
        "update land.things set other_id = 'gone' where thing_id = 'T2'",
        "1 of 2 rows (for example thing_id T2)",
    ),
    (
        "is_live of expires_at",
        "update land.things set expires_at = '2026-06-30' where thing_id = 'T2'",
        "1 of 3 rows (for example thing_id T2)",
    ),
]


@pytest.mark.parametrize(("rule", "statement", "found"), BREAKS, ids=[rule for rule, *_ in BREAKS])
def test_a_broken_rule_names_its_column_its_rows_and_keys(
    rebuilt: Callable[..., BuildReport], rule: str, statement: str, found: str
) -> None:
    report = rebuilt(statement)
    assert not report.succeeded
    assert messages(report) == [f"{rule} is broken by {found}"]
    assert [failure.name for failure in report.failures] == ["keeps_rules_things"]
    assert "example.com" not in rebuilt.home.build_record.read_text()  # type: ignore[attr-defined]


def test_two_broken_rules_are_two_entries(rebuilt: Callable[..., BuildReport]) -> None:
    report = rebuilt("update land.things set share = 2, status = 'odd' where thing_id = 'T3'")
    assert [message.split(" is ")[0] for message in messages(report)] == [
        "accepted_values of status",
        "is_between of share",
    ]
    assert report.count("test", "fail") == 1
    assert last_build(rebuilt.home) == report  # type: ignore[attr-defined]


def test_a_personal_key_is_not_shown(rebuilt: Callable[..., BuildReport]) -> None:
    """`email` is not marked in the YAML of people: its name says that it may be personal."""
    report = rebuilt("insert into land.people values ('ada@example.com', null)")
    assert messages(report) == ["not_null of city is broken by 1 of 2 rows", "unique of email is broken by 1 of 2 rows"]
    assert "example.com" not in rebuilt.home.build_record.read_text()  # type: ignore[attr-defined]


def test_a_rule_of_severity_warn_is_counted(rebuilt: Callable[..., BuildReport]) -> None:
    """The rows, their number and the tolerated share are those of the one rule; so is its id in waivers."""
    report = rebuilt(
        "insert into land.words select 100 + range, 'v' || range, 'verb' from range(41)",
        "insert into land.words values (999, null, 'noun')",
    )
    assert report.succeeded
    home = rebuilt.home  # type: ignore[attr-defined]
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        counted = warned_rules(connection, building.load_manifest(home), report)
        counted = [rule for rule in counted if rule.table == "marts.words"]
        shares = {rule.rule: (rule.broken_count, rule.row_count, rule.tolerated_share, rule.holds) for rule in counted}
        assert shares == {"not_null: word": (1, 82, 0.5, True), "accepted_values: kind": (41, 82, 0.5, True)}
        [kinds] = [rule for rule in counted if rule.rule == "accepted_values: kind"]
        assert connection.execute(f"select count(*) from ({kinds.broken_by})").fetchone() == (41,)
    [word] = [warning for warning in report.warnings if (warning.rule, warning.columns) == ("not_null", "word")]
    assert (word.name, word.examples) == ("keeps_rules_words", ["word_id 999"])
    recorded = json.loads(home.build_record.read_text())["warnings"]
    assert {warning["rule"] for warning in recorded if "words" in warning["name"]} == {"not_null", "accepted_values"}


def test_a_test_whose_rules_cannot_be_read_is_not_tolerated(
    rebuilt: Callable[..., BuildReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """dbt's number remains, and no share of the rows may break it."""
    monkeypatch.setattr(building, "read_broken_rules", lambda *_: {})
    report = rebuilt("insert into land.words select 100 + range, 'v' || range, 'verb' from range(11)")
    home = rebuilt.home  # type: ignore[attr-defined]
    assert ("keeps_rules_words", 11) in [(warning.name, warning.broken_count) for warning in report.warnings]
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        counted = warned_rules(connection, building.load_manifest(home), report)
    assert [rule.holds for rule in counted if rule.table == "marts.words"] == [False]


def test_code_that_does_not_run_says_nothing(rebuilt: Callable[..., BuildReport]) -> None:
    rebuilt()
    home = rebuilt.home  # type: ignore[attr-defined]
    assert read_broken_rules(home, {"keeps_rules_words": "select no_such_column"}, building.load_manifest(home)) == {}


def test_tests_of_staging_look_at_rows_since_the_last_publication(rebuilt: Callable[..., BuildReport]) -> None:
    """Old rows that break a rule are published; a new row that breaks one is found, in a key with all old rows."""
    home = rebuilt.home  # type: ignore[attr-defined]
    later = replace(home, published_until="2026-02-01T00:00:00")
    assert broken(rebuilt()) == {("not_null", "topic", 1, 4), ("is_unique_together", "sender, topic", 1, 4)}
    assert broken(rebuilt(home=later)) == set()
    new = "insert into land.letters values ('{}', {}, {}, true, '2026-03-01')"
    report = rebuilt(new.format("L9", "'S9'", "null"), home=later)
    assert broken(report) == {("not_null", "topic", 1, 1)}
    assert report.warnings[0].examples == ["letter_id L9"]
    report = rebuilt(new.format("L1", "'S1'", "null"), home=later)  # the key of an old row; a null is a value
    assert broken(report) == {
        ("not_null", "topic", 2, 2),
        ("unique", "letter_id", 1, 2),
        ("is_unique_together", "sender, topic", 1, 2),
    }
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        for warning in report.warnings:
            found = connection.execute(f"select count(*) from ({warning.broken_rows})").fetchone()
            assert found == (warning.broken_count + (warning.rule != "not_null"),)  # of a key, all rows that have it


def test_the_moment_does_not_make_dbt_parse_again(rebuilt: Callable[..., BuildReport]) -> None:
    """dbt parses the files again whose variables have another value; it notes those that it reads while parsing."""
    home = rebuilt.home  # type: ignore[attr-defined]
    for moment in ("", "2026-02-01T00:00:00", "2026-02-02T00:00:00"):
        rebuilt(home=replace(home, published_until=moment))
        noted = building.parsed_manifest(home).env_vars
        assert "MERGANSER_AS_OF" in noted
        assert "MERGANSER_PUBLISHED_UNTIL" not in noted


def test_a_load_that_was_held_back_is_found_again(rebuilt: Callable[..., BuildReport], project: Path) -> None:
    """A run after it finds no new rows, but its rows are still not published. Then the moment moves on."""
    home = rebuilt.home  # type: ignore[attr-defined]

    def served(report: BuildReport) -> None:
        home.serving.unlink(missing_ok=True)
        with duckdb.connect(str(home.serving)) as connection:
            connection.execute("create table build_info as select ? as build_id", [report.build_id])
        checked = quality.CheckReport(report.build_id, True, "", "", 0.0, "", 0)
        home.quality_result.write_text(json.dumps(asdict(checked)))
        record_published(home, report, project)

    served(replace(rebuilt(), started_at="2026-02-01T00:00:00"))
    arrival = "insert into land.letters values ('L9', 'S9', null, true, '2026-03-01')"
    for statements in ([arrival], []):
        report = rebuilt(*statements, home=replace(home, published_until=published_until(home, project)))
        assert broken(report) == {("not_null", "topic", 1, 1)}
    served(replace(report, started_at="2026-03-02T00:00:00"))
    assert broken(rebuilt(home=replace(home, published_until=published_until(home, project)))) == set()


def broken(report: BuildReport) -> set[tuple[str, str, int, int]]:
    """The broken rules of letters."""
    assert report.succeeded, report.failures
    return {
        (warning.rule, warning.columns, warning.broken_count, warning.row_count)
        for warning in report.warnings
        if warning.name == "keeps_rules_letters"
    }
