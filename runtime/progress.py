"""How a stage reports progress: a callback that receives (done, total, label).

Add here: other callbacks of this kind. Keep out: how progress is shown (the command line and Dagster do that).
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called after each step with the steps done, the total (None: unknown) and what is being worked on."""

    def __call__(self, done: int, total: int | None, label: str) -> None: ...


def silent(done: int, total: int | None, label: str) -> None:
    """Shows nothing."""
