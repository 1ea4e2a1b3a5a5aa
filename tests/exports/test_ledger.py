"""The ledger between processes: its lock, and commands that only read."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from exports.delivery import deliver, list_exports, plan
from exports.errors import LedgerBusyError
from tests.exports.worlds import CRM, META, World, contact, member

HOLD = textwrap.dedent(
    """
    import duckdb, sys
    connection = duckdb.connect(sys.argv[1])
    print("held", flush=True)
    sys.stdin.readline()
    """
)


def test_a_ledger_that_another_process_holds_is_a_clear_error(world: World) -> None:
    world.publish({CRM: [contact(1)]})
    deliver(world.settings, CRM)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(world.settings.ledger_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LedgerBusyError, match="another process is delivering"):
            deliver(world.settings, CRM)
        with pytest.raises(LedgerBusyError):
            list_exports(world.settings)
    finally:
        holder.communicate("\n")
    assert deliver(world.settings, CRM).status == "nothing to send"


def test_reading_writes_nothing(world: World) -> None:
    world.publish({META: [member(1)]})
    before = sorted(world.home.rglob("*"))
    assert plan(world.settings, META).adds == 1
    assert deliver(world.settings, META, dry_run=True).adds == 1
    assert [status.delivered_count for status in list_exports(world.settings)] == [0, 0, 0]
    assert sorted(world.home.rglob("*")) == before


def test_two_homes_never_touch(world: World) -> None:
    other = World(world.home / "other")
    world.publish({META: [member(1)]})
    other.publish({META: [member(2)]})
    deliver(world.settings, META)
    assert plan(other.settings, META).adds == 1


def test_another_destination_starts_from_nothing(world: World) -> None:
    """The records of one receiver mean nothing for another."""
    world.publish({CRM: [contact(1)]})
    deliver(world.settings, CRM)
    world.declare(**{CRM: {"destination": "webhook"}})
    assert plan(world.settings, CRM).adds == 1


def test_sending_many_keeps_to_set_operations(world: World) -> None:
    """A hundred thousand records are planned, written and compared."""
    from tests.exports.test_kill import publish_contacts

    rows = [contact(number, segment_note=f"n{number}") for number in range(100_000)]
    publish_contacts(world, rows)
    assert deliver(world.settings, CRM).adds == 100_000
    assert deliver(world.settings, CRM).status == "nothing to send"
