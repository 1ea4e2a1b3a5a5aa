"""One HTTP request: time-outs, no redirects, proxies and certificate authorities from the environment, clear errors.

HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE are read by requests. Credentials in a .netrc file are never used.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from vendors.addresses import Address
from vendors.errors import PermanentVendorError, TransientVendorError

CONNECT_SECONDS = 10.0
READ_SECONDS = 120.0

# These loggers print URLs, and a URL's query may hold a token or personal data.
for _name in ("urllib3", "dlt"):
    logging.getLogger(_name).setLevel(logging.ERROR)


class Session(requests.Session):
    """Connections to one vendor.

    `uses_environment`: whether proxies and certificate authorities are read from the environment.
    """

    def __init__(self, *, uses_environment: bool = True) -> None:
        super().__init__()
        self.headers["User-Agent"] = "merganser"
        self.trust_env = uses_environment
        self._adapter = _AddressAdapter()
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)

    def send_once(
        self,
        request: requests.PreparedRequest,
        where: str,
        *,
        read_seconds: float | None = None,
        addresses: Sequence[Address] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> requests.Response:
        """Sends a request once and returns the whole response, whatever its status.

        `where` starts every error message. `read_seconds`: longest silence, by default READ_SECONDS. `addresses`:
        connect to the first of these that accepts, in place of the addresses that the host name resolves to; the
        certificate must still be for the host name. `settings`: proxies and authorities, if they are already known.

        Raises TransientVendorError (codes `timeout`, `unreachable`, `broken`) and PermanentVendorError.
        """
        if settings is None:
            settings = self.merge_environment_settings(request.url, {}, None, None, None)
        options = {
            **settings,
            "timeout": (CONNECT_SECONDS, READ_SECONDS if read_seconds is None else read_seconds),
            "stream": False,
            "allow_redirects": False,
        }
        if addresses:
            options["proxies"] = {}
            request.headers["Host"] = urlsplit(request.url or "").netloc.rpartition("@")[2]
        targets: Sequence[Address | None] = addresses or (None,)
        for target in targets[:-1]:
            try:
                return self._send_to(target, request, where, options)
            except _NotConnectedError:
                continue
        return self._send_to(targets[-1], request, where, options)

    def _send_to(
        self, target: Address | None, request: requests.PreparedRequest, where: str, options: Mapping[str, Any]
    ) -> requests.Response:
        self._adapter.address = target
        try:
            # Not self.send: a client that repeats requests overrides it.
            return requests.Session.send(self, request, **options)
        except requests.exceptions.ConnectTimeout:
            raise _NotConnectedError(f"{where}: no answer in time", code="timeout") from None
        except requests.exceptions.Timeout:
            raise TransientVendorError(f"{where}: no answer in time", code="timeout") from None
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            causes = list(_causes(error))
            if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
                raise PermanentVendorError(
                    f"{where}: the certificate is not trusted; set REQUESTS_CA_BUNDLE to the file of the authority"
                    " that issued it.",
                    code="untrusted_certificate",
                ) from None
            if any(isinstance(cause, NewConnectionError) for cause in causes):
                raise _NotConnectedError(f"{where} cannot be reached: no connection", code="unreachable") from None
            raise TransientVendorError(f"{where} cannot be reached: the connection broke", code="unreachable") from None
        except requests.exceptions.ContentDecodingError:
            raise TransientVendorError(f"{where}: the response is damaged", code="broken") from None
        except requests.exceptions.RequestException as error:
            raise PermanentVendorError(
                f"{where}: the request cannot be sent ({type(error).__name__}); check the URL.", code="invalid_request"
            ) from None


class _NotConnectedError(TransientVendorError):
    """No connection was made, so nothing was sent and another address may be tried."""


class _AddressAdapter(HTTPAdapter):
    """Connects to `address`, if it is set, in place of what the host name resolves to."""

    address: Address | None = None

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:
        """Replaces the host, and keeps its name for SNI and for the check of the certificate."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if self.address is not None:
            if host["scheme"] == "https":
                cast("dict[str, Any]", pool)["server_hostname"] = host["host"]
            host["host"] = str(self.address)
        return host, pool


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and the errors inside it, as requests and urllib3 nest them."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (*current.args, current.__cause__, current.__context__, getattr(current, "reason", None))
        pending += [each for each in inner if isinstance(each, BaseException)]
