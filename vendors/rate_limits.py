"""A limit on requests per second."""

from __future__ import annotations

import time

from vendors import retries


class RateLimit:
    """Spaces requests evenly."""

    def __init__(self, requests_per_second: float) -> None:
        self._interval = 1 / requests_per_second
        self._next_at = 0.0

    def wait(self) -> None:
        """Waits until the next request may be sent."""
        now = time.monotonic()
        if now < self._next_at:
            retries.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._interval
