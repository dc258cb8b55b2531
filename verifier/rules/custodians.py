"""Which custodians' signatures on a checkpoint count, and so what a list of entries is worth.

A pinned custodian that signed counts when the log's registry, as far as it is at hand, has its keys
for that use, not ended, and not as another's who counts already: two names with keys of one actor
are one custodian. Completeness takes the policy's quorum of them, and one at least.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from verifier.errors import quote
from verifier.formats.actors import CUSTODIAN
from verifier.formats.checkpoint import Opened
from verifier.formats.keys import ED25519, ML_DSA_44, PublicKey
from verifier.formats.note import COSIGNATURE, Note, VerifierKey
from verifier.formats.note import ML_DSA_44 as NOTE_ML_DSA_44
from verifier.formats.policy import Policy
from verifier.rules.registered import Key, index_of
from verifier.rules.registry import Registry


class Counted(NamedTuple):
    names: tuple[str, ...]
    """Of the custodians that count."""
    refused: tuple[str, ...]
    """Sentences on those that do not."""
    quorum: int

    @property
    def complete(self) -> bool:
        return 1 <= self.quorum <= len(self.names)


def count_custodians(opened: Opened, policy: Policy, registry: Registry, unknown: str) -> Counted:
    """`unknown`: what it means that the registry does not have a key."""
    names, refused = [], []
    counted: dict[bytes, str] = {}
    """By actor, the name under which it counts."""
    for signer in opened.custodians:
        known = [registry.key(_public_key(line.key).kid) for line in signer.lines]
        owners = [key.owner for key in known if key is not None]
        reasons = [_reason(key, unknown) for key in known]
        reasons += [f"it is custodian {quote(counted[one])}" for one in owners if one in counted]
        against = [reason for reason in reasons if reason]
        if against:
            refused.append(f"custodian {quote(signer.name)} does not count: {against[0]}")
            continue
        names.append(signer.name)
        counted.update(dict.fromkeys(owners, signer.name))
    return Counted(tuple(names), tuple(refused), policy.quorum)


def signing_actors(note: Note, registry: Registry) -> Iterable[bytes]:
    """Actors with a custodian's key that has a line on the note. The line is not verified."""
    lines = {(line.name, line.key_id) for line in note.signatures}
    names = {name for name, _ in lines}
    for key in registry.keys_for(CUSTODIAN):
        for name in names:
            own = VerifierKey(name, _NOTE_TYPES[key.alg], key.key.raw, "")
            if (name, own.key_id) in lines:
                yield key.owner


def _reason(registered: Key | None, unknown: str) -> str:
    """Why it does not count; empty when it does."""
    if registered is None:
        return unknown
    if registered.use != CUSTODIAN:
        return f"its key is registered for use {registered.use}"
    if registered.ended_at is not None:
        return f"its key ended at leaf {index_of(registered.ended_at)}"
    return ""


_NOTE_TYPES = {ED25519: COSIGNATURE, ML_DSA_44: NOTE_ML_DSA_44}


def _public_key(key: VerifierKey) -> PublicKey:
    return PublicKey(ML_DSA_44 if key.type == NOTE_ML_DSA_44 else ED25519, key.public_key)
