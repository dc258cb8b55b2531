"""Succession: the body of the first leaf of a log that takes over from another one.

    {the seven fields of a genesis,
     "predecessor": {"log", "origin", "size", "root", "checkpoint": note, "approvals": [bytes]},
     ?"renewal": {"hash": "sha3-256", "leaves": root, "blobs": root}}

The old log's governors approve it at the end of their log's chain, the new ones as they do a
genesis; both sign the same change. Specification: docs/spec/succession.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ledger.errors import BadEvidence, BadRequest
from ledger.identity import fields
from ledger.identity.approvals import Act, check_approvals, check_signed_by
from ledger.identity.bodies import MAX_GOVERNORS, Governor
from ledger.identity.changes import check_signature
from ledger.identity.genesis import GENESIS_FIELDS, Genesis, check_founding
from ledger.identity.registry import Registry
from ledger.wire import cbor
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from ledger.wire.claim import Kind
from ledger.wire.ids import HASH_SIZE, MAX_INTEGER, ZERO_HASH, ChainId, Hash
from ledger.wire.leaf import Leaf

RENEWED_HASH: Final = "sha3-256"
MAX_CHECKPOINT: Final = 16_384
_PREDECESSOR: Final = "approvals checkpoint log origin root size"


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The old log, where it ends. ``checkpoint`` is the whole published note."""

    log: Hash
    origin: str
    size: int
    root: Hash
    checkpoint: bytes
    approvals: tuple[bytes, ...] = ()

    def as_map(self) -> dict[str, cbor.Value]:
        return {
            "log": self.log,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "checkpoint": self.checkpoint,
            "approvals": list(self.approvals),
        }


@dataclass(frozen=True, slots=True)
class Renewal:
    """Roots of the trees with SHA3-256 over the old log's leaves, and over its blobs."""

    leaves: bytes
    blobs: bytes

    def as_map(self) -> dict[str, cbor.Value]:
        return {"hash": RENEWED_HASH, "leaves": self.leaves, "blobs": self.blobs}


@dataclass(frozen=True, slots=True)
class Succession:
    """What a log says of itself and of the one before it."""

    genesis: Genesis
    predecessor: Predecessor
    renewal: Renewal | None = None

    def encode(self) -> bytes:
        """Raises BadRequest."""
        return cbor.encode(self._fields())

    def change(self) -> bytes:
        """What both quorums approve: the body without any approvals."""
        bare = self._fields()
        bare.pop("approvals")
        predecessor = self.predecessor.as_map()
        predecessor.pop("approvals")
        return cbor.encode({**bare, "predecessor": predecessor})

    def _fields(self) -> dict[str, cbor.Value]:
        body = {**self.genesis.as_map(), "predecessor": self.predecessor.as_map()}
        if self.renewal is not None:
            body["renewal"] = self.renewal.as_map()
        return body

    def approved(self, old: Sequence[bytes], new: Sequence[bytes] = ()) -> Succession:
        """With the approvals of the old and of the other new governors, in their order."""
        return replace(
            self,
            genesis=replace(self.genesis, approvals=tuple(new)),
            predecessor=replace(self.predecessor, approvals=tuple(old)),
        )

    @classmethod
    def decode(cls, data: bytes) -> Succession:
        """Decode strictly. Raises BadRequest."""
        body = fields.exactly(cbor.decode(data), f"{GENESIS_FIELDS} predecessor", "renewal")
        succession = cls._of_fields(body, Genesis.of_fields(body))
        if not succession.predecessor.approvals:
            raise BadRequest("no governor of the old log approves the succession")
        return succession

    @classmethod
    def _of_fields(cls, body: fields.Body, genesis: Genesis) -> Succession:
        succession = cls(
            genesis,
            _predecessor(body["predecessor"]),
            _renewal(body["renewal"]) if "renewal" in body else None,
        )
        if succession.genesis.origin == succession.predecessor.origin:
            raise BadRequest("a log cannot take over from one of the same origin")
        return succession

    @classmethod
    def of_change(cls, change: bytes) -> Succession:
        """From what the governors approve, without any approvals. Raises BadRequest."""
        bare, renewal = GENESIS_FIELDS.replace("approvals ", ""), "renewal"
        body = fields.exactly(cbor.decode(change), f"{bare} predecessor", renewal)
        named = fields.exactly(body["predecessor"], _PREDECESSOR.replace("approvals ", ""))
        unapproved: dict[str | int, cbor.Decoded] = dict(named.items())
        unapproved["approvals"] = []
        return cls._of_fields({**body, "predecessor": unapproved}, Genesis.to_approve(body))


