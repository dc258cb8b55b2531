"""Where a service listens, how it ends, and the command that starts it."""

from __future__ import annotations

import configparser
import http.client
import json
import os
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from api.serving import Listen
from ledger.errors import BadRequest
from ledger.reader import open_reader
from tests.api.running import Answer, Running, quiet_settings
from tests.api.wire import MUCH, connect, request, rest, with_routes
from tests.cli.console import ROOT, done, run

JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("127.1.2.3:0", "127.1.2.3", 0, True),
        ("localhost:1", "localhost", 1, True),
        ("[::1]:65535", "::1", 65535, True),
        ("0.0.0.0:80", "0.0.0.0", 80, False),
        ("[::]:80", "::", 80, False),
        ("192.0.2.1:80", "192.0.2.1", 80, False),
        ("records.example:80", "records.example", 80, False),
    ],
)
def test_where_to_listen(text: str, host: str, port: int, loopback: bool) -> None:
    listen = Listen.parse(text)
    assert (listen.host, listen.port, listen.is_loopback) == (host, port, loopback)
    listen.check(behind_proxy=True)
    if loopback:
        listen.check(behind_proxy=False)
    else:
        with pytest.raises(BadRequest):
            listen.check(behind_proxy=False)
        Listen(host, port, Path("cert"), Path("key")).check(behind_proxy=False)


