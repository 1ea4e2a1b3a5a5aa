"""The guard on removals: it counts every cause, allows changes of small audiences, stores the reason of an override,
and never holds back a withdrawal that it would allow alone.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.delivery import deliver, plan
from exports.errors import GuardError, InvalidSettingError
from tests.exports.worlds import META, World, member


def delivered(world: World) -> list[str]:
    """Keys of the members that the destination holds, by the ledger."""
    return [key for (key,) in world.ledger("select record_key from delivered_records order by 1")]


def withdrawn(*numbers: int, reason: str = "no_consent:withdrawn") -> list[tuple[str, str, str]]:
    return [(META, f"C{number:04d}", reason) for number in numbers]


@pytest.mark.parametrize("reason", ["denied", "withdrawn", "expired", "unreadable", "unknown"])
def test_members_who_all_said_no_at_once_trip_the_guard(world: World, reason: str) -> None:
    """31 of 32 members turning `denied` is far more often a wrong load than 31 decisions."""
    world.publish({META: [member(number) for number in range(32)]})
    deliver(world.settings, META)
    world.publish({META: [member(0)]}, withheld=withdrawn(*range(1, 32), reason=f"no_consent:{reason}"))
    assert plan(world.settings, META).guard.tripped
    with pytest.raises(GuardError, match=r"31 of 32 delivered records would be removed .* --force --reason") as caught:
        deliver(world.settings, META)
    assert len(delivered(world)) == 32
    assert ("31 persons who said no" in str(caught.value)) == (reason != "unknown")


def test_the_message_says_how_to_send_the_withdrawals_alone(world: World) -> None:
    """That command sends them, although the model has also lost members without a decision."""
    world.publish({META: [member(number) for number in range(32)]})
    deliver(world.settings, META)
    world.publish({META: [member(0)]}, withheld=withdrawn(*range(1, 25)))
    with pytest.raises(GuardError, match=r"24 persons who said no.* --consent-removals --reason"):
        deliver(world.settings, META)
    receipt = deliver(world.settings, META, consent_removals=True, reason="checked against the banner")
    assert (receipt.adds, receipt.updates, receipt.removes) == (0, 0, 24)
    assert delivered(world) == ["C0000", *(f"C{number:04d}" for number in range(25, 32))]


def test_a_failed_model_does_not_keep_a_withdrawn_person_in_the_audience(world: World) -> None:
    """The guard holds the losses of the model; the two withdrawals are sent, and the call still fails."""
    world.publish({META: [member(number) for number in range(10)]})
    deliver(world.settings, META)
    world.publish({META: [member(0)]}, withheld=withdrawn(1, 2))
    with pytest.raises(GuardError, match="Only the 2 removals that persons decided were sent"):
        deliver(world.settings, META)
    assert delivered(world) == ["C0000", *(f"C{number:04d}" for number in range(3, 10))]
    with pytest.raises(GuardError, match=r"7 of 8 delivered records would be removed .* Nothing was sent"):
        deliver(world.settings, META)


def test_nobody_is_added_while_the_guard_holds(world: World) -> None:
    world.publish({META: [member(number) for number in range(10)]})
    deliver(world.settings, META)
    world.publish({META: [member(0, first_name_sha256=None), member(20)]}, withheld=withdrawn(1))
    with pytest.raises(GuardError):
        deliver(world.settings, META)
    assert delivered(world) == ["C0000", *(f"C{number:04d}" for number in range(2, 10))]
    (hash_before,) = world.ledger("select row_hash from delivered_records where record_key = 'C0000'")[0]
    deliver(world.settings, META, force=True, reason="the model was changed on purpose")
    assert delivered(world) == ["C0000", "C0020"]
    assert world.ledger("select row_hash from delivered_records where record_key = 'C0000'") != [(hash_before,)]


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_one_member_of_a_small_audience_may_leave(world: World, size: int) -> None:
    world.publish({META: [member(number) for number in range(size)]})
    deliver(world.settings, META)
    world.publish({META: [member(number) for number in range(1, size)]}, withheld=withdrawn(0))
    assert deliver(world.settings, META).removes == 1


def test_a_small_audience_that_vanishes_without_a_decision_trips_the_guard(world: World) -> None:
    world.publish({META: [member(0)]})
    deliver(world.settings, META)
    world.publish({META: []})
    with pytest.raises(GuardError, match="holds 0 records"):
        deliver(world.settings, META)


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_an_override_needs_a_reason(world: World, reason: str | None) -> None:
    world.publish({META: [member(1)]})
    for option in ({"force": True}, {"consent_removals": True}):
        with pytest.raises(InvalidSettingError, match="needs a reason"):
            deliver(world.settings, META, reason=reason, **option)


def test_the_ledger_keeps_the_reason_and_what_it_overrode(world: World) -> None:
    world.publish({META: [member(number) for number in range(8)]})
    deliver(world.settings, META)
    world.publish({META: [member(0)]})
    deliver(world.settings, META, force=True, reason="campaign ended")
    (first, second) = world.ledger(
        "select is_forced, override_reason, overridden from deliveries order by planned_at, remove_count"
    )
    assert first == (False, None, None)
    assert second[:2] == (True, "campaign ended")
    assert "7 of 8" in json.loads(second[2])[0]


def test_a_ledger_of_an_earlier_version_gets_the_new_columns(world: World) -> None:
    import duckdb

    world.publish({META: [member(1)]})
    deliver(world.settings, META)
    with duckdb.connect(str(world.settings.ledger_path)) as connection:
        connection.execute("drop table ledger_version")
        connection.execute("alter table deliveries drop column override_reason")
        connection.execute("alter table deliveries drop column overridden")
    assert plan(world.settings, META).unchanged == 1
    world.publish({META: [member(1), member(2)]})
    assert deliver(world.settings, META).adds == 1


@settings(max_examples=10)
@given(
    delivered_count=st.integers(1, 30),
    leaving=st.integers(0, 30),
    decided=st.integers(0, 30),
    share=st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]),
    floor=st.integers(1, 5),
)
def test_without_an_override_no_more_than_the_share_is_removed(
    delivered_count: int, leaving: int, decided: int, share: float, floor: int
) -> None:
    """Whatever the causes, the removals of a delivery without an override are below the minimum or within the share."""
    leaving = min(leaving, delivered_count)
    with tempfile.TemporaryDirectory() as place:
        world = World(Path(place))
        guard = {"min_records": 0, "max_removed_share": share, "min_removed": floor}
        world.declare(**{META: {"guard": guard}})
        world.publish({META: [member(number) for number in range(delivered_count)]})
        deliver(world.settings, META)
        staying = [member(number) for number in range(leaving, delivered_count)]
        world.publish({META: staying}, withheld=withdrawn(*range(min(decided, leaving))))
        try:
            deliver(world.settings, META)
        except GuardError:
            assert leaving >= floor
            assert leaving / delivered_count > share
        removed = delivered_count - len(delivered(world))
        assert removed < floor or removed / delivered_count <= share
