"""A small ledger that is made once and copied for each test, and hands that write entries.

0  genesis            4  open   ``record``, by the clinic
1  clinic enrolled    5  open   ``other``, by the hospital
2  hospital enrolled  6  record in ``record``, by the clinic
3  leaver enrolled    7  access to ``record``, by the hospital
                      8  the leaver's key revoked
                      9  an epoch, since it was published
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.admission import BatchSubmission, Submission
from ledger.author import Author, Draft
from ledger.errors import CounterfoilError
from ledger.founding import found
from ledger.identity import NewKey
from ledger.log import Log
from ledger.merkle import subtree_root
from ledger.sequencer import Appended
from ledger.store.tables import NAMES
from ledger.wire import cbor
from ledger.wire.batch import BatchBody, member_hashes
from ledger.wire.claim import BODY_KINDS, Claim, Kind
from ledger.wire.ids import ZERO_HASH, ActorId, ChainId, Hash, Position, new_entry_id
from ledger.wire.keys import raw_public
from ledger.wire.sealed import Sealed, associated_data, seal
from ledger.wire.statement import StatementKey

ORIGIN: Final = "example.org/log"
CLINIC_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
HOSPITAL_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes([2] * 32))
LEAVER_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes([3] * 32))
STRANGER_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes([4] * 32))
JSON: Final[dict[str, cbor.Value]] = {"type": "application/fhir+json"}
MINUTE: Final = 60_000
DAY: Final = 24 * 60 * MINUTE
_MEMORY: Final = Path("/dev/shm")


@dataclass(frozen=True)
class Sample:
    """The ledger of the module's docstring, and who and what is in it."""

    directory: Path
    log_id: Hash
    log_chain: ChainId
    clinic: Author
    hospital: Author
    leaver: Author
    record: ChainId
    other: ChainId
    content: bytes
    entry: Submission
    """What was handed in for index 6."""
    access: Submission
    leaves: list[bytes]

    @property
    def size(self) -> int:
        return len(self.leaves)

    def hash(self, index: int) -> Hash:
        """The leaf hash of an entry."""
        return Hash(sha256(b"\0" + self.leaves[index]).digest())

    @property
    def guard(self) -> Path:
        return self.directory.with_name("ledger.guard")

    @property
    def stranger(self) -> Author:
        """Somebody who was never enrolled."""
        return Author(self.log_id, ActorId(bytes([9] * 16)), StatementKey.of(STRANGER_KEY))

    def copied(self, place: Path) -> Sample:
        """The same ledger again, in another directory."""
        shutil.copytree(self.directory, place / "ledger")
        shutil.copy2(self.guard, place / "ledger.guard")
        return replace(self, directory=place / "ledger")


@contextmanager
def memory_directory() -> Iterator[Path]:
    """An empty directory, in memory where there is some: these tests wait for no disk."""
    usable = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK)
    with tempfile.TemporaryDirectory(dir=_MEMORY if usable else None) as directory:
        yield Path(directory)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def make_sample(place: Path) -> Sample:
    """Make the ledger of the module's docstring."""
    directory = place / "ledger"
    found(directory, ORIGIN)
    with Log.open(directory) as log:
        registry = log.reader.registry
        authors = []
        for name, key in (("Clinic", CLINIC_KEY), ("Hospital", HOSPITAL_KEY), ("", LEAVER_KEY)):
            actor, _ = log.enrol(name, "organisation", [NewKey(raw_public(key))])
            authors.append(Author(registry.log, actor, StatementKey.of(key)))
        clinic, hospital, leaver = authors
        record, opening = clinic.open_record()
        other, opening_other = hospital.open_record()
        content = b'{"resourceType":"Observation","id":"blood-pressure"}'
        entry = clinic.entry(Draft(record, content))
        access = hospital.entry(Draft(record, b"", kind=Kind.ACCESS))
        outcomes = [placed(one) for one in log.append([opening, opening_other, entry, access])]
        assert [one.index for one in outcomes] == [4, 5, 6, 7]
        log.revoke(leaver.id, leaver.key.kid)
        log.publish()
        return Sample(
            directory,
            registry.log,
            registry.log_chain,
            clinic,
            hospital,
            leaver,
            record,
            other,
            content,
            entry,
            access,
            [log.reader.store.leaf(index) for index in range(log.reader.checkpoint.size)],
        )


