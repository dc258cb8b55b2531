"""Index replay: brings the sorted indexes from their last registered runs to the log's size.

What the runs do not hold yet is in the newest leaves, which are read again through the path that
appending takes. A reading process does the same and keeps the result in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ledger.errors import LedgerFault
from ledger.heads import ChainHeads, ChainType, Head
from ledger.identity import Registry
from ledger.right_edge import RightEdge, verified_leaves
from ledger.store.run_form import RunForm, heads_form
from ledger.store.sorted_index import RunBuilder, SortedIndex
from ledger.store.store import RUN_DIRECTORIES, Store
from ledger.store.tables import DAMAGED, RunName
from ledger.tags import ROW as TAGS_ROW
from ledger.tags import TagIndex
from ledger.wire.claim import Kind
from ledger.wire.ids import HASH_SIZE, ChainId
from ledger.wire.leaf import Leaf, decode_leaf


def open_indexes(registry: Registry, store: Store) -> tuple[ChainHeads, TagIndex]:
    """Both sorted indexes with their registered runs. Raises LedgerFault."""
    forms = {RunName.HEADS: heads_form(registry.log), RunName.TAGS: RunForm(TAGS_ROW.size)}
    heads, tags = (
        SortedIndex(store.directory / RUN_DIRECTORIES[name], name, form, store.run_rows(name))
        for name, form in forms.items()
    )
    return ChainHeads(registry.log, heads), TagIndex(tags)


Inherited = Callable[[ChainId], Head | None]
"""The head of a chain in the newest earlier log of the line that has it."""


def replay(
    store: Store,
    heads: ChainHeads,
    tags: TagIndex,
    edge: RightEdge,
    builder: RunBuilder | None,
    inherited: Inherited = lambda _chain: None,
) -> None:
    """Bring the indexes from their last registered runs to the log's size, checking every hash and
    link: the next leaf of a chain will be linked to what is read here.

    Without a builder (reading) full stretches are only kept in memory.
    """
    start = heads.index.upto
    if max(start, tags.index.upto) > edge.size:
        raise LedgerFault("store: an index run is for leaves that are not there", hint=DAMAGED)
    chains: list[ChainId] = []
    newest: list[Head] = []
    local: dict[ChainId, Head] = {}
    for index, raw, hash_ in verified_leaves(store, start, edge.size):
        leaf = decode_leaf(raw)
        chain = leaf.claim.chain
        own = local.get(chain) or heads.get(chain)
        before = own or inherited(chain)
        expected = (before.length, before.hash, before.at) if before else (0, bytes(HASH_SIZE), 0)
        continues = own is None and before is not None
        found = (leaf.seq, leaf.prev_hash, leaf.prev_index)
        if found != expected or leaf.continues is not continues:
            raise LedgerFault(f"store: leaf {index} does not follow its chain's head", hint=DAMAGED)
        kind = before.type if before else first_type(leaf, edge.registry)
        local[chain] = Head(kind, leaf.seq + 1, index, hash_)
        chains.append(chain)
        newest.append(local[chain])
    heads.applied(start, chains, newest, builder)
    tags_from = tags.index.upto
    tags.applied(tags_from, edge.size - tags_from, store.tags_from(tags_from), builder)


_FIRST_KINDS: Final = {
    Kind.GENESIS: ChainType.LOG,
    Kind.SUCCESSION: ChainType.LOG,
    Kind.ACTOR: ChainType.ACTOR,
    Kind.OPEN: ChainType.PERSON,
}


def first_type(leaf: Leaf, registry: Registry) -> ChainType:
    """What a chain is, from its first leaf."""
    claim = leaf.claim
    if claim.kind in _FIRST_KINDS:
        return _FIRST_KINDS[claim.kind]
    if claim.chain == registry.batch_chain(claim.author):
        return ChainType.BATCH
    if claim.chain == registry.directory_chain(claim.author):
        return ChainType.DIRECTORY
    if claim.chain == registry.epoch_chain:
        return ChainType.EPOCH
    raise LedgerFault(f"store: a chain begins with {claim.kind.name.lower()}", hint=DAMAGED)
