"""Every way in which a single entry is refused, one a line, named by what is wrong with it.

Each makes an entry that is good but for one thing, and says which error answers it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.admission import Submission
from ledger.author import Author
from ledger.errors import BadEvidence, BadRequest, Conflict, CounterfoilError
from ledger.identity import Enrol, NewKey
from ledger.wire.claim import CLAIM_STRUCT, Kind
from ledger.wire.ids import EntryId, Hash, new_chain_id, new_entry_id
from ledger.wire.keys import raw_public
from ledger.wire.sealed import Sealed
from ledger.wire.statement import StatementKey
from tests.log.sample import (
    DAY,
    HOSPITAL_KEY,
    MINUTE,
    STRANGER_KEY,
    Sample,
    claim_for,
    entry_with,
    now_ms,
    raw_entry,
    sealed_for,
)

Make = Callable[[Sample, Author], Submission]
"""Makes the entry for a ledger; the author is its governor."""


@dataclass(frozen=True)
class Refusal:
    """What is handed in, and what must come back: class, a part of message and of hint."""

    name: str
    make: Make
    error: type[CounterfoilError]
    message: str
    hint: str = ""


def _changed(sample: Sample, at: int, value: int | None = None) -> Submission:
    """The clinic's next entry with one byte of its statement changed."""
    entry = entry_with(sample.clinic, sample.record)
    raw = bytearray(entry.statement)
    raw[at] = raw[at] ^ 1 if value is None else value
    return replace(entry, statement=bytes(raw))


def _cut(sample: Sample, count: int) -> Submission:
    entry = entry_with(sample.clinic, sample.record)
    return replace(entry, statement=entry.statement[:count])


def _longer(sample: Sample) -> Submission:
    entry = entry_with(sample.clinic, sample.record)
    return replace(entry, statement=entry.statement + b"\0")


def _field(sample: Sample, position: int, value: int | bytes) -> Submission:
    """A claim with one raw field set to what ``Claim`` would never encode."""
    claim, sealed = sealed_for(sample.clinic, sample.record)
    fields = list(CLAIM_STRUCT.unpack(claim.encode()))
    fields[position] = value
    return raw_entry(sample.clinic, CLAIM_STRUCT.pack(*fields), sealed)


def _body(sample: Sample, body: bytes) -> Submission:
    claim, sealed = sealed_for(sample.clinic, sample.record)
    return raw_entry(sample.clinic, claim.encode() + body, sealed)


def _blob(sample: Sample, change: Callable[[bytes], bytes]) -> Submission:
    entry = entry_with(sample.clinic, sample.record)
    return replace(entry, blob=change(entry.blob))


def _key(sample: Sample, key: bytes) -> Submission:
    return replace(entry_with(sample.clinic, sample.record), key=key)


def _small_blob(sample: Sample) -> Submission:
    claim = claim_for(sample.clinic, sample.record, b"\1" * 60)
    return raw_entry(sample.clinic, claim.encode(), Sealed(b"\1" * 60, bytes(range(32))))


def _too_large(sample: Sample) -> Submission:
    """A claim over the limit; the blob itself need not be there to be refused."""
    claim, sealed = sealed_for(sample.clinic, sample.record)
    fields = list(CLAIM_STRUCT.unpack(claim.encode()))
    fields[8] = 17 * 1024 * 1024 + 1
    return raw_entry(sample.clinic, CLAIM_STRUCT.pack(*fields), sealed)


def _unwanted_payload(governor: Author) -> Submission:
    entry = governor.actor(new_chain_id(), Enrol("app", (NewKey(_new_key()),)).encode())
    return replace(entry, blob=b"\1" * 80, key=bytes(range(32)))


def _born(sample: Sample, offset: int) -> Submission:
    return entry_with(sample.clinic, sample.record, entry_id=new_entry_id(now_ms() + offset))


def _conflict(sample: Sample) -> Submission:
    """The id of the sample's entry, for another content."""
    return entry_with(sample.clinic, sample.record, entry_id=_entry_id(sample))


def _entry_id(sample: Sample) -> EntryId:
    at = sample.entry.statement.index(sample.log_id)
    return EntryId(sample.entry.statement[at + 64 : at + 80])


