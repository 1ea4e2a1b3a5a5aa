"""A workbench: one home whose warehouse can be emptied, filled and built again, so that dbt parses the project once.

Add here: what several warehouse tests do with a warehouse. Keep out: assertions.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import duckdb

from ingestion.landing import LandingReport, land
from ingestion.registry import load_sources
from ingestion.settings import Settings
from ingestion.synthetic import WorldConfig, write_world
from orchestration.stages import build
from runtime.building import BuildReport, release_warehouse
from runtime.home import PROJECT_ROOT, Home

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

AS_OF = "2026-06-30T00:00:00"
BUILT_SCHEMAS = ("seeds", "staging", "conformed", "intermediate", "marts", "segments", "exports", "quality")


@dataclass(frozen=True)
class Workbench:
    """A home for tests. `rows` and `query` open the warehouse read-only for the duration of the call.

    `manifest`: the parsed project, where no test changes it; without it, each build checks every file again.
    """

    home: Home
    manifest: Manifest | None = field(default=None, repr=False)

    @property
    def settings(self) -> Settings:
        return Settings.from_home(self.home.path)

    def empty(self) -> None:
        """Deletes landing files, truth and warehouse; the parsed project stays."""
        for directory in (self.home.landing, self.home.truth, self.home.exports):
            shutil.rmtree(directory, ignore_errors=True)
        for path in self.home.path.glob("warehouse.duckdb*"):
            path.unlink()

    def write(self, world: WorldConfig, since: date | None = None, through: date | None = None) -> None:
        write_world(world, self.home.landing, self.home.truth, since=since, through=through)

    def write_lines(self, name: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Writes records as newline-delimited JSON to a file of the landing zone."""
        path = self.home.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(record) + "\n" for record in records))

    def land(self, loaded_at: datetime | None = None) -> LandingReport:
        report = land(self.settings, list(load_sources(home=self.home.path).values()), loaded_at=loaded_at)
        assert report.ok, report
        return report

    def build(self, *selection: str, tests: bool = False, full_refresh: bool = False, as_of: str = "") -> BuildReport:
        exclude = () if tests else ("resource_type:test",)
        home = Home(self.home.path, as_of or self.home.as_of)
        report = build(home, selection, exclude=exclude, full_refresh=full_refresh, manifest=self.manifest)
        assert report.succeeded, report.failures
        return report

    def drop_built(self) -> None:
        """Drops everything that dbt created, including lasting state; raw stays."""
        with duckdb.connect(str(self.home.warehouse)) as connection:
            for schema in BUILT_SCHEMAS:
                connection.execute(f"drop schema if exists {schema} cascade")

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.home.warehouse), read_only=True) as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    def rows(self, table: str, leave_out: Sequence[str] = ()) -> set[tuple[Any, ...]]:
        """All rows of a table as a set. Raises if the table has two equal rows."""
        excluded = f" exclude ({', '.join(leave_out)})" if leave_out else ""
        fetched = self.query(f"select *{excluded} from {table}")
        distinct = set(fetched)
        assert len(distinct) == len(fetched), f"{table} holds equal rows"
        return distinct

    def tables(self, *schemas: str) -> list[str]:
        return [
            f"{schema}.{name}"
            for schema, name in self.query(
                "select table_schema, table_name from information_schema.tables where table_schema in "
                f"({', '.join('?' * len(schemas))}) order by 1, 2",
                schemas,
            )
        ]


def run_own_project(directory: Path, *arguments: str) -> tuple[bool, str]:
    """`dbt run` in this process on a test's own small project: whether it succeeded, and its last message."""
    from dbt.cli.main import dbtRunner

    told = io.StringIO()
    places = ["--project-dir", str(directory), "--profiles-dir", str(directory)]
    kept = ["--target-path", str(directory / "target"), "--log-path", str(directory / "logs")]
    with mock.patch.dict(os.environ), contextlib.redirect_stdout(told):
        for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH"):
            os.environ.pop(name, None)
        outcome = dbtRunner().invoke(["run", *places, *kept, *arguments])
        release_warehouse()
    return outcome.success, told.getvalue()[-3000:]


class OwnProject:
    """A test's own small dbt project, with one materialization of the product and a warehouse of its own.

    `files`: content by path; PLACE stands for the project's folder.
    """

    def __init__(self, place: Path, files: Mapping[str, str], materialization: str) -> None:
        self.place = place
        for name, text in files.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(text.replace("PLACE", str(place)))
        (place / "macros").mkdir()
        shutil.copy(PROJECT_ROOT / f"dbt_project/macros/platform/{materialization}.sql", place / "macros")

    def run(self, *arguments: str) -> bool:
        """Runs dbt; whether it succeeded."""
        succeeded, told = run_own_project(self.place, *arguments)
        print(told)
        return succeeded

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """The rows of a statement in the project's warehouse."""
        with duckdb.connect(str(self.place / "own.duckdb")) as connection:
            return connection.execute(sql).fetchall()
