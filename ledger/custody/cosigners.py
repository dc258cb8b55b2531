"""Which registered key a signature line on a checkpoint is by.

The registry holds keys, a line names a signer and four bytes of a hash over name and key: so every
key that is registered for cosigning is tried under the line's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.identity import Actor, ActorKey, Registry
from ledger.identity.bodies import COSIGN, CUSTODIAN
from ledger.keyfiles import PrivateKey
from ledger.wire.checkpoint import (
    TYPE_ED25519_COSIGNATURE,
    TYPE_ML_DSA_44,
    Ed25519Cosigner,
    MlDsaSigner,
)
from ledger.wire.keys import ED25519, ML_DSA_44
from ledger.wire.note import Signature, VerifierKey

Cosigner: TypeAlias = Ed25519Cosigner | MlDsaSigner
TYPES: Final = {ED25519: TYPE_ED25519_COSIGNATURE, ML_DSA_44: TYPE_ML_DSA_44}


class Cosigned(NamedTuple):
    """A line, and the registered key that it names. Nothing is verified by that."""

    signature: Signature
    actor: Actor
    key: ActorKey
    vkey: VerifierKey

    def stands_at(self, size: int) -> bool:
        """Whether the key was registered, and not ended, when the log had this size."""
        ended = self.key.ended_at
        return self.key.registered_at < size and (ended is None or ended >= size)


def cosigner(name: str, key: PrivateKey) -> Cosigner:
    """A private key that signs checkpoints under a name."""
    if isinstance(key, Ed25519PrivateKey):
        return Ed25519Cosigner(name, key)
    return MlDsaSigner(name, key)


def verifier_key(name: str, alg: int, public_key: bytes) -> VerifierKey:
    """What verifies lines by this key under a name. Raises BadRequest for a name that none has."""
    return VerifierKey(name, TYPES[alg], public_key)


def cosigned(
    registry: Registry, signatures: Iterable[Signature], uses: Iterable[str] = (COSIGN, CUSTODIAN)
) -> Iterator[Cosigned]:
    """The lines that are by keys which the registry has for one of these uses."""
    wanted = frozenset(uses)
    keys = [
        (actor, key)
        for actor in registry.actors.values()
        for key in actor.keys
        if key.use in wanted
    ]
    for signature in signatures:
        for actor, key in keys:
            vkey = verifier_key(signature.name, key.alg, key.public_key)
            if vkey.key_id == signature.key_id:
                yield Cosigned(signature, actor, key, vkey)
