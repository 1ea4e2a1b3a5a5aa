"""A damaged ledger or serving file, and a full disk: one clear message, and nothing is sent twice."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from exports import ledger, traces
from exports.delivery import deliver, list_exports, plan
from exports.errors import DestinationError, LedgerDamagedError, LedgerLostError, ServingError
from tests.exports.servers import Receiver
from tests.exports.worlds import CRM, META, WEBHOOK, World, cart, contact, member

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "other content": lambda content: b"not a database" * 1000,
    "zeros": lambda content: bytes(len(content)),
    "header only": lambda content: content[:4096],
    "cut in the middle": lambda content: content[: len(content) // 2],
    "header bit": lambda content: content[:5000] + bytes([content[5000] ^ 255]) + content[5001:],
    "first block": lambda content: content[:12400] + bytes([content[12400] ^ 255]) + content[12401:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_ledger_is_named_with_what_to_do(world: World, damage: str) -> None:
    world.publish({META: [member(1)], CRM: [contact(number) for number in range(3000)]})
    deliver(world.settings, CRM)
    deliver(world.settings, META)
    path = world.settings.ledger_path
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    before = sorted((world.home / "exports").rglob("*"))
    for call in (deliver, plan):
        with pytest.raises(LedgerDamagedError, match=r"ledger\.duckdb is damaged .*backup.* export adopt"):
            call(world.settings, CRM)
    with pytest.raises(LedgerDamagedError):
        list_exports(world.settings)
    assert sorted((world.home / "exports").rglob("*")) == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_serving_file_is_named_with_what_to_do(world: World, damage: str) -> None:
    world.publish({CRM: [contact(number) for number in range(3000)]})
    path = world.settings.serving_path
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    for call in (deliver, plan):
        with pytest.raises(ServingError, match=r"serving\.duckdb (is damaged|cannot be opened|does not say).*publish"):
            call(world.settings, CRM)
    assert not (world.home / "exports").exists()


def test_a_ledger_of_a_newer_version_is_left_alone(world: World) -> None:
    world.publish({META: [member(1)]})
    deliver(world.settings, META)
    with duckdb.connect(str(world.settings.ledger_path)) as connection:
        connection.execute("update ledger_version set version = 99")
    for call in (deliver, plan):
        with pytest.raises(LedgerDamagedError, match=r"newer version of Merganser \(its format is 99"):
            call(world.settings, META)


def test_a_database_of_another_program_is_not_a_ledger(world: World) -> None:
    world.publish({META: [member(1)]})
    world.settings.ledger_path.parent.mkdir()
    with duckdb.connect(str(world.settings.ledger_path)) as connection:
        connection.execute("create table deliveries (parcel varchar)")
    with pytest.raises(LedgerDamagedError, match="is damaged or is not a ledger"):
        deliver(world.settings, META)


def test_an_unfinished_new_ledger_is_created_again(world: World) -> None:
    """A process that is killed while it creates the ledger leaves an empty file, or one without tables."""
    world.publish({META: [member(1)]})
    world.settings.ledger_path.parent.mkdir()
    world.settings.ledger_path.touch()
    assert plan(world.settings, META).adds == 1
    assert deliver(world.settings, META).adds == 1


def test_an_empty_ledger_beside_delivered_files_is_a_lost_one(world: World) -> None:
    world.publish({META: [member(1)]})
    deliver(world.settings, META)
    world.settings.ledger_path.write_bytes(b"")
    with pytest.raises(LedgerLostError):
        deliver(world.settings, META)


@pytest.mark.parametrize("moment", ["note", "file", "manifest"])
def test_a_full_disk_while_an_artefact_is_written(world: World, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    world.publish({META: [member(1)]})
    inner = os.fsync
    calls = {"count": 0}

    def full(descriptor: int) -> None:
        calls["count"] += stat.S_ISREG(os.fstat(descriptor).st_mode)
        if calls["count"] == ["note", "file", "manifest"].index(moment) + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        inner(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    named = {"note": traces.NOTE, "file": ".add.csv", "manifest": ".done"}[moment]
    with pytest.raises(DestinationError, match=rf"{named} cannot be written to \(No space left on device\)"):
        deliver(world.settings, META)
    monkeypatch.undo()
    assert list((world.home / "exports" / META).glob("*.done")) == []
    receipt = deliver(world.settings, META)
    assert (receipt.resumed[0].adds, receipt.status) == (1, "nothing to send")
    assert len(list((world.home / "exports" / META).glob("*.done"))) == 1


@pytest.mark.parametrize("moment", ["store_plan", "mark_sending", "store_answer", "finish_delivery"])
def test_a_full_disk_while_the_ledger_is_written(
    connected: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """DuckDB's error at each moment. Nothing is applied twice, whatever the receiver has applied."""
    connected.publish({WEBHOOK: [cart(1), cart(2)]})
    path = connected.settings.ledger_path

    def full(*_: Any, **__: Any) -> None:
        raise duckdb.TransactionException(
            f'TransactionContext Error: Failed to commit: Could not write file "{path}.wal": No space left on device'
        )

    with monkeypatch.context() as patch:
        patch.setattr(ledger, moment, full)
        with pytest.raises(DestinationError, match=r"ledger\.duckdb\.wal cannot be written .*nothing is sent twice"):
            deliver(connected.settings, WEBHOOK)
    deliver(connected.settings, WEBHOOK)
    assert sorted(receiver.deliveries_of("add")) == ["cart-00001", "cart-00002"]
    assert deliver(connected.settings, WEBHOOK).status == "nothing to send"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("skipped: only root can mount a small disk")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("skipped: this machine mounts no small disk")
    try:
        yield place
    finally:
        subprocess.run([umount, str(place)], check=True)


def test_a_disk_that_is_really_full(connected: World, receiver: Receiver, small_disk: Path) -> None:
    """The ledger is on a disk that is full; after space is freed, each record arrives once."""
    (connected.home / "ledger").symlink_to(small_disk)
    connected.publish({WEBHOOK: [cart(0)]})
    deliver(connected.settings, WEBHOOK)
    rows = [cart(number) for number in range(2000)]
    connected.publish({WEBHOOK: rows})
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(DestinationError, match="ledger"):
        deliver(connected.settings, WEBHOOK)
    filler.unlink()
    deliver(connected.settings, WEBHOOK)
    assert sorted(receiver.deliveries_of("add")) == sorted(row["record_key"] for row in rows)
    assert deliver(connected.settings, WEBHOOK).status == "nothing to send"
