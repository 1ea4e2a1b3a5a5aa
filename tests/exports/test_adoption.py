"""A lost ledger is detected by the traces of deliveries, and rebuilt from them or by a decision."""

from __future__ import annotations

import random
import shutil
from typing import Any

import pytest

from exports.adoption import adopt
from exports.delivery import deliver, list_exports, plan
from exports.errors import AdoptionError, LedgerLostError
from tests.exports.servers import Receiver
from tests.exports.worlds import CRM, META, WEBHOOK, World, cart, contact, member, sha256

LOOSE = {"guard": {"min_records": 0, "max_removed_share": 1.0}}


def lose_ledger(world: World) -> None:
    shutil.rmtree(world.home / "ledger")


def delivered(world: World, export: str) -> list[tuple[Any, ...]]:
    return world.ledger(
        f"select record_key, customer_id, row_hash, removal_fields from delivered_records where export = '{export}'"
        " order by 1"
    )


@pytest.mark.parametrize("export", [META, CRM, WEBHOOK])
def test_a_lost_ledger_stops_every_delivery(connected: World, receiver: Receiver, export: str) -> None:
    rows = {META: [member(1), member(2)], CRM: [contact(1), contact(2)], WEBHOOK: [cart(1), cart(2)]}
    connected.publish(rows)
    deliver(connected.settings, export)
    applied, files = len(receiver.applied), sorted((connected.home / "exports").rglob("*"))
    lose_ledger(connected)
    for call in (plan, deliver):
        with pytest.raises(LedgerLostError, match=rf"ledger\.duckdb does not know .*export adopt {export}"):
            call(connected.settings, export)
    assert [one.status for one in list_exports(connected.settings) if one.name == export] == ["ledger lost"]
    assert len(receiver.applied) == applied
    assert sorted((connected.home / "exports").rglob("*")) == files


def test_an_old_copy_of_the_ledger_is_noticed(world: World) -> None:
    world.publish({META: [member(1)]})
    deliver(world.settings, META)
    shutil.copytree(world.home / "ledger", world.home / "backup")
    world.publish({META: [member(1), member(2)]})
    second = deliver(world.settings, META)
    lose_ledger(world)
    (world.home / "backup").rename(world.home / "ledger")
    with pytest.raises(LedgerLostError, match=str(second.delivery_id)):
        deliver(world.settings, META)
    report = adopt(world.settings, META, write=True)
    assert (report.records, report.unchanged) == (2, 2)
    assert deliver(world.settings, META).status == "nothing to send"


def test_a_ledger_that_another_export_recreated_is_noticed(world: World) -> None:
    world.publish({META: [member(1)], CRM: [contact(1)]})
    deliver(world.settings, META)
    lose_ledger(world)
    deliver(world.settings, CRM)
    with pytest.raises(LedgerLostError):
        deliver(world.settings, META)


def test_a_first_delivery_and_an_interrupted_delivery_are_no_loss(world: World) -> None:
    """The failing twin: without traces, and with deliveries that the ledger has as planned, it delivers."""
    world.publish({META: [member(1)]})
    first = deliver(world.settings, META)
    world.rewind(first)
    assert deliver(world.settings, META).resumed[0].adds == 1


def test_the_ledger_is_rebuilt_from_files(world: World) -> None:
    """Adds, updates, retracts and removals of several deliveries give the lost ledger."""
    world.declare(**{META: LOOSE})
    changed = member(2, email_sha256=sha256("new@example.com"), first_name_sha256=sha256("bo"))
    for rows in ([member(1), member(2), member(3)], [member(1), changed], [member(1), changed, member(4)]):
        world.publish({META: rows})
        deliver(world.settings, META)
    before = delivered(world, META)
    lose_ledger(world)
    shown = adopt(world.settings, META)
    assert not shown.is_written
    assert not (world.home / "ledger").exists()
    report = adopt(world.settings, META, write=True)
    assert (report.records, report.unchanged, report.adds, report.updates, report.removes) == (3, 3, 0, 0, 0)
    assert len(report.deliveries) == 3
    assert delivered(world, META) == before
    assert deliver(world.settings, META).status == "nothing to send"


@pytest.mark.parametrize("file_format", ["csv", "ndjson"])
def test_what_changed_since_is_updated_and_removed_after_adoption(world: World, file_format: str) -> None:
    world.declare(**{META: {**LOOSE, "format": file_format}})
    world.publish({META: [member(1), member(2), member(3)]})
    deliver(world.settings, META)
    lose_ledger(world)
    world.publish({META: [member(1), member(2, first_name_sha256=sha256("bo")), member(4)]})
    report = adopt(world.settings, META, write=True)
    assert (report.unchanged, report.updates, report.removes, report.adds) == (1, 1, 1, 1)
    receipt = deliver(world.settings, META)
    assert (receipt.adds, receipt.updates, receipt.removes) == (1, 1, 1)
    removed = next(path for path in receipt.artefacts if ".remove." in path.name).read_text()
    assert sha256("person3@example.com") in removed


