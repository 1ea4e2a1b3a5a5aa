"""Deliveries over HTTP, to a real server on loopback: its requests, and failures of the server or the connection."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from exports.delivery import RetryPolicy, deliver, list_exports, plan
from exports.destinations.webhook import loopback
from exports.destinations.webhook.rendering import sign
from exports.errors import DestinationError, InvalidSettingError, MissingSettingError, TransientError
from tests.exports.servers import Answer, Receiver, receive
from tests.exports.worlds import WEBHOOK, World, cart

CARTS = [cart(number) for number in range(5)]


class Naps:
    """A clock that records the requested waits."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def test_first_repeated_changed_and_removed(connected: World, receiver: Receiver) -> None:
    connected.publish({WEBHOOK: CARTS[:3]})
    assert deliver(connected.settings, WEBHOOK).adds == 3
    assert len(receiver.requests) == 1
    assert receiver.members["cart-00001"]["email"] == "person1@example.com"
    assert receiver.members["cart-00001"]["left_at"] == "2026-06-29T20:00:00Z"

    assert deliver(connected.settings, WEBHOOK).status == "nothing to send"
    assert len(receiver.requests) == 1

    connected.publish({WEBHOOK: [CARTS[0], cart(1, total_amount="99.00"), CARTS[3]]})
    receipt = deliver(connected.settings, WEBHOOK)
    assert (receipt.adds, receipt.updates, receipt.removes) == (1, 1, 1)
    assert [request["batch"]["action"] for request in receiver.requests[1:]] == ["remove", "add", "update"]
    assert sorted(receiver.members) == ["cart-00000", "cart-00001", "cart-00003"]
    assert receiver.members["cart-00001"]["total_amount"] == "99.00"


def test_a_request_is_signed_and_carries_its_key(connected: World, receiver: Receiver) -> None:
    connected.publish({WEBHOOK: CARTS[:1]})
    receipt = deliver(connected.settings, WEBHOOK)
    (request,) = receiver.requests
    timestamp = int(request["headers"]["Merganser-Signature"].split(",")[0].removeprefix("t="))
    assert request["headers"]["Merganser-Signature"] == sign("a secret of the tests", timestamp, request["body"])
    assert request["headers"]["Merganser-Signature"] != sign("another secret", timestamp, request["body"])
    assert request["key"] == f"{receipt.delivery_id}-000001"
    assert abs(timestamp - datetime.now(UTC).timestamp()) < 300


