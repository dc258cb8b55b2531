"""Receipts of a log that another took over from: checked with the new keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.verifier.formats import RECORD, b64, consistency, sha256
from tests.verifier.logmaker import Log, Sample, write
from verifier.cli import main
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import policy_of_keys
from verifier.proof import ProofReport, check_proof

Capture = pytest.CaptureFixture[str]


class Pair:
    """A log, its state of an earlier time, and the log that took over."""

    def __init__(self) -> None:
        self.old = Sample(governors=3)
        self.size = len(self.old.leaves)
        self.receipts = [
            self.old.proof(index, extra=leaf) for index, leaf in enumerate(self.old.leaves)
        ]
        for _ in range(6):
            self.old.add(RECORD, self.old.person, self.old.clinic)
        self.new = self.old.succeed("two")
        self.new.add(RECORD, self.old.person, self.old.clinic)
        self.file = self.new.succession_file(self.size, self.old)

    def check(self, receipt: bytes, *files: bytes, log: Log | None = None) -> ProofReport:
        keys = [parse_verifier_key(text) for text in (log or self.new).vkeys]
        return check_proof(receipt, policy_of_keys(keys), None, files)


PAIR = Pair()


def test_every_old_receipt() -> None:
    for index, receipt in enumerate(PAIR.receipts):
        report = PAIR.check(receipt, PAIR.file)
        assert report.problems == []
        assert report.index == index
        assert report.checkpoint is not None
        assert report.checkpoint.origin == PAIR.old.origin
        assert not any("log id" in item for item in report.not_checked)
        assert any("approvals" in item for item in report.not_checked)


def test_the_old_signatures_do_not_matter() -> None:
    """Neither their absence nor their being wrong: only that it is a note."""
    text, lines = PAIR.receipts[5].rsplit(b"\n\n", 1)
    forged = text + b"\n\n" + "— x AAAAAAA=\n".encode()
    assert PAIR.check(forged, PAIR.file).verified
    assert not PAIR.check(text + b"\n\n" + lines[:-3], PAIR.file).verified


def test_a_receipt_of_the_last_size() -> None:
    old = PAIR.old
    file = PAIR.new.succession_file(len(old.leaves), old)
    report = PAIR.check(old.proof(20, extra=old.leaves[20]), file)
    assert report.problems == []


def test_two_logs_back() -> None:
    third = PAIR.new.succeed("three", closed=False)
    near = third.succession_file(len(PAIR.new.leaves), PAIR.new)
    report = PAIR.check(PAIR.receipts[5], near, PAIR.file, log=third)
    assert report.problems == []
    assert [one.predecessor.origin for one in report.successions] == [
        PAIR.new.origin,
        PAIR.old.origin,
    ]
    for files in ((PAIR.file, near), (near,), (PAIR.file,), (near, near)):
        assert not PAIR.check(PAIR.receipts[5], *files, log=third).verified


def other_predecessor(file: bytes) -> bytes:
    """True, but of another line."""
    other = Sample("x", "log.example.com/x", governors=3)
    new = other.succeed("two")
    return new.succession_file(PAIR.size, other)


def no_succession(file: bytes) -> bytes:
    """The first leaf of a log that took over from none."""
    plain = Sample("two", "log.example.com/two")
    return PAIR.new.succession_file(PAIR.size, PAIR.old).split(b"\n\n", 1)[0] + (
        b"\n\n" + plain.proof(0, extra=plain.leaves[0])
    )


def another_leaf(file: bytes) -> bytes:
    receipt = PAIR.new.proof(1, extra=PAIR.new.leaves[1])
    return file.split(b"\n\n", 1)[0] + b"\n\n" + receipt


def hashes(*given: bytes) -> Callable[[bytes], bytes]:
    """The file with another consistency proof."""

    def change(file: bytes) -> bytes:
        head, receipt = file.split(b"\n\n", 1)
        lines = [*head.split(b"\n")[:2], *(b64(item).encode() for item in given)]
        return b"\n".join(lines) + b"\n\n" + receipt

    return change


def other_size(file: bytes) -> bytes:
    """A true proof, from another size than that of the receipt's checkpoint."""
    return PAIR.new.succession_file(PAIR.size - 1, PAIR.old)


