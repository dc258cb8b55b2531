"""Clients that are slow on purpose or by fate: each has its time, and then its connection ends."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator

import pytest

from tests.api.running import Running, quiet_settings
from tests.api.wire import connect, request, rest, with_routes
from tests.log.sample import memory_directory

IDLE_S = 0.4
BODY_S = 0.5
UNSENT_S = 0.5


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    settings = quiet_settings(idle_s=IDLE_S, body_s=BODY_S, stream_rate=50_000, unsent_s=UNSENT_S)
    with (
        memory_directory() as place,
        Running.made(place, settings, prepare=with_routes) as running,
    ):
        yield running


def drip(service: Running, data: bytes, every_s: float = 0.05) -> tuple[bytes, float]:
    """Send byte by byte until the service has enough; what it said, and after how long."""
    began, got = time.monotonic(), b""
    with connect(service.port) as peer:
        peer.setblocking(False)
        for byte in data:
            try:
                peer.send(bytes([byte]))
                time.sleep(every_s)
                if not (piece := peer.recv(65_536)):
                    break
                got += piece
            except BlockingIOError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
    return got, time.monotonic() - began


def test_a_connection_that_says_nothing(service: Running) -> None:
    began = time.monotonic()
    with connect(service.port) as peer:
        assert rest(peer) == b""
    assert time.monotonic() - began < 5 * IDLE_S


def test_headers_that_drip(service: Running) -> None:
    got, seconds = drip(service, request("/livez", "X-Slow: " + "a" * 200))
    assert got == b""
    assert IDLE_S * 0.9 <= seconds < 5 * IDLE_S


def test_headers_that_drip_behind_an_answer(service: Running) -> None:
    with connect(service.port) as peer:
        peer.sendall(b"GET /livez HTTP/1.1\r\nHost: test\r\n\r\n")
        assert peer.recv(65_536).endswith(b"ok\n")
        began = time.monotonic()
        peer.sendall(b"GET /live")
        assert rest(peer) == b""
    assert IDLE_S * 0.9 <= time.monotonic() - began < 5 * IDLE_S


def test_a_body_that_drips(service: Running) -> None:
    headers = ("Content-Type: application/json", "Content-Length: 200")
    with connect(service.port) as peer:
        peer.sendall(request("/fhir/echo", *headers, method="POST"))
        began = time.monotonic()
        answer = peer.recv(65_536)
    assert b" 408 " in answer
    assert b"OperationOutcome" in answer
    assert b"Connection: close" in answer
    assert BODY_S * 0.9 <= time.monotonic() - began < 4 * BODY_S


def test_a_stream_that_drips(service: Running) -> None:
    data = request("/test/stream", "Content-Length: 200", method="POST", body=b"a")
    with connect(service.port) as peer:
        peer.sendall(data)
        assert b" 408 " in peer.recv(65_536)


def test_a_stream_that_is_steady_may_take_longer(service: Running) -> None:
    pieces, size = 8, 20_000
    headers = (f"Content-Length: {pieces * size}",)
    began = time.monotonic()
    with connect(service.port) as peer:
        peer.sendall(request("/test/stream", *headers, method="POST"))
        for _ in range(pieces):
            time.sleep(0.12)
            peer.sendall(bytes(size))
        assert b'{"bytes": %d}' % (pieces * size) in rest(peer)
    assert time.monotonic() - began > BODY_S


def test_an_answer_that_nobody_takes(service: Running) -> None:
    began = time.monotonic()
    with connect(service.port) as peer:
        peer.sendall(request("/test/much"))
        ended = select.poll()
        ended.register(peer, select.POLLHUP | select.POLLERR)
        assert ended.poll(20_000)
    assert time.monotonic() - began > UNSENT_S * 0.9


def test_a_body_that_breaks_off(service: Running) -> None:
    headers = ("Content-Type: application/json", "Content-Length: 200")
    for path in ("/test/echo", "/test/stream"):
        with connect(service.port) as peer:
            peer.sendall(request(path, *headers, method="POST", body=b"{"))
    assert service.get("/livez").status == 200
    assert [line for line in service.logged() if line["event"] == "unforeseen"] == []
