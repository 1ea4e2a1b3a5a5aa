"""Until when rows are tested and published: what makes the next build test everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import duckdb
import pytest

from publication.arrivals import forget_published, published_until, record_published
from publication.quality import AuditResult, CheckReport
from runtime.building import BuildReport
from runtime.home import Home

BUILD = BuildReport("b1", "2026-06-30T08:00:00", 1.0, succeeded=True)
AUDIT = CheckReport("b1", True, "", "", 0.0, "", 0)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one file."""
    monkeypatch.delenv("MERGANSER_CUSTOM", raising=False)
    place = tmp_path / "product"
    (place / "dbt_project/models").mkdir(parents=True)
    (place / "ingestion/sources").mkdir(parents=True)
    for name in ("dbt_project/models/stg_x.sql", "dbt_project.yml", "requirements.lock"):
        (place / name).write_text("select 1")
    return place


@pytest.fixture
def published(home: Home, root: Path) -> Home:
    """A home that serves b1, whose rows are recorded."""
    home.prepare()
    with duckdb.connect(str(home.serving)) as connection:
        connection.execute("create table build_info as select 'b1' as build_id")
    audited(home, AUDIT)
    record_published(home, BUILD, root)
    return home


def audited(home: Home, report: CheckReport) -> None:
    home.quality_result.write_text(json.dumps(asdict(report)))


def serve_another(home: Home, _: Path) -> None:
    with duckdb.connect(str(home.serving)) as connection:
        connection.execute("update build_info set build_id = 'b0'")


def damage(home: Home, _: Path) -> None:
    home.arrivals.write_text("{")


def let_through(home: Home, root: Path) -> None:
    """A broken data rule that a waiver or an override allows."""
    audited(home, replace(AUDIT, results=[AuditResult("staging.stg_x", "not_null: a", "", False, 9, kind="data")]))
    record_published(home, BUILD, root)


def change_the_project(_: Home, root: Path) -> None:
    (root / "dbt_project/models/stg_x.sql").write_text("select 2")


EVERYTHING: list[Callable[[Home, Path], object]] = [
    serve_another,
    damage,
    let_through,
    change_the_project,
    lambda home, _: forget_published(home),
    lambda home, _: home.serving.unlink(),
    lambda _, root: (root / "dbt_project/models/stg_y.sql").write_text(""),
]


def test_rows_until_the_start_of_the_published_build_are_tested(published: Home, root: Path) -> None:
    assert published_until(published, root) == "2026-06-30T08:00:00"


@pytest.mark.parametrize("change", EVERYTHING)
def test_everything_is_tested_where_earlier_rows_may_fail_now(
    published: Home, root: Path, change: Callable[[Home, Path], object]
) -> None:
    change(published, root)
    assert published_until(published, root) == ""
