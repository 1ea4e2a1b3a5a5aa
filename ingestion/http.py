"""How every connector talks to a vendor's API: one session with a budget, timeouts, retries and errors without values.

What passes by itself (429, 5xx, a broken connection, a body that is cut short or is no JSON) is tried again, after as
long as the vendor asks for or with growing, jittered pauses, up to a ceiling. What does not is told apart at once.
Proxies (HTTPS_PROXY, NO_PROXY) and certificate authorities of one's own (REQUESTS_CA_BUNDLE) are read from the
environment by requests.

Add here when all vendors need it. Keep out: what one vendor does in its own way (client.py of its source).
"""

from __future__ import annotations

import logging
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import requests
from dlt.common.jsonpath import find_values
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay

from ingestion.errors import PermanentApiError, SettingError, TransientApiError
from ingestion.spec import ApiSpec

CONNECT_SECONDS = 10
READ_SECONDS = 120
MAX_ATTEMPTS = 8
MAX_WAIT_SECONDS = 120  # the longest single pause, also where a vendor asks for more
MAX_TOTAL_SECONDS = 900  # after this no attempt is begun any more
LONGEST_POLL_SECONDS = 30.0  # between two questions whether the vendor's work is done
Expectation = Literal["json", "text"] | Callable[[requests.Response], bool]
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})

# These name URLs, and a URL's query may hold a token or a person's address.
for _name in ("urllib3", "dlt"):
    logging.getLogger(_name).setLevel(logging.ERROR)


class VendorRules(Protocol):
    """What differs between vendors below a page: `ApiClient` has the defaults."""

    def authenticate(self, request: requests.PreparedRequest) -> None:
        """Adds the credentials to a request, just before it is sent."""

    def refresh(self) -> bool:
        """After a 401: gets a new token. False when there is none to be had."""

    def wait_asked(self, response: requests.Response) -> float | None:
        """Seconds to wait where the vendor tells throttling in a way of its own; None where it does not."""

    def error_code(self, response: requests.Response) -> str:
        """The vendor's code for a refusal; never a value of a record."""


