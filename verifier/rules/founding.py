"""The first leaf of a log: a genesis, or a succession that takes over from another log.

What both must obey is in `open_genesis`; what a succession says about the log before it needs
that log, audited to its end: `check_succession`.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from verifier.errors import NotVerified, quote
from verifier.formats.bodies import Genesis, Governors, Predecessor, parse_genesis, parse_succession
from verifier.formats.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from verifier.formats.claim import GENESIS, KINDS, SUCCESSION
from verifier.formats.leaf import Leaf
from verifier.formats.note import VerifierKey, parse_note
from verifier.rules.approvals import Place, change_of, check_approvals, check_founding


class Ended(NamedTuple):
    """An audited log, at its end."""

    log: bytes
    chain: bytes
    chain_hash: bytes
    """Hash of the last leaf on the log's own chain."""
    genesis: Genesis
    governors: Governors
    checkpoint: Checkpoint
    sha3_root: bytes


def parse_founding(leaf: Leaf) -> Genesis:
    if leaf.claim.kind == GENESIS:
        return parse_genesis(leaf.body)
    if leaf.claim.kind == SUCCESSION:
        genesis = parse_succession(leaf.body)
        if genesis.predecessor is not None:
            _check_end(genesis.predecessor)
        return genesis
    raise NotVerified(
        "genesis", "kind genesis or succession at index 0", f"kind {KINDS[leaf.claim.kind].name}"
    )


def open_genesis(leaf: Leaf, origin: str, keys: Sequence[VerifierKey]) -> Genesis:
    """What leaf 0 says; it must name this origin and the keys that were pinned, if any."""
    claim = leaf.claim
    genesis = parse_founding(leaf)
    if genesis.origin != origin:
        raise NotVerified("genesis", f"origin {quote(origin)}", quote(genesis.origin))
    named = sha256(origin.encode()).digest()
    if claim.log != named:
        raise NotVerified("genesis", f"log {named.hex()} (hash of the origin)", claim.log.hex())
    for key in keys:
        if key.text not in {own.text for own in genesis.checkpoint_keys}:
            raise NotVerified(
                "genesis", f"checkpoint key {key.key_id.hex()} among its keys", "other keys"
            )
    first = genesis.governors.members[0].id
    if claim.author != first:
        raise NotVerified("genesis", f"author {first.hex()}", claim.author.hex())
    if leaf.seq != 0:
        raise NotVerified("chain", "seq 0 in the first leaf", f"seq {leaf.seq}")
    check_founding(leaf, genesis)
    return genesis


def closing_checkpoint(successor: Genesis, old: Genesis) -> Checkpoint:
    """The checkpoint at which the old log ends, signed by both its keys."""
    before = successor.predecessor
    if before is None:
        raise _false("a predecessor", "none")
    return open_checkpoint(before.checkpoint, old.checkpoint_keys)


def _check_end(end: Predecessor) -> None:
    """The body says the same as the checkpoint in it; who signed that is another matter."""
    checkpoint = parse_checkpoint(parse_note(end.checkpoint).text)
    if checkpoint != Checkpoint(end.origin, end.size, end.root):
        raise _false(
            f"a checkpoint of {quote(end.origin)}, size {end.size}, root {end.root.hex()}",
            f"{quote(checkpoint.origin)}, size {checkpoint.size}, root {checkpoint.root.hex()}",
        )


def check_succession(leaf: Leaf, genesis: Genesis, earlier: Sequence[Ended]) -> None:
    """What the new log says about those before it; `earlier` has the oldest first."""
    before, ended = genesis.predecessor, earlier[-1]
    if before is None or before.log != ended.log:
        raise _false(f"log {ended.log.hex()} as predecessor", "another or none")
    if genesis.origin in {log.genesis.origin for log in earlier}:
        raise _false("an origin that no log of the line has", quote(genesis.origin))
    if genesis.renewal is not None and genesis.renewal.leaves != ended.sha3_root:
        raise NotVerified("renewal", ended.sha3_root.hex(), genesis.renewal.leaves.hex())
    payload = Place(SUCCESSION, ended.log, ended.chain, ended.chain_hash).payload(
        change_of(leaf.body)
    )
    keys = [member.key for member in ended.governors.members]
    check_approvals(before.approvals, keys, ended.governors.threshold, payload)


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("succession", expected, found)