@pytest.mark.parametrize(
    "text", ["", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "a:-1", "a:٣"]
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(BadRequest):
        Listen.parse(text)


def test_a_certificate_and_its_key_go_together() -> None:
    for one in ((Path("a"), None), (None, Path("a"))):
        with pytest.raises(BadRequest):
            Listen.parse("127.0.0.1:1", *one)


def test_requests_under_way_are_finished(tmp_path: Path) -> None:
    answers: list[Answer] = []
    with Running.made(tmp_path, prepare=with_routes) as running:
        thread = threading.Thread(target=lambda: answers.append(running.get("/test/wait?s=1")))
        thread.start()
        time.sleep(0.2)
        running.stop()
        thread.join()
        with pytest.raises(ConnectionRefusedError):
            connect(running.port)
    (answer,) = answers
    assert (answer.status, answer.text) == (200, "waited")
    assert answer.headers["Connection"] == "close"


def test_a_body_on_its_way_is_taken(tmp_path: Path) -> None:
    headers = (JSON, "Content-Length: 10")
    with Running.made(tmp_path, prepare=with_routes) as running, connect(running.port) as peer:
        data = request("/test/echo", *headers, method="POST").replace(b"Connection: close\r\n", b"")
        peer.sendall(data + b"12345")
        time.sleep(0.1)
        ending = threading.Thread(target=running.stop)
        ending.start()
        time.sleep(0.3)
        peer.sendall(b"67890")
        answer = rest(peer)
        ending.join()
    assert b'{"bytes": 10}' in answer
    assert b"Connection: close" in answer


def test_an_answer_on_its_way_is_given(tmp_path: Path) -> None:
    with Running.made(tmp_path, prepare=with_routes) as running, connect(running.port) as peer:
        peer.sendall(request("/test/much"))
        got = len(peer.recv(1_000))
        ending = threading.Thread(target=running.stop)
        ending.start()
        time.sleep(1)
        got += len(rest(peer))
        ending.join()
    assert got > MUCH


def test_what_takes_longer_than_the_grace_is_cut_off(tmp_path: Path) -> None:
    settings = quiet_settings(grace_s=0.3)
    with (
        Running.made(tmp_path, settings, prepare=with_routes) as running,
        connect(running.port) as peer,
    ):
        peer.sendall(request("/test/wait?s=60"))
        time.sleep(0.1)
        began = time.monotonic()
        running.stop()
        assert time.monotonic() - began < 5
        assert rest(peer) == b""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("served") / "ledger"
    done("init", directory, "--origin", "served.example/log")
    done("enrol", directory, "gate", "--role", "gateway")
    done("enrol", directory, "hospital")
    done("enrol", directory, "dr-mori", "--role", "practitioner", "--by", "hospital")
    return directory


class Command:
    """`counterfoil serve` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], scheme: str, port: int) -> None:
        self.process, self.scheme, self.port = process, scheme, port

    def end(self, number: int) -> tuple[int, list[dict[str, str]]]:
        """Send a signal to it and its group, as a terminal does; exit code and its log."""
        os.killpg(self.process.pid, number)
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            log = [json.loads(line) for line in lines]
        return self.process.wait(timeout=20), log


@contextmanager
def serving(ledger: Path, *options: str | Path) -> Iterator[Command]:
    words = [sys.executable, "-m", "ledger.cli", "serve", ledger, "--as", "gate", *options]
    process = subprocess.Popen(
        [*map(str, words), "--listen", "127.0.0.1:0"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        said, _, address = line.strip().rpartition(" at ")
        assert said == "serving ledger", line
        scheme, _, port = address.partition("://127.0.0.1:")
        yield Command(process, scheme, int(port))
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("url", ["", "https://records.example.org/"])
def test_clients_are_told_the_url(ledger: Path, url: str) -> None:
    with serving(ledger, *(["--url", url] if url else [])) as command:
        asked = http.client.HTTPConnection("127.0.0.1", command.port, timeout=10)
        asked.request("GET", "/.well-known/smart-configuration")
        found = json.loads(asked.getresponse().read())
        asked.close()
        here = url.rstrip("/") or f"http://127.0.0.1:{command.port}"
        assert found["token_endpoint"] == here + "/auth/token"
        code, _ = command.end(signal.SIGTERM)
    assert code == 0


def test_the_command_ends_gracefully(ledger: Path) -> None:
    with serving(ledger, "--publish-every", "3600", "--workers", "1") as command:
        assert command.scheme == "http"
        asked = http.client.HTTPConnection("127.0.0.1", command.port, timeout=10)
        asked.request("GET", "/checkpoint")
        assert asked.getresponse().read().startswith(b"served.example/log\n")
        asked.close()
        done("stats", ledger)
        # One service at a time over a ledger.
        refused = run("serve", ledger, "--as", "gate", "--listen", "127.0.0.1:0")
        assert refused.code == 3
        code, log = command.end(signal.SIGINT)
    assert code == 0
    assert [line["event"] for line in log] == ["serving", "request", "ending"]
    assert (ledger / "service").stat().st_mode & 0o777 == 0o700
    reader = open_reader(ledger)
    try:
        assert reader.store.published() is not None
    finally:
        reader.close()


def make_certificate(place: Path, serial: int) -> None:
    """cert.pem and key.pem for 127.0.0.1, by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (place / "cert.pem").write_bytes(made.public_bytes(pem))
    (place / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    )
    (place / "key.pem").chmod(0o600)


def ask_tls(port: int, certificate: Path, **headers: str) -> tuple[int, str | None, int]:
    """Status, Strict-Transport-Security, and serial number of the server's certificate."""
    context = ssl.create_default_context(cafile=str(certificate))
    asked = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    asked.connect()
    assert isinstance(asked.sock, ssl.SSLSocket)
    der = asked.sock.getpeercert(binary_form=True)
    asked.request("GET", "/livez", headers=headers)
    answer = asked.getresponse()
    assert der is not None
    serial = x509.load_der_x509_certificate(der).serial_number
    asked.close()
    return answer.status, answer.headers["Strict-Transport-Security"], serial


def test_tls(ledger: Path, tmp_path: Path) -> None:
    make_certificate(tmp_path, 1)
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    with serving(ledger, "--tls-cert", certificate, "--tls-key", key) as command:
        assert command.scheme == "https"
        assert ask_tls(command.port, certificate) == (200, "max-age=31536000", 1)
        # What the application never sees, and what is no request.
        refused = ask_tls(command.port, certificate, Expect="nothing")
        assert refused == (417, "max-age=31536000", 1)
        unreadable = ask_tls(command.port, certificate, **{"Content-Length": "x"})
        assert unreadable == (400, "max-age=31536000", 1)
        with connect(command.port) as peer:
            peer.sendall(b"GET /livez HTTP/1.1\r\nHost: test\r\n\r\n")
            with pytest.raises((ConnectionResetError, AssertionError)):
                assert rest(peer)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", command.port)) as bare:
            old.wrap_socket(bare)
        make_certificate(tmp_path, 2)
        os.kill(command.process.pid, signal.SIGHUP)
        assert command.process.stderr is not None
        seen: list[str] = []

        def reads(word: str) -> bool:
            assert command.process.stderr is not None
            for line in iter(command.process.stderr.readline, ""):
                seen.append(line)
                if word in line:
                    return True
            return False

        assert reads('"certificate read again"')
        assert ask_tls(command.port, certificate) == (200, "max-age=31536000", 2)
        certificate.write_text("nothing")
        os.kill(command.process.pid, signal.SIGHUP)
        assert reads('"the certificate stays as it was"')
        code, log = command.end(signal.SIGTERM)
    assert code == 0
    assert log[-1]["event"] == "ending"
    assert not [line for line in [*map(json.loads, seen), *log] if line["event"] == "unforeseen"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--as", "nobody"), "no author of this name is known here"),
        (("--as", "dr-mori"), "a service signs as gateway or organisation"),
        (("--as", "gate", "--listen", "0.0.0.0:0"), "plain HTTP is not served"),
        (("--as", "gate", "--listen", "127.0.0.1"), "--listen is no HOST:PORT"),
        (("--as", "gate", "--url", "http://records.example.org"), "--url is not https"),
        (("--as", "gate", "--url", "records.example.org"), "--url is no URL"),
        (("--as", "gate", "--behind-proxy"), "under which URL clients reach the service"),
        (
            ("--as", "gate", "--behind-proxy", "--listen", "0.0.0.0:0"),
            "under which URL clients reach the service",
        ),
        (("--as", "gate", "--tls-cert", "cert"), "a certificate and its key go together"),
        (
            ("--as", "gate", "--tls-cert", "no.pem", "--tls-key", "no.pem"),
            "certificate or key cannot be used",
        ),
        (("--as", "gate", "--listen", "127.0.0.1:{busy}"), "cannot listen on 127.0.0.1:"),
    ],
)
def test_what_is_refused(ledger: Path, options: tuple[str, ...], complaint: str) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        words = [one.format(busy=busy.getsockname()[1]) for one in options]
        ran = run("serve", ledger, *words)
    assert ran.code == 2
    assert complaint in ran.err
    # It was closed again.
    done("check", ledger)


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    text = (ROOT / "docs" / "counterfoil.service").read_text().replace("\\\n", " ")
    parser.read_string(text)
    return parser


