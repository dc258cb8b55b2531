"""Unlinking and erasure: what an entry names must be there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.verifier.audits import audit, steps
from tests.verifier.formats import ACCESS, ERASURE, LINK, RECORD, UNLINK, cbor, sha256
from tests.verifier.logmaker import Body, Sample


class Erased(Sample):
    """A record with a link that ended, and one order carried out by two."""

    def __init__(self) -> None:
        super().__init__()
        self.link = self.add(LINK, self.person, self.clinic)
        self.unlink = self.add(UNLINK, self.person, self.clinic, amended=self.hashes[self.link])
        kinds = (3, self.record, self.amend, self.access, self.link, self.unlink)
        self.order = self.erase(self.person, self.clinic, entries(self, *kinds))
        self.erase(self.person, self.clinic, attest(self, self.order))
        self.erase(self.person, self.pharmacy, attest(self, self.order), blob=sha256(b"x"), size=99)
        self.erase(self.directory, self.clinic, entries(self, self.link_of_directory))

    @property
    def link_of_directory(self) -> int:
        """The one record in the directory."""
        return 9


def entries(log: Sample, *indexes: int) -> Body:
    hashes = sorted(log.hashes[index] for index in indexes)
    return {"op": "order", "scope": "entries", "entries": hashes}


def attest(log: Sample, index: int) -> Body:
    return {"op": "attest", "order": log.hashes[index]}


RECORD_ORDER = {"op": "order", "scope": "record"}


@pytest.fixture
def log() -> Erased:
    return Erased()


def test_true_erasures(log: Erased) -> None:
    order = log.erase(log.person, log.pharmacy, RECORD_ORDER, blob=sha256(b"x"), size=99)
    log.erase(log.person, log.clinic, attest(log, order))
    log.add(RECORD, log.person, log.clinic)
    report = audit(log)
    assert report.problems == []
    assert (report.kinds["erasure"], report.kinds["unlink"]) == (6, 1)


def erase(body: Callable[[Erased], Body], **change: Any) -> Callable[[Erased], Any]:
    return lambda log: log.erase(log.person, log.clinic, body(log), **change)


def fixed(**body: Any) -> Callable[[Erased], Any]:
    return erase(lambda log: body)


LIES: list[tuple[str, str, Callable[[Erased], Any]]] = [
    # named leaves
    ("leaf of another chain", "erasure", erase(lambda log: entries(log, 4))),
    ("one right, one of another chain", "erasure", erase(lambda log: entries(log, 3, 4))),
    ("leaf that is nowhere", "erasure",
     fixed(op="order", scope="entries", entries=[sha256(b"x")])),
    ("leaf without content", "erasure", erase(lambda log: entries(log, log.order))),
    ("an erasure with a reason", "erasure", erase(lambda log: entries(log, log.order + 2))),
    ("itself", "erasure",
     fixed(op="order", scope="entries", entries=[bytes(32)])),
    ("record in a directory", "erasure",
     lambda log: log.erase(log.directory, log.clinic, RECORD_ORDER)),
    ("attests a record", "erasure", erase(lambda log: attest(log, log.record))),
    ("attests an attestation", "erasure", erase(lambda log: attest(log, log.order + 1))),
    ("attests another chain's order", "erasure",
     lambda log: log.erase(log.other, log.clinic, attest(log, log.order))),
    # bodies
    ("not a map", "erasure", lambda log: log.add(ERASURE, log.person, log.clinic, body=b"\x80")),
    ("unknown op", "erasure", fixed(op="forget")),
    ("unknown scope", "erasure", fixed(op="order", scope="all")),
    ("no entries", "erasure", fixed(op="order", scope="entries", entries=[])),
    ("257 entries", "erasure",
     fixed(op="order", scope="entries", entries=[n.to_bytes(32, "big") for n in range(257)])),
    ("not in order", "erasure",
     erase(lambda log: {**entries(log, 3, 5), "entries": entries(log, 3, 5)["entries"][::-1]})),
    ("one twice", "erasure",
     erase(lambda log: {**entries(log, 3), "entries": entries(log, 3)["entries"] * 2})),
    ("hash of 31 bytes", "erasure", fixed(op="order", scope="entries", entries=[bytes(31)])),
    ("hash as text", "erasure", fixed(op="order", scope="entries", entries=["x"])),
    ("entries with scope record", "erasure", fixed(op="order", scope="record", entries=[])),
    ("order of 31 bytes", "erasure", fixed(op="attest", order=bytes(31))),
    ("attest with a scope", "erasure",
     erase(lambda log: {**attest(log, log.order), "scope": "record"})),
    ("not CBOR", "cbor", lambda log: log.add(ERASURE, log.person, log.clinic, body=b"\xff")),
    ("no body", "claim", lambda log: log.add(ERASURE, log.person, log.clinic)),
    ("that amends", "claim",
     lambda log: erase(lambda log: RECORD_ORDER, amended=log.hashes[log.record])(log)),
    # chains
    ("on an actor's chain", "chain",
     lambda log: log.erase(log.clinic.id, log.clinic, RECORD_ORDER)),
    ("opens a chain", "chain", lambda log: log.erase(b"n" * 16, log.clinic, RECORD_ORDER)),
    ("in another's directory", "chain",
     lambda log: log.erase(log.directory, log.pharmacy, entries(log, 9))),
    # unlink
    ("unlinks a record", "amended",
     lambda log: log.add(UNLINK, log.person, log.clinic, amended=log.hashes[log.record])),
    ("unlinks an unlink", "amended",
     lambda log: log.add(UNLINK, log.person, log.clinic, amended=log.hashes[log.unlink])),
    ("unlinks nothing", "claim", lambda log: log.add(UNLINK, log.person, log.clinic)),
    ("unlinks elsewhere", "amended",
     lambda log: log.add(UNLINK, log.other, log.clinic, amended=log.hashes[log.link])),
    ("unlinks what is nowhere", "amended",
     lambda log: log.add(UNLINK, log.person, log.clinic, amended=sha256(b"x"))),
    ("unlinks in a directory", "chain",
     lambda log: log.add(UNLINK, log.directory, log.clinic, amended=log.hashes[log.link])),
    ("amends a link", "amended",
     lambda log: log.add(7, log.person, log.clinic, amended=log.hashes[log.link])),
]  # fmt: skip


@pytest.mark.parametrize(("name", "step", "lie"), LIES, ids=[row[0] for row in LIES])
def test_lie(log: Erased, name: str, step: str, lie: Callable[[Erased], Any]) -> None:
    lie(log)
    assert steps(audit(log))[0] == step, name


def test_order_by_a_role_that_may_not(log: Erased) -> None:
    auditor = log.enrol("auditor", "auditor")
    log.erase(log.person, auditor, RECORD_ORDER)
    log.add(ACCESS, log.person, auditor)
    assert steps(audit(log)) == ["role"]


def test_the_body_is_part_of_what_was_signed(log: Erased) -> None:
    def other_order(signed: bytes) -> bytes:
        return signed.replace(log.hashes[log.record], log.hashes[log.access])

    body = cbor(entries(log, log.record))
    log.add(ERASURE, log.person, log.clinic, body=body, edit_statement=other_order)
    assert steps(audit(log)) == ["signature"]