PROOF = consistency(PAIR.size, PAIR.old.hashes)
LIES: list[tuple[str, str, Callable[[bytes], bytes]]] = [
    ("another predecessor", "succession", other_predecessor),
    ("no succession", "succession", no_succession),
    ("another leaf", "succession", another_leaf),
    ("another size", "succession", other_size),
    ("no hashes", "consistency", hashes()),
    ("a hash short", "consistency", hashes(*PROOF[:-1])),
    ("a hash more", "consistency", hashes(*PROOF, sha256(b"x"))),
    ("another hash", "consistency", hashes(sha256(b"x"), *PROOF[1:])),
    ("hash of 31 bytes", "succession", hashes(bytes(31), *PROOF[1:])),
    ("64 hashes", "succession", hashes(*[sha256(b"x")] * 64)),
    ("no first line", "succession", lambda file: file.partition(b"\n")[2]),
    ("another version", "succession", lambda file: file.replace(b"@v1", b"@v2", 1)),
    ("no size", "succession", lambda file: file.replace(b"old 15\n", b"", 1)),
    ("size 015", "succession", lambda file: file.replace(b"old 15", b"old 015", 1)),
    ("size +15", "succession", lambda file: file.replace(b"old 15", b"old +15", 1)),
    ("size 0", "succession", lambda file: file.replace(b"old 15", b"old 0", 1)),
    ("size 2^53", "succession", lambda file: file.replace(b"old 15", b"old %d" % 2**53, 1)),
    ("CRLF", "succession", lambda file: file.replace(b"\n", b"\r\n", 1)),
    ("no receipt", "succession", lambda file: file.split(b"\n\n", 1)[0]),
    ("an empty receipt", "succession proof", lambda file: file.split(b"\n\n", 1)[0] + b"\n\n"),
    ("cut off", "succession checkpoint", lambda file: file[:-1]),
    ("receipt's index", "succession inclusion", lambda f: f.replace(b"index 0", b"index 1", 1)),
    ("receipt's checkpoint", "succession checkpoint signature",
     lambda file: file.replace(b"two\n2\n", b"two\n3\n", 1)),
    ("too large", "succession", lambda file: file + bytes(1 << 20)),
    ("empty", "succession", lambda file: b""),
    ("not ASCII", "succession", lambda file: b"\xff" + file),
]  # fmt: skip


@pytest.mark.parametrize(("name", "step", "change"), LIES, ids=[row[0] for row in LIES])
def test_false_succession_file(name: str, step: str, change: Callable[[bytes], bytes]) -> None:
    report = PAIR.check(PAIR.receipts[5], change(PAIR.file))
    (problem,) = report.problems
    assert problem.step == step, name


RECEIPT_LIES: list[tuple[str, Callable[[Pair], bytes]]] = [
    ("of another log", lambda p: Sample("x", "log.example.com/x").proof(5, extra=b"x")),
    ("another size", lambda p: p.old.proof(5, extra=p.old.leaves[5])),
    ("another leaf", lambda p: p.receipts[5].replace(b"index 5", b"index 6")),
    ("of the new log", lambda p: p.new.proof(1, extra=p.new.leaves[1])),
    ("a root that never was", lambda p: forked()),
]


def forked() -> bytes:
    """A log of the old name and size, with one entry replaced, and all signatures right."""
    fork = Sample(governors=3)
    fork.leaves.pop()
    fork.hashes.pop()
    fork.put(b"another")
    return fork.proof(5, extra=fork.leaves[5])


@pytest.mark.parametrize(("name", "make"), RECEIPT_LIES, ids=[row[0] for row in RECEIPT_LIES])
def test_false_old_receipt(name: str, make: Callable[[Pair], bytes]) -> None:
    assert not PAIR.check(make(PAIR), PAIR.file).verified, name


