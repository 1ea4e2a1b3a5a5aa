"""The process is repeatedly killed at random moments: nothing is sent twice, and no removal is forgotten
(invariant 7).

TORTURE=<anything> in the environment raises the number of kills.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from exports.delivery import deliver
from tests.exports.servers import Receiver
from tests.exports.worlds import CRM, WEBHOOK, World, cart, contact

ROOT = Path(__file__).resolve().parents[2]
KILLS = 300 if os.environ.get("TORTURE") else 20


def start(world: World, export: str) -> subprocess.Popen[str]:
    """A sender that has done its imports and is about to deliver."""
    sender = subprocess.Popen(
        [sys.executable, "-m", "tests.exports.sender", str(world.home), export, "3"],
        cwd=ROOT, env={**os.environ, **world.environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert sender.stdout is not None
    assert sender.stdout.readline() == "ready\n"
    return sender


def kill_after(sender: subprocess.Popen[str], seconds: float) -> bool:
    """Kills a sender after some time; True if it was still running."""
    time.sleep(seconds)
    running = sender.poll() is None
    if running:
        sender.send_signal(signal.SIGKILL)
    _, errors = sender.communicate()
    assert running or sender.returncode == 0, errors
    return running


def test_killed_at_any_moment_each_record_arrives_once(connected: World, receiver: Receiver) -> None:
    """Each round publishes another state (adds, changes, removals), and kills the sender at a random moment."""
    chance = random.Random(20260630)
    connected.declare(**{WEBHOOK: {"guard": {"min_records": 0, "max_removed_share": 1.0}}})
    state: dict[int, dict[str, Any]] = {}
    receiver.delay = 0.01
    killed = rounds = 0
    longest = 1.2
    while killed < KILLS and rounds < KILLS * 4:
        rounds += 1
        for number in chance.sample(range(40), 12):
            if number in state and chance.random() < 0.5:
                del state[number]
            else:
                state[number] = cart(number, total_amount=f"{rounds}.{number:02d}")
        connected.publish({WEBHOOK: list(state.values())})
        for _ in range(chance.randint(1, 3)):
            sender = start(connected, WEBHOOK)
            began = time.monotonic()
            if kill_after(sender, chance.uniform(0.0, longest)):
                killed += 1
            else:
                longest = max(0.2, min(longest, (time.monotonic() - began) * 0.9))
        if chance.random() < 0.4:
            deliver(connected.settings, WEBHOOK)
            assert {key: fields["total_amount"] for key, fields in receiver.members.items()} == expected(state)
    deliver(connected.settings, WEBHOOK)
    assert killed >= KILLS // 2, "too few of the senders were still at work: raise the receiver's delay"
    assert {key: fields["total_amount"] for key, fields in receiver.members.items()} == expected(state)
    assert deliver(connected.settings, WEBHOOK).status == "nothing to send"
    # Each key was applied once. A version of a record has two keys only if the first attempt could not be repeated,
    # because the export had changed meanwhile.
    keys = [one["key"] for one in receiver.applied]
    assert len(keys) == len(set(keys))
    assert connected.ledger("select count(*) from deliveries where status = 'planned'") == [(0,)]


def expected(state: dict[int, dict[str, Any]]) -> dict[str, str]:
    return {row["record_key"]: row["total_amount"] for row in state.values()}


def test_killed_with_an_unchanged_export_nothing_is_applied_twice(connected: World, receiver: Receiver) -> None:
    """If the export does not change, every record is applied exactly once, however often the sender is killed."""
    chance = random.Random(7)
    connected.publish({WEBHOOK: [cart(number) for number in range(60)]})
    receiver.delay = 0.02
    for _ in range(max(6, KILLS // 4)):
        kill_after(start(connected, WEBHOOK), chance.uniform(0.0, 0.5))
    deliver(connected.settings, WEBHOOK)
    assert sorted(receiver.deliveries_of("add")) == [cart(number)["record_key"] for number in range(60)]
    assert receiver.deliveries_of("update") == []
    assert receiver.deliveries_of("remove") == []


def test_killed_while_writing_files_the_manifests_give_the_export(world: World) -> None:
    """Only files in a manifest count. Applied in order, the manifests give the export."""
    chance = random.Random(11)
    directory = world.home / "exports" / CRM
    world.declare(**{CRM: {"guard": {"min_records": 0, "max_removed_share": 1.0}}})
    state: dict[int, dict[str, Any]] = {}
    for rounds in range(max(6, KILLS // 4)):
        for number in chance.sample(range(3000), 900):
            if number in state and chance.random() < 0.5:
                del state[number]
            else:
                state[number] = contact(number, segment_note=f"round {rounds}")
        publish_contacts(world, list(state.values()))
        kill_after(start(world, CRM), chance.uniform(0.05, 0.6))
    deliver(world.settings, CRM)
    assert replay(directory) == {row["record_key"]: row["segment_note"] for row in state.values()}
    assert [path.name for path in directory.iterdir() if path.name.endswith(".tmp")] == []


def publish_contacts(world: World, rows: list[dict[str, Any]]) -> None:
    """`World.publish` for many rows, with one insert."""
    world.publish({})
    connection = duckdb.connect(str(world.home / "serving.duckdb"))
    for name in rows[0]:
        assert name in {"record_key", "customer_id", "lifetime_revenue_amount", "segment_note"}
    connection.execute(
        f'insert into exports."{CRM}" select unnest(?::varchar[]), unnest(?::varchar[]), 100, unnest(?::varchar[])',
        [[row[name] for row in rows] for name in ("record_key", "customer_id", "segment_note")],
    )
    connection.execute(
        "insert into marts.dim_consents "
        f"""select distinct customer_id, 'customer_service', 'crm', 'granted', null::timestamp from exports."{CRM}" """
    )
    connection.close()


def replay(directory: Path) -> dict[str, str]:
    """The records of a receiver that applied every finished delivery in order."""
    import csv
    import json

    held: dict[str, str] = {}
    for done in sorted(directory.glob("*.done"), key=lambda path: json.loads(path.read_text())["planned_at"]):
        for entry in json.loads(done.read_text())["files"]:
            with (directory / entry["file"]).open(newline="") as file:
                for row in csv.DictReader(file):
                    if entry["operation"] == "remove":
                        del held[row["record_key"]]
                    else:
                        held[row["record_key"]] = row["segment_note"]
    return held


@pytest.mark.parametrize("moment", ["plan stored", "batch marked", "batch sent", "answer stored"])
def test_stopped_at_a_named_moment(
    connected: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Kills at each moment between two steps, which random kills may miss."""
    from exports import ledger
    from exports.destinations.webhook.destination import WebhookSession

    class Stopped(BaseException):
        pass

    def stop_after(owner: Any, name: str) -> None:
        inner = getattr(owner, name)

        def stopping(*args: Any, **kwargs: Any) -> Any:
            inner(*args, **kwargs)
            raise Stopped

        monkeypatch.setattr(owner, name, stopping)

    owner, name = {
        "plan stored": (ledger, "store_plan"),
        "batch marked": (ledger, "mark_sending"),
        "batch sent": (WebhookSession, "send"),
        "answer stored": (ledger, "store_answer"),
    }[moment]
    connected.publish({WEBHOOK: [cart(number) for number in range(4)]})
    deliver(connected.settings, WEBHOOK)
    connected.publish({WEBHOOK: [cart(0), cart(1, total_amount="2.00"), cart(5), cart(6)]})
    with monkeypatch.context():
        stop_after(owner, name)
        with pytest.raises(Stopped):
            deliver(connected.settings, WEBHOOK)
    monkeypatch.undo()
    receipt = deliver(connected.settings, WEBHOOK)
    assert len(receipt.resumed) == 1
    assert receipt.status == "nothing to send"
    assert sorted(receiver.members) == ["cart-00000", "cart-00001", "cart-00005", "cart-00006"]
    assert receiver.deliveries_of("remove") == ["cart-00002", "cart-00003"]
    assert receiver.deliveries_of("update") == ["cart-00001"]
    assert len(receiver.deliveries_of("add")) == 6
