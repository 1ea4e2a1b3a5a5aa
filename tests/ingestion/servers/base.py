"""A real HTTP server on loopback that simulates a vendor, and the faults that it can inject.

Add here when every vendor's server needs it. Keep out: the responses of one vendor (its own module).
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


class FaultKind(StrEnum):
    """Faults of one response. The base server injects those up to EMPTY_PAGE; the others change the data."""

    THROTTLED_FOR = "429 with Retry-After"
    THROTTLED = "429 without Retry-After"
    ERROR_500 = "500"
    ERROR_503 = "503"
    TIMEOUT_BEFORE = "no answer in time"
    TIMEOUT_AFTER = "half a body, then silence"
    CUT_BODY = "the connection breaks in the body"
    TRUNCATED_JSON = "a whole body with half a JSON"
    HTML = "HTML instead of JSON"
    INVALID_UTF8 = "bytes that are not UTF-8"
    EXPIRED_TOKEN = "401 until the token is renewed"
    DUPLICATE_PAGE = "a page that comes twice"
    EMPTY_PAGE = "an empty page in the middle"


@dataclass
class Fault:
    """One fault, injected at the `at`-th counted request (from 1), `times` times in a row."""

    kind: FaultKind
    at: int = 2
    times: int = 1


@dataclass(frozen=True)
class Seen:
    """A received request. Header names are lower case; of equal query names the last one counts."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    pairs: Sequence[tuple[str, str]] = ()

    @property
    def json(self) -> Any:
        """The body as JSON, or None without one."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Answer:
    """A response: JSON, text or bytes."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """The body's bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, ensure_ascii=False).encode()


class VendorServer:
    """The base class of every vendor's server. Subclasses implement `answer`, and use `page` for pages.

    `tables`: the vendor's records by name, which tests may change. `requests`: all received requests.
    `token`: the valid credential; `expired` makes the server refuse it like the vendor.
    """

    token = "test-token"

    def __init__(
        self, tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self._context = context
        self.tables: dict[str, list[dict[str, Any]]] = {
            name: [dict(record) for record in records] for name, records in (tables or {}).items()
        }
        self.requests: list[Seen] = []
        self.faults: list[Fault] = []
        self.expired = False
        self.before_page: Callable[[int], None] | None = None  # called with the number of each page; may change tables
        self._pages = 0
        self._countable = 0
        self._last_page: Sequence[Any] = ()
        self._lock = threading.Lock()
        self._silence = threading.Event()

    def reset(self) -> None:
        """Forgets all requests: faults count from the next request on."""
        self.requests.clear()
        self.faults, self.expired = [], False
        self._pages = self._countable = 0
        self._last_page = ()

    # --- what a vendor defines

    def answer(self, request: Seen) -> Answer:
        """The response to a request. Must not raise; an unknown path gets the vendor's 404."""
        raise NotImplementedError

    def is_authorised(self, request: Seen) -> bool:
        """Whether the credential is valid."""
        return request.headers.get("authorization") == f"Bearer {self.token}"

    def unauthorised(self) -> Answer:
        """The response to an invalid or expired credential."""
        return Answer({"message": "unauthorized"}, 401)

    def throttled(self, seconds: int | None) -> Answer:
        """The response to too many requests."""
        return Answer({"message": "too many requests"}, 429, {} if seconds is None else {"Retry-After": str(seconds)})

    def is_countable(self, request: Seen) -> bool:
        """Whether faults count this request; sign-in is excluded."""
        return True

    # --- paging, where faults of data are played

    def page(self, records: Sequence[Any], position: int, size: int) -> tuple[list[Any], int | None]:
        """The slice of `records` from `position` on, and the start of the next page; None after the last one."""
        self._pages += 1
        if self.before_page:
            self.before_page(self._pages)
        following = position + size if position + size < len(records) else None
        given = list(records[position : position + size])
        if self._plays(FaultKind.DUPLICATE_PAGE, self._pages):
            given = list(self._last_page)
            following = position
        elif self._plays(FaultKind.EMPTY_PAGE, self._pages):
            given, following = [], position
        else:
            self._last_page = given
        return given, following

    # --- the server

    def __enter__(self) -> Self:
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                vendor._serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if self._context:
            self._server.socket = self._context.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.01), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._silence.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The address to give as the vendor's base URL."""
        return f"http{'s' if self._context else ''}://127.0.0.1:{self._server.server_address[1]}"

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        length = int(handler.headers.get("Content-Length") or 0)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Seen(handler.command, parts.path, dict(pairs), headers, handler.rfile.read(length), pairs)
        with self._lock:
            self.requests.append(request)
            kind = self._fault_of(request)
            if kind is FaultKind.EXPIRED_TOKEN:
                self.expired = True
            answer = self._decide(request, kind)
        self._write(handler, answer, kind)

    def _decide(self, request: Seen, kind: FaultKind | None) -> Answer:
        if kind is FaultKind.THROTTLED_FOR:
            return self.throttled(7)
        if kind is FaultKind.THROTTLED:
            return self.throttled(None)
        if kind in {FaultKind.ERROR_500, FaultKind.ERROR_503}:
            return Answer({"message": "try again"}, int(kind.value))
        if kind is FaultKind.HTML:
            return Answer(b"<!doctype html><title>maintenance</title>", headers={"Content-Type": "text/html"})
        if self.is_countable(request) and (self.expired or not self.is_authorised(request)):
            return self.unauthorised()
        answer = self.answer(request)
        if kind is FaultKind.TRUNCATED_JSON:
            return Answer(answer.content()[: len(answer.content()) // 2], answer.status, answer.headers)
        if kind is FaultKind.INVALID_UTF8:
            return Answer(answer.content().replace(b'"', b'"\xff\xfe', 1), answer.status, answer.headers)
        return answer

    def _write(self, handler: BaseHTTPRequestHandler, answer: Answer, kind: FaultKind | None) -> None:
        content = answer.content()
        if kind is FaultKind.TIMEOUT_BEFORE:
            self._silence.wait(30)
            return
        try:
            handler.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            if kind in {FaultKind.TIMEOUT_AFTER, FaultKind.CUT_BODY}:
                handler.wfile.write(content[: len(content) // 2])
                handler.wfile.flush()
                if kind is FaultKind.TIMEOUT_AFTER:
                    self._silence.wait(30)
                handler.close_connection = True
                return
            handler.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True

    def _fault_of(self, request: Seen) -> FaultKind | None:
        if not self.is_countable(request):
            return None
        self._countable += 1
        of_data = (FaultKind.DUPLICATE_PAGE, FaultKind.EMPTY_PAGE)
        return next(
            (f.kind for f in self.faults if f.kind not in of_data and f.at <= self._countable < f.at + f.times), None
        )

    def _plays(self, kind: FaultKind, number: int) -> bool:
        return any(fault.kind is kind and fault.at <= number < fault.at + fault.times for fault in self.faults)
