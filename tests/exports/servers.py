"""Receivers for the export tests: real HTTP servers on loopback that store requests, and misbehave on demand.

A receiver runs in the test process and survives a sender that is killed. It is idempotent: a key that it has applied
gets the same answer and is not applied again. Add here: another way for a receiver to
misbehave.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = Callable[[dict[str, Any]], "Answer | None"]


@dataclass(frozen=True)
class Answer:
    """How one request is answered."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    apply: bool = False
    """Whether the batch takes effect before the answer is sent."""
    hang_up: bool = False
    """Whether the connection is closed without an answer."""


@dataclass
class Receiver:
    """The requests of a receiver, and its answers."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    applied: list[dict[str, Any]] = field(default_factory=list)
    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    """Used up one per request, before `fault` and the usual answer."""
    fault: Fault | None = None
    delay: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, headers: dict[str, str], body: bytes) -> Answer:
        """Handles one request; thread-safe."""
        with self.lock:
            batch = json.loads(body)
            key = headers["Idempotency-Key"]
            self.requests.append({"key": key, "headers": headers, "body": body, "batch": batch})
            answer = self.answers.pop(0) if self.answers else self.fault(batch) if self.fault else None
            answer = answer or Answer(apply=True)
            refused = (
                {entry["record_key"] for entry in json.loads(answer.body).get("rejected", [])} if answer.body else set()
            )
            if answer.apply and key not in {one["key"] for one in self.applied}:
                self.applied.append({"key": key, "batch": batch})
                for record in batch["records"]:
                    if record["record_key"] in refused:
                        continue
                    if batch["action"] in ("remove", "retract"):
                        self.members.pop(record["record_key"], None)
                    else:
                        self.members[record["record_key"]] = record["fields"]
            return answer

    def deliveries_of(self, action: str) -> list[str]:
        """Keys of the records that an action was applied to, each as often as it was."""
        return [
            record["record_key"]
            for one in self.applied
            if one["batch"]["action"] == action
            for record in one["batch"]["records"]
        ]


@contextmanager
def receive(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on a free port of 127.0.0.1; with `context`, over TLS."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.delay:
                time.sleep(receiver.delay)
            answer = receiver.handle(dict(self.headers.items()), body)
            if answer.hang_up:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Logs nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Ignores broken connections: some tests kill the sender."""

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
