"""A receiver on 127.0.0.1 that stores requests, for deliveries over HTTP without a real receiver (demo, tests).

One file per batch in the inbox, named by its idempotency key, so that a batch that arrives twice is stored once. Add
here: nothing else. Keep out: other addresses than loopback.
"""

from __future__ import annotations

import hmac
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from exports.destinations.webhook.rendering import sign
from runtime.files import whole_file

KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
LONGEST_BODY = 64 << 20


@dataclass(frozen=True)
class Loopback:
    """A running receiver."""

    url: str
    inbox: Path


@contextmanager
def serve(inbox: Path, secret: str | None = None) -> Iterator[Loopback]:
    """Runs a receiver on a free port of 127.0.0.1 during the context.

    `inbox`: directory for the requests. `secret`: if given, a request without a valid signature is answered 401.
    """
    inbox.mkdir(parents=True, exist_ok=True, mode=0o700)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(inbox, secret))
    thread = threading.Thread(target=server.serve_forever, name="webhook-loopback", daemon=True)
    thread.start()
    try:
        yield Loopback(url=f"http://127.0.0.1:{server.server_address[1]}/", inbox=inbox)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(inbox: Path, secret: str | None) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            key = self.headers.get("Idempotency-Key", "")
            if not length.isdecimal() or int(length) > LONGEST_BODY or not KEY.fullmatch(key):
                self.close_connection = True
                self._answer(400)
                return
            body = self.rfile.read(int(length))
            if secret is not None and not _is_signed(self.headers.get("Merganser-Signature", ""), secret, body):
                self._answer(401)
                return
            path = inbox / f"{key}.json"
            with lock:
                if not path.exists():
                    with whole_file(path) as file:
                        file.write(body)
            self._answer(200)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in http.server
            """Logs nothing: the demo's output should have no log of requests."""

    return Handler


def _is_signed(header: str, secret: str, body: bytes) -> bool:
    match = re.fullmatch(r"t=(\d{1,12}),v1=[0-9a-f]{64}", header)
    return match is not None and hmac.compare_digest(header, sign(secret, int(match[1]), body))