def _predecessor(value: cbor.Decoded) -> Predecessor:
    body = fields.exactly(value, _PREDECESSOR)
    approvals = fields.array(body, "approvals", 0, MAX_GOVERNORS)
    checkpoint = body["checkpoint"]
    if not isinstance(checkpoint, bytes) or len(checkpoint) > MAX_CHECKPOINT:
        raise BadRequest(f"the predecessor's checkpoint has not up to {MAX_CHECKPOINT} bytes")
    size = fields.integer(body, "size", 1)
    if size > MAX_INTEGER:
        raise BadRequest("the predecessor's size is 2^53 or more")
    if not all(isinstance(one, bytes) for one in approvals):
        raise BadRequest("approvals is no array of byte strings")
    return Predecessor(
        Hash(fields.sized(body, "log", HASH_SIZE)),
        fields.text(body, "origin"),
        size,
        Hash(fields.sized(body, "root", HASH_SIZE)),
        checkpoint,
        tuple(one for one in approvals if isinstance(one, bytes)),
    )


def _renewal(value: cbor.Decoded) -> Renewal:
    body = fields.exactly(value, "blobs hash leaves")
    if body["hash"] != RENEWED_HASH:
        raise BadRequest("a renewal names a hash that this reader does not know")
    return Renewal(fields.sized(body, "leaves", HASH_SIZE), fields.sized(body, "blobs", HASH_SIZE))


@dataclass(frozen=True, slots=True)
class End:
    """What an old log ended as: the view that its successor must fit."""

    log: Hash
    genesis: Genesis
    log_chain: ChainId
    log_chain_head: Hash
    """Hash of the last leaf on the log's chain."""
    governors: tuple[Governor, ...]
    threshold: int
    origins: frozenset[str]
    """Of all logs of the line so far."""
    size: int
    root: Hash
    received_ms: int
    """Of the last leaf."""
    has_chain: Callable[[ChainId], bool]
    """Whether a leaf of the line stands on a chain."""
    is_covered: bool
    """Whether the last leaf is an epoch over all leaves before it."""

    def act(self, change: bytes) -> Act:
        """What the old governors approve."""
        return Act(Kind.SUCCESSION, self.log, self.log_chain, self.log_chain_head, change)


def succeeded_registry(leaf: Leaf, hash_: Hash, old: Registry, end: End) -> Registry:
    """The registry that a succession founds, after ``old``. Raises BadRequest or BadEvidence."""
    claim, statement = leaf.claim, leaf.statement
    if claim.kind is not Kind.SUCCESSION or statement is None or leaf.seq != 0:
        raise BadRequest("the first leaf is not a succession")
    succession = Succession.decode(claim.body)
    check_predecessor(succession, end)
    _check_chain(claim.chain, old, end)
    if leaf.received_ms < end.received_ms:
        raise BadRequest("the succession is older than the old log's last entry")
    act = new_act(succession, claim.log, claim.chain)
    check_founding(succession.genesis, claim, statement.kid, act)
    registry = Registry.succeeding(old, end.size, hash_, succession.genesis, claim.chain)
    check_signature(registry, leaf)
    return registry


def new_act(succession: Succession, log: Hash, chain: ChainId) -> Act:
    """What the new governors approve; ``log`` is the hash of the new origin."""
    return Act(Kind.SUCCESSION, log, chain, ZERO_HASH, succession.change())


def check_approved(succession: Succession, act: Act, old: Registry, end: End) -> None:
    """Whether a succession that is approved at ``act`` may begin a log, before it is signed. Raises
    BadRequest or BadEvidence.
    """
    check_predecessor(succession, end)
    _check_chain(act.chain, old, end)
    genesis = succession.genesis
    first = genesis.governors[0].id
    check_approvals(genesis.approvals, act, first, genesis.governors, genesis.threshold)
    Registry.succeeding(old, end.size, ZERO_HASH, genesis, act.chain)


def _check_chain(chain: ChainId, old: Registry, end: End) -> None:
    if chain in old.derived or end.has_chain(chain):
        raise BadRequest("the new log's own chain has an id that is in use already")


def check_predecessor(succession: Succession, end: End) -> None:
    """Whether a succession fits the log that it takes over from, and that log's governors approve
    it. Raises BadRequest or BadEvidence.
    """
    named = succession.predecessor
    for what, expected, found in (
        ("log", end.log.hex(), named.log.hex()),
        ("origin", end.genesis.origin, named.origin),
        ("size", str(end.size), str(named.size)),
        ("root", end.root.hex(), named.root.hex()),
    ):
        if expected != found:
            raise BadEvidence(f"predecessor's {what}", expected=expected, found=found)
    if not end.is_covered:
        raise BadEvidence(
            "predecessor's last leaf", expected="an epoch over all before it", found="another"
        )
    if succession.genesis.origin in end.origins:
        raise BadRequest("an origin of the line is used again", hint="give the new log a new name")
    verifiers = [checkpoint_verifier(text) for text in end.genesis.checkpoint_keys]
    opened = open_checkpoint(named.checkpoint, named.origin, verifiers)
    if (opened.checkpoint.size, opened.checkpoint.root) != (named.size, named.root):
        raise BadEvidence("predecessor's checkpoint is of another size or root")
    if not end.threshold <= len(named.approvals) <= len(end.governors):
        raise BadRequest(
            f"{len(named.approvals)} governors of the old log approve, {end.threshold} are needed",
            hint="collect approvals from governors of the old log, one from each",
        )
    act = end.act(succession.change())
    check_signed_by(named.approvals, act.payload(), {one.kid: one for one in end.governors})
