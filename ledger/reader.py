"""Reader: questions about the committed log. Any thread; needs no lock and no key.

``open_reader`` opens a ledger for reading beside its writer; a ``Log`` has a reader of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

from ledger.epochs import newest_epoch
from ledger.errors import BadRequest, LedgerFault
from ledger.heads import ChainHeads, Head
from ledger.identity import End, Registry
from ledger.index_replay import Inherited, open_indexes, replay
from ledger.keyfiles import Unlock
from ledger.layout import Layout, check_line, read_layout
from ledger.lookups import EpochIndex
from ledger.merkle import TileNodes, consistency_proof, inclusion_proof, multi_proof
from ledger.named import FindLeaf, no_earlier_leaf
from ledger.right_edge import Earlier, verified_leaf, verify_right_edge
from ledger.store.store import Store
from ledger.store.tables import DAMAGED, RunName
from ledger.tags import TagIndex
from ledger.wire.checkpoint import Checkpoint, parse_checkpoint
from ledger.wire.epoch import Epoch
from ledger.wire.ids import ChainId, Hash, LeafIndex, Position
from ledger.wire.leaf import Leaf, decode_leaf
from ledger.wire.note import parse_note
from ledger.wire.proof import TlogProof
from ledger.wire.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Entry:
    """A leaf with its place: its index, and how many logs of the line before this one."""

    index: int
    raw: bytes
    leaf: Leaf
    back: int = 0

    @property
    def position(self) -> Position:
        return Position(self.index, self.back)


@dataclass(frozen=True, slots=True)
class Reader:
    """What can be asked. ``signed`` gives the newest signed checkpoint."""

    layout: Layout
    store: Store
    registry: Registry
    heads: ChainHeads
    tags: TagIndex
    signed: Callable[[], bytes]
    predecessor: Reader | None = None
    """Of the log that this one took over from."""
    _kept: threading.local = field(default_factory=threading.local, repr=False)

    @property
    def checkpoint(self) -> Checkpoint:
        """The newest checkpoint, taken apart."""
        return _parsed(self.signed())

    @property
    def _nodes(self) -> TileNodes:
        """This thread's tree nodes, kept between proofs."""
        nodes: TileNodes | None = getattr(self._kept, "nodes", None)
        if nodes is None:
            nodes = self._kept.nodes = TileNodes(self.store)
        return nodes

    def close(self) -> None:
        """Close the stores, of earlier logs too."""
        self.store.close()
        if self.predecessor is not None:
            self.predecessor.close()

    def log_at(self, back: int) -> Reader:
        """The reader of a log of the line, 0 for this one. Raises BadRequest for one too many."""
        if not back:
            return self
        if self.predecessor is None:
            raise BadRequest("there is no such earlier log", hint="count back from the newest one")
        return self.predecessor.log_at(back - 1)

    def entry(self, index: int, back: int = 0) -> Entry:
        """One entry, its leaf against its hash. Raises BadRequest when the log is not that large,
        LedgerFault when the leaf is damaged.
        """
        if back:
            return replace(self.log_at(back).entry(index), back=back)
        size = self.checkpoint.size
        if not 0 <= index < size:
            raise BadRequest(
                f"there is no entry {index}", hint=f"the log has entries 0 to {size - 1}"
            )
        raw = verified_leaf(self.store, index)
        return Entry(index, raw, decode_leaf(raw))

    def proof(self, index: int, signed: bytes | None = None) -> TlogProof:
        """Inclusion proof into a signed checkpoint (the newest one). Raises BadRequest."""
        note = signed or self.signed()
        size = _parsed(note).size
        if not 0 <= index < size:
            raise BadRequest(
                f"there is no entry {index} in the checkpoint", hint=f"it covers 0 to {size - 1}"
            )
        hashes = tuple(inclusion_proof(index, size, self._nodes))
        return TlogProof(LeafIndex(index), hashes, note)

    def receipt(self, index: int, signed: bytes | None = None) -> Receipt:
        """The leaf and its proof."""
        proof = self.proof(index, signed)
        return Receipt(self.store.leaf(index), proof.index, proof.hashes, proof.checkpoint)

    def published_over(self, index: int) -> bytes | None:
        """The published checkpoint, if it covers an entry."""
        note = self.store.published()
        return None if note is None or _parsed(note).size <= index else note

    def newest_epoch(self, below: int) -> tuple[int, Epoch] | None:
        """The newest epoch below an index, and where it stands."""
        return newest_epoch(self.store, below)

    def epoch_index(self, epoch: Epoch) -> EpochIndex:
        """The index that an epoch lists. Raises LedgerFault."""
        return EpochIndex(self.registry.log, self.store, self.heads, epoch)

    def multi_proof(self, indexes: Sequence[int], size: int) -> list[Hash]:
        """Proof that all these leaves, in order, are in the tree of that size."""
        return multi_proof(indexes, size, self._nodes)

    def consistency(self, old: int, new: int) -> list[Hash]:
        """Proof that the tree of size ``new`` continues the one of size ``old``."""
        return consistency_proof(old, new, self._nodes)

    def relative_index(self, position: Position) -> int:
        """An index as this log counts: those of earlier logs lie below 0."""
        sizes = (self.log_at(back).checkpoint.size for back in range(1, position.back + 1))
        return position.at - sum(sizes)

    def position_of(self, relative: int) -> Position:
        """Where the leaf of a relative index stands."""
        back = 0
        while relative < 0:
            back += 1
            relative += self.log_at(back).checkpoint.size
        return Position(relative, back)

    def leaf_at(self, position: Position) -> bytes:
        """A leaf of this log or an earlier one. Raises BadRequest or LedgerFault."""
        return self.entry(*position).raw

    def head(self, chain: ChainId) -> Head:
        """The head of a chain, here or in an earlier log. Raises BadRequest for a chain without
        entries.
        """
        return self._placed_head(chain)[0]

    def find_head(self, chain: ChainId) -> Head | None:
        """The same, None for a chain without entries."""
        head = self.heads.get(chain)
        if head is None and self.predecessor is not None:
            head = self.predecessor.find_head(chain)
        return head

    def _placed_head(self, chain: ChainId) -> tuple[Head, int]:
        log: Reader | None = self
        back = 0
        while log is not None:
            if (head := log.heads.get(chain)) is not None:
                return head, back
            log, back = log.predecessor, back + 1
        raise BadRequest(f"record {chain.hex()} is unknown", hint="check the id")

    def find_tag(self, tag: bytes) -> Position | None:
        """The newest entry with a tag, here or in an earlier log."""
        log: Reader | None = self
        back = 0
        while log is not None:
            if (index := log.tags.get(tag)) is not None:
                return Position(index, back)
            log, back = log.predecessor, back + 1
        return None

    def history(self, chain: ChainId) -> Iterator[Entry]:
        """A chain's entries, newest first, each checked against the link that led to it."""
        head, back = self._placed_head(chain)
        return self._down(chain, head.at, head.length - 1, back)

    def history_from(self, entry: Entry) -> Iterator[Entry]:
        """The same from an entry of the chain on down, itself first."""
        return self._down(entry.leaf.claim.chain, entry.index, entry.leaf.seq, entry.back)

    def _down(self, chain: ChainId, index: int, seq: int, back: int) -> Iterator[Entry]:
        while True:
            entry = self.entry(index, back)
            if entry.leaf.claim.chain != chain or entry.leaf.seq != seq:
                raise LedgerFault(
                    f"store: entry {index} is not number {seq} of its chain", hint=DAMAGED
                )
            yield entry
            if seq == 0:
                return
            if entry.leaf.continues:
                back = self.log_before(chain, back)
            index, seq = entry.leaf.prev_index, seq - 1

    def log_before(self, chain: ChainId, back: int) -> int:
        """How far back the newest log is that has the chain, of those before ``back`` (-1: of all,
        this one too). Raises BadRequest or LedgerFault.
        """
        older = self if back < 0 else self.log_at(back).predecessor
        if older is None:
            raise LedgerFault("store: a leaf continues a log that is not there", hint=DAMAGED)
        return back + 1 + older._placed_head(chain)[1]


