"""Fixed keys, and the log that the tree vectors are about. They must sign nothing real."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.merkle import Frontier, leaf_hash
from ledger.wire.checkpoint import TYPE_ED25519_COSIGNATURE, Checkpoint, MlDsaSigner
from ledger.wire.ids import Hash, TreeSize
from ledger.wire.keys import raw_public
from ledger.wire.lines import encode_base64
from ledger.wire.note import Ed25519Signer, VerifierKey

ORIGIN: Final = "log.example.org/vectors"
WITNESS: Final = "witness.example.org/w1"
SIZE: Final = 300
TIME: Final = 1_767_225_600


def seed(label: str) -> bytes:
    """32 bytes that follow from a label."""
    return sha256(b"counterfoil test vectors: " + label.encode()).digest()


LOG: Final = Ed25519Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(seed("log ed25519")))
LOG_ML_DSA: Final = MlDsaSigner(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(seed("log ml-dsa-44")))
STRANGER: Final = Ed25519Signer(
    "stranger.example.org", Ed25519PrivateKey.from_private_bytes(seed("stranger"))
)
WITNESS_KEY: Final = Ed25519PrivateKey.from_private_bytes(seed("witness"))
WITNESS_VKEY: Final = VerifierKey(WITNESS, TYPE_ED25519_COSIGNATURE, raw_public(WITNESS_KEY))


def leaf(index: int) -> bytes:
    """Leaf ``index`` of the vectors' tree: these ASCII letters."""
    return b"leaf %d" % index


LEAF_HASHES: Final = [leaf_hash(leaf(index)) for index in range(SIZE)]


def root(size: int) -> Hash:
    """The root of the first ``size`` leaves."""
    frontier = Frontier()
    frontier.extend(LEAF_HASHES[:size])
    return frontier.root()


CHECKPOINT: Final = Checkpoint(ORIGIN, TreeSize(SIZE), root(SIZE))


def cosignature(text: bytes, time: int, *, stated: int | None = None) -> bytes:
    """A line of type 0x04 by the witness, at ``time``; ``stated`` puts a false time into it."""
    shown = time if stated is None else stated
    signature = WITNESS_KEY.sign(b"cosignature/v1\ntime %d\n" % time + text)
    blob = WITNESS_VKEY.key_id + shown.to_bytes(8, "big") + signature
    return f"— {WITNESS} ".encode() + encode_base64(blob) + b"\n"


def text64(data: bytes) -> str:
    """Base64 for JSON."""
    return b64encode(data).decode()
