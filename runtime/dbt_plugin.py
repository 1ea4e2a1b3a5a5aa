"""Keeps values of records out of everything that dbt logs, prints and records, however dbt was started.

dbt-duckdb loads this module as a plugin (profiles.yml), so it works in `merganser build`, in the dbt that Dagster
starts, and in `dbt build`. dbt writes the text of a database error into dbt.log, run_results.json, standard output and
its events, and has no hook before that. So the two places of dbt-duckdb that turn an error into text are replaced:
`DuckDBConnectionManager.exception_handler` (SQL) and `Environment.run_python_job` (Python models). A test fails when an
upgrade changes either (tests/end_to_end/test_personal_values.py).

Add here: another place where dbt-duckdb handles a value. Keep out: what is hidden (redaction.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.environments import Environment
from dbt.adapters.duckdb.plugins import BasePlugin

from runtime.files import create_private_files
from runtime.redaction import hide_values

_REPLACED = "_merganser_original"


class Plugin(BasePlugin):  # type: ignore[misc]
    """Installs itself once per process."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Called by dbt-duckdb before the first connection of an environment."""
        create_private_files()
        _replace_exception_handler()
        _replace_python_job()


def _replace_exception_handler() -> None:
    original = DuckDBConnectionManager.exception_handler
    if hasattr(original, _REPLACED):
        return

    @contextmanager
    def exception_handler(self: Any, sql: str, connection_name: str = "master") -> Iterator[None]:
        with original(self, sql, connection_name):
            try:
                yield
            except Exception as error:
                hide_values(error)
                raise

    setattr(exception_handler, _REPLACED, original)
    DuckDBConnectionManager.exception_handler = exception_handler


def _replace_python_job() -> None:
    original = Environment.run_python_job.__func__
    if hasattr(original, _REPLACED):
        return

    def run_python_job(cls: Any, *arguments: Any, **named: Any) -> None:
        try:
            original(cls, *arguments, **named)
        except Exception as error:
            hide_values(error)
            raise

    setattr(run_python_job, _REPLACED, original)
    Environment.run_python_job = classmethod(run_python_job)