def test_a_crm_file_with_guarded_cells_is_read_back(world: World) -> None:
    world.declare(**{CRM: LOOSE})
    world.publish({CRM: [contact(1, record_key="-5", segment_note="=1"), contact(2, segment_note=None)]})
    deliver(world.settings, CRM)
    before = delivered(world, CRM)
    lose_ledger(world)
    adopt(world.settings, CRM, write=True)
    assert [row[:3] for row in delivered(world, CRM)] == [row[:3] for row in before]
    assert deliver(world.settings, CRM).status == "nothing to send"


def test_random_histories_are_rebuilt(world: World) -> None:
    chance = random.Random(5)
    world.declare(**{CRM: LOOSE, META: LOOSE})
    for _ in range(4):
        chosen = chance.sample(range(30), chance.randint(0, 25))
        contacts = [contact(number, segment_note=str(chance.randint(0, 2))) for number in chosen]
        members = [member(number, first_name_sha256=sha256(str(chance.randint(0, 2)))) for number in chosen]
        world.publish({CRM: contacts, META: members})
        deliver(world.settings, CRM)
        deliver(world.settings, META)
    before = {export: delivered(world, export) for export in (CRM, META)}
    lose_ledger(world)
    for export in (CRM, META):
        adopt(world.settings, export, write=True)
        assert delivered(world, export) == before[export]


@pytest.mark.parametrize("damage", ["gone", "changed", "manifest damaged", "manifest gone", "first delivery gone"])
def test_files_that_do_not_suffice_are_refused(world: World, damage: str) -> None:
    world.declare(**{META: LOOSE})
    world.publish({META: [member(1), member(2)]})
    first = deliver(world.settings, META)
    world.publish({META: [member(1)]})
    deliver(world.settings, META)
    lose_ledger(world)
    add, done = first.artefacts
    if damage == "gone":
        add.unlink()
    elif damage == "changed":
        add.write_text(add.read_text().replace("C0001", "C0009"))
    elif damage == "manifest damaged":
        done.write_text(done.read_text()[:40])
    elif damage == "manifest gone":
        for path in done.parent.glob("*.done"):
            path.unlink()
    else:
        add.unlink()
        done.unlink()
    with pytest.raises(AdoptionError, match=r"do not tell what the destination holds: .*--as-delivered.*--as-unsent"):
        adopt(world.settings, META, write=True)
    assert adopt(world.settings, META, method="as delivered", write=True).records == 1
    assert deliver(world.settings, META).status == "nothing to send"


def test_a_webhook_cannot_be_read_back_and_takes_a_decision(connected: World, receiver: Receiver) -> None:
    connected.declare(**{WEBHOOK: LOOSE})
    connected.publish({WEBHOOK: [cart(1), cart(2)]})
    deliver(connected.settings, WEBHOOK)
    lose_ledger(connected)
    with pytest.raises(AdoptionError, match=r"cannot be read back: .*--as-delivered.*--as-unsent"):
        adopt(connected.settings, WEBHOOK)
    applied = len(receiver.applied)
    report = adopt(connected.settings, WEBHOOK, method="as delivered", write=True)
    assert (report.records, report.unchanged, report.adds) == (2, 2, 0)
    assert any("no longer in the export" in caution for caution in report.cautions)
    assert deliver(connected.settings, WEBHOOK).status == "nothing to send"
    assert len(receiver.applied) == applied
    connected.publish({WEBHOOK: [cart(1)]})
    assert deliver(connected.settings, WEBHOOK).removes == 1


def test_as_unsent_sends_everything_again(connected: World, receiver: Receiver) -> None:
    connected.publish({WEBHOOK: [cart(1), cart(2)]})
    deliver(connected.settings, WEBHOOK)
    lose_ledger(connected)
    assert adopt(connected.settings, WEBHOOK, method="as unsent", write=True).adds == 2
    assert deliver(connected.settings, WEBHOOK).adds == 2


@pytest.mark.parametrize("method", ["files", "as delivered", "as unsent"])
def test_a_ledger_that_knows_everything_is_not_replaced(world: World, method: Any) -> None:
    world.publish({META: [member(1)]})
    deliver(world.settings, META)
    before = delivered(world, META)
    with pytest.raises(AdoptionError, match="nothing to rebuild"):
        adopt(world.settings, META, method=method, write=True)
    assert delivered(world, META) == before


def test_a_damaged_note_stops_deliveries(world: World) -> None:
    world.publish({META: [member(1)]})
    deliver(world.settings, META)
    note = world.home / "exports" / META / "last_delivery.json"
    note.write_text("{")
    with pytest.raises(LedgerLostError, match=r"last_delivery\.json is damaged"):
        deliver(world.settings, META)
    adopt(world.settings, META, write=True)
    assert deliver(world.settings, META).status == "nothing to send"
