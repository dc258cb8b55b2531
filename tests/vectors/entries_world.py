"""Fixed keys, actors and times of the entry vectors. They must sign nothing real."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.wire.checkpoint import MlDsaSigner
from ledger.wire.ids import ActorId, ChainId, EntryId, Hash
from ledger.wire.keys import ML_DSA_44, raw_public
from ledger.wire.note import Ed25519Signer
from ledger.wire.statement import StatementKey
from tests.vectors.tree_keys import seed

ORIGIN: Final = "log.example.org/entries"
START_MS: Final = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""
MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS

LOG_CHAIN: Final = ChainId(seed("log chain")[:16])
PERSON: Final = ChainId(seed("person chain")[:16])
OTHER_PERSON: Final = ChainId(seed("other person chain")[:16])


def private(label: str) -> Ed25519PrivateKey:
    """The Ed25519 key that follows from a label."""
    return Ed25519PrivateKey.from_private_bytes(seed(label))


@dataclass(frozen=True, slots=True)
class Signer:
    """An actor with its key."""

    id: ActorId
    private: Ed25519PrivateKey

    @classmethod
    def of(cls, name: str) -> Signer:
        return cls(ActorId(seed(f"actor {name}")[:16]), private(f"key of {name}"))

    @property
    def key(self) -> StatementKey:
        return StatementKey.of(self.private)

    @property
    def public(self) -> bytes:
        return raw_public(self.private)


@dataclass(frozen=True, slots=True)
class Keyed:
    """An actor with another key than that of its name."""

    id: ActorId
    key: StatementKey


@dataclass(frozen=True, slots=True)
class KeptMlDsa:
    """Signs with ML-DSA-44. Signatures are randomised, so those that a vector file holds are used
    again; ``kept`` has them by the SHA-256 of what they sign.
    """

    private: MLDSA44PrivateKey
    kept: dict[str, str]

    @property
    def alg(self) -> int:
        return ML_DSA_44

    @property
    def public_key(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        digest = sha256(message).hexdigest()
        signature = bytes.fromhex(self.kept.get(digest, ""))
        try:
            self.private.public_key().verify(signature, message)
        except InvalidSignature:
            signature = self.private.sign(message)
            self.kept[digest] = signature.hex()
        return signature


GOVERNOR: Final = Signer.of("governor")
CLINIC: Final = Signer.of("clinic")
PHARMACY: Final = Signer.of("pharmacy")
STRANGER: Final = Signer.of("stranger")
DOCTOR: Final = Signer.of("doctor")
PATIENT: Final = Signer.of("patient")
PROXY: Final = Signer.of("proxy")
LOG_STATEMENT: Final = raw_public(private("log statement key"))
CHECKPOINT_KEY: Final = Ed25519Signer(ORIGIN, private("entries checkpoint ed25519"))
CHECKPOINT_ML_DSA: Final = MlDsaSigner(
    ORIGIN, MLDSA44PrivateKey.from_seed_bytes(seed("entries checkpoint ml-dsa-44"))
)
AUTHOR_ML_DSA: Final = MLDSA44PrivateKey.from_seed_bytes(seed("author ml-dsa-44"))
ORIGIN_HASH: Final = Hash(sha256(ORIGIN.encode()).digest())


def entry_id(unix_ms: int, label: str) -> EntryId:
    """A UUIDv7 whose random part follows from a label."""
    tail = bytearray(seed(f"entry id {label}")[:10])
    tail[0] = 0x70 | tail[0] & 0x0F
    tail[2] = 0x80 | tail[2] & 0x3F
    return EntryId(unix_ms.to_bytes(6, "big") + bytes(tail))


def patched(data: bytes, at: int, new: bytes) -> bytes:
    """``data`` with ``new`` written over it at ``at``."""
    return data[:at] + new + data[at + len(new) :]


def flipped(data: bytes, at: int) -> bytes:
    """``data`` with the lowest bit of byte ``at`` flipped; negative counts from the end."""
    at %= len(data)
    return patched(data, at, bytes([data[at] ^ 1]))


def cases(field: str, good: dict[str, bytes], bad: dict[str, bytes]) -> list[dict[str, object]]:
    """Good and bad byte strings, in hex under ``field``."""
    return [
        {"name": name, field: data.hex(), "valid": name in good}
        for name, data in (good | bad).items()
    ]
