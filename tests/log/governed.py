"""A ledger with three governors whose keys are elsewhere, one of them an ML-DSA-44 key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.founding import draft_genesis, found_approved
from ledger.identity import Governor, NewKey
from ledger.identity.requests import approve
from ledger.keyfiles import Unlock
from ledger.wire.ids import ActorId, new_chain_id
from ledger.wire.statement import StatementKey

ORIGIN = "governed.example.org/log"


@dataclass(frozen=True)
class Governed:
    """Where it is, and who governs it."""

    directory: Path
    keys: tuple[StatementKey, ...]
    governors: tuple[Governor, ...]


def new_key() -> StatementKey:
    return StatementKey.of(Ed25519PrivateKey.generate())


def registered(key: StatementKey, use: str = "statement") -> NewKey:
    return NewKey(key.public_key, key.alg, use)


def governor_of(key: StatementKey) -> Governor:
    return Governor(ActorId(new_chain_id()), key.public_key, key.alg)


def make_governed(place: Path) -> Governed:
    """Three governors, two of whom must agree."""
    keys = (new_key(), new_key(), StatementKey.of(MLDSA44PrivateKey.generate()))
    governors = tuple(governor_of(key) for key in keys)
    proposal = draft_genesis(place / "draft", ORIGIN, governors)
    approvals = [approve(proposal, keys[2])]
    found_approved(place / "draft", place / "governed", keys[0], approvals, unlock=Unlock())
    return Governed(place / "governed", keys, governors)
