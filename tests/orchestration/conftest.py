"""Homes for the tests of orchestration, runtime and publication: made by hand, with a few tables.

The home that was built by the demo is in tests/conftest.py.

Add here: homes that more than one test file needs. Keep out: assertions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.cli import main as cli
from publication import quality
from runtime.home import Home, open_home
from tests.orchestration.handmade import CUSTOMERS, SUITES, record_build, write


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the home of the user who runs it."""
    for name in ("MERGANSER_HOME", "MERGANSER_AS_OF", "MERGANSER_DEBUG", "DBT_TARGET_PATH", "DBT_LOG_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    opened = open_home(tmp_path / "home", "2026-06-30")
    opened.prepare()
    return opened


@pytest.fixture
def built_by_hand(home: Home) -> Home:
    """A home with three relations, and the record of a complete build."""
    write(home, "create schema marts", "create schema segments")
    write(
        home,
        f"""
        create table marts.dim_customers as
        select 'C' || i as customer_id, i || '@example.com' as email, 'known' as status from range({CUSTOMERS}) as t(i)
        """,
        "create table marts.fct_orders as select 'O' || customer_id as order_id, customer_id from marts.dim_customers",
        "create view segments.seg_first as select customer_id from marts.dim_customers where customer_id = 'C0'",
    )
    record_build(home, "b1")
    return home


@pytest.fixture
def checked_by_hand(built_by_hand: Home) -> Home:
    """The same, audited."""
    assert quality.check(built_by_hand, suites=SUITES).passed
    return built_by_hand


@pytest.fixture
def merganser(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs one command line in this process: its exit code, standard output and standard error."""

    def invoke(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.invoke([str(argument) for argument in arguments])
        output = capfd.readouterr()
        return code, output.out, output.err

    return invoke
