"""prove, history --evidence, checkpoint --cosignature: what the independent verifier says of it."""

import json
from pathlib import Path

import pytest

from ledger.custody.cosigners import cosigner
from ledger.keyfiles import Unlock, load_key
from ledger.log import Log
from ledger.wire.evidence_reading import decode_evidence
from ledger.wire.note import parse_note
from tests.cli.console import HOSPITAL, Ran, done, run
from verifier.cli import main as verify

PERSON = f"{HOSPITAL}|POP-00261"
NAME = "custodian.example.org"


def policy(ledger: Path, place: Path, *lines: str) -> Path:
    """The log's keys, and who else is believed."""
    keys = done("stats", ledger, "--json").json["vkeys"]
    path = place / "policy.txt"
    path.write_text("".join(f"log {key}\n" for key in keys) + "".join(f"{x}\n" for x in lines))
    return path


def verified(file: Path, policy: Path, *options: str) -> Ran:
    return run("evidence", file, "--policy", policy, *options, command=verify)


def test_a_whole_history(full: Path, tmp_path: Path) -> None:
    out = tmp_path / "h.evidence"
    ran = done("history", full, PERSON, "--evidence", out, "--json").json
    listed = done("history", full, PERSON, "--json").json
    assert (ran["record"], ran["custodians"], ran["newer"]) == (listed["record"], 0, 0)
    assert out.stat().st_size == ran["bytes"]
    assert out.stat().st_mode & 0o777 == 0o600
    shown = verified(out, policy(full, tmp_path), "--json")
    assert shown.code == 0
    assert len(shown.json["entries"]) == listed["length"]
    assert done("history", full, listed["record"], "--evidence", out).text.startswith("h.evidence")


def test_what_came_later_is_not_in_it(full: Path, tmp_path: Path) -> None:
    out, believed = tmp_path / "h.evidence", policy(full, tmp_path)
    read = ("--content", "--as", "clinic", "--purpose", "TREAT")
    entries = done("history", full, PERSON, "--json").json["entries"]
    record = next(one["index"] for one in entries if one["kind"] == "record")
    done("show", full, str(record), *read)
    ran = done("history", full, PERSON, "--evidence", out)
    assert "newer in this chain, and not in it: 1" in ran.err
    before = verified(out, believed, "--json").json
    done("checkpoint", full)
    assert "newer" not in done("history", full, PERSON, "--evidence", out).err
    after = verified(out, believed, "--json").json
    assert len(after["entries"]) == len(before["entries"]) + 1


def test_an_absence(full: Path, tmp_path: Path) -> None:
    out = tmp_path / "none.evidence"
    ran = done("prove", full, "--absent", "0" * 32, "-o", out, "--json").json
    assert ran["absent"] == "0" * 32
    assert verified(out, policy(full, tmp_path)).code == 0
    there = run("prove", full, "--absent", PERSON, "-o", out)
    assert (there.code, "has entries" in there.err) == (2, True)
    record = done("history", full, PERSON, "--json").json["record"]
    named = tmp_path / "patient.txt"
    named.write_text(PERSON)
    assert run("prove", full, "--absent", f"@{named}", "-o", out).code == 2
    assert run("history", full, "0" * 32, "--evidence", out).code == 2
    assert done("history", full, record, "--evidence", out).code == 0


def test_an_entry_disclosed(full: Path, tmp_path: Path) -> None:
    out, believed = tmp_path / "e.evidence", policy(full, tmp_path)
    entries = done("history", full, PERSON, "--json").json["entries"]
    at = str(next(one["index"] for one in entries if one["kind"] == "record"))
    done("prove", full, "--entry", at, "-o", out)
    assert decode_evidence(out.read_bytes()).disclosure is None
    options = ("--disclose", "--as", "clinic", "--purpose", "PATRQT")
    ran = done("prove", full, "--entry", at, *options, "-o", out)
    assert "access entry" in ran.err
    assert "can read this one entry's content, for good" in ran.err
    assert verified(out, believed).code == 0
    after = done("history", full, PERSON, "--json").json["entries"]
    assert [one["kind"] for one in after[len(entries) :]] == ["access"]
    journal = (full / "vault" / "releases.log").read_text().splitlines()
    assert json.loads(journal[-1])["as"] == "disclosure"


