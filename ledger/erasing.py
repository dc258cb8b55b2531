"""Erasing: content is ordered to be destroyed, destroyed, and attested as gone.

    ordered    an entry on the chain of what is erased, which everybody sees
    done       tags, payload, chunks and content key of each entry overwritten, in this order
    attested   an entry: its author's word that its copies are gone

The order comes first and is durable before anything is touched, so what a crash leaves half done is
found by its order and done again: every step may be repeated. The key goes last; as long as it is
there, the entry counts as not done. Leaves stay. Specification: docs/spec/erasure.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

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
    """Every order among the first ``size`` leaves, oldest first.

    An order about a record has the entries since the one before it about the same record: the
    others are that one's, which is attested too when this one is. So the work grows with the log,
    not with the number of orders.
    """
    chains: dict[ChainId, list[_Found]] = {}
    attested: set[Hash] = set()
    for index, raw in enumerate(store.leaves(0, size)):
        claim = claim_bytes(raw)
        if claim[_KIND] != Kind.ERASURE:
            continue
        decoded = Claim.decode(claim)
        body = decode_erasure(decoded.body)
        if isinstance(body, Attest):
            attested.add(body.order)
        else:
            chains.setdefault(decoded.chain, []).append(_Found(index, raw, leaf_hash(raw), body))
    orders = [
        order
        for chain, found in chains.items()
        for order in _orders_of(chain, found, _below(store, found[-1].raw, predecessor), attested)
    ]
    return sorted(orders, key=lambda order: order.index)


class _Found(NamedTuple):
    """An order as it stands."""

    at: int
    raw: bytes
    hash: Hash
    body: EraseEntries | EraseRecord


def _orders_of(
    chain: ChainId,
    found: Sequence[_Found],
    entries: Sequence[tuple[Position, Hash]],
    attested: Collection[Hash],
) -> list[Order]:
    """The orders of one chain, oldest first, with its entries below the newest of them."""
    places = {hash_: place for place, hash_ in entries}
    orders, stop = [], 0
    for index, _, hash_, body in found:
        if isinstance(body, EraseEntries):
            below = [places[one] for one in body.entries if one in places]
        else:
            start = stop
            while stop < len(entries) and (entries[stop][0].back or entries[stop][0].at < index):
                stop += 1
            below = [place for place, _ in entries[start:stop]]
        orders.append(_order(index, chain, hash_, below, hash_ in attested))
    done = False
    for number in range(len(orders) - 1, -1, -1):
        if isinstance(found[number].body, EraseRecord):
            done = done or orders[number].attested
            orders[number] = replace(orders[number], attested=done)
    return orders


def order_at(store: Store, index: int, predecessor: Reader | None = None) -> Order:
    """The order at an index with all that it names; whether it is attested is left open. Raises
    BadRequest.
    """
    raw = store.leaf(index)
    claim = Claim.decode(claim_bytes(raw))
    body = decode_erasure(claim.body) if claim.kind is Kind.ERASURE else None
    if body is None or isinstance(body, Attest):
        raise BadRequest(f"entry {index} is no order of erasure")
    named = body.entries if isinstance(body, EraseEntries) else None
    below = _below(store, raw, predecessor)
    places = [place for place, hash_ in below if named is None or hash_ in named]
    return _order(index, claim.chain, leaf_hash(raw), places, attested=False)


def _order(
    index: int, chain: ChainId, hash_: Hash, below: Sequence[Position], attested: bool
) -> Order:
    return Order(
        index,
        chain,
        hash_,
        tuple(sorted(place.at for place in below if not place.back)),
        attested,
        tuple(sorted(place for place in below if place.back)),
    )


def _below(store: Store, raw: bytes, predecessor: Reader | None) -> list[tuple[Position, Hash]]:
    """The leaves of the chain below an order, oldest first."""
    found: list[tuple[Position, Hash]] = []
    leaf, back = decode_leaf(raw), 0
    while leaf.seq:
        if leaf.continues:
            if predecessor is None:
                break
            back = predecessor.log_before(leaf.claim.chain, back - 1) + 1
        at = Position(leaf.prev_index, back)
        found.append((at, leaf.prev_hash))
        before = decode_leaf(_leaf(store, predecessor, at))
        # In a damaged log a link may lead in a circle.
        if before.seq >= leaf.seq:
            break
        leaf = before
    return found[::-1]


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
