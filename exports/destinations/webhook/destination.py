"""HTTP webhook: each batch is one POST of JSON with an Idempotency-Key, signed if a secret is set.

MERGANSER_WEBHOOK_URL: where to (https, or http to this machine). MERGANSER_WEBHOOK_SECRET: optional; HMAC-SHA256 over
time and body in the header Merganser-Signature. MERGANSER_WEBHOOK_ALLOWED_HOSTS: private names, addresses and networks
that it may go to; every other private, loopback, link-local or multicast address is refused.

408, 425, 429 and 5xx are transient, and Retry-After is respected; 400, 409, 413, 415 and 422 reject the batch; every
other status that is not a success refuses access.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import requests

from exports.destination import Batch, BatchResult, DeliveryContext
from exports.destinations.webhook.rendering import read_answer, render_body, sign
from exports.errors import (
    BatchRejectedError,
    DestinationError,
    InvalidSettingError,
    MissingSettingError,
    TransientError,
)
from exports.settings import Settings
from exports.spec import ExportSpec
from vendors.addresses import Address, AllowedHosts, addresses_of, has_proxy, is_loopback
from vendors.errors import PermanentVendorError, TransientVendorError
from vendors.http import Session
from vendors.retries import is_transient, retry_after

URL_VARIABLE = "MERGANSER_WEBHOOK_URL"
SECRET_VARIABLE = "MERGANSER_WEBHOOK_SECRET"  # noqa: S105 - the variable's name
ALLOWED_VARIABLE = "MERGANSER_WEBHOOK_ALLOWED_HOSTS"
REFUSES_CONTENT = {400, 409, 413, 415, 422}
READ_SECONDS = 30.0


class WebhookDestination:
    """A receiver that takes records by HTTP and answers for each batch."""

    name = "webhook"
    is_transactional = False
    batch_size: int | None = 200

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def missing_settings(self) -> tuple[str, ...]:
        """The receiver's address must be set."""
        return () if self._settings.variable(URL_VARIABLE) else (URL_VARIABLE,)

    def check(self, spec: ExportSpec) -> None:
        """Every declared export fits: its columns become fields."""

    def rendering(self, spec: ExportSpec) -> None:
        """None: posted batches leave no file, and the receiver cannot be queried."""

    def open(self, context: DeliveryContext) -> WebhookSession:
        """A session with one connection. Raises MissingSettingError, InvalidSettingError."""
        address = self._settings.variable(URL_VARIABLE)
        if address is None:
            raise MissingSettingError((URL_VARIABLE,), context.spec.name)
        try:
            allowed = AllowedHosts.parse(self._settings.variable(ALLOWED_VARIABLE))
        except ValueError:
            raise InvalidSettingError(
                f"{ALLOWED_VARIABLE} names an invalid network; write for example 10.1.0.0/16, hooks.internal",
                code="invalid_setting",
            ) from None
        session = WebhookSession(context, _checked(address), self._settings.variable(SECRET_VARIABLE), allowed)
        try:
            session.checked_addresses()
        except TransientError:
            pass  # sending fails in the same way, and is repeated
        except DestinationError as error:
            session.close()
            raise InvalidSettingError(str(error), code=error.code) from None
        return session


class WebhookSession:
    """One delivery over one connection."""

    def __init__(self, context: DeliveryContext, url: str, secret: str | None, allowed: AllowedHosts) -> None:
        self._context = context
        self._url = url
        self._secret = secret
        self._allowed = allowed
        # A proxy of the environment cannot reach this machine's loopback.
        self._client = Session(uses_environment=not is_loopback(_host(url)))

    def send(self, batch: Batch) -> BatchResult:
        """Posts one batch. Raises TransientError, BatchRejectedError or DestinationError, without what was sent."""
        body, keys = render_body(self._context, batch)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": batch.idempotency_key,
            "Merganser-Export": self._context.spec.name,
            "Merganser-Delivery": self._context.delivery_id,
            "User-Agent": "merganser",
        }
        if self._secret is not None:
            timestamp = int(datetime.now(UTC).timestamp())
            headers["Merganser-Signature"] = sign(self._secret, timestamp, body)
        request = requests.Request("POST", self._url, data=body, headers=headers).prepare()
        addresses = self.checked_addresses()
        try:
            response = self._client.send_once(
                request, f"the receiver at {URL_VARIABLE}", read_seconds=READ_SECONDS, addresses=addresses
            )
        except TransientVendorError as error:
            raise TransientError(str(error), code=error.code) from None
        except PermanentVendorError as error:
            raise DestinationError(str(error), code=error.code) from None
        return _read(response, keys)

    def checked_addresses(self) -> Sequence[Address]:
        """The addresses of the receiver, all of them allowed; empty if a proxy connects.

        Raises TransientError if the name does not resolve, DestinationError if an address is private and not allowed.
        """
        url = urlsplit(self._url)
        host = _host(self._url)
        is_proxied = not is_loopback(host) and has_proxy(url.scheme, host)
        try:
            addresses = addresses_of(host, url.port or (443 if url.scheme == "https" else 80))
        except (OSError, UnicodeError):
            if is_proxied:
                return ()
            raise TransientError(
                f"the receiver at {URL_VARIABLE} cannot be reached (its name is unknown)", code="unreachable"
            ) from None
        if not all(self._allowed.permits(host, address) for address in addresses):
            raise DestinationError(
                f"{URL_VARIABLE} leads to a private, loopback, link-local or multicast address. If that is intended, "
                f"name its host in {ALLOWED_VARIABLE} (names, addresses, networks; commas between them)",
                code="private_address",
            )
        return () if is_proxied else addresses

    def finish(self) -> None:
        """Does nothing: each batch counts when it is answered."""

    def abandon(self) -> None:
        """Does nothing: sent batches cannot be withdrawn."""

    def is_published(self) -> bool:
        """Never: batches are published one by one."""
        return False

    def artefacts(self) -> tuple[Path, ...]:
        """None on this machine."""
        return ()

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()


def _read(response: requests.Response, keys: frozenset[str]) -> BatchResult:
    status = response.status_code
    code = f"http_{status}"
    if 200 <= status < 300:
        return read_answer(response.content, keys)
    if is_transient(status):
        raise TransientError(f"the receiver answered {status}", code=code, retry_after=retry_after(response))
    if status in REFUSES_CONTENT:
        raise BatchRejectedError(f"the receiver refused the batch with {status}", code=code)
    raise DestinationError(
        f"the receiver answered {status}: check {URL_VARIABLE} and {SECRET_VARIABLE}, then deliver again; "
        "nothing of this batch counts as sent",
        code=code,
    )


def _checked(address: str) -> str:
    """The address as a normalised URL. Raises InvalidSettingError for an invalid one, and for unencrypted HTTP."""
    try:
        url = requests.Request("POST", address).prepare().url or ""
        parts: SplitResult = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError for an invalid port
    except (ValueError, requests.exceptions.RequestException):
        raise InvalidSettingError(f"{URL_VARIABLE} is not a URL", code="invalid_setting") from None
    host = parts.hostname or ""
    if not host or parts.scheme not in ("http", "https"):
        raise InvalidSettingError(f"{URL_VARIABLE} must be an https URL", code="invalid_setting")
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidSettingError(
            f"{URL_VARIABLE} is http to another machine: personal data would travel in the clear; use https",
            code="invalid_setting",
        )
    return url


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def create(settings: Settings) -> WebhookDestination:
    """The destination, bound to the environment of the settings."""
    return WebhookDestination(settings)
