"""Cutter: a TCP proxy that ends both connections after so many bytes of the request or the answer.

with Cutter(service.port) as cutter:
    cut = cutter.send(request, down=17)     17 bytes of the answer came through
"""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from tests.api.wire import connect

_AT_ONCE: Final = struct.pack("ii", 1, 0)
_PATIENCE_S: Final = 20.0
WHOLE: Final = 1 << 60


@dataclass(frozen=True)
class Cut:
    """What reached the client."""

    data: bytes

    @property
    def body(self) -> bytes:
        """Bytes of content."""
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    def header(self, name: str) -> str:
        for line in self.data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
            key, _, value = line.decode().partition(": ")
            if key.lower() == name.lower():
                return value
        raise LookupError(name)


class Cutter:
    """One connection at a time."""

    def __init__(self, port: int) -> None:
        """``port`` is the service's."""
        self._port = port
        self._up = self._down = WHOLE
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="cutter")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def send(self, request: bytes, *, up: int = WHOLE, down: int = WHOLE) -> Cut:
        """Send a request that asks for the connection to be closed; what came of the answer."""
        self._up, self._down = up, down
        got = b""
        with connect(self.port, _PATIENCE_S) as peer:
            try:
                peer.sendall(request)
                while piece := peer.recv(1 << 20):
                    got += piece
            except (ConnectionResetError, BrokenPipeError):
                pass
        return Cut(got)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with client, connect(self._port, _PATIENCE_S) as service:
                self._pass_on(client, service, self._up, self._down)

    def _pass_on(self, client: socket.socket, service: socket.socket, up: int, down: int) -> None:
        client.settimeout(_PATIENCE_S)
        try:
            self._request(client, service, up)
            if up == WHOLE:
                while down and (piece := service.recv(min(down, 1 << 16))):
                    client.sendall(piece)
                    down -= len(piece)
            # Not closed but reset: the service learns of it at its next byte.
            service.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        except (ConnectionResetError, BrokenPipeError):
            return

    def _request(self, client: socket.socket, service: socket.socket, up: int) -> None:
        """The request, or its first bytes: its length is in its head."""
        data = b""
        while (left := _missing(data)) and len(data) < up:
            piece = client.recv(min(left, up - len(data), 1 << 16))
            if not piece:
                return
            service.sendall(piece)
            data += piece


def _missing(data: bytes) -> int:
    """How many bytes of a request may still come."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return 1 << 16
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value) - len(body)
    return 0
