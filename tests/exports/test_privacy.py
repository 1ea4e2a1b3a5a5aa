"""No personal values in the wrong places: the tests search for seeded values in the ledger, the output and all
errors."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from exports.delivery import RetryPolicy, deliver, list_exports, plan
from exports.errors import ExportError
from tests.exports.servers import Answer, Receiver
from tests.exports.worlds import CRM, META, WEBHOOK, World, cart, contact, member, sha256

EMAIL = "seeded.person@private.example"
NAME = "Seededname"
SECRET = "a-very-secret-secret"
SEEDED = cart(1, email=EMAIL, first_name=NAME)


def hits(root: Path, *values: str) -> list[str]:
    """Files under a directory that hold one of the values."""
    return [
        path.name
        for path in root.rglob("*")
        if path.is_file() and any(value.encode() in path.read_bytes() for value in values)
    ]


def test_no_personal_value_reaches_the_ledger_or_the_output(
    connected: World, receiver: Receiver, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    connected.environment["MERGANSER_WEBHOOK_SECRET"] = SECRET
    caplog.set_level(0)
    connected.publish({WEBHOOK: [SEEDED, cart(2)]})
    texts = [repr(plan(connected.settings, WEBHOOK)), repr(deliver(connected.settings, WEBHOOK))]
    connected.publish({WEBHOOK: [cart(1, email="x" + EMAIL, first_name=NAME)]})
    texts += [
        repr(deliver(connected.settings, WEBHOOK, force=True, reason="a test")),
        repr(list_exports(connected.settings)),
    ]
    assert receiver.members["cart-00001"]["email"] == "x" + EMAIL
    output = capfd.readouterr()
    for text in (*texts, output.out, output.err, caplog.text):
        assert EMAIL not in text
        assert NAME not in text
        assert SECRET not in text
    assert hits(connected.home / "ledger", EMAIL, NAME, SECRET) == []
    assert hits(connected.home / "exports", EMAIL, NAME, SECRET) == []


def test_the_search_finds_values_that_are_there(connected: World) -> None:
    """The failing twin: the same search finds the value in the serving file, where it belongs."""
    connected.publish({WEBHOOK: [SEEDED]})
    assert hits(connected.home, EMAIL) == ["serving.duckdb"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(400, body=f'{{"error": "{EMAIL} is not valid"}}'.encode()),
        Answer(401, body=EMAIL.encode()),
        Answer(503, body=EMAIL.encode()),
        Answer(302, {"Location": f"https://elsewhere.example/?email={EMAIL}"}),
        Answer(hang_up=True),
        Answer(200, body=f'{{"rejected": [{{"record_key": "cart-00001", "code": "{EMAIL}"}}]}}'.encode()),
    ],
    ids=["400", "401", "503", "302", "hang up", "rejected"],
)
def test_no_error_repeats_what_was_sent(connected: World, receiver: Receiver, answer: Answer) -> None:
    connected.publish({WEBHOOK: [SEEDED]})
    receiver.answers = [answer]
    try:
        text = repr(deliver(connected.settings, WEBHOOK, retry=RetryPolicy(attempts=1)))
    except ExportError:
        text = traceback.format_exc()
    assert EMAIL not in text
    assert NAME not in text
    assert receiver.url not in text
    assert hits(connected.home / "ledger", EMAIL, NAME) == []


def test_a_finished_delivery_keeps_no_removal_fields_of_its_plan(world: World) -> None:
    """After a removal not even the hash is left in the ledger."""
    world.publish({META: [member(1), member(2)]})
    deliver(world.settings, META)
    assert world.ledger("select count(*) from delivered_records where removal_fields is not null") == [(2,)]
    world.publish({META: [member(1)]})
    deliver(world.settings, META)
    gone = sha256("person2@example.com")
    for table in ("deliveries", "delivery_batches", "delivery_records", "delivered_records", "held_records"):
        rows = world.ledger(f"select * from {table}")
        assert gone not in repr(rows), table
    assert world.ledger("select count(*) from delivery_records where removal_fields is not null") == [(0,)]


def test_files_with_personal_values_are_for_their_owner_only(world: World) -> None:
    world.publish({CRM: [contact(1)]})
    for path in deliver(world.settings, CRM).artefacts:
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0
    assert (world.home / "ledger").stat().st_mode & 0o077 == 0
