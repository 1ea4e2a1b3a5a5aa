"""MERGANSER_MEMORY bounds every connection to a warehouse, as profiles.yml bounds those of dbt."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import yaml

from publication import serving_file
from runtime import warehouse
from runtime.errors import MerganserError
from runtime.home import PROJECT_ROOT, Home

MEMORY = "select current_setting('memory_limit')"


def test_connections_keep_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    with warehouse.opened(home, read_only=False) as connection:
        assert connection.execute(MEMORY).fetchall() == [("7.4 GiB",)]
    monkeypatch.setenv("MERGANSER_MEMORY", "1GB")
    limits: list[str] = []
    with warehouse.opened(home) as connection:
        limits += connection.execute(MEMORY).fetchall()[0]
    home.spill.mkdir(exist_ok=True)

    def note(writing: duckdb.DuckDBPyConnection) -> None:
        limits.extend(writing.execute(MEMORY).fetchall()[0])

    new = tmp_path / "new.duckdb"
    serving_file.write_tables(home, new, [], {}, lambda *_: None, whole=True, finish=note)
    assert limits == ["953.6 MiB"] * 2


def test_what_is_no_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERGANSER_MEMORY", "lots")
    with pytest.raises(MerganserError, match="MERGANSER_MEMORY"), warehouse.opened(Home(tmp_path), read_only=False):
        pass


def test_the_default_is_that_of_dbt() -> None:
    outputs = yaml.safe_load((PROJECT_ROOT / "profiles.yml").read_text())["merganser"]["outputs"]
    assert outputs["dev"]["config_options"]["memory_limit"] == "{{ env_var('MERGANSER_MEMORY', '8GB') }}"
