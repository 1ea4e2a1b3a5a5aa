"""The profile by which dbt opens the warehouse."""

from __future__ import annotations

from pathlib import Path

from dbt.adapters.duckdb import environments

from runtime.home import PROJECT_ROOT, Home
from runtime.parsing import profile_of


def test_other_models_run_after_one_that_exceeds_memory(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    opened = environments.create(profile_of(PROJECT_ROOT, home).credentials)
    first = opened.handle().cursor()
    first.execute("set memory_limit = '100MB'")
    first.execute("create temp table spilled as select md5(i::varchar) as a from range(3000000) as t(i) order by a")
    assert list((home.path / "spill").iterdir())
    second = opened.handle().cursor()
    assert second.execute("select current_setting('temp_directory')").fetchone() == (str(home.path / "spill"),)
    opened.close()
