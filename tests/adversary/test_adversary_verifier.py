"""Lies of a log's operator that the verifier took for true, and a server that never lets go."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.errors import CounterfoilError
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from tests.verifier.formats import OPEN, RECORD, b64, sha256
from tests.verifier.logmaker import Log, Memory, Sample, write
from verifier import fetch
from verifier.audit import audit_log
from verifier.errors import BadArgument, Unreadable
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import policy_of_keys
from verifier.proof import check_proof
from verifier.verdicts.logreport import LogReport

ROOT = Path(__file__).parents[2]


def _audit(log: Log, files: dict[str, bytes] | None = None) -> LogReport:
    keys = [parse_verifier_key(vkey) for vkey in log.vkeys]
    return audit_log(Memory(log.files() if files is None else files), policy_of_keys(keys))


def _with_seconds(log: Log, seconds: int) -> bytes:
    text = f"{log.origin}\n{len(log.leaves)}\n{b64(log.root())}\n"
    line = log.keys.ml_line(len(log.leaves), log.root(), seconds)
    return (text + "\n" + log.keys.ed_line(text) + line).encode()


@pytest.mark.parametrize(
    ("seconds", "true"), [(2**53 - 1, True), (2**53, False), (2**64 - 1, False)]
)
def test_seconds_of_a_line(seconds: int, true: bool) -> None:
    """Both readers keep to the limit, also where the key has signed a larger number."""
    log = Sample()
    note = _with_seconds(log, seconds)
    report = _audit(log, log.files() | {"checkpoint": note})
    assert [p.step for p in report.problems] == ([] if true else ["checkpoint signature"])
    try:
        open_checkpoint(note, log.origin, [checkpoint_verifier(vkey) for vkey in log.vkeys])
    except CounterfoilError:
        assert not true
    else:
        assert true


def test_one_key_for_two_uses_in_the_proof_of_a_genesis() -> None:
    log = Log()
    log.genesis(fields={"statement": {"alg": -19, "key": log.governor.public}})
    keys = [parse_verifier_key(vkey) for vkey in log.vkeys]
    report = check_proof(log.proof(0, extra=log.leaves[0]), policy_of_keys(keys))
    assert [p.step for p in report.problems] == ["genesis"]


@pytest.mark.parametrize("what", ["directory", "batch"])
def test_a_record_that_turns_into_an_actors_own_chain(what: str) -> None:
    """Its entries would be a person's until the actor is enrolled, and an institution's then."""
    log = Sample()
    later = sha256(b"actor later")[:16]
    chain = log.derived(what, later)
    log.add(OPEN, chain, log.clinic)
    log.add(RECORD, chain, log.clinic)
    assert _audit(log).verified
    log.enrol("later")
    assert [(p.step, p.index) for p in _audit(log).problems] == [("actor", len(log.leaves) - 1)]


def _continues(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def _drips(start: bytes) -> Callable[[socket.socket], None]:
    def drip(peer: socket.socket) -> None:
        peer.sendall(start if not getattr(drip, "begun", False) else b"a")
        drip.begun = True  # type: ignore[attr-defined]
        time.sleep(0.05)

    return drip


@pytest.mark.parametrize(
    "behave",
    [
        _continues,
        _drips(b"HTTP/1.1 200 OK\r\nX: "),
        _drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"),
        _drips(b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
    ids=["answers of 100", "header", "size of a chunk", "body"],
)
def test_a_server_that_never_ends_is_left(
    monkeypatch: pytest.MonkeyPatch, behave: Callable[[socket.socket], None]
) -> None:
    monkeypatch.setattr(fetch, "_DEADLINE_S", 0.5)
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(4096)
            while not ended.is_set():
                try:
                    behave(peer)
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        began = time.monotonic()
        source = fetch.HttpSource(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        with pytest.raises(Unreadable, match="took over"):
            source.read("checkpoint", 1 << 20)
        assert time.monotonic() - began < 10
        ended.set()
        server.join(10)


def _run(arguments: list[str], stdout: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "verifier.cli", *arguments]
    return subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False
    )


def _arguments(directory: Path) -> list[str]:
    log = Sample()
    place = write(log.files(), directory / "log")
    return ["log", str(place), *(word for vkey in log.vkeys for word in ("--vkey", vkey))]


def test_a_verdict_that_nobody_reads_is_not_a_false_one(tmp_path: Path) -> None:
    """Exit code 1 says *not verified*."""
    read, written = os.pipe()
    os.close(read)
    try:
        closed = _run(_arguments(tmp_path), written)
    finally:
        os.close(written)
    assert (closed.returncode, "Traceback" in closed.stderr) == (3, False)


def test_a_verdict_that_cannot_be_written_is_not_a_false_one(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = _run(_arguments(tmp_path), full.fileno())
    assert (done.returncode, "Traceback" in done.stderr) == (3, False)
    assert "cannot be written" in done.stderr


def test_a_password_in_a_url_is_not_printed() -> None:
    with pytest.raises(BadArgument) as raised:
        fetch.open_source("https://auditor:hunter2@log.example.com/")
    assert "hunter2" not in str(raised.value)
