"""`counterfoil login` against a running service."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time_ns
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.api.running import Running
from tests.cli.console import Ran, run
from tests.log.sample import memory_directory


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    """With a person, tanaka."""
    with memory_directory() as place:
        made = Running.made(place)
        record, opening = made.members["hospital"].author.open_record()
        made.log.append([opening])
        made.enrol("tanaka", "person", by="hospital", record=record)
        with made as running:
            yield running


def key_file(place: Path, key: Ed25519PrivateKey, mode: int = 0o600) -> Path:
    file = place / "login.key"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.chmod(mode)
    return file


def log_in(service: Running, key: Path, *more: str, url: str = "", log: str = "") -> Ran:
    me = service.members["tanaka"].actor.hex()
    log = log or service.log.reader.registry.log.hex()
    return run("login", url or service.url, me, key, "--log", log, *more)


def test_a_person_gets_a_token(service: Running, tmp_path: Path) -> None:
    key = key_file(tmp_path, service.members["tanaka"].login)
    said = log_in(service, key)
    assert (said.code, said.err) == (0, "good for 300 s, with scope patient/*.cruds\n")
    token = said.text.strip()
    assert service.get("/fhir/Observation", Authorization=f"Bearer {token}").status == 200
    scope = "patient/Observation.rs"
    some = log_in(service, key, "--scope", scope, "--json", url=service.url + "/")
    assert some.json["scope"] == scope


def test_a_key_that_is_not_registered(service: Running, tmp_path: Path) -> None:
    said = log_in(service, key_file(tmp_path, Ed25519PrivateKey.generate()))
    assert (said.code, said.out) == (2, b"")
    assert said.complaint == "the service answers: this login is not good"


def test_a_log_that_is_another(service: Running, tmp_path: Path) -> None:
    key = key_file(tmp_path, service.members["tanaka"].login)
    said = log_in(service, key, log="00" * 32)
    assert said.complaint == "the service answers: this login is not good"


def test_a_key_that_others_can_read(service: Running, tmp_path: Path) -> None:
    said = log_in(service, key_file(tmp_path, service.members["tanaka"].login, 0o644))
    assert said.code != 0 and b"." not in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("http://records.example.org", "00" * 16, "--log", "00" * 32), "URL is not https"),
        (("ftp://127.0.0.1", "00" * 16, "--log", "00" * 32), "URL is no URL of a service"),
        (("http://[::1", "00" * 16, "--log", "00" * 32), "URL is no URL of a service"),
        (("https://x.example/?a", "00" * 16, "--log", "00" * 32), "URL is no URL of a service"),
        (("https://a:b@x.example", "00" * 16, "--log", "00" * 32), "URL is no URL of a service"),
        (("https://x.example", "00" * 15, "--log", "00" * 32), "ACTOR is not of 32"),
        (("https://x.example", "00" * 16, "--log", "zz"), "--log is not of 64"),
    ],
)
def test_what_is_refused(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    key = key_file(tmp_path, Ed25519PrivateKey.generate())
    said = run("login", *words[:2], key, *words[2:])
    assert said.code == 2 and message in said.err


@contextmanager
def answering(answer: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A false service: its URL, and what it was sent."""
    sent: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_server_that_passes_on_the_challenge_of_another(service: Running, tmp_path: Path) -> None:
    """Nothing is signed for it."""
    key = key_file(tmp_path, service.members["tanaka"].login)
    true = {"nonce": "00" * 32, "expiry": time_ns() // 1_000_000 + 60_000, "service": service.url}
    with answering(true) as (url, sent):
        said = log_in(service, key, url=url)
    assert said.complaint == f"the service calls itself {service.url}, and was asked as {url}"
    assert ["signature" in one for one in sent] == [False]


@pytest.mark.parametrize("ahead_ms", [-1_000, 301_000 + 60_000])
def test_a_challenge_of_another_time(service: Running, tmp_path: Path, ahead_ms: int) -> None:
    key = key_file(tmp_path, service.members["tanaka"].login)
    late = {"nonce": "00" * 32, "expiry": time_ns() // 1_000_000 + ahead_ms, "service": ""}
    with answering(late) as (url, sent):
        late["service"] = url
        said = log_in(service, key, url=url)
    assert said.complaint == "the challenge is not of now"
    assert len(sent) == 1


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", {"nonce": 1, "expiry": "x"}])
def test_what_is_no_service(service: Running, tmp_path: Path, answer: Any) -> None:
    key = key_file(tmp_path, service.members["tanaka"].login)
    with answering(answer) as (url, _):
        said = log_in(service, key, url=url)
    assert said.complaint == "what answers there is no counterfoil service"


def test_nobody_there(service: Running, tmp_path: Path) -> None:
    key = key_file(tmp_path, service.members["tanaka"].login)
    with answering({}) as (url, _):
        pass
    said = log_in(service, key, url=url)
    assert said.complaint == "the service cannot be asked: Connection refused"
