"""Genesis: the body of the first leaf, which names the governors and the log's own keys.

    {"origin", "hash", "checkpoint": [vkey], "statement": {alg, key},
     "governors": [{id, alg, key}], "threshold", "approvals": [bytes]}

Deterministic CBOR; a succession has the same seven fields and others besides. Specification:
docs/spec/registry.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from ledger.errors import BadRequest
from ledger.identity import fields
from ledger.identity.approvals import Act, check_approvals
from ledger.identity.bodies import (
    MAX_APPROVALS,
    MAX_GOVERNORS,
    Governor,
    check_governors,
    threshold_of,
)
from ledger.identity.fields import Body
from ledger.wire import cbor
from ledger.wire.checkpoint import MAX_NAME_SIZE, TYPE_ML_DSA_44, checkpoint_verifier
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import ZERO_HASH, ChainId, Hash
from ledger.wire.keys import ED25519, ML_DSA_44, KeyId, check_key, key_id
from ledger.wire.lines import check_name
from ledger.wire.note import TYPE_ED25519, parse_vkey

GENESIS_FIELDS: Final = "approvals checkpoint governors hash origin statement threshold"


@dataclass(frozen=True, slots=True)
class Genesis:
    """Who governs a log, and its own keys."""

    origin: str
    checkpoint_keys: tuple[str, ...]
    statement_key: bytes
    """Raw Ed25519."""
    governors: tuple[Governor, ...]
    """The first one signs the genesis."""
    approvals: tuple[bytes, ...] = ()

    @property
    def threshold(self) -> int:
        return threshold_of(len(self.governors))

    def as_map(self) -> dict[str, cbor.Value]:
        """The seven fields. Raises BadRequest."""
        check_genesis(self)
        return {
            "origin": self.origin,
            "hash": "sha-256",
            "checkpoint": list(self.checkpoint_keys),
            "statement": {"alg": ED25519, "key": self.statement_key},
            "governors": [one.as_map() for one in self.governors],
            "threshold": self.threshold,
            "approvals": list(self.approvals),
        }

    def encode(self) -> bytes:
        """Raises BadRequest."""
        return cbor.encode(self.as_map())

    def change(self) -> bytes:
        """What the governors approve: the body without their approvals."""
        return cbor.encode({k: v for k, v in self.as_map().items() if k != "approvals"})

    @classmethod
    def decode(cls, data: bytes) -> Genesis:
        """Decode strictly. Raises BadRequest."""
        return cls.of_fields(fields.exactly(cbor.decode(data), GENESIS_FIELDS))

    @classmethod
    def of_fields(cls, body: Body) -> Genesis:
        """From the seven fields of a decoded body, whatever else it has. Raises BadRequest."""
        approvals = fields.array(body, "approvals", 0, MAX_APPROVALS)
        signed = tuple(one for one in approvals if isinstance(one, bytes))
        genesis = replace(cls.to_approve(body), approvals=signed)
        needed = range(genesis.threshold - 1, len(genesis.governors))
        if len(signed) < len(approvals) or len(signed) not in needed:
            raise BadRequest("approvals is no array of byte strings, or has too few or too many")
        return genesis

    @classmethod
    def to_approve(cls, body: Body) -> Genesis:
        """From the six other fields, before anybody has approved. Raises BadRequest."""
        if body["hash"] != "sha-256":
            raise BadRequest("genesis names a hash that this reader does not know")
        checkpoint = fields.array(body, "checkpoint", 2, 2)
        statement = fields.exactly(body["statement"], "alg key")
        if statement["alg"] != ED25519:
            raise BadRequest("the log's statement key is an Ed25519 key")
        genesis = cls(
            fields.text(body, "origin"),
            tuple(one for one in checkpoint if isinstance(one, str)),
            fields.key(statement)[1],
            tuple(
                Governor.of_fields(one) for one in fields.array(body, "governors", 1, MAX_GOVERNORS)
            ),
        )
        check_governors(genesis.governors, fields.integer(body, "threshold", 1))
        check_genesis(genesis)
        return genesis

    @property
    def log_keys(self) -> tuple[KeyId, ...]:
        """Key ids of the log's statement key and of its checkpoint keys."""
        vkeys = [parse_vkey(text) for text in self.checkpoint_keys]
        algorithms = {TYPE_ED25519: ED25519, TYPE_ML_DSA_44: ML_DSA_44}
        return (
            key_id(ED25519, self.statement_key),
            *(key_id(algorithms[vkey.type], vkey.public_key) for vkey in vkeys),
        )


def check_genesis(genesis: Genesis) -> None:
    """What a genesis alone can break. Raises BadRequest."""
    _check_origin(genesis.origin)
    _check_checkpoint_keys(genesis.checkpoint_keys, genesis.origin)
    check_key(ED25519, genesis.statement_key)
    check_governors(genesis.governors, genesis.threshold)
    keys = [*genesis.log_keys, *(one.kid for one in genesis.governors)]
    if len(set(keys)) < len(keys):
        raise BadRequest("genesis has one key for two uses")


def genesis_act(genesis: Genesis, chain: ChainId) -> Act:
    """What the governors of a new log approve."""
    log = Hash(sha256(genesis.origin.encode()).digest())
    return Act(Kind.GENESIS, log, chain, ZERO_HASH, genesis.change())


def check_founding(genesis: Genesis, claim: Claim, kid: KeyId, act: Act) -> None:
    """Whether its governors stand behind a first leaf: origin, author, approvals of ``act``. The
    statement's signature is for the caller. Raises BadRequest or BadEvidence.
    """
    if claim.log != sha256(genesis.origin.encode()).digest():
        raise BadRequest("the genesis claim does not name its origin's hash")
    first = genesis.governors[0]
    if claim.author != first.id or kid != first.kid:
        raise BadRequest("the genesis is not signed under the key of its first governor")
    check_approvals(genesis.approvals, act, first.id, genesis.governors, genesis.threshold)


def _check_origin(origin: str) -> None:
    if len(check_name(origin).encode()) > MAX_NAME_SIZE or not origin.isprintable():
        raise BadRequest(
            f"origin is longer than {MAX_NAME_SIZE} bytes or holds characters that do not print"
        )


def _check_checkpoint_keys(keys: Sequence[str], origin: str) -> None:
    """One verifier key of each type, named as the log."""
    vkeys = [checkpoint_verifier(text).vkey for text in keys]
    if len(vkeys) != 2 or {key.type for key in vkeys} != {TYPE_ED25519, TYPE_ML_DSA_44}:
        raise BadRequest("genesis names one Ed25519 and one ML-DSA-44 checkpoint key")
    if any(key.name != origin for key in vkeys):
        raise BadRequest("genesis names checkpoint keys of another log")
