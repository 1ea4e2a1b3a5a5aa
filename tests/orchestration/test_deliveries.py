"""Deliveries from the command line: messages and exit codes of refusals, overrides with a reason, a rebuilt ledger."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.exports.worlds import META, World, member

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "home")


def hours_ago(hours: float) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=hours)


def answer(output: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(output)
    return parsed


def test_a_stale_file_is_shown_by_plan_and_refused_by_deliver(world: World, merganser: Command) -> None:
    world.publish({META: [member(1)]}, built_at=hours_ago(40))
    code, output, _ = merganser("export", "plan", META, "--home", world.home, "--json")
    assert code == 0
    assert "hours ago" in answer(output)["stale"][0]
    code, output, _ = merganser("export", "plan", META, "--home", world.home)
    assert "may not be delivered" in output
    code, _, error = merganser("export", "deliver", META, "--home", world.home)
    assert code == 1
    assert "may not be delivered" in error
    assert "merganser run" in error


def test_the_maximum_age_is_in_settings_and_the_variable_overrides_it(
    world: World, merganser: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish({META: [member(1)]}, built_at=hours_ago(40))
    (world.home / "settings.yml").write_text("serving_max_age_hours: 48\n")
    assert merganser("export", "deliver", META, "--home", world.home)[0] == 0
    monkeypatch.setenv("MERGANSER_SERVING_MAX_AGE_HOURS", "24")
    assert merganser("export", "deliver", META, "--home", world.home)[0] == 1
    (world.home / "settings.yml").write_text("serving_max_age_hours: soon\n")
    monkeypatch.delenv("MERGANSER_SERVING_MAX_AGE_HOURS")
    code, _, error = merganser("export", "deliver", META, "--home", world.home)
    assert code == 1
    assert "serving_max_age_hours" in error


@pytest.mark.parametrize(
    "options",
    [("--force",), ("--force", "--reason", " "), ("--consent-removals",), ("--reason", "why"),
     ("--consent-removals", "--force", "--reason", "why")],
)  # fmt: skip
def test_overrides_and_their_reason_go_together(world: World, merganser: Command, options: tuple[str, ...]) -> None:
    world.publish({META: [member(1)]})
    assert merganser("export", "deliver", META, *options, "--home", world.home)[0] == 2
    assert not (world.home / "ledger").exists()


def test_a_guard_is_overridden_with_a_reason(world: World, merganser: Command) -> None:
    world.publish({META: [member(number) for number in range(8)]})
    assert merganser("export", "deliver", META, "--home", world.home)[0] == 0
    world.publish({META: [member(0)]})
    code, _, error = merganser("export", "deliver", META, "--home", world.home)
    assert code == 1
    assert "--force --reason" in " ".join(error.split())
    options = ("--force", "--reason", "the segment was narrowed")
    assert merganser("export", "deliver", META, *options, "--home", world.home)[0] == 0
    assert ("the segment was narrowed",) in world.ledger("select override_reason from deliveries")


def test_a_lost_ledger_is_rebuilt_after_a_preview(world: World, merganser: Command) -> None:
    world.publish({META: [member(1), member(2)]})
    assert merganser("export", "deliver", META, "--home", world.home)[0] == 0
    shutil.rmtree(world.home / "ledger")
    code, _, error = merganser("export", "deliver", META, "--home", world.home)
    assert code == 1
    assert f"merganser export adopt {META}" in " ".join(error.split())
    code, output, _ = merganser("export", "adopt", META, "--home", world.home)
    assert code == 0
    assert "Nothing was written: use --yes" in output
    assert not (world.home / "ledger").exists()
    code, output, _ = merganser("export", "adopt", META, "--yes", "--home", world.home, "--json")
    assert code == 0
    assert (answer(output)["records"], answer(output)["unchanged"], answer(output)["is_written"]) == (2, 2, True)
    code, output, _ = merganser("export", "deliver", META, "--home", world.home, "--json")
    assert answer(output)["exports"][0]["status"] == "nothing to send"
    assert merganser("export", "adopt", META, "--yes", "--home", world.home)[0] == 1
    assert merganser("export", "adopt", META, "--as-delivered", "--as-unsent", "--home", world.home)[0] == 2


def test_a_damaged_ledger_ends_with_1_and_names_the_file(world: World, merganser: Command) -> None:
    world.publish({META: [member(1)]})
    world.settings.ledger_path.parent.mkdir()
    world.settings.ledger_path.write_text("not a ledger")
    for verb in ("plan", "deliver", "adopt"):
        code, _, error = merganser("export", verb, META, "--home", world.home)
        assert code == 1
        assert "ledger.duckdb is damaged" in " ".join(error.split())
        assert "Traceback" not in error
