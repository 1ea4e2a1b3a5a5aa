"""A client for one vendor's API: requests that return JSON or raise, with a rate limit, retries and re-authentication.

A request is repeated after 408, 425, 429, 5xx, a broken connection, and a body that is cut short or is not JSON.
Everything else raises at once.

Keep out: what one vendor does in its own way; that is a `VendorRules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import requests
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import BasePaginator

from vendors import retries
from vendors.errors import PermanentVendorError, TransientVendorError
from vendors.http import Session
from vendors.pagination import read_pages
from vendors.rate_limits import RateLimit

LONGEST_POLL_SECONDS = 30.0  # between two requests for the state of a job
Expectation = Literal["json", "text"] | Callable[[requests.Response], bool]


class VendorRules(Protocol):
    """What differs between vendors."""

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the credentials to a request, just before it is sent."""

    def refresh(self) -> bool:
        """After a 401: gets a new token. False if there is no way to get one."""

    def throttle_seconds(self, response: requests.Response) -> float | None:
        """Seconds to wait, for a vendor that signals throttling in its own way; None for any other response."""

    def error_code(self, response: requests.Response) -> str:
        """The vendor's code for a refusal; never a value of a record."""


class VendorClient:
    """A client for one vendor's API.

    `name` starts every message. `credentials`: names of the settings that hold the credentials, and `base_url_setting`:
    that of the base URL; messages name them.

    Every request raises PermanentVendorError when repeating it does not help, and TransientVendorError when the limit
    of attempts or time is reached.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        requests_per_second: float,
        credentials: Sequence[str] = (),
        base_url_setting: str = "the base URL",
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self._credentials = " and ".join(credentials) or "the credentials"
        self._base_url_setting = base_url_setting
        self._trusted = {_origin(self.base_url)}
        self._rate_limit = RateLimit(requests_per_second)
        self._session = _RetryingSession(self)
        self._pages = RESTClient(self.base_url, session=self._session)
        self._rules: VendorRules

    def use_rules(self, rules: VendorRules) -> None:
        """Sets the vendor's own rules; called once."""
        self._rules = rules

    def trust(self, url: str) -> None:
        """Allows requests, and with them credentials, to this URL's host (of a token endpoint, of an instance).

        Hosts come from settings or from the vendor's sign-in, never from a page: a link to another host is refused.
        """
        self._trusted.add(_origin(url))

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON of one GET. `path` is relative to the base URL, or a whole URL that the vendor returned."""
        return self.request("GET", path, params=params).json()

    def post(self, path: str, json: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON of one POST of JSON."""
        return self.request("POST", path, params=params, json=json).json()

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request with the options of requests (params, json, data, headers) and `expect`.

        `expect` is "json", "text", or a check that returns false for a damaged response, which is then requested again.
        """
        expect = options.pop("expect", "json")
        url = path if path.startswith(("http://", "https://")) else f"{self.base_url}/{path.lstrip('/')}"
        prepared = self._session.prepare_request(requests.Request(method, url, **options))
        return self.send(prepared, expect)

    def poll(self, path: str, is_done: Callable[[Any], bool], *, at_most_seconds: float) -> Any:
        """Repeats a GET at growing intervals until its JSON says that the vendor's job is done; returns that JSON.

        Raises TransientVendorError if the job is not done in time.
        """
        waited, pause = 0.0, 1.0
        while not is_done(answer := self.get(path)):
            if waited >= at_most_seconds:
                raise TransientVendorError(
                    f"{self.name}: GET {urlsplit(path).path}: not done after {at_most_seconds:.0f} s. Nothing of this"
                    " stream was kept; run the same command again later.",
                    code="timeout",
                )
            retries.sleep(pause)
            waited += pause
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
        return answer

    def paginate(
        self,
        path: str,
        paginator: BasePaginator,
        *,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        method: Literal["GET", "POST"] = "GET",
        select: str = "$",
        may_lack: bool = False,
    ) -> Iterator[list[Any]]:
        """The pages of a listing; see vendors.pagination."""
        return read_pages(
            self._pages, self.name, method, path, paginator, params=params, json=json, select=select, may_lack=may_lack
        )

    def send(
        self,
        request: requests.PreparedRequest,
        expect: Expectation = "json",
        settings: Mapping[str, Any] | None = None,
    ) -> requests.Response:
        """Sends a prepared request until there is a whole response of the expected kind."""
        where = f"{self.name}: {request.method} {urlsplit(request.url or '').path!s}"
        is_renewed = False

        def attempt() -> requests.Response:
            nonlocal is_renewed
            response = self._send_once(request, where, settings)
            if response.status_code == HTTPStatus.UNAUTHORIZED and not is_renewed:
                is_renewed = True
                if self._rules.refresh():
                    response = self._send_once(request, where, settings)
            self._check(response, where, expect)
            return response

        return retries.with_retries(attempt)

    def _send_once(
        self, request: requests.PreparedRequest, where: str, settings: Mapping[str, Any] | None
    ) -> requests.Response:
        if _origin(request.url or "") not in self._trusted:
            raise PermanentVendorError(f"{where}: leads to another host than the base URL; nothing was sent there.")
        self._rate_limit.wait()
        self._rules.authenticate(request)
        return self._session.send_once(request, where, settings=settings)

    def _check(self, response: requests.Response, where: str, expect: Expectation) -> None:
        """Raises for a response that is refused, throttled or damaged."""
        status = response.status_code
        seconds = self._rules.throttle_seconds(response)
        if seconds is not None:
            raise TransientVendorError(
                f"{where}: the vendor asks to slow down (HTTP {status})", code="throttled", retry_after=seconds
            )
        if retries.is_transient(status):
            raise TransientVendorError(
                f"{where}: HTTP {status}", code=f"http_{status}", retry_after=retries.retry_after(response)
            )
        if not response.ok or response.is_redirect:
            raise PermanentVendorError(self._refusal(response, where), code=f"http_{status}", status=status)
        if callable(expect):
            if not expect(response):
                raise TransientVendorError(f"{where}: the response is not complete", code="broken")
        elif expect == "json":
            try:
                response.encoding = "utf-8"
                response.content.decode("utf-8")
                response.json()
            except ValueError:
                raise TransientVendorError(f"{where}: the response is not JSON in UTF-8", code="broken") from None

    def _refusal(self, response: requests.Response, where: str) -> str:
        status = response.status_code
        code = self._rules.error_code(response)
        refused = f"{where}: HTTP {status}{f' ({code})' if code else ''}"
        if status == HTTPStatus.UNAUTHORIZED:
            return f"{refused}: the credentials are not accepted or have expired; renew {self._credentials}."
        if status == HTTPStatus.FORBIDDEN:
            return f"{refused}: not permitted; give {self._credentials} the permission that docs/connect names."
        if response.is_redirect:
            return f"{refused}: the vendor redirects to another address; set {self._base_url_setting} to it."
        return f"{refused}: the vendor refuses the request."


class _RetryingSession(Session):
    """What dlt's REST client sends through: the client's rate limit, credentials and retries apply."""

    def __init__(self, client: VendorClient) -> None:
        super().__init__()
        self._client = client

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Sends a request of dlt's REST client."""
        return self._client.send(request, "json", kwargs or None)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