@lru_cache(maxsize=16)
def _parsed(note: bytes) -> Checkpoint:
    return parse_checkpoint(parse_note(note).text)


def open_reader(directory: Path, unlock: Unlock | None = None) -> Reader:
    """Open for reading, beside a writer if there is one. Raises BadRequest or LedgerFault.

    ``unlock`` is only kept in the layout: reading opens no key file.
    """
    layout = read_layout(directory, unlock)
    store = Store(directory, writable=False)
    try:
        return _read_snapshot(layout, store)
    except BaseException:
        store.close()
        raise


def open_predecessor(layout: Layout) -> Reader | None:
    """The reader of the ledger that this one took over from, if it did. Raises LedgerFault."""
    if layout.predecessor is None:
        return None
    try:
        check_line(layout)
        return open_reader(layout.predecessor, layout.unlock)
    except BadRequest as error:
        raise LedgerFault(
            f"the ledger that {layout.directory.name} took over from is not at its place: "
            f"{error.message}",
            hint="put it back where ledger.json says",
        ) from error


def earlier_of(predecessor: Reader | None) -> Earlier | None:
    """What the log before leaves to this one."""
    if predecessor is None:
        return None
    return Earlier(predecessor.registry, end_of(predecessor))


def end_of(reader: Reader) -> End:
    """How a log ends, or would if it was taken over now."""
    registry, checkpoint = reader.registry, reader.checkpoint
    origins = set()
    log: Reader | None = reader
    while log is not None:
        origins.add(log.registry.genesis.origin)
        log = log.predecessor
    return End(
        registry.log,
        registry.genesis,
        registry.log_chain,
        reader.head(registry.log_chain).hash,
        registry.governors,
        registry.threshold,
        frozenset(origins),
        checkpoint.size,
        checkpoint.root,
        reader.store.state().received_ms,
        lambda chain: reader.find_head(chain) is not None,
        _is_covered(reader),
    )


