"""When a request is repeated, how often, and how long to wait in between.

A destination repeats a batch itself, because its ledger records every attempt before it is made; it takes the status
codes and Retry-After from here.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay

from vendors.errors import TransientVendorError

MAX_ATTEMPTS = 8
MAX_WAIT_SECONDS = 120  # the longest single pause, even if a vendor asks for more
MAX_TOTAL_SECONDS = 900  # no attempt starts after this
_TRANSIENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


def sleep(seconds: float) -> None:
    """Waits. Every wait of this package goes through here, so that tests can replace it."""
    time.sleep(seconds)


def is_transient(status: int) -> bool:
    """Whether the same request may succeed later, judged by its HTTP status."""
    return status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def retry_after(response: requests.Response) -> float | None:
    """Seconds to wait according to the header Retry-After, a number or a date (RFC 9110, 10.2.3); None without one."""
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def with_retries(attempt: Callable[[], requests.Response]) -> requests.Response:
    """Repeats the attempt after each TransientVendorError, until it succeeds or the limits are reached.

    Raises TransientVendorError with the number of attempts, and any other error of the attempt at once.
    """
    attempts = Retrying(
        stop=stop_after_attempt(MAX_ATTEMPTS) | stop_after_delay(MAX_TOTAL_SECONDS),
        wait=_pause,
        retry=retry_if_exception_type(TransientVendorError),
        sleep=sleep,
        reraise=True,
    )
    try:
        response: requests.Response = attempts(attempt)
    except TransientVendorError as error:
        count = attempts.statistics.get("attempt_number", 1)
        raise TransientVendorError(
            f"{error}, {count} times in a row. Run the same command again later.",
            code=error.code,
            retry_after=error.retry_after,
        ) from None
    return response


def _pause(state: RetryCallState) -> float:
    """The wait that the vendor asks for, else 1, 2, 4 ... seconds, with jitter so that clients do not synchronise."""
    error = state.outcome.exception() if state.outcome else None
    requested = error.retry_after if isinstance(error, TransientVendorError) else None
    if requested is not None:
        return min(requested + random.uniform(0, 0.5), MAX_WAIT_SECONDS)  # noqa: S311 - not a secret
    return min(2.0 ** (state.attempt_number - 1), 60.0) * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
