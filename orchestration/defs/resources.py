"""What the assets work with: a home, and dbt's command line pointed at it. Swappable, so that tests use their own.

Add here: another thing that assets share. Keep out: what is done with it.
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

# What writes the warehouse runs one at a time, as DuckDB takes one writing process: dagster.yaml limits each pool to 1.
WAREHOUSE_POOL = "warehouse"
# Another process may hold the home for a while (a run at the command line): a stage waits for it, and then gives up.
PATIENCE = dg.RetryPolicy(max_retries=4, delay=15, backoff=dg.Backoff.EXPONENTIAL)


class HomeResource(dg.ConfigurableResource["HomeResource"]):
    """The home that a deployment of Dagster works on; empty fields mean MERGANSER_HOME and MERGANSER_AS_OF."""

    path: str = ""
    as_of: str = ""
    webhook_url: str = ""
    webhook_allowed_hosts: str = ""

    def opened(self) -> Home:
        """The home, with its settings read anew."""
        return open_home(self.path or None, self.as_of or None)

    def variables(self) -> dict[str, str]:
        """Variables for the destinations, beside those of the environment."""
        chosen = {
            "MERGANSER_WEBHOOK_URL": self.webhook_url,
            "MERGANSER_WEBHOOK_ALLOWED_HOSTS": self.webhook_allowed_hosts,
        }
        return {name: value for name, value in chosen.items() if value}


@contextmanager
def reported() -> Iterator[None]:
    """Errors as Dagster may keep them: it writes an error with all its causes into its event log, and a database quotes
    the value it fell over."""
    try:
        yield
    except Exception as error:
        hide_values(error)
        raise


@contextmanager
def environment_of(home: Home) -> Iterator[None]:
    """Sets the home's variables in this process for a block: DbtCliResource passes its child no other environment.

    Dagster runs each step in a process of its own, which works on one home.
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
    """dbt as it is installed beside this Python, on the project of a home."""
    project = str(project_of(home))
    return DbtCliResource(
        project_dir=project,
        profiles_dir=project,
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
    )