class Api:
    """A vendor's API as its connector sees it: named settings, and requests that either answer JSON or raise.

    Raises in every request: PermanentApiError when asking again changes nothing, TransientApiError when the ceiling of
    attempts or time is reached.
    """

    def __init__(self, source: str, spec: ApiSpec, environment: Mapping[str, str] | None = None) -> None:
        self.source = source
        self._spec = spec
        self._environment = os.environ if environment is None else environment
        base_url = self._environment.get(f"{source.upper()}_BASE_URL") or re.sub(
            r"\{([A-Z0-9_]+)\}", lambda found: self.value(found[1]), spec.base_url
        )
        self.base_url = base_url.rstrip("/")
        self._trusted = {_origin(self.base_url)}
        self._session = _Session(self, 1 / spec.requests_per_second)
        self._client = RESTClient(self.base_url, session=self._session)

    def obey(self, rules: VendorRules) -> None:
        """Makes the vendor's own rules known; ApiClient calls it once."""
        self._session.rules = rules

    def trust(self, url: str) -> None:
        """Lets requests, and with them credentials, go to this URL's host too (a token's, an instance's).

        Hosts come from settings or the vendor's sign-in, never from a page: a link that leads elsewhere is refused.
        """
        self._trusted.add(_origin(url))

    def trusts(self, url: str) -> bool:
        """Whether requests may go to this URL's host."""
        return _origin(url) in self._trusted

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The variables that hold this source's secrets."""
        return tuple(name for name, variable in self._spec.variables.items() if variable.secret)

    def value(self, name: str) -> str:
        """A declared variable from the environment, else its default, else empty where the default is.

        Raises SettingError, which names the variable and what it is for.
        """
        variable = self._spec.variables[name]
        found = self._environment.get(name) or variable.default
        if found is None:
            raise SettingError(f"{name} is not set ({variable.description}); set it in the environment.")
        return found

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """One GET, its JSON. `path` is relative to the base URL, or a whole URL that the vendor gave."""
        return self.request("GET", path, params=params).json()

    def post(self, path: str, json: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """One POST of JSON, and its answer's JSON."""
        return self.request("POST", path, params=params, json=json).json()

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request, with the options of requests (params, json, data, headers), and `expect`.

        `expect` is "json", "text", or a check that is false for an answer that came broken: it is asked for again.
        """
        expect = options.pop("expect", "json")
        url = path if path.startswith(("http://", "https://")) else f"{self.base_url}/{path.lstrip('/')}"
        prepared = self._session.prepare_request(requests.Request(method, url, **options))
        return self._session.fetch(prepared, expect)

    def poll(self, path: str, is_done: Callable[[Any], bool], *, at_most_seconds: float) -> Any:
        """The JSON of a GET once it tells that the vendor's work is done; asked for at growing intervals until then.

        Raises TransientApiError when it is not done in that time.
        """
        waited, pause = 0.0, 1.0
        while not is_done(answer := self.get(path)):
            if waited >= at_most_seconds:
                raise TransientApiError(
                    f"{self.source}: GET {urlsplit(path).path}: not done after {at_most_seconds:.0f} s. Nothing of this"
                    " stream was kept; run the same command again later."
                )
            sleep(pause)
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
        """The pages of a listing.

        `paginator` says how the vendor turns pages; `select` (JSONPath) where records are in a page. A page without
        that place is refused rather than taken for an empty one, but where `may_lack` says that vendors leave it out.
        """
        pages = self._client.paginate(
            path,
            method,
            params=dict(params or {}),
            json=dict(json) if json is not None else None,
            paginator=paginator,
            data_selector=select,
            hooks={"response": []},
        )
        for page in pages:
            if not may_lack and not find_values(select, page.response.json()):
                raise TransientApiError(
                    f"{self.source}: {method} {urlsplit(path).path}: the answer has no {select}. Nothing was kept; run"
                    " the same command again later, and if it stays so, the vendor has changed the API."
                )
            yield list(page)


class _PassingError(Exception):
    """An attempt failed in a way that may pass. `asked` is how long the vendor wants to be left alone, in seconds."""

    def __init__(self, told: str, asked: float | None = None) -> None:
        super().__init__(told)
        self.asked = asked


class _Session(requests.Session):
    """A session whose every request keeps the budget and is tried again where that helps."""

    rules: VendorRules

    def __init__(self, api: Api, interval: float) -> None:
        super().__init__()
        self.headers["User-Agent"] = "merganser"
        self._api = api
        self._interval = interval
        self._next_at = 0.0

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """What dlt's REST client calls."""
        return self.fetch(request, "json", **kwargs)

    def fetch(self, request: requests.PreparedRequest, expect: Expectation, **kwargs: Any) -> requests.Response:
        """Sends until there is a whole answer of the expected kind. Raises PermanentApiError, TransientApiError."""
        where = f"{self._api.source}: {request.method} {urlsplit(request.url or '').path!s}"
        if not kwargs:
            kwargs = dict(self.merge_environment_settings(request.url, {}, None, None, None))
        attempts = Retrying(
            stop=stop_after_attempt(MAX_ATTEMPTS) | stop_after_delay(MAX_TOTAL_SECONDS),
            wait=_pause,
            retry=retry_if_exception_type(_PassingError),
            sleep=sleep,
            reraise=True,
        )
        refreshed = False

        def attempt() -> requests.Response:
            nonlocal refreshed
            response = self._send_once(request, where, kwargs)
            if response.status_code == requests.codes.unauthorized and not refreshed:
                refreshed = True
                if self.rules.refresh():
                    response = self._send_once(request, where, kwargs)
            return self._judge(response, where, expect)

        try:
            answer: requests.Response = attempts(attempt)
        except _PassingError as error:
            raise TransientApiError(
                f"{error}, {attempts.statistics.get('attempt_number', 1)} times in a row. Nothing of this stream was"
                " kept; run the same command again later."
            ) from None
        return answer

    def _send_once(self, request: requests.PreparedRequest, where: str, kwargs: Mapping[str, Any]) -> requests.Response:
        if not self._api.trusts(request.url or ""):
            raise PermanentApiError(f"{where}: leads to another host than the base URL's; nothing was sent there.")
        self._keep_budget()
        self.rules.authenticate(request)
        options = {**kwargs, "timeout": (CONNECT_SECONDS, READ_SECONDS), "stream": False, "allow_redirects": False}
        try:
            return super().send(request, **options)
        except requests.exceptions.SSLError:
            raise PermanentApiError(
                f"{where}: the certificate is not trusted; name your authority's file in REQUESTS_CA_BUNDLE."
            ) from None
        except requests.exceptions.Timeout:
            raise _PassingError(f"{where}: no answer in time") from None
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError):
            raise _PassingError(f"{where}: the connection broke") from None
        except requests.exceptions.ContentDecodingError:
            raise _PassingError(f"{where}: the answer came broken") from None
        except requests.exceptions.RequestException as error:
            raise PermanentApiError(
                f"{where}: cannot be asked ({type(error).__name__}); is the base URL right?"
            ) from None

    def _judge(self, response: requests.Response, where: str, expect: Expectation) -> requests.Response:
        asked = self.rules.wait_asked(response)
        status = response.status_code
        if asked is not None:
            raise _PassingError(f"{where}: the vendor asked to slow down (HTTP {status})", asked)
        if status in _PASSING:
            raise _PassingError(f"{where}: HTTP {status}", retry_after(response))
        if not response.ok or response.is_redirect:
            raise PermanentApiError(self._refusal(response, where), status)
        if callable(expect):
            if not expect(response):
                raise _PassingError(f"{where}: the answer is not whole")
        elif expect == "json":
            try:
                response.encoding = "utf-8"
                response.content.decode("utf-8")
                response.json()
            except ValueError:
                raise _PassingError(f"{where}: the answer is not whole JSON in UTF-8") from None
        return response

    def _refusal(self, response: requests.Response, where: str) -> str:
        status = response.status_code
        code = self.rules.error_code(response)
        told = f"{where}: HTTP {status}{f' ({code})' if code else ''}"
        secrets = " and ".join(self._api.secret_names) or "the credentials"
        if status == requests.codes.unauthorized:
            return f"{told}: the credentials are not accepted or have expired; renew {secrets}."
        if status == requests.codes.forbidden:
            return f"{told}: not permitted; give the holder of {secrets} the permission that docs/connect names."
        if response.is_redirect:
            return (
                f"{told}: the vendor sends elsewhere; set {self._api.source.upper()}_BASE_URL to the address in force."
            )
        return f"{told}: the vendor refuses the request."

    def _keep_budget(self) -> None:
        now = time.monotonic()
        if now < self._next_at:
            sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._interval


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def sleep(seconds: float) -> None:
    """The one place where a connector waits."""
    time.sleep(seconds)


def retry_after(response: requests.Response) -> float | None:
    """Seconds that the header Retry-After asks for, as a number or a date (RFC 9110, 10.2.3); None without one."""
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _pause(state: RetryCallState) -> float:
    """As long as the vendor asked for, else 1, 2, 4 ... seconds; with jitter, so that clients do not march in step."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.asked if isinstance(error, _PassingError) else None
    growing = min(2.0 ** (state.attempt_number - 1), 60.0) * random.uniform(0.5, 1.0)  # noqa: S311  no secret
    return min(growing if asked is None else asked + random.uniform(0, 0.5), MAX_WAIT_SECONDS)  # noqa: S311
