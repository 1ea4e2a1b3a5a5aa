"""Setup for real data: init, doctor, and runs without sources."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from ingestion.registry import load_sources, read_source
from orchestration import demo, doctor, setup, stages
from runtime import building
from runtime.errors import WrongUseError
from runtime.home import PROJECT_ROOT, Home, open_home, sources_in_settings
from tests.command import call, environment, merganser


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path / "home")


def test_a_run_without_sources_says_what_to_do_next(tmp_path: Path) -> None:
    ended = call("merganser", "run", "--home", tmp_path / "home", env=environment())
    assert ended.returncode == 2
    assert "merganser init" in ended.stderr
    assert "merganser demo" in ended.stderr


def test_init_switches_sources_on_and_doctor_says_what_they_lack(tmp_path: Path) -> None:
    place = tmp_path / "home"
    answer = merganser("init", "--source", "hubspot", "--source", "partner", "--home", place, HUBSPOT_ACCESS_TOKEN="")
    assert answer["sources"] == {"hubspot": "dlt", "partner": "files"}
    assert answer["missing"] == {"hubspot": ["HUBSPOT_ACCESS_TOKEN"]}
    example = (place / ".env.example").read_text()
    assert "\nHUBSPOT_ACCESS_TOKEN=\n" in example
    output = merganser("doctor", "--home", place, expect=1, HUBSPOT_ACCESS_TOKEN="")
    missing = [finding for finding in output["findings"] if finding["state"] == "missing"]
    assert [finding["subject"] for finding in missing] == ["hubspot"]
    assert "HUBSPOT_ACCESS_TOKEN" in missing[0]["message"]
    output = merganser("doctor", "--home", place, HUBSPOT_ACCESS_TOKEN="sesame-0815")
    assert "sesame-0815" not in str(output)


def test_init_adds_to_what_is_there(home: Home) -> None:
    setup.configure(home, ["hubspot"])
    (home.path / "settings.yml").write_text((home.path / "settings.yml").read_text() + "as_of: 2026-01-01\n")
    setup.configure(home, ["shopify:fivetran"])
    assert sources_in_settings(home) == {"hubspot": "dlt", "shopify": "fivetran"}
    assert open_home(home.path).as_of == "2026-01-01T00:00:00"


@pytest.mark.parametrize(
    ("wanted", "output"),
    [("hubspott", "hubspot"), ("hubspot:airbyte", "fivetran"), ("partner:dlt", "partner:files")],
)
def test_init_refuses_invalid_sources(home: Home, wanted: str, output: str) -> None:
    with pytest.raises(WrongUseError) as error:
        setup.configure(home, [wanted])
    assert output in error.value.hint
    assert not home.settings.exists()


def test_a_real_home_has_nothing_of_the_demo(home: Home) -> None:
    home = demo.prepare(home, customers=100, seed=7)
    assert home.as_of
    with pytest.raises(WrongUseError, match="made-up"):
        setup.configure(home, ["hubspot"])
    setup.configure(home, ["hubspot"], fresh=True)
    assert not open_home(home.path).as_of
    assert [path.name for path in home.path.rglob("*.parquet")] == []
    assert not home.truth.exists()
    with pytest.raises(WrongUseError, match="not from a demo"):
        demo.prepare(home, customers=100, seed=7)


def test_invalid_settings_are_reported(home: Home) -> None:
    home.prepare()
    home.settings.write_text("sources: [hubspot]\n")
    with pytest.raises(WrongUseError, match="mapping"):
        stages.ingest(home)
    home.settings.write_text("sources: {nobody: files}\n")
    with pytest.raises(WrongUseError, match="not declared"):
        stages.ingest(home)


def test_all_means_the_sources_that_are_switched_on(home: Home) -> None:
    setup.configure(home, ["partner", "zendesk:files"])
    report = stages.ingest(home)
    assert {entity.source for entity in report.landing.entities} == {"partner", "zendesk"}
    assert report.streams == []


def test_a_variable_that_is_not_set_stops_no_other_source(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUBSPOT_ACCESS_TOKEN", raising=False)
    setup.configure(home, ["hubspot", "partner"])
    report = stages.ingest(home)
    assert [(stream.source, "HUBSPOT_ACCESS_TOKEN" in str(stream.error)) for stream in report.streams] == [
        ("hubspot", True)
    ]
    assert {entity.status for entity in report.landing.entities} == {"nothing_new"}
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        booked = connection.execute(
            "select distinct source, status, error like '%HUBSPOT_ACCESS_TOKEN%' from raw_ops.loads order by 1"
        ).fetchall()
    assert booked == [("hubspot", "failed", True), ("partner", "nothing_new", None)]


@pytest.mark.parametrize(
    "arguments", [("partner", "--from", "2026-01-01"), ("--all", "--from", "2026-01-01"), ("hubspot", "--stream", "x")]
)
def test_a_period_needs_one_fetched_source(home: Home, arguments: tuple[str, ...]) -> None:
    setup.configure(home, ["hubspot", "partner"])
    merganser("ingest", *arguments, "--home", home.path, expect=2)


def test_a_period_ends_after_it_begins() -> None:
    with pytest.raises(WrongUseError, match="ends before"):
        stages.span("2026-02-01", "2026-01-01")


def test_doctor_finds_nothing_wrong_in_a_built_demo(demo_home: Home) -> None:
    assert {finding.state for finding in doctor.examine(demo_home)} == {"fine", "look"}


def test_doctor_reports_sources_that_rely_on_default_rules(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.prepare()
    warning = building.NodeWarning("assert_every_record_has_its_rule", "dbt_project/tests/identity/x.sql", 2)
    other = building.NodeWarning("not_null_stg_hubspot__contacts_email", "x.yml", 5)
    for warnings in ([], [warning, other]):
        report = building.BuildReport("b", "2026-01-01T00:00:00", 1.0, succeeded=True, warnings=warnings)
        monkeypatch.setattr(building, "last_build", lambda _home, report=report: report)
        found = [finding for finding in doctor.examine(home) if finding.subject == "rules"]
        assert [finding.message for finding in found] == ["2 kinds of record without a rule join with tier 5"][
            : len(warnings)
        ]


def test_doctor_names_a_page_that_exists(tmp_path: Path) -> None:
    """A shipped connector has its own page; a user's own database or files have none."""
    database = {
        "source": "webshop",
        "title": "Tables of the web shop",
        "loader": "dlt",
        "legal_basis": "contract",
        "database": {"url_variable": "WEBSHOP_DATABASE_URL", "tables": {"customers": {}}},
        "entities": {"customers": {"mode": "replace", "key": ["id"], "columns": {"id": "bigint"}}},
    }
    (tmp_path / "source.yml").write_text(json.dumps(database))
    own = read_source(tmp_path / "source.yml")
    pages = {source.source: doctor.connection_page(source) for source in [own, *load_sources().values()]}
    assert pages["webshop"] == "docs/connect/database.md"
    assert pages["hubspot"] == "docs/connect/hubspot.md"
    assert pages["partner"] == "docs/connect/files.md"
    assert [page for page in pages.values() if not (PROJECT_ROOT / page).exists()] == []
