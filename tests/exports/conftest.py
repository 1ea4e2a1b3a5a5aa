"""Fixtures of the export tests: a world to publish, a receiver to send to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exports.servers import Receiver, receive
from tests.exports.worlds import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receive() as running:
        yield running


@pytest.fixture
def connected(world: World, receiver: Receiver) -> World:
    """A world whose webhook points at the receiver."""
    world.environment = {
        "MERGANSER_WEBHOOK_URL": receiver.url,
        "MERGANSER_WEBHOOK_SECRET": "a secret of the tests",
        "MERGANSER_WEBHOOK_ALLOWED_HOSTS": "127.0.0.1",
    }
    return world
