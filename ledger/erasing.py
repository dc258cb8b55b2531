"""Erasing: content is ordered to be destroyed, destroyed, and attested as gone.

    ordered    an entry on the chain of what is erased, which everybody sees
    done       tags, payload, chunks and content key of each entry overwritten, in this order
    attested   an entry: its author's word that its copies are gone

The order comes first and is durable before anything is touched, so what a crash leaves half done is
found by its order and done again: every step may be repeated. The key goes last; as long as it is
there, the entry counts as not done. Leaves stay. Specification: docs/spec/erasure.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, Protocol

from ledger.author import CBOR, Draft
from ledger.errors import BadRequest
from ledger.heads import ChainType
from ledger.merkle import leaf_hash
from ledger.reader import Entry, Reader
from ledger.store.store import Store
from ledger.vault.door import Vault
from ledger.vault.keys import VaultKeys
from ledger.wire.claim import Claim, Kind
from ledger.wire.erasure import Attest, EraseEntries, EraseRecord, decode_erasure
from ledger.wire.ids import ChainId, Hash, Position
from ledger.wire.leaf import claim_bytes, decode_leaf

_KIND: Final = 1
"""Where a claim says its kind."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order of erasure that stands in this log."""

    index: int
    chain: ChainId
    hash: Hash
    entries: tuple[int, ...]
    """Entries of this log that it is about, ascending."""
    attested: bool = False
    earlier: tuple[Position, ...] = ()
    """Those of earlier logs of the line, which are destroyed in their own ledgers."""


class Target(Protocol):
    """What erasing needs of an open ``Log``, which it must not import."""

    @property
    def reader(self) -> Reader: ...
    def destroy(self, indexes: Collection[int], reason: str) -> None: ...


def order_entries(reader: Reader, places: Collection[Position], reason: str) -> Draft:
    """The order to erase some entries of one chain. Raises BadRequest."""
    entries = [reader.entry(*place) for place in set(places)]
    named = sorted((leaf_hash(entry.raw), entry.position) for entry in entries)
    chains = {entry.leaf.claim.chain for entry in entries}
    if len(chains) != 1:
        raise BadRequest(
            "an order is about entries of one record", hint="order each record's apart"
        )
    body = EraseEntries(tuple(hash_ for hash_, _ in named)).encode()
    return _draft(chains.pop(), reason, body, tuple(place for _, place in named))


def order_record(reader: Reader, chain: ChainId, reason: str) -> Draft:
    """The order to erase everything that a person's record holds so far. Raises BadRequest."""
    if reader.head(chain).type is not ChainType.PERSON:
        raise BadRequest("only a person's record is erased whole", hint="name the entries")
    return _draft(chain, reason, EraseRecord().encode(), ())


def attestation(order: Order) -> Draft:
    """The word that an order was carried out."""
    return _draft(order.chain, "", Attest(order.hash).encode(), (Position(order.index),))


def _draft(chain: ChainId, reason: str, body: bytes, erases: tuple[Position, ...]) -> Draft:
    header = {"reason": reason} if reason else {}
    return Draft(chain, b"", CBOR, Kind.ERASURE, {**header}, body=body, erases=erases)


def find_orders(store: Store, size: int, predecessor: Reader | None = None) -> list[Order]:
    """Every order among the first ``size`` leaves, oldest first. Reads all leaves once."""
    orders: dict[Hash, Order] = {}
    for index, raw in enumerate(store.leaves(0, size)):
        claim = claim_bytes(raw)
        if claim[_KIND] != Kind.ERASURE:
            continue
        body = decode_erasure(Claim.decode(claim).body)
        if isinstance(body, Attest):
            if body.order in orders:
                orders[body.order] = replace(orders[body.order], attested=True)
            continue
        order = _order(store, index, raw, body, predecessor)
        orders[order.hash] = order
    return list(orders.values())


def order_at(store: Store, index: int, predecessor: Reader | None = None) -> Order:
    """The order at an index, whether it is attested left open. Raises BadRequest."""
    raw = store.leaf(index)
    claim = Claim.decode(claim_bytes(raw))
    body = decode_erasure(claim.body) if claim.kind is Kind.ERASURE else None
    if body is None or isinstance(body, Attest):
        raise BadRequest(f"entry {index} is no order of erasure")
    return _order(store, index, raw, body, predecessor)