def test_nothing_is_disclosed_that_cannot_be_proved(full: Path, tmp_path: Path) -> None:
    """Then no access entry says that it was."""
    new = ("append", full, "--as", "clinic", "--record", PERSON, "--retracts", "6", "--reason", "x")
    index = done(*new).text.strip()
    size = done("stats", full, "--json").json["size"]
    options = ("--disclose", "--as", "clinic", "--purpose", "PATRQT", "-o", tmp_path / "e")
    assert run("prove", full, "--entry", index, *options).code == 2
    assert run("prove", full, "--entry", "0", *options).code == 2
    assert done("stats", full, "--json").json["size"] == size
    assert not (tmp_path / "e").exists()


class Custodian:
    """With its own keys, enrolled by the commands."""

    def __init__(self, ledger: Path, place: Path) -> None:
        self.keys = place / "custodian"
        self.lines = done("custodian-keys", self.keys, "--name", NAME).text.splitlines()
        public = ("--public-key", self.keys / "statement.pub")
        cosigning = ("--cosigning", self.keys / "cosigning")
        words = ("enrol", ledger, "prefecture", "--role", "custodian", *public, *cosigning)
        self.enrolled = done(*words, "--json").json

    def sign(self, ledger: Path, out: Path) -> Path:
        """What `cosign` writes, without the audit."""
        with Log.open(ledger) as log:
            checkpoint, published = log.reader.checkpoint, log.reader.store.published()
        assert published is not None
        signer = cosigner(NAME, load_key(self.keys / "custodian.ed25519", Unlock()))
        out.write_bytes(parse_note(published).text + b"\n" + signer.line(checkpoint, 1_767_225_600))
        return out


def cosign(custodian: Custodian, export: Path, policy: Path, out: Path, *options: str) -> Ran:
    """By the command, which runs the verifier."""
    key = ("--key", custodian.keys / "custodian.ed25519", "--name", NAME)
    notes = ("--policy", policy, "--state", custodian.keys / "notes", "-o", out)
    return run("cosign", export, *key, *notes, *options)


def test_a_custodian_signs_what_it_verified(full: Path, tmp_path: Path) -> None:
    custodian = Custodian(full, tmp_path)
    believed = policy(full, tmp_path)
    export, out = tmp_path / "export", tmp_path / "cosignature"

    def publish(*options: str) -> None:
        done("checkpoint", full, *options)
        done("export-tiles", full, export, "--with-entries")

    publish()
    ran = cosign(custodian, export, believed, out)
    assert (ran.code, ran.complaint) == (2, "the notes know nothing of this log")
    assert cosign(custodian, export, believed, out, "--begin").code == 0
    publish("--cosignature", str(out))
    done("enrol", full, "another")
    publish()
    ran = cosign(custodian, export, believed, out)
    assert ran.text.startswith("cosignature: ")
    assert ran.text.endswith("entries of test.example/log, verified and signed\n")
    publish("--cosignature", str(out))
    # Its notes of before the first signature came back.
    (custodian.keys / "notes" / "signed.json").unlink()
    ran = cosign(custodian, export, believed, out, "--begin")
    assert ran.code == 2
    assert ran.complaint.endswith("entries already, and the notes know of 0")


