"""Each named scenario of docs/identity_scenarios.md, in four batches and in one full run."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from orchestration.lib.home import Home
from tests.warehouse.identity.stories import STORIES, Story
from tests.warehouse.identity.telling import Teller, Told, expected_groups, tell
from tests.warehouse.workbench import Workbench


@pytest.fixture(scope="module")
def told(_parsed_home: Home) -> list[Told]:
    """What stood after each of four batches, and after one full run: of all stories, in one warehouse."""
    return tell(Workbench(_parsed_home), STORIES)


@pytest.mark.parametrize("number", range(1, len(STORIES) + 1), ids=[story.name for story in STORIES])
def test_story(told: list[Told], number: int) -> None:
    story, teller = STORIES[number - 1], Teller(number)
    for step, outcome in enumerate([*story.outcome, story.outcome[-1]]):
        groups, nobody = expected_groups(teller, outcome)
        named = {identifier for group in groups for identifier in group}
        customers = told[step].customers
        assert named <= set(customers), f"after batch {step + 1}: not there: {named - set(customers)}"
        found: dict[str | None, set[tuple[str, str]]] = {}
        for identifier in named:
            found.setdefault(customers[identifier], set()).add(identifier)
        assert {frozenset(group) for group in found.values()} == groups, f"after batch {step + 1}"
        assert None not in found
        assert {customers[identifier] for identifier in nobody} <= {None}


def test_full_run_equals_four_batches(told: list[Told]) -> None:
    """Invariant 1: the same partition, the same customer ids, the same cuts."""
    assert told[4].customers == told[3].customers
    assert told[4].refused == told[3].refused


def test_stories_do_not_meet(told: list[Told]) -> None:
    """What the shared warehouse relies on: no customer has identifiers of two stories."""
    stories: dict[str, set[str]] = {}
    for (_, value), customer in told[3].customers.items():
        for found in re.findall(r"story-(\d+)", value):
            stories.setdefault(str(customer), set()).add(found)
    assert [customer for customer, found in stories.items() if customer != "None" and len(found) > 1] == []


def test_every_id_that_was_published_resolves(told: list[Told]) -> None:
    """Invariant 3: an id of any batch is a present one, or redirects to a present one, or nothing is left of it."""
    present = set(told[3].customers.values())
    for earlier in told[:3]:
        for identifier, customer in earlier.customers.items():
            if customer is None or customer in present:
                continue
            successor = told[3].redirects[customer]
            assert successor is None or successor in present
            if told[3].customers.get(identifier) is None:
                continue
            assert successor is not None, f"{identifier} is left of {customer}"


def test_every_change_is_recorded(told: list[Told]) -> None:
    """Customers that are new or gone between two batches are exactly those that the changes name."""
    for before, after in pairwise(told[:4]):
        old = {customer for customer in before.customers.values() if customer}
        new = {customer for customer in after.customers.values() if customer}
        changes = [change for change in after.changes if change not in before.changes]
        assert {to for kind, _, to, _, _ in changes if kind in ("created", "split")} == new - old
        assert {start for kind, start, _, _, _ in changes if kind in ("merged", "retired")} == old - new
        assert set(before.changes) <= set(after.changes)


def test_merge_keeps_the_older_id(told: list[Told]) -> None:
    number = next(n for n, story in enumerate(STORIES, 1) if story.name == "reverse chain")
    teller = Teller(number)
    first, second, third = (teller.identifier(name) for name in ("e1", "e2", "e3"))
    ids = [told[0].customers[identifier] for identifier in (first, second, third)]
    assert told[1].customers[third] == ids[1]
    assert told[2].customers[third] == ids[0]
    assert told[3].redirects[str(ids[2])] == ids[0]
    assert told[3].redirects[str(ids[1])] == ids[0]


def test_every_story_is_described(request: pytest.FixtureRequest) -> None:
    """docs/identity_scenarios.md has one paragraph for each story, and none without one."""
    text = (Path(request.config.rootpath) / "docs/identity_scenarios.md").read_text(encoding="utf-8")
    described = re.findall(r"^\*\*(.+?)\.\*\*", text, flags=re.MULTILINE)
    assert sorted(described) == sorted(story.name for story in STORIES)


def test_a_wrong_outcome_is_seen(told: list[Told]) -> None:
    """The failing twin: the comparison tells a story whose outcome is wrong."""
    wrong = Story("wrong", STORIES[0].batches, ("h1 | e1 p1",) * 4)
    groups, _ = expected_groups(Teller(1), wrong.outcome[0])
    ids = [{told[0].customers[identifier] for identifier in group} for group in groups]
    assert len(set.union(*ids)) < len(groups)