def _order(
    store: Store,
    index: int,
    raw: bytes,
    body: EraseEntries | EraseRecord,
    predecessor: Reader | None,
) -> Order:
    named = body.entries if isinstance(body, EraseEntries) else None
    below = sorted(_entries_below(store, raw, named, predecessor))
    return Order(
        index,
        decode_leaf(raw).claim.chain,
        leaf_hash(raw),
        tuple(one.at for one in below if not one.back),
        earlier=tuple(one for one in below if one.back),
    )


def _entries_below(
    store: Store, raw: bytes, named: tuple[Hash, ...] | None, predecessor: Reader | None
) -> list[Position]:
    """Leaves of the chain below an order: those named, or all."""
    found: list[Position] = []
    leaf, back = decode_leaf(raw), 0
    while leaf.seq and (named is None or len(found) < len(named)):
        if leaf.continues:
            if predecessor is None:
                break
            back = predecessor.log_before(leaf.claim.chain, back - 1) + 1
        at = Position(leaf.prev_index, back)
        if named is None or leaf.prev_hash in named:
            found.append(at)
        leaf = decode_leaf(_leaf(store, predecessor, at))
    return found


def _leaf(store: Store, predecessor: Reader | None, at: Position) -> bytes:
    if not at.back or predecessor is None:
        return store.leaf(at.at)
    return predecessor.leaf_at(Position(at.at, at.back - 1))


def erased_by(history: Iterable[Entry]) -> dict[Hash, Position]:
    """Leaf hash -> where the order stands, of a chain's entries, newest first."""
    erased: dict[Hash, Position] = {}
    whole: Position | None = None
    for entry in history:
        hash_ = leaf_hash(entry.raw)
        if whole is not None:
            erased[hash_] = whole
        claim = entry.leaf.claim
        if claim.kind is not Kind.ERASURE:
            continue
        match decode_erasure(claim.body):
            case EraseEntries(entries):
                erased |= dict.fromkeys(entries, entry.position)
            case EraseRecord():
                whole = entry.position
    return erased


def remains(store: Store, keys: VaultKeys | None, index: int) -> str:
    """What is still there of an entry's content; empty when nothing is, or there never was any."""
    claim = Claim.decode(claim_bytes(store.leaf(index)))
    if not claim.blob_size:
        return ""
    if keys is not None and keys.load(index) is not None:
        return "its key"
    if store.payload(index).strip(b"\0"):
        return "its payload"
    chunks = store.chunks_of(index)
    return "its chunks" if chunks is not None and store.large.exists(chunks) else ""


def is_pending(vault: Vault, order: Order) -> bool:
    """Whether an order is not carried out yet, or not wholly, in this log and the earlier ones."""
    places = [*map(Position, order.entries), *order.earlier]
    shelves = ((vault.shelf(at.back), at.at) for at in places)
    return any(remains(shelf.store, shelf.keys, index) for shelf, index in shelves)


def carry_out(log: Target, order: Order) -> int:
    """Destroy what an order names; returns the number of contents. May be repeated."""
    store = log.reader.store
    sizes = (Claim.decode(claim_bytes(store.leaf(index))).blob_size for index in order.entries)
    contents = sum(1 for size in sizes if size)
    log.destroy(order.entries, f"order {order.index}")
    return contents


class OrdersSeen:
    """Whether a leaf's content may be gone, for a reader that goes from the newest leaf down."""

    def __init__(self) -> None:
        self._entries: set[Hash] = set()
        self._records: set[ChainId] = set()

    def covers(self, raw: bytes, claim: Claim) -> bool:
        """Whether a later leaf ordered it; then takes in the leaf itself."""
        hash_ = Hash(sha256(b"\0" + raw).digest())
        covered = hash_ in self._entries or claim.chain in self._records
        if claim.kind is Kind.ERASURE:
            match decode_erasure(claim.body):
                case EraseEntries(entries):
                    self._entries.update(entries)
                case EraseRecord():
                    self._records.add(claim.chain)
        return covered
