"""The command as a person or a script meets it, over directories and http."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.verifier.cosigners import Cosigner
from tests.verifier.formats import RECORD
from tests.verifier.logmaker import Sample, write
from verifier.cli import main

Capture = pytest.CaptureFixture[str]


def vkeys(log: Sample, only: str = "em") -> list[str]:
    given = {"e": log.keys.ed_vkey, "m": log.keys.ml_vkey}
    return [word for letter in only for word in ("--vkey", given[letter])]


def test_log_verified(sample: Sample, tmp_path: Path, capsys: Capture) -> None:
    write(sample.files(), tmp_path)
    assert main(["log", str(tmp_path), *vkeys(sample)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    first, *rest = out.splitlines()
    assert first.startswith('verified: 15 leaves of log "log.example.com/one", root ')
    assert first.endswith("; consistent; completeness asserted by the operator: it has no epoch")
    assert any("order and time are the log's word" in line for line in rest)


def test_log_false(sample: Sample, tmp_path: Path, capsys: Capture) -> None:
    sample.add(RECORD, sample.person, sample.clinic, seq=7)
    write(sample.files(), tmp_path)
    assert main(["log", str(tmp_path), *vkeys(sample)]) == 1
    out, err = capsys.readouterr()
    assert out == 'false: log "log.example.com/one": 1 problem, the first in step chain\n'
    assert err == "not verified: chain at leaf 15\n  expected seq 8\n  found    seq 7\n"


def test_log_json(sample: Sample, tmp_path: Path, capsys: Capture) -> None:
    write(sample.files(), tmp_path)
    assert main(["log", str(tmp_path), *vkeys(sample), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["leaves"], report["problems"]) == ("verified", 15, [])
    assert report["kinds"]["record"] == 5
    assert not report["provisional"]
    assert report["not_checked"]
    (tmp_path / "tile/0/000.p/15").write_bytes(bytes(480))
    assert main(["log", str(tmp_path), *vkeys(sample), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "false"
    assert report["problems"][0]["step"] == "tile"


def test_one_key_is_provisional(sample: Sample, tmp_path: Path, capsys: Capture) -> None:
    files = sample.files() | {"checkpoint": sample.checkpoint(lines="e")}
    write(files, tmp_path)
    assert main(["log", str(tmp_path), *vkeys(sample, "e")]) == 0
    assert "verified (provisional: no ML-DSA-44 signature checked)" in capsys.readouterr().out
    assert main(["log", str(tmp_path), *vkeys(sample)]) == 1


def test_hostile_text_is_quoted(sample: Sample, tmp_path: Path, capsys: Capture) -> None:
    """An origin with a terminal escape and a bidi override reaches no terminal."""
    evil = Sample(origin="log\x9b31m\u202egol")
    write(evil.files(), tmp_path)
    assert main(["log", str(tmp_path), *vkeys(sample)]) == 1
    err = capsys.readouterr().err
    assert "\\x9b31m\\u202e" in err
    assert "\x9b" not in err


def usage_errors(sample: Sample, tmp_path: Path) -> list[list[str]]:
    keys = vkeys(sample)
    log = str(write(sample.files(), tmp_path / "log"))
    other = Sample(origin="log.example.com/two")
    policy = tmp_path / "policy"
    policy.write_text(f"log {sample.keys.ed_vkey}\nquorum 1\n")
    return [
        [],
        ["log"],
        ["log", log],
        ["log", log, "--vkey", "nonsense"],
        ["log", log, "--vkey", sample.keys.ed_vkey.replace("+", "+0", 1)],
        ["log", log, *keys, *vkeys(other)],
        ["log", log, *keys, "--policy", str(policy)],
        ["log", log, "--policy", str(policy)],
        ["log", "ftp://log.example.com/", *keys],
        ["log", "file:///etc", *keys],
        ["log", "http://", *keys],
        ["log", "http://log.example.com/?x=1", *keys],
        ["log", "http://user@log.example.com/", *keys],
    ]


def unreadable(sample: Sample, tmp_path: Path) -> list[list[str]]:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    keys = vkeys(sample)
    return [
        ["log", str(tmp_path / "nothing"), *keys],
        ["log", str(tmp_path), *keys],
        ["log", str(tmp_path), "--policy", str(tmp_path / "nothing")],
        ["log", "http://127.0.0.1:1/", *keys],
        ["proof", str(tmp_path / "nothing"), *keys],
        ["proof", str(tmp_path), *keys],
        ["proof", str(fifo), *keys],
        ["proof", "nul\0byte", *keys],
    ]


@pytest.mark.parametrize(("expected", "cases"), [(2, usage_errors), (3, unreadable)])
def test_no_verdict(
    sample: Sample,
    tmp_path: Path,
    capsys: Capture,
    expected: int,
    cases: Callable[[Sample, Path], list[list[str]]],
) -> None:
    for arguments in cases(sample, tmp_path):
        try:
            code: object = main(arguments)
        except SystemExit as exit_:
            code = exit_.code
        out, err = capsys.readouterr()
        assert (code, out) == (expected, ""), arguments
        assert err


@pytest.mark.parametrize("bug", [RuntimeError, MemoryError, RecursionError, IndexError])
def test_a_fault_of_ours_is_no_verdict(
    sample: Sample,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    bug: type[Exception],
) -> None:
    """Exit code 1 would say that the evidence is false."""

    def fail(*arguments: object) -> None:
        raise bug("a bug")

    monkeypatch.setattr("verifier.cli.proof.check_proof", fail)
    (tmp_path / "proof").write_bytes(sample.proof(5))
    assert main(["proof", str(tmp_path / "proof"), *vkeys(sample)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "a bug" in err
    assert "this is no verdict" in err


def test_help_has_examples(capsys: Capture) -> None:
    for arguments in (["--help"], ["log", "--help"], ["proof", "--help"]):
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        assert exit_.value.code == 0
        assert "examples:" in capsys.readouterr().out


def test_every_leafs_proof(sample: Sample, tmp_path: Path, capsys: Capture) -> None:
    for index, raw in enumerate(sample.leaves):
        (tmp_path / "proof").write_bytes(sample.proof(index))
        (tmp_path / "leaf").write_bytes(raw)
        arguments = ["proof", str(tmp_path / "proof"), "--entry", str(tmp_path / "leaf")]
        assert main([*arguments, *vkeys(sample)]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f'verified: leaf {index} of log "log.example.com/one" at size 15')
        # Only the genesis brings the key that signed it.
        assert ("not checked: the author's" in out) is (index != 0)


def test_cosigners_of_a_proof(sample: Sample, tmp_path: Path, capsys: Capture) -> None:
    """Those that the policy names: who signed is said, and a line that is wrong makes it false."""
    guard, absent = Cosigner("guard.example.org"), Cosigner("absent.example.org")
    lines = [*(f"log {vkey}" for vkey in sample.vkeys), f"custodian {guard.ed_vkey}"]
    lines.append(f"custodian {absent.ed_vkey}")
    (tmp_path / "policy").write_text("".join(f"{line}\n" for line in lines))
    arguments = ["proof", str(tmp_path / "proof"), "--policy", str(tmp_path / "policy")]
    proof = sample.proof(5, extra=sample.leaves[5])
    (tmp_path / "proof").write_bytes(proof + guard.line("e", sample.origin, 15, sample.root()))
    assert main(arguments) == 0
    assert '  custodians that signed: "guard.example.org", of 2' in capsys.readouterr().out
    (tmp_path / "proof").write_bytes(proof + guard.line("e", sample.origin, 15, bytes(32)))
    assert main(arguments) == 1
    assert "not verified: cosignature" in capsys.readouterr().err


def test_receipt(sample: Sample, tmp_path: Path, capsys: Capture) -> None:
    raw = sample.leaves[5]
    path = tmp_path / "receipt"
    path.write_bytes(sample.proof(5, lines="e", extra=raw))
    assert main(["proof", str(path), *vkeys(sample, "e"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "verified"
    assert report["provisional"]
    assert report["kinds"] == {"record": 1}
    assert any("revocation" in item for item in report["not_checked"])
    assert main(["proof", str(path), *vkeys(sample)]) == 1
    assert "checkpoint signature" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("step", "change"),
    [
        ("inclusion", lambda raw, log: raw.replace(b"index 5", b"index 4")),
        ("inclusion", lambda raw, log: raw.replace(b"index 5", b"index 15")),
        ("proof", lambda raw, log: raw.replace(b"index 5", b"index 05")),
        ("proof", lambda raw, log: raw.replace(b"@v1", b"@v2")),
        ("proof", lambda raw, log: raw.replace(b"index 5\n", b"")),
        ("proof", lambda raw, log: raw.replace(b"extra ", b"extra  ")),
        ("proof", lambda raw, log: raw.replace(b"\n\n", b"\n", 1).replace(b"\n\n", b"\n")),
        ("proof", lambda raw, log: b""),
        ("proof", lambda raw, log: bytes(3 << 20)),
        ("proof", lambda raw, log: log.proof(5)),
        ("inclusion", lambda raw, log: log.proof(5, extra=log.leaves[6])),
        ("checkpoint", lambda raw, log: raw + b"\n"),
        ("checkpoint signature", lambda raw, log: raw.replace(b"\n15\n", b"\n16\n")),
    ],
)
def test_proof_lies(
    sample: Sample,
    tmp_path: Path,
    capsys: Capture,
    step: str,
    change: Callable[[bytes, Sample], bytes],
) -> None:
    path = tmp_path / "proof"
    path.write_bytes(change(sample.proof(5, extra=sample.leaves[5]), sample))
    assert main(["proof", str(path), *vkeys(sample), "--json"]) == 1
    assert [p["step"] for p in json.loads(capsys.readouterr().out)["problems"]] == [step]


@pytest.mark.parametrize(
    ("step", "change"),
    [
        ("leaf", {"edit_leaf": lambda raw: b"\x03" + raw[1:]}),
        ("claim", {"claim_kind": 12}),
        ("statement", {"header": {1: -8}}),
        ("chain", {"prev_index": 99}),
        ("chain", {"seq": 0}),
        ("expiry", {"expires": 1}),
        ("entry id", {"received": 2**50}),
    ],
)
def test_proof_of_a_false_leaf(
    sample: Sample, tmp_path: Path, capsys: Capture, step: str, change: dict[str, object]
) -> None:
    index = sample.add(RECORD, sample.person, sample.clinic, **change)
    (tmp_path / "proof").write_bytes(sample.proof(index, extra=sample.leaves[index]))
    assert main(["proof", str(tmp_path / "proof"), *vkeys(sample), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["step"] == step


def test_proof_into_a_checkpoint_inside_a_batch(
    sample: Sample, tmp_path: Path, capsys: Capture
) -> None:
    batch = sample.members[0] - 1
    keep = sample.members[1]
    del sample.leaves[keep:], sample.hashes[keep:]
    (tmp_path / "proof").write_bytes(sample.proof(batch, extra=sample.leaves[batch]))
    assert main(["proof", str(tmp_path / "proof"), *vkeys(sample)]) == 1
    assert "batch" in capsys.readouterr().err


@contextmanager
def served(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reply(handler: BaseHTTPRequestHandler, code: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(code)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_log_over_http(sample: Sample, capsys: Capture) -> None:
    files = sample.files()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        raw = files.get(handler.path.removeprefix("/deep/"))
        if raw is None:
            reply(handler, 404)
        elif "entries" in handler.path:
            reply(handler, 200, gzip.compress(raw), Content_Encoding="gzip")
        else:
            reply(handler, 200, raw)

    with served(answer) as url:
        assert main(["log", f"{url}/deep/", *vkeys(sample)]) == 0
        assert main(["log", f"{url}/deep", *vkeys(sample)]) == 0
        files.pop("tile/0/000.p/15")
        assert main(["log", f"{url}/deep/", *vkeys(sample)]) == 1
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "headers", "exit_code"),
    [
        (302, {"Location": "/elsewhere"}, 3),
        (301, {"Location": "file:///etc/passwd"}, 3),
        (404, {}, 3),
        (500, {}, 3),
        (200, {"Content_Encoding": "br"}, 3),
        (200, {"Content_Encoding": "gzip"}, 3),
        (200, {"Content_Length": "9999"}, 3),
        (200, {}, 1),
    ],
)
def test_servers_that_do_not_answer(
    sample: Sample, capsys: Capture, code: int, headers: dict[str, str], exit_code: int
) -> None:
    paths = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        paths.append(handler.path)
        reply(handler, code, b"nothing", **headers)

    with served(answer) as url:
        assert main(["log", url, *vkeys(sample)]) == exit_code
    assert paths == ["/checkpoint"]


def test_a_bomb_stays_small(sample: Sample, capsys: Capture) -> None:
    bomb = gzip.compress(bytes(64 << 20))

    def answer(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, 200, bomb, Content_Encoding="gzip")

    with served(answer) as url:
        assert main(["log", url, *vkeys(sample)]) == 1
    assert "at most 1000000 bytes" in capsys.readouterr().err
