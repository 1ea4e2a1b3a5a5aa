"""A proxy between a client and a server that breaks or stalls connections.

Add here another kind of network failure. Keep out: protocols.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class Proxy:
    """Forwards bytes to and from a port of 127.0.0.1, or a socket file.

    `cut_after`: after so many bytes to the client the connection breaks, for `times` connections. `hold_after`: it
    stalls for ever instead.
    """

    def __init__(self, target: int | str) -> None:
        self.target = target
        self.cut_after: int | None = None
        self.hold_after: int | None = None
        self.times = 1
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = [self._listener]
        self._holding = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Closes all connections."""
        self._holding.set()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._connected()
                self._sockets += [client, server]
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _connected(self) -> socket.socket:
        if isinstance(self.target, int):
            return socket.create_connection(("127.0.0.1", self.target))
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.target)
        return server

    def _pass(self, source: socket.socket, target: socket.socket, to_client: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(1 << 16):
                passed += len(data)
                if to_client and self.cut_after is not None and passed > self.cut_after and self.times > 0:
                    self.times -= 1
                    break
                if to_client and self.hold_after is not None and passed > self.hold_after:
                    self._holding.wait()
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