def _is_covered(reader: Reader) -> bool:
    last = reader.checkpoint.size - 1
    found = reader.newest_epoch(last + 1)
    return found is not None and (found[0], found[1].upto) == (last, last)


def inherited_from(predecessor: Reader | None) -> Inherited:
    """Where the heads of a log's chains are looked for that it has not continued yet."""
    return (lambda _chain: None) if predecessor is None else predecessor.find_head


def earlier_leaves(predecessor: Reader | None) -> FindLeaf:
    """Where the leaves of earlier logs are looked for."""

    def leaf(at: Position) -> bytes:
        if predecessor is None:
            return no_earlier_leaf(at)
        return predecessor.leaf_at(Position(at.at, at.back - 1))

    return leaf


def _read_snapshot(layout: Layout, store: Store) -> Reader:
    predecessor = open_predecessor(layout)
    try:
        return _read_behind(layout, store, predecessor)
    except BaseException:
        # A store that stays open cannot be opened again by this process.
        if predecessor is not None:
            predecessor.close()
        raise


def _read_behind(layout: Layout, store: Store, predecessor: Reader | None) -> Reader:
    while True:
        with store.environment.pinned():
            runs = [store.run_rows(name) for name in RunName]
            try:
                edge = verify_right_edge(layout, store, earlier_of(predecessor))
                heads, tags = open_indexes(edge.registry, store)
                replay(store, heads, tags, edge, None, inherited_from(predecessor))
                note = partial(bytes, store.checkpoint())
                return Reader(layout, store, edge.registry, heads, tags, note, predecessor)
            except LedgerFault as error:
                fault = error
        # A writer that merges runs removes the files that this snapshot still names.
        if runs == [store.run_rows(name) for name in RunName]:
            raise fault