def test_a_custodian_signs_nothing_false(full: Path, tmp_path: Path) -> None:
    custodian = Custodian(full, tmp_path)
    export, out = tmp_path / "export", tmp_path / "cosignature"
    done("checkpoint", full)
    done("export-tiles", full, export, "--with-entries")
    (bundle,) = (export / "tile" / "entries").rglob("*.p/*")
    data = bytearray(bundle.read_bytes())
    data[-1] ^= 1
    bundle.write_bytes(data)
    ran = cosign(custodian, export, policy(full, tmp_path), out, "--begin")
    assert (ran.code, "the log is false" in ran.err) == (1, True)
    assert not out.exists()
    assert not (custodian.keys / "notes" / "signed.json").exists()
    done("export-tiles", full, tmp_path / "hashes")
    assert cosign(custodian, tmp_path / "hashes", policy(full, tmp_path), out, "--begin").code != 0
    other = ("--key", custodian.keys / "cosign.ed25519", "--name", f"{NAME}/witness")
    words = ("--policy", policy(full, tmp_path), "--state", tmp_path / "n", "-o", out, "--begin")
    done("export-tiles", full, tmp_path / "whole", "--with-entries")
    ran = run("cosign", tmp_path / "whole", *other, *words)
    assert ran.complaint.startswith("the log has not registered this key for use custodian")


def test_a_custodian(full: Path, tmp_path: Path) -> None:
    custodian = Custodian(full, tmp_path)
    assert custodian.enrolled["policy"] == custodian.lines
    assert (custodian.keys / "custodian.ed25519").stat().st_mode & 0o777 == 0o600
    done("checkpoint", full)
    believed, out = policy(full, tmp_path, *custodian.lines), tmp_path / "h.evidence"
    done("history", full, PERSON, "--evidence", out)
    assert "asserted by the operator" in verified(out, believed).text
    signed = custodian.sign(full, tmp_path / "cosignature")
    done("checkpoint", full, "--cosignature", signed)
    assert "signature it carries: 1" in done("history", full, PERSON, "--evidence", out).err
    assert "by 1 custodian" in verified(out, believed).text
    done("export-tiles", full, tmp_path / "export")
    assert NAME.encode() in (tmp_path / "export" / "checkpoint").read_bytes()
    # The cosigned checkpoint is gone by, until a newer one is cosigned too.
    done("enrol", full, "another")
    done("checkpoint", full)
    done("history", full, PERSON, "--evidence", out)
    assert "by 1 custodian" in verified(out, believed).text
    # Which still takes lines.
    again = done("checkpoint", full, "--cosignature", signed)
    assert again.out != done("checkpoint", full).out


@pytest.mark.parametrize("role", ["custodian", "organisation"])
def test_keys_for_checkpoints_belong_to_custodians(full: Path, tmp_path: Path, role: str) -> None:
    options: list[str | Path] = []
    if role != "custodian":
        done("custodian-keys", tmp_path / "c", "--name", NAME)
        options = ["--cosigning", tmp_path / "c" / "cosigning"]
    ran = run("enrol", full, "x", "--role", role, *options)
    assert ran.code == 2
    assert ran.complaint.startswith("a custodian is enrolled with its keys for checkpoints")


def test_custodian_keys_are_made_once(tmp_path: Path) -> None:
    done("custodian-keys", tmp_path / "c", "--name", NAME)
    assert run("custodian-keys", tmp_path / "c", "--name", NAME).code == 2
    assert run("custodian-keys", tmp_path / "d", "--name", "a b").code == 2
    assert not (tmp_path / "d").exists()


def test_a_custodians_key_is_revoked(full: Path, tmp_path: Path) -> None:
    custodian = Custodian(full, tmp_path)
    done("checkpoint", full)
    done("checkpoint", full, "--cosignature", custodian.sign(full, tmp_path / "one"))
    done("revoke", full, "prefecture", "--use", "custodian")
    ran = run("revoke", full, "prefecture", "--use", "custodian")
    assert ran.complaint == "this author has no key for use custodian that is valid now"
    done("checkpoint", full)
    ran = run("checkpoint", full, "--cosignature", custodian.sign(full, tmp_path / "two"))
    assert (ran.code, "or has ended" in ran.complaint) == (2, True)
    out = tmp_path / "h.evidence"
    # The key was good at the checkpoint that evidence goes by.
    assert done("history", full, PERSON, "--evidence", out, "--json").json["custodians"] == 1
    believed = policy(full, tmp_path, *custodian.lines)
    assert "by 1 custodian" in verified(out, believed).text
