"""The resources of the assets: a home, and dbt's command line for it. Tests replace them.

Add here: another resource that assets share. Keep out: what is done with it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource

from runtime.home import Home, open_home
from runtime.project import project_of
from runtime.redaction import hide_values

# One step at a time writes the warehouse, because DuckDB allows one writing process: dagster.yaml limits pools to 1.
WAREHOUSE_POOL = "warehouse"
# Another process may hold the home (a command): a stage waits for it for some time, and then fails.
PATIENCE = dg.RetryPolicy(max_retries=4, delay=15, backoff=dg.Backoff.EXPONENTIAL)


class HomeResource(dg.ConfigurableResource["HomeResource"]):
    """The home that a deployment of Dagster works on; empty fields mean MERGANSER_HOME and MERGANSER_AS_OF."""

    path: str = ""
    as_of: str = ""
    webhook_url: str = ""
    webhook_allowed_hosts: str = ""

    def opened(self) -> Home:
        """The home with its current settings."""
        return open_home(self.path or None, self.as_of or None)

    def variables(self) -> dict[str, str]:
        """Variables for the destinations, in addition to the environment."""
        chosen = {
            "MERGANSER_WEBHOOK_URL": self.webhook_url,
            "MERGANSER_WEBHOOK_ALLOWED_HOSTS": self.webhook_allowed_hosts,
        }
        return {name: value for name, value in chosen.items() if value}


@contextmanager
def reported() -> Iterator[None]:
    """Removes personal values from errors: Dagster writes an error with all its causes into its event log, and a
    database quotes the value that it rejects."""
    try:
        yield
    except Exception as error:
        hide_values(error)
        raise


@contextmanager
def environment_of(home: Home) -> Iterator[None]:
    """Sets the home's variables in this process during a block: DbtCliResource passes this environment to its child.

    Dagster runs each step in its own process, which works on one home.
    """
    before = {name: os.environ.get(name) for name in home.environment()}
    os.environ.update(home.environment())
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def dbt_command_line(home: Home) -> DbtCliResource:
    """The dbt of this Python environment, on the project of a home."""
    project = str(project_of(home))
    return DbtCliResource(
        project_dir=project,
        profiles_dir=project,
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
    )
