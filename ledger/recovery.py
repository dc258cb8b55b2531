"""Opening: the one way from files on disk to a log that may be appended to, after a clean close
and after a crash.

It verifies the right edge and refuses with a message when something does not fit; it repairs
nothing. What a crash may leave is cut off as part of the normal path, because no commit names it:
payload bytes behind the committed end, key slots behind the last leaf, run files that LMDB does
not list, and a guard that is one checkpoint behind.

Not looked at here is what lies deeper: ``ledger.check`` re-derives everything from the leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256

from ledger.appender import Parts
from ledger.errors import BadEvidence, BadRequest, LedgerFault
from ledger.heads import ROW as HEADS_ROW
from ledger.heads import ChainHeads, ChainType, Head
from ledger.identity import Genesis, Registry
from ledger.keyfiles import LogKeys, load_log_keys
from ledger.layout import Layout
from ledger.merkle import TILE_WIDTH, Frontier, TileNodes, leaf_hash, root_at, subtree_root
from ledger.store.guard import Guard
from ledger.store.sorted_index import RunBuilder, SortedIndex
from ledger.store.store import RUN_DIRECTORIES, Store
from ledger.store.tables import DAMAGED, RunName
from ledger.tags import ROW as TAGS_ROW
from ledger.tags import TagIndex
from ledger.vault.door import Vault
from ledger.vault.keys import MasterKey, VaultKeys
from ledger.wire.checkpoint import Checkpoint, checkpoint_verifier, open_checkpoint
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import HASH_SIZE, ChainId, Hash
from ledger.wire.keys import ED25519, key_id, raw_public, verifies
from ledger.wire.leaf import Leaf, claim_bytes, decode_leaf
from ledger.wire.sealed import commits_to


@dataclass(slots=True)
class RightEdge:
    """A store whose right edge was verified, without anything that only a writer needs."""

    store: Store
    size: int
    checkpoint: Checkpoint
    registry: Registry
    frontier: Frontier


def verify_right_edge(layout: Layout, store: Store) -> RightEdge:
    """Checkpoint, tiles, last bundle and registry. Raises LedgerFault naming what does not fit."""
    state = store.state()
    if not state.size:
        raise LedgerFault(
            "the ledger holds no genesis: its making was cut short", hint="init it anew"
        )
    try:
        registry = load_registry(store)
        vkey = checkpoint_verifier(registry.genesis.checkpoint_keys[0])
        opened = open_checkpoint(store.checkpoint(), layout.origin, [vkey]).checkpoint
    except (BadEvidence, BadRequest) as error:
        raise LedgerFault(f"store: {error}", hint=DAMAGED) from error
    if opened.size != state.size:
        raise LedgerFault(
            f"store: the checkpoint is of size {opened.size}, the state of {state.size}",
            hint=DAMAGED,
        )
    nodes = TileNodes(store)
    frontier = Frontier.from_tiles(state.size, nodes)
    if frontier.root() != opened.root:
        raise LedgerFault("store: the tiles do not give the root of the checkpoint", hint=DAMAGED)
    _check_edge_tiles(store, state.size)
    _check_last_bundle(store, state.size, state.received_ms)
    return RightEdge(store, state.size, opened, registry, frontier)


def _check_edge_tiles(store: Store, size: int) -> None:
    """The newest hash of each tile level must be the root of the tile below it."""
    level, count = 1, size // TILE_WIDTH
    while count:
        below = _hashes(store.read(level - 1, count - 1, TILE_WIDTH))
        tile, last = divmod(count - 1, TILE_WIDTH)
        above = _hashes(store.read(level, tile, last + 1))
        if subtree_root(below) != above[last]:
            raise LedgerFault(
                f"store: tile {level - 1}/{count - 1} does not fit the tile above", hint=DAMAGED
            )
        level, count = level + 1, count // TILE_WIDTH


def _hashes(tile: bytes) -> list[Hash]:
    end = min(len(tile), TILE_WIDTH * HASH_SIZE)
    return [Hash(tile[at : at + HASH_SIZE]) for at in range(0, end, HASH_SIZE)]


def _check_last_bundle(store: Store, size: int, received_ms: int) -> None:
    """Leaves of the last bundle against their hashes, and the newest leaf against state and ids."""
    *_, (_, last, _) = verified_leaves(store, (size - 1) // TILE_WIDTH * TILE_WIDTH, size)
    leaf = decode_leaf(last)
    if leaf.received_ms != received_ms:
        raise LedgerFault(
            "store: the newest leaf does not have the time of the state", hint=DAMAGED
        )
    if store.index_of(leaf.claim.entry_id + leaf.claim.author) != size - 1:
        raise LedgerFault("store: the newest entry is not among the ids", hint=DAMAGED)


def verified_leaf(store: Store, index: int) -> bytes:
    """A leaf whose hash is the one in its tile."""
    ((_, leaf, _),) = verified_leaves(store, index, index + 1)
    return leaf


def verified_leaves(store: Store, start: int, stop: int) -> Iterator[tuple[int, bytes, Hash]]:
    """Index, leaf and hash of [start, stop), each hash being the one in its tile. LedgerFault."""
    hashes: list[Hash] = []
    for index, leaf in enumerate(store.leaves(start, stop), start):
        tile, offset = divmod(index, TILE_WIDTH)
        if not offset or not hashes:
            width = min(stop - tile * TILE_WIDTH, TILE_WIDTH)
            hashes = _hashes(store.read(0, tile, width))
        hash_ = leaf_hash(leaf)
        if hash_ != hashes[offset]:
            raise LedgerFault(f"store: leaf {index} does not have its hash", hint=DAMAGED)
        yield index, leaf, hash_


def load_registry(store: Store) -> Registry:
    """Fold genesis and actor entries, each verified. Raises LedgerFault, BadRequest or
    BadEvidence.
    """
    indexes = store.registry_indexes()
    if not indexes or indexes[0] != 0:
        raise LedgerFault("store: the genesis is not listed in the registry table", hint=DAMAGED)
    raw = verified_leaf(store, 0)
    registry = found_registry(decode_leaf(raw), leaf_hash(raw))
    for index in indexes[1:]:
        leaf = decode_leaf(verified_leaf(store, index))
        check_actor_leaf(registry, leaf)
        registry.apply(leaf.claim, index)
    return registry


def found_registry(leaf: Leaf, hash_: Hash) -> Registry:
    """The registry that a genesis founds. Raises BadRequest or BadEvidence."""
    claim, statement = leaf.claim, leaf.statement
    if claim.kind is not Kind.GENESIS or statement is None or leaf.seq != 0:
        raise BadRequest("the first leaf is not a genesis")
    genesis = Genesis.decode(claim.body)
    registry = Registry(hash_, genesis, claim.chain)
    if claim.log != sha256(genesis.origin.encode()).digest():
        raise BadRequest("the genesis claim does not name its origin's hash")
    if statement.kid != key_id(ED25519, genesis.governor_key):
        raise BadRequest("the genesis is not signed under the key of its first governor")
    if not verifies(
        registry.governor(claim.author, statement.kid), statement.signature, statement.signed
    ):
        raise BadEvidence("signature of the genesis")
    return registry


def check_actor_leaf(registry: Registry, leaf: Leaf) -> None:
    """An actor leaf against the registry before it. Raises BadRequest or BadEvidence."""
    claim, statement = leaf.claim, leaf.statement
    if claim.kind is not Kind.ACTOR or statement is None:
        raise BadRequest("a leaf in the registry is no actor entry")
    key = registry.governor(claim.author, statement.kid)
    if not verifies(key, statement.signature, statement.signed):
        raise BadEvidence("signature of an actor entry")
    registry.check(claim, leaf.seq)


def open_parts(layout: Layout, map_limit: int | None = None) -> Parts:
    """Open for appending. The writer lock is held by the caller. Raises LedgerFault."""
    try:
        return _open_parts(layout, map_limit)
    except OSError as error:
        raise LedgerFault(
            f"{layout.directory.name} cannot be opened for writing: {error.strerror}",
            hint="make room or mend the disk, then open the ledger again",
        ) from error


def _open_parts(layout: Layout, map_limit: int | None) -> Parts:
    with ExitStack() as stack:
        store = Store(layout.directory, writable=True, map_limit=map_limit)
        stack.callback(store.close)
        edge = verify_right_edge(layout, store)
        keys = load_own_keys(layout, edge.registry.genesis)
        vault = open_vault(layout, edge)
        stack.callback(vault.close)
        check_newest_payload(store, vault.keys, edge.size)
        heads, tags = open_indexes(edge.registry, store)
        guard = open_guard(layout, edge)
        stack.callback(guard.close)
        # Only now: were this an old copy of LMDB's file, they would belong to the lost entries.
        store.payloads.begin_writing()
        for index in (heads.index, tags.index):
            index.remove_strays()
        builder = RunBuilder()
        stack.callback(builder.close)
        replay(store, heads, tags, edge, builder)
        for index in (heads.index, tags.index):
            builder.merge_if_due(index)
        return Parts(
            store,
            vault,
            guard,
            keys,
            edge.registry,
            heads,
            tags,
            builder,
            edge.frontier,
            store.latest_id(),
            stack.pop_all(),
        )


def load_own_keys(layout: Layout, genesis: Genesis) -> LogKeys:
    """The keys that the log signs with, which must be those of its genesis. Raises LedgerFault."""
    keys = load_log_keys(layout.directory, layout.origin)
    own = (keys.vkeys, raw_public(keys.statement))
    if own != (genesis.checkpoint_keys, genesis.statement_key):
        raise LedgerFault(
            "the key files are not the keys that the genesis names", hint="restore them"
        )
    return keys


def open_vault(layout: Layout, edge: RightEdge) -> Vault:
    """The vault of a ledger. Raises LedgerFault when its master key is missing."""
    master = MasterKey.load(layout.master_key)
    keys = VaultKeys(layout.vault_keys, master)
    return Vault(master, keys, edge.store, edge.registry, layout.releases)


def open_indexes(registry: Registry, store: Store) -> tuple[ChainHeads, TagIndex]:
    """Both sorted indexes with their registered runs. Raises LedgerFault."""
    heads, tags = (
        SortedIndex(store.directory / RUN_DIRECTORIES[name], name, size, store.run_rows(name))
        for name, size in ((RunName.HEADS, HEADS_ROW.size), (RunName.TAGS, TAGS_ROW.size))
    )
    return ChainHeads(registry.log, heads), TagIndex(tags)


def check_newest_payload(store: Store, vault: VaultKeys, size: int) -> None:
    """The newest payload must be the blob that its leaf names, and the vault must hold its key."""
    for index in range(size - 1, max(size - 1 - TILE_WIDTH, -1), -1):
        claim = Claim.decode(claim_bytes(verified_leaf(store, index)))
        if not claim.blob_size:
            continue
        blob = store.payload(index)
        if sha256(blob).digest() != claim.blob_hash:
            raise LedgerFault(f"payload {index} is not the one that its leaf names", hint=DAMAGED)
        key = vault.load(index)
        if key is None or not commits_to(blob, key):
            raise LedgerFault(
                f"the vault does not hold the key of payload {index}",
                hint="the vault is older than the log or has another master key: restore it",
            )
        return


def open_guard(layout: Layout, edge: RightEdge) -> Guard:
    """The guard, brought up to the store's checkpoint. LedgerFault when it knows more, or other
    things.
    """
    guard = Guard(layout.guard)
    try:
        verifier = checkpoint_verifier(edge.registry.genesis.checkpoint_keys[0])
        known = open_checkpoint(guard.checkpoint, layout.origin, [verifier]).checkpoint
        if known.size > edge.size:
            raise LedgerFault(
                f"this ledger has {edge.size} entries, its guard has seen {known.size}: "
                "it is an old copy, or lost its newest entries",
                hint="restore the newest copy; going on from here would fork the log",
            )
        if root_at(known.size, edge.store) != known.root:
            raise LedgerFault(
                f"the guard knows another log of size {known.size}",
                hint="do not append: compare both with a mirror or receipts",
            )
        if known.size < edge.size:
            guard.advance(edge.store.checkpoint())
    except (BadEvidence, BadRequest) as error:
        guard.close()
        raise LedgerFault(f"guard: {error}", hint="is it the guard of another ledger?") from error
    except BaseException:
        guard.close()
        raise
    return guard


def replay(
    store: Store, heads: ChainHeads, tags: TagIndex, edge: RightEdge, builder: RunBuilder | None
) -> None:
    """Bring the indexes from their last registered runs to the log's size, checking every hash and
    link: the next leaf of a chain will be linked to what is read here.

    Without a builder (reading) full stretches are only kept in memory.
    """
    start = heads.index.upto
    chains: list[ChainId] = []
    newest: list[Head] = []
    local: dict[ChainId, Head] = {}
    for index, raw, hash_ in verified_leaves(store, start, edge.size):
        leaf = decode_leaf(raw)
        chain = leaf.claim.chain
        before = local.get(chain) or heads.get(chain)
        expected = (before.length, before.hash, before.at) if before else (0, bytes(HASH_SIZE), 0)
        if (leaf.seq, leaf.prev_hash, leaf.prev_index) != expected:
            raise LedgerFault(f"store: leaf {index} does not follow its chain's head", hint=DAMAGED)
        kind = before.type if before else first_type(leaf, edge.registry)
        local[chain] = Head(kind, leaf.seq + 1, index, hash_)
        chains.append(chain)
        newest.append(local[chain])
    heads.applied(start, chains, newest, builder)
    tags_from = tags.index.upto
    tags.applied(tags_from, edge.size - tags_from, store.tags_from(tags_from), builder)


def first_type(leaf: Leaf, registry: Registry) -> ChainType:
    """What a chain is, from its first leaf."""
    claim = leaf.claim
    simple = {Kind.GENESIS: ChainType.LOG, Kind.ACTOR: ChainType.ACTOR, Kind.OPEN: ChainType.PERSON}
    if claim.kind in simple:
        return simple[claim.kind]
    if claim.chain == registry.batch_chain(claim.author):
        return ChainType.BATCH
    if claim.chain == registry.directory_chain(claim.author):
        return ChainType.DIRECTORY
    raise LedgerFault(f"store: a chain begins with {claim.kind.name.lower()}", hint=DAMAGED)
