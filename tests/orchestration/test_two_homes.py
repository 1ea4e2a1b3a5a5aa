"""Two homes in one process: neither sees the other's paths, moment or declared sources."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from orchestration import stages
from runtime.home import Home

DECLARED = """
source: {name}
title: {name}
loader: files
legal_basis: contract
entities:
  customer: {{files: "{name}/*.ndjson", mode: merge, key: [id], columns: {{id: varchar}}}}
"""


def test_two_homes_build_in_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MERGANSER_HOME", "MERGANSER_AS_OF", "DBT_TARGET_PATH", "DBT_LOG_PATH"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    homes = [Home(tmp_path / "one", "2026-01-31T00:00:00"), Home(tmp_path / "two", "2026-06-30T00:00:00")]
    for home in homes:
        (home.path / "sources").mkdir(parents=True)
        (home.path / "sources" / "own.yml").write_text(DECLARED.format(name=f"acme_{home.path.name}"))
    for home in (*homes, homes[0]):
        report = stages.build(home, ["+int_devices__interests"], exclude=["resource_type:test"])
        assert report.succeeded, report.failures
        assert report.as_of == home.as_of
        assert home.manifest.exists()
        assert f"acme_{home.path.name}" in stages.known_sources(home)
        with duckdb.connect(str(home.warehouse), read_only=True) as connection:
            schemas = {name for (name,) in connection.execute("select schema_name from duckdb_schemas()").fetchall()}
        assert {name for name in schemas if name.startswith("raw_acme")} == {f"raw_acme_{home.path.name}"}
        compiled = next(home.dbt_target.rglob("compiled/**/int_devices__interests.sql")).read_text()
        assert f"{home.as_of[:10]} 00:00:00" in compiled
    assert dict(os.environ) == before
    assert not (Path.cwd() / ".merganser").exists()