def test_progress_and_batches(connected: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exports.destinations.webhook.destination.WebhookDestination.batch_size", 2)
    connected.publish({WEBHOOK: CARTS})
    calls: list[tuple[int, int]] = []
    receipt = deliver(connected.settings, WEBHOOK, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(2, 5), (4, 5), (5, 5)]
    assert (receipt.batches, receipt.attempts) == (3, 3)
    assert len({request["key"] for request in receiver.requests}) == 3


# --- not configured --------------------------------------------------------------------------------------------------


def test_without_an_address_it_says_which_variable_to_set(world: World) -> None:
    world.publish({WEBHOOK: CARTS[:1]})
    status = {one.name: one for one in list_exports(world.settings)}[WEBHOOK]
    assert (status.status, status.missing_settings) == ("not configured", ("MERGANSER_WEBHOOK_URL",))
    assert plan(world.settings, WEBHOOK).missing_settings == ("MERGANSER_WEBHOOK_URL",)
    assert plan(world.settings, WEBHOOK).adds == 1
    with pytest.raises(MissingSettingError, match="set MERGANSER_WEBHOOK_URL in the environment"):
        deliver(world.settings, WEBHOOK)
    assert not world.settings.ledger_path.exists()


@pytest.mark.parametrize("address", ["http://receiver.example/hook", "ftp://127.0.0.1/", "nonsense", "https://"])
def test_an_invalid_address_is_refused_and_not_repeated(world: World, address: str) -> None:
    world.environment = {"MERGANSER_WEBHOOK_URL": address}
    world.publish({WEBHOOK: CARTS[:1]})
    with pytest.raises(InvalidSettingError, match="MERGANSER_WEBHOOK_URL") as caught:
        deliver(world.settings, WEBHOOK)
    assert address not in str(caught.value)


# --- transient -------------------------------------------------------------------------------------------------------


def test_429_waits_as_long_as_requested(connected: World, receiver: Receiver) -> None:
    connected.publish({WEBHOOK: CARTS[:2]})
    receiver.answers = [Answer(429, {"Retry-After": "7"}), Answer(429)]
    naps = Naps()
    receipt = deliver(connected.settings, WEBHOOK, sleep=naps)
    assert naps.taken == [7.0, 1.0]
    assert (receipt.adds, receipt.attempts) == (2, 3)
    assert len({request["key"] for request in receiver.requests}) == 1
    assert len({request["body"] for request in receiver.requests}) == 1


def test_429_until_a_date(connected: World, receiver: Receiver) -> None:
    connected.publish({WEBHOOK: CARTS[:1]})
    moment = datetime.now(UTC) + timedelta(seconds=30)
    receiver.answers = [Answer(429, {"Retry-After": format_datetime(moment, usegmt=True)})]
    naps = Naps()
    deliver(connected.settings, WEBHOOK, sleep=naps)
    assert 20 < naps.taken[0] <= 30


def test_429_for_longer_than_a_run_waits_ends_the_run(connected: World, receiver: Receiver) -> None:
    connected.publish({WEBHOOK: CARTS[:1]})
    receiver.answers = [Answer(429, {"Retry-After": "3600"})]
    naps = Naps()
    with pytest.raises(TransientError, match=r"requests a wait of 3600 s.*again to continue"):
        deliver(connected.settings, WEBHOOK, sleep=naps)
    assert naps.taken == []
    assert deliver(connected.settings, WEBHOOK).resumed[0].adds == 1


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
def test_a_transient_answer_and_then_a_good_one(connected: World, receiver: Receiver, status: int) -> None:
    connected.publish({WEBHOOK: CARTS[:2]})
    receiver.answers = [Answer(status), Answer(status)]
    naps = Naps()
    assert deliver(connected.settings, WEBHOOK, sleep=naps).adds == 2
    assert naps.taken == [0.5, 1.0]


def test_attempts_are_used_up_and_the_next_run_continues(
    connected: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exports.destinations.webhook.destination.WebhookDestination.batch_size", 2)
    connected.publish({WEBHOOK: CARTS})
    receiver.answers = [Answer(apply=True), *[Answer(503)] * 3]
    with pytest.raises(TransientError, match=r"answered 503; gave up on batch 2 after 3 attempt\(s\). 2 of 5 records"):
        deliver(connected.settings, WEBHOOK, retry=RetryPolicy(attempts=3), sleep=Naps())
    status = {one.name: one for one in list_exports(connected.settings)}[WEBHOOK]
    assert (status.status, status.delivered_count) == ("unfinished", 2)
    assert plan(connected.settings, WEBHOOK).unfinished != ()
    receipt = deliver(connected.settings, WEBHOOK)
    assert receipt.resumed[0].adds == 5
    assert receipt.status == "nothing to send"
    assert sorted(receiver.deliveries_of("add")) == [row["record_key"] for row in CARTS]


def test_a_receiver_that_is_not_there(connected: World) -> None:
    with receive() as gone:
        connected.environment["MERGANSER_WEBHOOK_URL"] = gone.url
    connected.publish({WEBHOOK: CARTS[:1]})
    with pytest.raises(TransientError, match="MERGANSER_WEBHOOK_URL cannot be reached"):
        deliver(connected.settings, WEBHOOK, sleep=Naps())


def test_applied_and_never_answered_is_applied_once(connected: World, receiver: Receiver) -> None:
    """The receiver applied the batch and the answer was lost: the same key is sent again and applied once."""
    connected.publish({WEBHOOK: CARTS})
    receiver.answers = [Answer(apply=True, hang_up=True)]
    receipt = deliver(connected.settings, WEBHOOK, sleep=Naps())
    assert (receipt.adds, receipt.attempts) == (5, 2)
    assert len(receiver.requests) == 2
    assert len(receiver.applied) == 1
    assert sorted(receiver.deliveries_of("add")) == [row["record_key"] for row in CARTS]


def test_slower_than_the_timeout_is_applied_once(
    connected: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exports.destinations.webhook.destination.READ_SECONDS", 0.2)
    connected.publish({WEBHOOK: CARTS})
    receiver.delay = 0.6

    def hurry(_: float) -> None:
        receiver.delay = 0.0

    assert deliver(connected.settings, WEBHOOK, sleep=hurry).adds == 5
    assert len(receiver.applied) == 1


def test_unanswered_and_then_withdrawn_is_removed(connected: World, receiver: Receiver) -> None:
    """The batch may have arrived, and its persons have withdrawn since: the removal is sent although no add was
    recorded."""
    connected.publish({WEBHOOK: CARTS[:3]})
    receiver.answers = [Answer(apply=True, hang_up=True)]
    with pytest.raises(TransientError):
        deliver(connected.settings, WEBHOOK, retry=RetryPolicy(attempts=1), sleep=Naps())
    assert len(receiver.members) == 3
    connected.publish({WEBHOOK: [cart(1, total_amount="1.00")]}, withheld=[(WEBHOOK, "C0000", "no_consent:withdrawn")])
    connected.declare(**{WEBHOOK: {"guard": {"min_records": 0, "max_removed_share": 1.0}}})
    receipt = deliver(connected.settings, WEBHOOK)
    assert (receipt.removes, receipt.updates, receipt.adds) == (2, 1, 0)
    assert {key: fields["total_amount"] for key, fields in receiver.members.items()} == {"cart-00001": "1.00"}


def test_never_sent_and_then_withdrawn_is_never_sent(
    connected: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: the batch was planned and never sent, so nothing of it is sent after the withdrawal."""
    monkeypatch.setattr("exports.destinations.webhook.destination.WebhookDestination.batch_size", 1)
    connected.publish({WEBHOOK: CARTS[:3]})
    receiver.answers = [Answer(apply=True), Answer(503)]
    with pytest.raises(TransientError):
        deliver(connected.settings, WEBHOOK, retry=RetryPolicy(attempts=1), sleep=Naps())
    connected.publish({WEBHOOK: CARTS[:2]})
    receipt = deliver(connected.settings, WEBHOOK)
    assert receipt.resumed[0].deferred == {"superseded": 1}
    assert receipt.status == "nothing to send"
    assert sorted(receiver.members) == ["cart-00000", "cart-00001"]
    assert "cart-00002" not in [key for request in receiver.requests for key in json.dumps(request["batch"]).split('"')]


# --- permanent -------------------------------------------------------------------------------------------------------


def refuse(*keys: str, code: str = "invalid_email") -> Answer:
    body = json.dumps({"rejected": [{"record_key": key, "code": code} for key in keys]}).encode()
    return Answer(200, body=body, apply=True)


def test_rejected_records_are_not_retried(connected: World, receiver: Receiver) -> None:
    connected.publish({WEBHOOK: CARTS[:3]})
    receiver.answers = [refuse("cart-00001", "not one of ours")]
    receipt = deliver(connected.settings, WEBHOOK)
    assert (receipt.adds, receipt.rejected) == (2, {"invalid_email": 1})
    again = deliver(connected.settings, WEBHOOK)
    assert (again.status, again.held, again.unchanged) == ("nothing to send", 1, 2)
    assert len(receiver.requests) == 1

    connected.publish({WEBHOOK: [CARTS[0], cart(1, email="better@example.com"), CARTS[2]]})
    assert deliver(connected.settings, WEBHOOK).adds == 1
    assert receiver.members["cart-00001"]["email"] == "better@example.com"


def test_rejected_records_are_sent_again_by_force(connected: World, receiver: Receiver) -> None:
    connected.publish({WEBHOOK: CARTS[:2]})
    receiver.answers = [refuse("cart-00001")]
    deliver(connected.settings, WEBHOOK)
    assert deliver(connected.settings, WEBHOOK, force=True, reason="a test").adds == 1


def test_a_rejected_removal_is_still_planned(connected: World, receiver: Receiver) -> None:
    connected.publish({WEBHOOK: CARTS})
    deliver(connected.settings, WEBHOOK)
    connected.publish({WEBHOOK: CARTS[:4]})
    receiver.answers = [refuse("cart-00004", code="locked")]
    receipt = deliver(connected.settings, WEBHOOK)
    assert (receipt.removes, receipt.rejected) == (0, {"locked": 1})
    assert deliver(connected.settings, WEBHOOK).removes == 1
    assert "cart-00004" not in receiver.members


def test_deferred_records_are_planned_again(connected: World, receiver: Receiver) -> None:
    connected.publish({WEBHOOK: CARTS[:2]})
    body = json.dumps({"deferred": [{"record_key": "cart-00000", "code": "quota"}]}).encode()
    receiver.answers = [Answer(200, body=body, apply=True)]
    receipt = deliver(connected.settings, WEBHOOK)
    assert (receipt.adds, receipt.deferred) == (1, {"quota": 1})
    assert deliver(connected.settings, WEBHOOK).adds == 1


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_a_rejected_batch_is_recorded_and_not_retried(connected: World, receiver: Receiver, status: int) -> None:
    connected.publish({WEBHOOK: CARTS[:2]})
    receiver.answers = [Answer(status, body=b'{"error": "person1@example.com is not valid"}')]
    naps = Naps()
    receipt = deliver(connected.settings, WEBHOOK, sleep=naps)
    assert (receipt.adds, receipt.rejected, naps.taken) == (0, {f"http_{status}": 2}, [])
    assert deliver(connected.settings, WEBHOOK).held == 2
    assert len(receiver.requests) == 1
    assert connected.ledger("select state, code from delivery_batches") == [("rejected", f"http_{status}")]


@pytest.mark.parametrize("status", [301, 401, 403, 404, 410])
def test_refused_access_rejects_no_record(connected: World, receiver: Receiver, status: int) -> None:
    connected.publish({WEBHOOK: CARTS[:2]})
    receiver.answers = [Answer(status, {"Location": "https://elsewhere.example/"})]
    with pytest.raises(DestinationError, match=f"answered {status}: check MERGANSER_WEBHOOK_URL"):
        deliver(connected.settings, WEBHOOK)
    receipt = deliver(connected.settings, WEBHOOK)
    assert receipt.resumed[0].adds == 2
    assert receipt.rejected == {}


def test_refused_access_then_withdrawn_is_never_sent(connected: World, receiver: Receiver) -> None:
    """A receiver that never read the batch needs no removal."""
    connected.publish({WEBHOOK: CARTS[:2]})
    receiver.answers = [Answer(401)]
    with pytest.raises(DestinationError):
        deliver(connected.settings, WEBHOOK)
    connected.publish({WEBHOOK: []})
    assert deliver(connected.settings, WEBHOOK).status == "nothing to send"
    assert len(receiver.requests) == 1


def test_unanswered_then_batch_rejected_then_withdrawn_is_removed(connected: World, receiver: Receiver) -> None:
    """A receiver may reject a key that it has already applied: the records are removed after a withdrawal."""
    connected.declare(**{WEBHOOK: {"guard": {"min_records": 0, "max_removed_share": 1.0}}})
    connected.publish({WEBHOOK: CARTS[:2]})
    receiver.answers = [Answer(apply=True, hang_up=True), Answer(409)]
    assert deliver(connected.settings, WEBHOOK, sleep=Naps()).rejected == {"http_409": 2}
    assert deliver(connected.settings, WEBHOOK).held == 2
    connected.publish({WEBHOOK: []})
    assert deliver(connected.settings, WEBHOOK).removes == 2
    assert receiver.members == {}


@pytest.mark.parametrize("runs", [1, 2])
def test_unanswered_then_refused_access_then_withdrawn_is_removed(
    connected: World, receiver: Receiver, runs: int
) -> None:
    """The twin: an earlier attempt, in this run or before, may have arrived despite the refusal."""
    connected.declare(**{WEBHOOK: {"guard": {"min_records": 0, "max_removed_share": 1.0}}})
    connected.publish({WEBHOOK: CARTS[:2]})
    receiver.answers = [Answer(apply=True, hang_up=True), Answer(401)]
    if runs == 2:
        with pytest.raises(TransientError):
            deliver(connected.settings, WEBHOOK, retry=RetryPolicy(attempts=1), sleep=Naps())
    with pytest.raises(DestinationError):
        deliver(connected.settings, WEBHOOK, sleep=Naps())
    assert len(receiver.members) == 2
    connected.publish({WEBHOOK: []})
    assert deliver(connected.settings, WEBHOOK).removes == 2
    assert receiver.members == {}


@pytest.mark.parametrize(
    "body",
    [b"ok", b"[]", b"{", b'{"rejected": "all"}', b'{"rejected": [1, {"record_key": ["x"]}]}', b"\xff\xfe", b""],
)
def test_an_answer_in_another_form_rejects_no_records(connected: World, receiver: Receiver, body: bytes) -> None:
    connected.publish({WEBHOOK: CARTS[:2]})
    receiver.fault = lambda _: None

    original: Any = receiver.handle

    def handle(headers: dict[str, str], content: bytes) -> Answer:
        original(headers, content)
        return Answer(200, body=body)

    receiver.handle = handle  # type: ignore[method-assign]
    assert deliver(connected.settings, WEBHOOK).adds == 2


# --- the loopback receiver of the demo -------------------------------------------------------------------------------


def test_the_loopback_receiver_keeps_each_batch_once(world: World, tmp_path: Path) -> None:
    world.publish({WEBHOOK: CARTS[:2]})
    inbox = world.settings.exports_dir / "webhook_inbox"
    with loopback.serve(inbox, secret="shared") as running:
        settings = world.settings.with_environment(
            MERGANSER_WEBHOOK_URL=running.url,
            MERGANSER_WEBHOOK_SECRET="shared",
            MERGANSER_WEBHOOK_ALLOWED_HOSTS="127.0.0.1",
        )
        receipt = deliver(settings, WEBHOOK)
        assert deliver(settings, WEBHOOK).status == "nothing to send"
    (kept,) = inbox.iterdir()
    assert kept.name == f"{receipt.delivery_id}-000001.json"
    assert [record["record_key"] for record in json.loads(kept.read_text())["records"]] == ["cart-00000", "cart-00001"]


def test_the_loopback_receiver_refuses_another_secret(world: World) -> None:
    world.publish({WEBHOOK: CARTS[:2]})
    with loopback.serve(world.settings.exports_dir / "webhook_inbox", secret="shared") as running:
        for secret in ("other", ""):
            settings = world.settings.with_environment(
                MERGANSER_WEBHOOK_URL=running.url,
                MERGANSER_WEBHOOK_SECRET=secret,
                MERGANSER_WEBHOOK_ALLOWED_HOSTS="127.0.0.1",
            )
            with pytest.raises(DestinationError, match="401"):
                deliver(settings, WEBHOOK)
        assert list(running.inbox.iterdir()) == []