def test_entries_of_another_log_inside_the_old_one() -> None:
    """The tree holds it, the succession binds the tree: still no entry of this log."""
    old = Sample(governors=3)
    index = old.add(RECORD, old.person, old.clinic, log=sha256(b"another"))
    new = old.succeed("two")
    file = new.succession_file(len(old.leaves), old)
    report = PAIR.check(old.proof(index, extra=old.leaves[index]), file, log=new)
    assert [problem.step for problem in report.problems] == ["log"]


def test_without_the_file_the_old_keys_are_needed() -> None:
    assert not PAIR.check(PAIR.receipts[5]).verified
    assert PAIR.check(PAIR.receipts[5], log=PAIR.old).verified


# The command


def vkeys(log: Log) -> list[str]:
    return [word for key in log.vkeys for word in ("--vkey", key)]


def test_proof_command(tmp_path: Path, capsys: Capture) -> None:
    receipt, file = tmp_path / "old.tlog-proof", tmp_path / "new.succession"
    receipt.write_bytes(PAIR.receipts[5])
    file.write_bytes(PAIR.file)
    arguments = ["proof", str(receipt), "--succession", str(file), *vkeys(PAIR.new)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith('verified: leaf 5 of log "log.example.com/one" at size 15')
    assert f'bound by: log "log.example.com/two", id {PAIR.new.id.hex()}' in out
    assert "not checked: the signatures on the old checkpoint" in out
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["log"], report["size"], report["index"]) == (PAIR.old.origin, 15, 5)
    assert report["successions"] == [
        {
            "log": PAIR.new.origin,
            "log_id": PAIR.new.id.hex(),
            "predecessor": PAIR.old.origin,
            "predecessor_id": PAIR.old.id.hex(),
            "predecessor_size": len(PAIR.old.leaves),
        }
    ]
    file.write_bytes(PAIR.file.replace(b"old 15", b"old 14"))
    assert main(arguments) == 1
    assert "not verified: succession" in capsys.readouterr().err
    assert main(["proof", str(receipt), "--succession", str(tmp_path / "x"), *vkeys(PAIR.new)]) == 3


def test_log_command(tmp_path: Path, capsys: Capture) -> None:
    old = str(write(PAIR.old.files(), tmp_path / "old"))
    new = str(write(PAIR.new.files(), tmp_path / "new"))
    arguments = ["log", new, *vkeys(PAIR.new)]
    assert main([*arguments, "--predecessor", old]) == 0
    out = capsys.readouterr().out
    assert out.startswith('verified: 2 leaves of log "log.example.com/two"')
    assert f'taken over from: log "log.example.com/one", id {PAIR.old.id.hex()}' in out
    assert 'not checked: log "log.example.com/one" behind its leaf 21' in out
    assert main([*arguments, "--predecessor", old, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    (before,) = report["predecessors"]
    assert (report["verdict"], before["verdict"]) == ("verified", "verified")
    assert (before["log_id"], before["leaves"]) == (PAIR.old.id.hex(), 22)
    assert main(arguments) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "takes over from" in err
    assert "--predecessor" in err
    assert main([*arguments, "--predecessor", new]) == 3


def test_log_command_with_a_false_predecessor(tmp_path: Path, capsys: Capture) -> None:
    false = Sample(governors=3)
    false.add(RECORD, false.person, false.clinic, seq=7)
    after = false.succeed("two")
    old = str(write(false.files(), tmp_path / "old"))
    new = str(write(after.files(), tmp_path / "new"))
    arguments = ["log", new, "--predecessor", old, *vkeys(after)]
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert out.startswith('false: log "log.example.com/one", before log "log.example.com/two"')
    assert 'not verified: chain at leaf 15 of log "log.example.com/one"' in err
    assert main([*arguments, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["problems"]) == ("false", [])
    assert report["predecessors"][0]["verdict"] == "false"
