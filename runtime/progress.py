"""How a stage says how far it is: a function that is told (done, total, what).

Add here: other shapes of the same message. Keep out: how it is shown (the command line and Dagster do that).
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told after each step: how many are done, of how many (None: not known), and what is being worked on."""

    def __call__(self, done: int, total: int | None, label: str) -> None: ...


def silent(done: int, total: int | None, label: str) -> None:
    """Progress that nobody sees."""
