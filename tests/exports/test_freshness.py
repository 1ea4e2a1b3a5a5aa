"""A serving file that is too old is not delivered, and consent is checked again at delivery."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from exports.delivery import deliver, plan
from exports.errors import InvalidSettingError, ServingError, StaleServingError
from tests.exports.servers import Receiver
from tests.exports.worlds import META, WEBHOOK, World, cart, member

NOW = datetime.fromisoformat("2026-06-30T12:00:00")
BANNER = "consent_banner.decisions"


def at(moment: datetime) -> dict[str, Any]:
    return {"now": lambda: moment}


def write_landings(world: World, **entities: tuple[str, str]) -> None:
    """consent_landings.json with a token and an outcome by entity (`__` means the dot)."""
    content = {
        name.replace("__", "."): {"token": token, "outcome": outcome, "changed_at": "2026-06-30T00:00:00Z"}
        for name, (token, outcome) in entities.items()
    }
    world.settings.consent_landings_path.write_text(json.dumps({"version": 1, "entities": content}))


# --- age -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "refused"), [(0, False), (35.9, False), (36.1, True), (24 * 30, True)])
def test_a_file_older_than_the_maximum_age_is_not_delivered(world: World, hours: float, refused: bool) -> None:
    world.publish({META: [member(1)]}, built_at=NOW - timedelta(hours=hours))
    assert bool(plan(world.settings, META, **at(NOW)).stale) is refused
    assert bool(deliver(world.settings, META, dry_run=True, **at(NOW)).stale) is refused
    if refused:
        with pytest.raises(StaleServingError, match=r"hours ago .*MERGANSER_SERVING_MAX_AGE_HOURS allows 36"):
            deliver(world.settings, META, force=True, reason="no override of age", **at(NOW))
        assert not (world.home / "exports").exists()
    else:
        assert deliver(world.settings, META, **at(NOW)).adds == 1


def test_the_maximum_age_is_a_setting(world: World) -> None:
    world.environment["MERGANSER_SERVING_MAX_AGE_HOURS"] = "2"
    world.publish({META: [member(1)]}, built_at=NOW - timedelta(hours=3))
    with pytest.raises(StaleServingError, match="allows 2:"):
        deliver(world.settings, META, **at(NOW))
    world.environment["MERGANSER_SERVING_MAX_AGE_HOURS"] = "4"
    assert deliver(world.settings, META, **at(NOW)).adds == 1


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "a day", "1e9"])
def test_an_invalid_maximum_age_stops_the_delivery(world: World, value: str) -> None:
    world.environment["MERGANSER_SERVING_MAX_AGE_HOURS"] = value
    world.publish({META: [member(1)]})
    with pytest.raises(InvalidSettingError, match="serving_max_age_hours"):
        deliver(world.settings, META)


def test_a_file_from_the_future_has_no_age(world: World) -> None:
    world.publish({META: [member(1)]}, built_at=NOW + timedelta(hours=2))
    with pytest.raises(StaleServingError, match="began in the future"):
        deliver(world.settings, META, **at(NOW))


def test_a_file_that_does_not_say_when_it_was_built_is_not_delivered(world: World) -> None:
    world.publish({META: [member(1)]})
    with duckdb.connect(str(world.settings.serving_path)) as connection:
        connection.execute("drop table main.build_info")
    with pytest.raises(ServingError, match="does not say when it was built"):
        deliver(world.settings, META)


# --- landings of consent ---------------------------------------------------------------------------------------------


def test_a_file_that_knows_every_landing_is_delivered(world: World) -> None:
    write_landings(world, consent_banner__decisions=("t1", "landed"), klaviyo__person=("t2", "landed"))
    world.publish({META: [member(1)]}, landings={BANNER: "t1", "klaviyo.person": "t2"})
    assert plan(world.settings, META).stale == ()
    assert deliver(world.settings, META).adds == 1


@pytest.mark.parametrize("known", [{}, {BANNER: "t0"}])
def test_decisions_that_landed_since_stop_the_delivery(world: World, known: dict[str, str]) -> None:
    write_landings(world, consent_banner__decisions=("t1", "landed"))
    world.publish({META: [member(1)]}, landings=known)
    assert "have landed since" in plan(world.settings, META).stale[0]
    with pytest.raises(StaleServingError, match=rf"consent decisions of {BANNER} have landed since its build began"):
        deliver(world.settings, META, force=True, reason="there is no override")
    world.publish({META: [member(1)]}, landings={BANNER: "t1"})
    assert deliver(world.settings, META).adds == 1


def test_a_load_that_has_not_ended_stops_the_delivery(world: World) -> None:
    write_landings(world, consent_banner__decisions=("t1", "landing"))
    world.publish({META: [member(1)]}, landings={BANNER: "t1"})
    with pytest.raises(StaleServingError, match=r"has begun and not ended for consent_banner.decisions"):
        deliver(world.settings, META, force=True, reason="there is no override")


def test_a_failed_load_stops_the_delivery_until_a_user_gives_a_reason(world: World) -> None:
    write_landings(world, consent_banner__decisions=("t1", "failed"))
    world.publish({META: [member(1)]}, landings={BANNER: "t1"})
    with pytest.raises(StaleServingError, match=r"failed for consent_banner.decisions.*--force --reason"):
        deliver(world.settings, META)
    assert deliver(world.settings, META, force=True, reason="the file was empty").adds == 1
    [(reason, overridden)] = world.ledger("select override_reason, overridden from deliveries")
    assert reason == "the file was empty"
    assert "failed for consent_banner.decisions" in overridden


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"version": 2, "entities": {}}', '{"version": 1}', '{"version": 1, "entities": {"a": 1}}',
     '{"version": 1, "entities": {"a.b": {"token": null, "outcome": "landed"}}}', "\x00" * 64],
)  # fmt: skip
def test_a_damaged_state_of_landings_stops_the_delivery(world: World, content: str) -> None:
    world.settings.consent_landings_path.write_text(content)
    world.publish({META: [member(1)]})
    with pytest.raises(StaleServingError, match=r"consent_landings\.json is damaged"):
        deliver(world.settings, META, force=True, reason="there is no override")


def test_an_absent_state_of_landings_stops_the_delivery_where_the_build_knew_some(world: World) -> None:
    world.publish({META: [member(1)]}, landings={BANNER: "t1"})
    with pytest.raises(StaleServingError, match=r"consent_landings\.json is absent"):
        deliver(world.settings, META)


@pytest.mark.parametrize("known", ["null", "not json", "[]"])
def test_a_build_that_does_not_say_what_it_knew_is_not_delivered(world: World, known: str) -> None:
    world.publish({META: [member(1)]})
    with duckdb.connect(str(world.settings.serving_path)) as connection:
        connection.execute("update main.build_info set consent_landings = ?", [known])
    with pytest.raises(StaleServingError, match="does not say which consent decisions it knew"):
        deliver(world.settings, META)


def test_a_file_of_an_earlier_version_is_not_delivered(world: World) -> None:
    world.publish({META: [member(1)]})
    with duckdb.connect(str(world.settings.serving_path)) as connection:
        connection.execute("alter table main.build_info drop column consent_landings")
    with pytest.raises(StaleServingError, match="does not say which consent decisions it knew"):
        deliver(world.settings, META)


def test_a_stale_file_does_not_continue_an_interrupted_delivery(connected: World, receiver: Receiver) -> None:
    from exports import ledger

    connected.publish({WEBHOOK: [cart(1)]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "mark_sending", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            deliver(connected.settings, WEBHOOK)
    write_landings(connected, klaviyo__person=("t1", "landed"))
    with pytest.raises(StaleServingError):
        deliver(connected.settings, WEBHOOK)
    assert receiver.applied == []


# --- consent at the moment of delivery -------------------------------------------------------------------------------


def grants(*members: tuple[str, str, datetime | None]) -> list[tuple[str, str, str, str, datetime | None]]:
    return [(customer, "advertising", "ads", status, expires) for customer, status, expires in members]


def test_consent_that_expired_since_publication_is_no_consent(world: World) -> None:
    soon = NOW + timedelta(hours=1)
    rows = {META: [member(1), member(2), member(3)]}
    consents = grants(("C0001", "granted", soon), ("C0002", "granted", None), ("C0003", "granted", None))
    world.publish(rows, consents=consents, built_at=NOW)
    assert deliver(world.settings, META, **at(NOW)).adds == 3
    later = plan(world.settings, META, **at(soon))
    assert (later.removes, later.withheld, later.records) == (1, {"no_consent:expired": 1}, 2)
    receipt = deliver(world.settings, META, **at(soon))
    assert (receipt.removes, receipt.withheld) == (1, {"no_consent:expired": 1})
    assert world.ledger("select record_key from delivered_records order by 1") == [("C0002",), ("C0003",)]
    assert world.ledger("select withheld from deliveries where remove_count = 1") == [('{"no_consent:expired": 1}',)]


def test_who_expired_before_the_first_delivery_is_never_sent(world: World) -> None:
    rows = {META: [member(1), member(2)]}
    world.publish(rows, consents=grants(("C0001", "granted", NOW), ("C0002", "granted", None)), built_at=NOW)
    receipt = deliver(world.settings, META, **at(NOW))
    assert (receipt.adds, receipt.withheld) == (1, {"no_consent:expired": 1})
    assert "C0001" not in receipt.artefacts[0].read_text()


@pytest.mark.parametrize("status", ["denied", "withdrawn", "expired", "unreadable", "unconfirmed", None])
def test_an_export_without_a_consent_check_is_caught(world: World, status: str | None) -> None:
    """The model lacks the check, or disagrees with the mart: anything but a live grant means no."""
    consents = grants(("C0002", "granted", None)) + (grants(("C0001", status, None)) if status else [])
    world.publish({META: [member(1), member(2)]}, consents=consents)
    receipt = deliver(world.settings, META)
    assert (receipt.adds, receipt.withheld) == (1, {f"no_consent:{status or 'unknown'}": 1})


def test_a_record_without_a_customer_is_not_sent(world: World) -> None:
    world.publish({META: [member(1), member(2, customer_id=None)]})
    receipt = deliver(world.settings, META)
    assert (receipt.adds, receipt.withheld) == (1, {"no_consent:unknown": 1})


def test_a_grant_for_another_purpose_or_channel_does_not_count(world: World) -> None:
    consents: list[tuple[str, str, str, str, datetime | None]] = [
        ("C0001", "email_marketing", "ads", "granted", None),
        ("C0002", "advertising", "email", "granted", None),
    ]
    world.publish({META: [member(1), member(2)]}, consents=consents)
    assert deliver(world.settings, META).status == "nothing to send"


def test_the_pinned_moment_of_a_home_is_the_clock_of_consent(world: World) -> None:
    """The demo is pinned: its grants expire by its own calendar, not by today's."""
    expires = NOW + timedelta(days=1)
    world.publish({META: [member(1)]}, consents=grants(("C0001", "granted", expires)))
    assert plan(world.settings, META, now=None).adds == (datetime.now(UTC).replace(tzinfo=None) < expires)
    world.environment["MERGANSER_AS_OF"] = NOW.isoformat()
    assert deliver(world.settings, META).adds == 1
    world.environment["MERGANSER_AS_OF"] = (NOW + timedelta(days=2)).isoformat()
    assert plan(world.settings, META).removes == 1


def test_an_interrupted_delivery_does_not_send_customers_whose_consent_expired(
    connected: World, receiver: Receiver
) -> None:
    from exports import ledger

    expires = NOW + timedelta(hours=1)
    consents: list[tuple[str, str, str, str, datetime | None]] = [
        ("C0001", "email_marketing", "email", "granted", expires)
    ]
    connected.publish({WEBHOOK: [cart(1)]}, consents=consents, built_at=NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "mark_sending", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            deliver(connected.settings, WEBHOOK, **at(NOW))
    receipt = deliver(connected.settings, WEBHOOK, **at(expires))
    assert receiver.applied == []
    assert receipt.withheld == {"no_consent:expired": 1}


def test_a_serving_file_without_consents_is_not_delivered(world: World) -> None:
    world.publish({META: [member(1)]})
    with duckdb.connect(str(world.settings.serving_path)) as connection:
        connection.execute("drop table marts.dim_consents")
    with pytest.raises(ServingError, match=r"marts\.dim_consents is not in the serving file"):
        deliver(world.settings, META)