def placed(outcome: object) -> Appended:
    """An outcome that must be a success."""
    assert isinstance(outcome, Appended), repr(outcome)
    return outcome


def refused(outcome: object) -> CounterfoilError:
    """An outcome that must be a refusal."""
    assert isinstance(outcome, CounterfoilError), repr(outcome)
    return outcome


def claim_for(author: Author, chain: ChainId, blob: bytes, **changes: Any) -> Claim:
    """A record claim as ``Author`` would make it, with changes; nothing is checked."""
    now = now_ms()
    kind = changes.pop("kind", Kind.RECORD)
    sealed = bool(blob) and kind not in (Kind.GENESIS, Kind.BATCH)
    claim = Claim(
        kind,
        author.log,
        chain,
        author.id,
        new_entry_id(now),
        now,
        Hash(sha256(blob).digest()) if sealed else ZERO_HASH,
        len(blob) if sealed else 0,
    )
    return replace(claim, **changes)


def sealed_for(author: Author, chain: ChainId, content: bytes = b"{}") -> tuple[Claim, Sealed]:
    """A record claim and the blob that was sealed for exactly that entry."""
    entry_id = new_entry_id(now_ms())
    sealed = seal(content, JSON, associated_data(author.log, chain, entry_id))
    return claim_for(author, chain, sealed.blob, entry_id=entry_id), sealed


def entry_with(
    author: Author,
    chain: ChainId,
    *,
    key: Ed25519PrivateKey | None = None,
    content: bytes = b"{}",
    amends: int | None = None,
    **changes: Any,
) -> Submission:
    """An entry with fields of its claim changed before sealing and signing."""
    log = changes.get("log", author.log)
    entry_id = changes.setdefault("entry_id", new_entry_id(now_ms()))
    at = None if amends is None else Position(amends)
    author_key = author.key if key is None else StatementKey.of(key)
    if changes.get("kind") in BODY_KINDS:
        claim = claim_for(author, chain, b"", **changes)
        return Submission(author_key.sign(claim), amends=at)
    sealed = seal(content, JSON, associated_data(log, chain, entry_id))
    claim = claim_for(author, chain, sealed.blob, **changes)
    return Submission(author_key.sign(claim), sealed.blob, sealed.key, amends=at)


def raw_entry(author: Author, claim: bytes, sealed: Sealed) -> Submission:
    """Any claim bytes under a good signature."""
    return Submission(author.key.sign_bytes(claim), sealed.blob, sealed.key)


def batch_of(
    author: Author,
    members: list[tuple[Claim, Sealed]],
    *,
    kind: Kind = Kind.RECORD,
    count: int | None = None,
    root: Hash | None = None,
    **changes: Any,
) -> BatchSubmission:
    """A batch over any members, with fields of its body and claim changed before signing."""
    claims = [claim.encode() for claim, _ in members]
    body = BatchBody(
        kind,
        len(claims) if count is None else count,
        subtree_root(member_hashes(claims)) if root is None else root,
    )
    now = now_ms()
    fields: dict[str, Any] = {
        "kind": Kind.BATCH,
        "log": author.log,
        "chain": batch_chain(author),
        "author": author.id,
        "entry_id": new_entry_id(now),
        "authored_ms": now,
        "body": body.encode(),
    }
    claim = Claim(**(fields | changes))
    sealed = [one for _, one in members]
    return BatchSubmission(
        author.key.sign(claim), claims, [one.blob for one in sealed], [one.key for one in sealed]
    )


def batch_chain(author: Author) -> ChainId:
    """The derived chain of the contract, written out here."""
    return ChainId(sha256(b"counterfoil/chain/batch/v1" + author.log + author.id).digest()[:16])


def contents(log: Log) -> dict[str, object]:
    """Everything that a ledger means, part by part, so that two moments can be compared."""
    store = log.reader.store
    with store.environment.reading() as reader:
        parts: dict[str, object] = {name: list(reader.scan(name)) for name in NAMES}
    state = store.state()
    parts["state"] = state
    parts["payload end in memory"] = store.payloads.end
    parts["payloads"] = {
        path.name: path.read_bytes() for path in (store.directory / "payloads").iterdir()
    }
    parts["keys"] = [log.vault.keys.load(index) for index in range(state.size + 8)]
    parts["guard"] = log.layout.guard.read_bytes()
    parts["journal"] = log.layout.releases.read_bytes()
    parts["signed"] = log.reader.signed()
    return parts
