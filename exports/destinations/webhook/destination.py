"""HTTP webhook: each batch is one POST of JSON with an Idempotency-Key, signed where a secret is set.

MERGANSER_WEBHOOK_URL: where to (https, or http to this machine). MERGANSER_WEBHOOK_SECRET: optional; HMAC-SHA256 over
time and body in the header Merganser-Signature. MERGANSER_WEBHOOK_ALLOWED_HOSTS: names, addresses and networks inside
this network that it may go to; every other private, loopback, link-local or multicast address is refused.

408, 425, 429 and 5xx are transient, and Retry-After is respected; 400, 409, 413, 415 and 422 refuse the batch; every
other answer that is no success refuses us.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from exports.destination import Batch, BatchResult, DeliveryContext
from exports.destinations.webhook.rendering import read_answer, render_body, sign
from exports.errors import (
    BatchRejectedError,
    DestinationError,
    InvalidSettingError,
    MissingSettingError,
    TransientError,
)
from exports.network import Address, AllowedHosts, addresses_of, has_proxy
from exports.settings import Settings
from exports.spec import ExportSpec

URL_VARIABLE = "MERGANSER_WEBHOOK_URL"
SECRET_VARIABLE = "MERGANSER_WEBHOOK_SECRET"  # noqa: S105 - the variable's name
ALLOWED_VARIABLE = "MERGANSER_WEBHOOK_ALLOWED_HOSTS"
TRANSIENT = {408, 425, 429}
REFUSES_CONTENT = {400, 409, 413, 415, 422}
TIMEOUT = httpx.Timeout(30.0, connect=10.0)


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
        """None: what was posted leaves no file, and the receiver cannot be asked what it holds."""

    def open(self, context: DeliveryContext) -> WebhookSession:
        """A session with one connection. Raises MissingSettingError, InvalidSettingError."""
        address = self._settings.variable(URL_VARIABLE)
        if address is None:
            raise MissingSettingError((URL_VARIABLE,), context.spec.name)
        try:
            allowed = AllowedHosts.parse(self._settings.variable(ALLOWED_VARIABLE))
        except ValueError:
            raise InvalidSettingError(
                f"{ALLOWED_VARIABLE} names a network that is none; write for example 10.1.0.0/16, hooks.internal",
                code="invalid_setting",
            ) from None
        session = WebhookSession(context, _checked(address), self._settings.variable(SECRET_VARIABLE), allowed)
        try:
            session.judged_addresses()
        except TransientError:
            pass  # the attempts to send tell it, and try again
        except DestinationError as error:
            session.close()
            raise InvalidSettingError(str(error), code=error.code) from None
        return session


class WebhookSession:
    """One delivery over one connection."""

    def __init__(self, context: DeliveryContext, address: httpx.URL, secret: str | None, allowed: AllowedHosts) -> None:
        self._context = context
        self._address = address
        self._secret = secret
        self._allowed = allowed
        # A proxy of the environment is for the outside; it could not reach this machine's own loopback.
        self._client = httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=not _is_loopback(address.host))

    def send(self, batch: Batch) -> BatchResult:
        """Posts one batch. Raises TransientError, BatchRejectedError or DestinationError; none of them carries what
        was sent.
        """
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
        try:
            response = self._post(body, headers)
        except httpx.TimeoutException:
            raise TransientError("the receiver did not answer in time", code="timeout") from None
        except httpx.TransportError as error:
            kind = type(error).__name__
            raise TransientError(
                f"the receiver at {URL_VARIABLE} cannot be reached ({kind})", code="unreachable"
            ) from None
        return _judge(response, keys)

    def _post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """Posts to an address that was judged, under the name that the certificate must be for."""
        url = self._address
        addresses = self.judged_addresses()
        if not addresses:
            return self._client.post(url, content=body, headers=headers)
        headers = {**headers, "Host": url.netloc.decode("ascii").rpartition("@")[2]}
        for number, address in enumerate(addresses, start=1):
            try:
                return self._client.post(
                    url.copy_with(host=str(address)),
                    content=body,
                    headers=headers,
                    extensions={"sni_hostname": url.host},
                )
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise httpx.ConnectError("no address")

    def judged_addresses(self) -> Sequence[Address]:
        """The addresses of the receiver, each allowed; none where a proxy connects.

        Raises TransientError where the name resolves to nothing, DestinationError where an address is inside a network
        that no setting allows.
        """
        url = self._address
        proxied = not _is_loopback(url.host) and has_proxy(url.scheme, url.host)
        try:
            addresses = addresses_of(url.host, url.port or (443 if url.scheme == "https" else 80))
        except (OSError, UnicodeError):
            if proxied:
                return ()
            raise TransientError(
                f"the receiver at {URL_VARIABLE} cannot be reached (its name is unknown)", code="unreachable"
            ) from None
        if not all(self._allowed.permits(url.host, address) for address in addresses):
            raise DestinationError(
                f"{URL_VARIABLE} leads to a private, loopback, link-local or multicast address. If that is intended, "
                f"name its host in {ALLOWED_VARIABLE} (names, addresses, networks; commas between them)",
                code="private_address",
            )
        return () if proxied else addresses

    def finish(self) -> None:
        """Each batch counted when it was answered: nothing is left to do."""

    def abandon(self) -> None:
        """What was sent cannot be taken back."""

    def is_published(self) -> bool:
        """Never as a whole."""
        return False

    def artefacts(self) -> tuple[Path, ...]:
        """None on this machine."""
        return ()

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()


def _judge(response: httpx.Response, keys: frozenset[str]) -> BatchResult:
    status = response.status_code
    code = f"http_{status}"
    if response.is_success:
        return read_answer(response.content, keys)
    if status in TRANSIENT or response.is_server_error:
        raise TransientError(f"the receiver answered {status}", code=code, retry_after=_retry_after(response))
    if status in REFUSES_CONTENT:
        raise BatchRejectedError(f"the receiver refused the batch with {status}", code=code)
    raise DestinationError(
        f"the receiver answered {status}: check {URL_VARIABLE} and {SECRET_VARIABLE}, then deliver again; "
        "nothing of this batch counts as sent",
        code=code,
    )


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the receiver asks us to wait (RFC 9110, 10.2.3: seconds or a date), or None."""
    value = str(response.headers.get("Retry-After", "")).strip()
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def _checked(address: str) -> httpx.URL:
    """The address as a URL. Raises InvalidSettingError for what is none, and for unencrypted HTTP."""
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        raise InvalidSettingError(f"{URL_VARIABLE} is not a URL", code="invalid_setting") from None
    if not url.host or url.scheme not in ("http", "https"):
        raise InvalidSettingError(f"{URL_VARIABLE} must be an https URL", code="invalid_setting")
    if url.scheme == "http" and not _is_loopback(url.host):
        raise InvalidSettingError(
            f"{URL_VARIABLE} is http to another machine: personal data would travel in the clear; use https",
            code="invalid_setting",
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def create(settings: Settings) -> WebhookDestination:
    """The destination, bound to the environment of the settings."""
    return WebhookDestination(settings)
