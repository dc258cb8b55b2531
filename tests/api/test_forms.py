"""What is no request, or one that no handler should see, down to the bytes."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from api.errors import Refused
from api.middleware.form import check_path
from tests.api.running import Running, quiet_settings
from tests.api.wire import SECRET, connect, raw, request, rest, with_routes
from tests.log.sample import memory_directory

LIMIT = 20_000
FORM_LIMIT = 64 << 10
POST = ("Content-Type: application/json",)


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    settings = quiet_settings(resource_bytes=LIMIT, stream_bytes=2 * LIMIT)
    with (
        memory_directory() as place,
        Running.made(place, settings, prepare=with_routes) as running,
    ):
        yield running


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET /livez HTTP/9.9\r\nHost: test\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET /livez\n\n",
        b"GET\r\n\r\n",
        b"F{}O /livez HTTP/1.1\r\nHost: test\r\n\r\n",
        b"GET /live\0z HTTP/1.1\r\nHost: test\r\n\r\n",
        b"GET /live z HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET /livéz HTTP/1.1\r\nHost: test\r\n\r\n".encode(),
        b"GET /livez HTTP/1.1\r\nHost: test\r\nX\0: a\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: test\r\n folded: a\r\n\r\n",
        request("/test/echo", *POST, "Content-Length: 3", "Content-Length: 4", method="POST"),
        request("/test/echo", *POST, "Content-Length: -3", method="POST"),
        request("/test/echo", *POST, "Content-Length: 3x", method="POST"),
        request(
            "/test/echo", *POST, "Content-Length: 3", "Transfer-Encoding: chunked", method="POST"
        ),
        request("/livez", *(f"X-{number}: a" for number in range(100))),
    ],
)
def test_what_is_no_request(service: Running, data: bytes) -> None:
    before = len(service.logged())
    answer = raw(service.port, data)
    assert answer.status == 400
    assert answer.json["status"] == 400
    assert b"Content-Type: application/problem+json" in answer.data
    assert b"Request-Id: " in answer.data
    (line,) = service.logged()[before:]
    assert (line["level"], line["status"]) == ("info", 400)


@pytest.mark.parametrize(
    "data", [request("/" + "a" * 9_000), request("/livez", "X-Long: " + "a" * 9_000)]
)
def test_what_is_too_long(service: Running, data: bytes) -> None:
    assert raw(service.port, data).status == 431


def test_unreadable_bytes_are_not_logged(service: Running) -> None:
    raw(service.port, f"GET /{SECRET} HTTP/7.7\r\nHost: {SECRET}\r\n\r\n".encode())
    raw(service.port, f"{SECRET} {{}}\r\n\r\n".encode())
    assert SECRET not in service.lines.getvalue()


@pytest.mark.parametrize(
    "target",
    [
        "/fhir/../livez",
        "/..",
        "/./livez",
        "/livez/.",
        "//livez",
        "/tile//000",
        "/%2e%2e/livez",
        "/%2E/livez",
        "/tile%2f0/000",
        "/tile%2F0/000",
        "/tile%5c0",
        "/livez%00",
        "/livez%0d%0aX:%20a",
        "/livez%7f",
        "/livez%zz",
        "/livez%2",
        "/livez\\a",
        "/live<z>",
        "/live{z}",
        '/live"z',
        "*",
        "livez",
        "http://test/../livez",
        "http://test//livez",
    ],
)
def test_path_tricks(service: Running, target: str) -> None:
    with pytest.raises(Refused):
        check_path(target)
    assert raw(service.port, request(target)).status == 400


@pytest.mark.parametrize(
    "target",
    [
        "/livez",
        "/livez?a=../..//%2f%00",
        "/livez#a",
        "http://anybody.example/livez",
        "/%6Civez",
    ],
)
def test_plain_paths(service: Running, target: str) -> None:
    assert raw(service.port, request(target)).status == 200


def test_names_of_operations_may_be_encoded() -> None:
    for target in ("/fhir/Patient/1a2b3c4d-34/$everything", "/fhir/Patient/1/%24everything", "/"):
        check_path(target)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("Content-Type: application/json",), 200),
        (("Content-Type: application/json; charset=utf-8",), 200),
        (("Content-Type: application/json; charset=UTF-8",), 200),
        (("Content-Type: APPLICATION/FHIR+JSON",), 200),
        (("Content-Type: application/json; charset=shift_jis",), 415),
        (("Content-Type: application/json; charset=utf-16",), 415),
        (("Content-Type: application/json; charset=no-such",), 415),
        (("Content-Type: text/plain",), 415),
        (("Content-Type: nonsense",), 415),
        ((), 415),
        (("Content-Type: application/json", "Content-Encoding: gzip"), 415),
        (("Content-Type: application/json", "Content-Encoding: br"), 415),
        (("Content-Type: application/json", "Content-Encoding: deflate, gzip"), 415),
        (("Content-Type: application/json", "Content-Encoding: identity"), 200),
    ],
)
def test_types_and_encodings(service: Running, headers: tuple[str, ...], status: int) -> None:
    body = b"{}"
    data = request("/test/echo", *headers, "Content-Length: 2", method="POST", body=body)
    assert raw(service.port, data).status == status


def test_bytes_at_random(tmp_path: Path) -> None:
    """Requests with a few bytes changed: each is answered or its connection ends, none by 500."""
    chance = random.Random(5)
    seeds = [
        request("/tile/0/000.p/6?a=b", "Accept: */*"),
        request("http://records.example:8080/livez", "Expect: 100-continue", "Content-Length: 0"),
        request("/fhir/echo", *POST, "Content-Length: 2", method="POST", body=b"{}"),
        request("/fhir/echo", *POST, "Transfer-Encoding: chunked", method="POST", body=chunked(9)),
        request("/%24x", "Upgrade: h2c", "Authorization: Bearer x", "X-Forwarded-For: 192.0.2.1"),
    ]
    heads = []
    # What is not whole yet is waited for.
    settings = quiet_settings(idle_s=0.1, body_s=0.1)
    with Running.made(tmp_path, settings, prepare=with_routes) as service:
        for _ in range(200):
            data = bytearray(chance.choice(seeds))
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(data))
                data[at : at + chance.randint(0, 2)] = chance.randbytes(chance.randint(0, 2))
            with connect(service.port) as peer:
                peer.sendall(data)
                with suppress(ConnectionResetError):
                    heads.append(rest(peer)[:12])
    statuses = Counter(head.rpartition(b" ")[2] for head in heads)
    assert statuses[b"400"] > 50
    assert statuses[b"200"] > 10
    assert not [status for status in statuses if status.startswith(b"5")]
    assert {line["event"] for line in service.logged()} <= {"request", "unreadable"}


def test_a_gzip_bomb_is_not_unpacked(service: Running) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    answer = service.ask(
        "POST",
        "/fhir/echo",
        bomb,
        {"Content-Type": "application/fhir+json", "Content-Encoding": "gzip"},
    )
    assert answer.status == 415
    assert answer.json["resourceType"] == "OperationOutcome"
    assert answer.headers["Accept-Encoding"] == "identity"


def test_a_body_at_its_limit(service: Running) -> None:
    headers = {"Content-Type": "application/json"}
    assert service.ask("POST", "/test/echo", bytes(LIMIT), headers).json == {"bytes": LIMIT}
    assert service.ask("POST", "/test/echo", bytes(LIMIT + 1), headers).status == 413


def test_a_promise_that_is_too_large_is_refused_unseen(service: Running) -> None:
    data = request("/fhir/echo", *POST, f"Content-Length: {1 << 40}", method="POST")
    with connect(service.port) as peer:
        peer.sendall(data)
        head = peer.recv(65_536)
    assert b" 413 " in head
    assert b"OperationOutcome" in head


def chunked(*sizes: int) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (size, bytes(size)) for size in (*sizes, 0))


def test_chunks_are_counted(service: Running) -> None:
    headers = (*POST, "Transfer-Encoding: chunked")
    good = request("/test/echo", *headers, method="POST", body=chunked(LIMIT // 2, LIMIT // 2))
    assert raw(service.port, good).json == {"bytes": LIMIT}
    bad = request("/test/echo", *headers, method="POST", body=chunked(LIMIT // 2, LIMIT // 2, 1))
    assert raw(service.port, bad).status == 413


@pytest.mark.parametrize(("path", "limit"), [("/auth/token", FORM_LIMIT), ("/fhir/echo", LIMIT)])
def test_no_more_is_taken_than_may_come(service: Running, path: str, limit: int) -> None:
    """The answer does not wait for the end of a body that does not say its length."""
    data = request(path, *POST, "Transfer-Encoding: chunked", method="POST")
    with connect(service.port) as peer:
        peer.sendall(data + chunked(limit, 256 << 10).removesuffix(chunked()))
        head, _, body = peer.recv(65_536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in head
    assert b"Request-Id: " in head
    assert b"larger than %d bytes" % limit in body


def test_a_stream_is_counted(service: Running) -> None:
    headers = ("Transfer-Encoding: chunked",)
    good = request("/test/stream", *headers, method="POST", body=chunked(LIMIT, LIMIT))
    assert raw(service.port, good).json == {"bytes": 2 * LIMIT}
    bad = request("/test/stream", *headers, method="POST", body=chunked(LIMIT, LIMIT, 1))
    assert raw(service.port, bad).status == 413


@pytest.mark.parametrize("path", ["/test/echo", "/test/stream"])
@pytest.mark.parametrize("body", [b"zz\r\n", b"5\r\nab\r\n0\r\n\r\n", b"-1\r\n\r\n"])
def test_chunks_that_are_none(service: Running, path: str, body: bytes) -> None:
    data = request(path, *POST, "Transfer-Encoding: chunked", method="POST", body=body)
    assert raw(service.port, data).status == 400


def test_no_body_where_none_is_taken(service: Running) -> None:
    assert service.ask("GET", "/livez", b"body").status == 413
    assert service.ask("GET", "/livez", b"").status == 200


def test_a_body_is_asked_for_when_it_is_wanted(service: Running) -> None:
    headers = (*POST, "Expect: 100-continue")
    with connect(service.port) as peer:
        peer.sendall(request("/test/echo", *headers, "Content-Length: 2", method="POST"))
        assert peer.recv(1_000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(b"{}")
        assert b'{"bytes": 2}' in rest(peer)
    with connect(service.port) as peer:
        peer.sendall(request("/test/echo", *headers, "Content-Length: 99999", method="POST"))
        assert peer.recv(1_000).startswith(b"HTTP/1.1 413 ")


def test_a_refused_body_is_not_read_as_a_request(service: Running) -> None:
    hidden = request("/test/wait?s=0")
    data = (
        b"POST /livez HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % (len(hidden) + 9_000)
    ) + hidden
    with connect(service.port) as peer:
        peer.sendall(data)
        peer.settimeout(0.5)
        head = peer.recv(65_536)
        assert b" 405 " in head
        assert b"Connection: close" in head
        assert b"waited" not in head
