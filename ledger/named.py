"""Named: leaves that a claim names by hash, checked against the leaves that stand there.

A claim carries only hashes; whoever hands it in says beside it where those leaves stand, so that
no index from hashes to leaves is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final

from ledger.errors import BadRequest, CounterfoilError
from ledger.heads import ChainType
from ledger.wire.claim import AMENDING_KINDS, BLOB_REQUIRED, Claim, Kind
from ledger.wire.erasure import Attest, EraseEntries, decode_erasure
from ledger.wire.ids import Hash, Position
from ledger.wire.leaf import claim_bytes

FindLeaf = Callable[[Position], bytes]
"""The leaf at a position. Raises BadRequest where there is none."""


def no_earlier_leaf(at: Position) -> bytes:
    """Of a log that is the first of its line."""
    raise BadRequest(f"there is no log {at.back} before this one")


_AMENDED: Final = frozenset({Kind.RECORD, Kind.AMEND})


_NAMING: Final = AMENDING_KINDS | {Kind.ERASURE}
_KIND: Final = 1
"""Where a claim says its kind."""


def check_amended(claim: Claim, at: Position | None, leaf: FindLeaf) -> None:
    """What an amendment, a retraction or an unlink may name. Raises BadRequest."""
    if at is None:
        raise BadRequest("an amendment must say at which index the amended entry stands")
    amended = _claim_at(claim.amended, at, leaf)
    unlinks = claim.kind is Kind.UNLINK
    kinds = frozenset({Kind.LINK}) if unlinks else _AMENDED
    if amended.chain != claim.chain or amended.kind not in kinds:
        raise BadRequest(
            "only a link of the same record can be undone"
            if unlinks
            else "only a record entry of the same record can be amended or retracted"
        )


def check_erasure(claim: Claim, chain: ChainType, at: tuple[Position, ...], leaf: FindLeaf) -> None:
    """What an erasure may name. Raises BadRequest."""
    body = decode_erasure(claim.body)
    if isinstance(body, Attest):
        (order,) = _claims_at((body.order,), at, leaf)
        is_order = order.kind is Kind.ERASURE and not isinstance(decode_erasure(order.body), Attest)
        if order.chain != claim.chain or not is_order:
            raise BadRequest("an attestation names an order of erasure of the same chain")
    elif isinstance(body, EraseEntries):
        for entry in _claims_at(body.entries, at, leaf):
            if entry.chain != claim.chain or entry.kind not in BLOB_REQUIRED:
                raise BadRequest("only content of the same record can be ordered to be erased")
    elif at:
        raise BadRequest("an order about a whole record names no entries")
    elif chain is not ChainType.PERSON:
        raise BadRequest("only a person's record is erased whole", hint="name the entries")


def named_hashes(claim: Claim) -> tuple[Hash, ...]:
    """The leaf hashes that a claim names, in its order. Raises BadRequest for a bad body."""
    if claim.kind in AMENDING_KINDS:
        return (claim.amended,)
    if claim.kind is Kind.ERASURE:
        match decode_erasure(claim.body):
            case Attest(order):
                return (order,)
            case EraseEntries(entries):
                return entries
    return ()


def names_in(leaves: Iterable[bytes]) -> set[Hash]:
    """Every hash by which one of some leaves names another. What cannot be read names none."""
    names: set[Hash] = set()
    for raw in leaves:
        try:
            raw_claim = claim_bytes(raw)
            if raw_claim[_KIND] in _NAMING:
                names.update(named_hashes(Claim.decode(raw_claim)))
        except (CounterfoilError, IndexError):
            continue
    return names


def _claims_at(hashes: tuple[Hash, ...], at: tuple[Position, ...], leaf: FindLeaf) -> list[Claim]:
    if len(hashes) != len(at):
        raise BadRequest("an erasure must say where each leaf stands that it names")
    return [_claim_at(*pair, leaf) for pair in zip(hashes, at, strict=True)]


def _claim_at(hash_: Hash, at: Position, leaf: FindLeaf) -> Claim:
    raw = leaf(at)
    if sha256(b"\0" + raw).digest() != hash_:
        raise BadRequest(f"the entry at index {at.at} is not the one that the claim names")
    return Claim.decode(claim_bytes(raw))