def test_the_unit_file() -> None:
    parser = unit()
    service = parser["Service"]
    for name in (
        "NoNewPrivileges",
        "PrivateTmp",
        "PrivateDevices",
        "PrivateUsers",
        "ProtectHome",
        "ProtectKernelTunables",
        "ProtectKernelModules",
        "ProtectControlGroups",
        "RestrictSUIDSGID",
        "RestrictNamespaces",
        "LockPersonality",
    ):
        assert service[name] == "yes", name
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["User"] != "root"
    assert f"/var/lib/{service['StateDirectory']}/" in service["ExecStart"]
    assert int(service["TimeoutStopSec"]) > quiet_settings().grace_s
    assert parser["Install"]["WantedBy"] == "multi-user.target"


def test_the_unit_file_starts_the_command() -> None:
    program, command, *words = shlex.split(unit()["Service"]["ExecStart"])
    assert Path(program).name == "counterfoil"
    help_text = done(command, "--help").text
    options = [word for word in words if word.startswith("--")]
    assert options
    assert all(option in help_text for option in options)


def test_a_key_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    make_certificate(tmp_path, 1)
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    key.chmod(0o640)
    assert Listen("127.0.0.1", 0, certificate, key).context() is not None
    key.chmod(0o644)
    with pytest.raises(BadRequest, match="can be read by everybody"):
        Listen("127.0.0.1", 0, certificate, key).context()