def _new_key() -> bytes:
    return raw_public(Ed25519PrivateKey.generate())


def _other_log(sample: Sample) -> Submission:
    return entry_with(sample.clinic, sample.record, log=Hash(sha256(b"another log").digest()))


def _moved(sample: Sample) -> Submission:
    """A signed entry whose chain was changed everywhere it is written."""
    entry = entry_with(sample.clinic, sample.record)
    raw = entry.statement.replace(sample.record, sample.other)
    raw = raw.replace(sample.record.hex().encode(), sample.other.hex().encode())
    assert raw != entry.statement
    return replace(entry, statement=raw)


def _under_header_of(sample: Sample) -> Submission:
    """A claim for one record under a protected header that names another."""
    entry = entry_with(sample.clinic, sample.record)
    raw = entry.statement.replace(sample.record, sample.other)
    assert raw != entry.statement
    return replace(entry, statement=raw)


def _of_kind(kind: int) -> Make:
    return lambda s, g: _field(s, 1, kind)


_STATEMENT = "statement"
_HEADER = "does not name the claim's author and chain"
_SIGN_CURRENT = "sign with the author's current key"

OF_BYTES: Final = [
    # The bytes of the statement.
    Refusal("empty", lambda s, g: _cut(s, 0), BadRequest, _STATEMENT),
    Refusal("one byte", lambda s, g: _cut(s, 1), BadRequest, _STATEMENT),
    Refusal("cut in its header", lambda s, g: _cut(s, 100), BadRequest, _STATEMENT),
    Refusal("cut in its claim", lambda s, g: _cut(s, 300), BadRequest, _STATEMENT),
    Refusal("cut by one byte", lambda s, g: _cut(s, -1), BadRequest, _STATEMENT),
    Refusal("one byte more", lambda s, g: _longer(s), BadRequest, _STATEMENT),
    Refusal("other COSE tag", lambda s, g: _changed(s, 0), BadRequest, "COSE_Sign1"),
    Refusal(
        "other signature",
        lambda s, g: _changed(s, -1),
        BadEvidence,
        "signature of author",
        "changed or signed otherwise",
    ),
    Refusal("chain in the claim only", lambda s, g: _under_header_of(s), BadRequest, _HEADER),
    Refusal(
        "replayed on another record", lambda s, g: _moved(s), BadEvidence, "signature of author"
    ),
    Refusal(
        "signed for another log",
        lambda s, g: _other_log(s),
        BadRequest,
        "for another log",
        "this log's id",
    ),
    # The claim.
    Refusal("claim version 2", lambda s, g: _field(s, 0, 2), BadRequest, "claim version 2"),
    *(
        Refusal(f"kind {kind}", _of_kind(kind), BadRequest, f"kind {kind}")
        for kind in (0, 12, 13, 14, 15, 19, 20, 255)
    ),
    Refusal("UUIDv4", lambda s, g: _field(s, 5, b"\x4f" * 16), BadRequest, "not a UUIDv7"),
    Refusal(
        "UUID of another variant",
        lambda s, g: _field(s, 5, b"\x7f" * 16),
        BadRequest,
        "not a UUIDv7",
    ),
    Refusal("authored 2^53", lambda s, g: _field(s, 6, 1 << 53), BadRequest, "2^53"),
    Refusal("expires 2^53", lambda s, g: _field(s, 9, 1 << 53), BadRequest, "2^53"),
    Refusal("no blob hash", lambda s, g: _field(s, 7, bytes(32)), BadRequest, "disagree"),
    Refusal("no blob size", lambda s, g: _field(s, 8, 0), BadRequest, "disagree"),
    Refusal(
        "oversized payload", lambda s, g: _too_large(s), BadRequest, "over the limit", "16 MiB"
    ),
    Refusal("amended on a record", lambda s, g: _field(s, 10, b"\1" * 32), BadRequest, "amended"),
    Refusal("record with a body", lambda s, g: _body(s, b"\1"), BadRequest, "wrong body"),
    Refusal("oversized claim", lambda s, g: _body(s, bytes(60_000)), BadRequest, "over the limit"),
    Refusal(
        "no blob at all",
        lambda s, g: raw_entry(
            s.clinic,
            CLAIM_STRUCT.pack(
                1,
                Kind.RECORD,
                s.log_id,
                s.record,
                s.clinic.id,
                new_entry_id(now_ms()),
                1,
                bytes(32),
                0,
                0,
                bytes(32),
            ),
            Sealed(b"", bytes(32)),
        ),
        BadRequest,
        "needs a sealed blob",
    ),
    # Blob and content key.
    Refusal("blob missing", lambda s, g: _blob(s, lambda b: b""), BadRequest, "0 bytes"),
    Refusal("blob cut", lambda s, g: _blob(s, lambda b: b[:-1]), BadRequest, "the claim says"),
    Refusal(
        "blob with a changed bit",
        lambda s, g: _blob(s, lambda b: b[:-1] + bytes([b[-1] ^ 1])),
        BadRequest,
        "not the one that the claim names",
        "send both anew",
    ),
    Refusal(
        "blob of another entry",
        lambda s, g: _blob(s, lambda b: entry_with(s.clinic, s.record).blob),
        BadRequest,
        "not the one that the claim names",
    ),
    Refusal("blob without room for a header", lambda s, g: _small_blob(s), BadRequest, "60 bytes"),
    Refusal("no content key", lambda s, g: _key(s, bytes(32)), BadRequest, "content key"),
    Refusal(
        "wrong content key",
        lambda s, g: _key(s, os.urandom(32)),
        BadRequest,
        "content key is not the key",
        "send the right key",
    ),
    Refusal("short content key", lambda s, g: _key(s, b"\1" * 31), BadRequest, "content key"),
    Refusal(
        "payload that no claim names",
        lambda s, g: _unwanted_payload(g),
        BadRequest,
        "names none",
    ),
    # The author.
    Refusal(
        "unknown author",
        lambda s, g: entry_with(s.stranger, s.record),
        BadRequest,
        "is not enrolled",
        "enrol it first",
    ),
    Refusal(
        "revoked key",
        lambda s, g: entry_with(s.leaver, s.record),
        BadRequest,
        "was revoked at index 8",
        "sign with a current key",
    ),
    Refusal(
        "other author's key",
        lambda s, g: entry_with(s.clinic, s.record, key=HOSPITAL_KEY),
        BadRequest,
        "is not a current key of author",
        _SIGN_CURRENT,
    ),
    Refusal(
        "other author's key under the right key id",
        lambda s, g: entry_with(
            replace(s.clinic, key=replace(StatementKey.of(HOSPITAL_KEY), kid=s.clinic.key.kid)),
            s.record,
        ),
        BadEvidence,
        "signature of author",
    ),
    Refusal(
        "key that nobody has",
        lambda s, g: entry_with(s.clinic, s.record, key=STRANGER_KEY),
        BadRequest,
        "is not a current key of author",
        _SIGN_CURRENT,
    ),
    Refusal(
        "record by the governor",
        lambda s, g: entry_with(g, s.record),
        BadRequest,
        "governors sign nothing but",
    ),
    # Time.
    Refusal(
        "entry id too old",
        lambda s, g: _born(s, -30 * DAY - MINUTE),
        BadRequest,
        "older than 30 days",
        "new entry id",
    ),
    Refusal(
        "entry id too new",
        lambda s, g: _born(s, 6 * MINUTE),
        BadRequest,
        "ahead of the log",
        "set the clock right",
    ),
    Refusal(
        "authored in the future",
        lambda s, g: entry_with(s.clinic, s.record, authored_ms=now_ms() + 6 * MINUTE),
        BadRequest,
        "ahead of the log",
        "set the clock right",
    ),
    Refusal(
        "expired",
        lambda s, g: entry_with(s.clinic, s.record, expires_ms=now_ms() - 1),
        BadRequest,
        "has expired",
        "sign the claim again",
    ),
    Refusal(
        "same id, other bytes",
        lambda s, g: _conflict(s),
        Conflict,
        "stands at index 6",
        "new entry id",
    ),
]
