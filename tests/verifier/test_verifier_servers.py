"""Audits of a log at a server: who may read it, by several processes, and what it never learns."""

from __future__ import annotations

import pickle
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.verifier.logmaker import Sample
from verifier import fetch
from verifier.audit import Options, audit_log
from verifier.cli import main
from verifier.errors import BadArgument, Unreadable
from verifier.fetch import Credentials, HttpSource, same_server
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import policy_of_keys

TOKEN = "abc.DEF-123_~+/="
Capture = pytest.CaptureFixture[str]


class Server:
    """Serves files to who says the token, or to everybody when there is none."""

    def __init__(self, files: dict[str, bytes], token: str = "") -> None:
        self.files = files
        self.seen: list[tuple[str, str | None]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Authorization")
                server.seen.append((self.path, asked))
                raw = server.files.get(self.path.lstrip("/"))
                if token and asked != f"Bearer {token}":
                    self.send_error(401)
                elif raw is None:
                    self.send_error(404)
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw)

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)

    def __enter__(self) -> Server:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/"


def vkeys(log: Sample) -> list[str]:
    return [word for text in log.vkeys for word in ("--vkey", text)]


def test_a_token(sample: Sample, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with Server(sample.files(), TOKEN) as server:
        arguments = ["log", server.url, *vkeys(sample)]
        assert main([*arguments, "--bearer-file", str(tmp_path / "token")]) == 0
        assert {asked for _, asked in server.seen} == {f"Bearer {TOKEN}"}
        capsys.readouterr()
        assert main(arguments) == 3
        err = capsys.readouterr().err
    assert "answered 401" in err
    assert "--bearer-file" in err


def test_a_token_is_shown_to_its_server_only(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    new = sample.succeed("two")
    with Server(new.files()) as own, Server(sample.files()) as other:
        arguments = ["log", own.url, "--predecessor", other.url, *vkeys(new)]  # type: ignore[arg-type]
        assert main([*arguments, "--bearer-file", str(tmp_path / "token")]) == 0
        assert {asked for _, asked in own.seen} == {f"Bearer {TOKEN}"}
        assert {asked for _, asked in other.seen} == {None}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://log.example.com/old", True),
        ("https://log.example.com:444/", False),
        ("http://log.example.com/", False),
        ("https://log.example.com.evil.org/", False),
        ("./directory", False),
    ],
)
def test_what_is_the_same_server(other: str, same: bool) -> None:
    assert same_server(other, "https://log.example.com/new") is same


@pytest.mark.parametrize("text", ["", " ", "two words", "é", "a\nb", "x" * 8193])
def test_what_is_no_token(sample: Sample, tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    arguments = ["log", "https://log.example.com/", *vkeys(sample)]
    assert main([*arguments, "--bearer-file", str(tmp_path / "token")]) == 2


def test_nothing_is_shown_over_plain_http() -> None:
    with pytest.raises(BadArgument, match="anybody on the way"):
        HttpSource("http://log.example.com/", Credentials(bearer=TOKEN))


def test_a_source_goes_to_other_processes_with_its_token() -> None:
    source = HttpSource("https://log.example.com/", Credentials(bearer=TOKEN))
    again = pickle.loads(pickle.dumps(source))  # noqa: S301
    assert again._headers == source._headers


def test_many_files_at_once(tmp_path: Path) -> None:
    """Spans are asked for ahead, by several processes; each file once."""
    log = Sample()
    while len(log.leaves) < 5000:
        log.batch(log.clinic, [log.person] * 4000)
    with Server(log.files()) as server:
        policy = policy_of_keys(parse_verifier_key(text) for text in log.vkeys)
        options = Options(cores=2, in_memory=0, signatures=False)
        assert audit_log(HttpSource(server.url), policy, options=options).problems == []
        bundles = [path for path, _ in server.seen if "/entries/" in path]
        # The first is read beforehand too: it says what log this is.
        assert len(bundles) == len(set(bundles)) + 2
        del server.files["tile/entries/003"]
        report = audit_log(HttpSource(server.url), policy, options=options)
        assert [one.step for one in report.problems][:1] == ["bundle"]


# Client certificates


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of 127.0.0.1, by itself; used by server and client alike."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path / "both.pem"
    path.write_bytes(
        made.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.fixture
def tls_server(sample: Sample, certificate: Path) -> Iterator[str]:
    """Lets in who shows the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    server = Server(sample.files())
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    server.http.handle_error = lambda *arguments: None  # type: ignore[method-assign]
    with server:
        yield server.url.replace("http:", "https:")


def test_a_client_certificate(
    sample: Sample, tls_server: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["log", tls_server, *vkeys(sample)]
    # A server whose certificate nobody vouches for is not read.
    assert main([*arguments, "--client-cert", str(certificate)]) == 3
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert main([*arguments, "--client-cert", str(certificate)]) == 0
    assert main(arguments) == 3


def test_a_certificate_that_is_none(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    arguments = ["log", "https://log.example.com/", *vkeys(sample)]
    assert main([*arguments, "--client-cert", str(tmp_path / "x.pem")]) == 2
    assert main([*arguments, "--client-cert", str(tmp_path / "none.pem")]) == 2


def test_a_server_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_TIMEOUT_S", 1)
    with pytest.raises(Unreadable):
        HttpSource("http://127.0.0.1:1/").read("checkpoint", 10)
