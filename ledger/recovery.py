"""Opening: the one way from files on disk to a log that may be appended to, after a clean close
and after a crash.

It verifies the right edge (``right_edge``) and refuses with a message when something does not fit;
it repairs nothing. What a crash may leave is cut off as part of the normal path, because no commit
names it: payload bytes and tags behind the committed end, key slots behind the last leaf, run
files that LMDB does not list, and a guard that is one checkpoint behind.

Not looked at here is what lies deeper: ``ledger.check`` re-derives everything from the leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256

from ledger.appender import Parts
from ledger.erasing import OrdersSeen
from ledger.errors import BadEvidence, BadRequest, LedgerFault
from ledger.identity import Genesis
from ledger.index_replay import open_indexes, replay
from ledger.keyfiles import LogKeys, load_log_keys
from ledger.layout import Layout
from ledger.merkle import TILE_WIDTH, root_at
from ledger.reader import Reader, earlier_of, inherited_from, open_predecessor
from ledger.right_edge import RightEdge, verified_leaf, verify_right_edge
from ledger.store.guard import Guard
from ledger.store.sorted_index import RunBuilder
from ledger.store.store import Store
from ledger.store.tables import DAMAGED
from ledger.store.tails import tail_name
from ledger.vault import opening
from ledger.vault.door import Shelf, Vault
from ledger.vault.keys import VaultKeys
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from ledger.wire.claim import Claim
from ledger.wire.keys import raw_public
from ledger.wire.leaf import claim_bytes
from ledger.wire.sealed import commits_to


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
        predecessor = open_predecessor(layout)
        if predecessor is not None:
            stack.callback(predecessor.close)
        edge = verify_right_edge(layout, store, earlier_of(predecessor))
        keys = load_own_keys(layout, edge.registry.genesis)
        vault = open_vault(layout, edge, predecessor)
        stack.callback(vault.close)
        check_newest_payload(store, vault.keys, edge.size)
        heads, tags = open_indexes(edge.registry, store)
        guard = open_guard(layout, edge)
        stack.callback(guard.close)
        # Only now: were this an old copy of LMDB's file, they would belong to the lost entries.
        store.begin_writing()
        opening.clear_leftovers(layout.vault, vault.note)
        heads.index.remove_strays(row.file_name for row in store.retired_runs())
        tags.index.remove_strays(map(tail_name, store.tails.rows))
        builder = RunBuilder()
        stack.callback(builder.close)
        replay(store, heads, tags, edge, builder, inherited_from(predecessor))
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
            predecessor,
            stack.pop_all(),
        )


def load_own_keys(layout: Layout, genesis: Genesis) -> LogKeys:
    """The keys that the log signs with, which must be those of its genesis. Raises LedgerFault."""
    keys = load_log_keys(layout.directory, layout.origin, layout.unlock)
    own = (keys.vkeys, raw_public(keys.statement))
    if own != (genesis.checkpoint_keys, genesis.statement_key):
        raise LedgerFault(
            "the key files are not the keys that the genesis names", hint="restore them"
        )
    return keys


def open_vault(layout: Layout, edge: RightEdge, predecessor: Reader | None) -> Vault:
    """The vault of a ledger, with those of the logs before it. Raises LedgerFault when one is not
    whole or another log's.
    """
    secrets = opening.open_vault(layout.vault, layout.unlock)
    secrets.check_log(edge.registry.log)
    return Vault(layout.vault, secrets, edge.store, edge.registry, list(_shelves(predecessor)))


def _shelves(log: Reader | None) -> Iterator[Shelf]:
    while log is not None:
        paths = log.layout.vault
        secrets = opening.open_vault(paths, log.layout.unlock)
        secrets.check_log(log.registry.log)
        yield Shelf(log.store, opening.open_keys(paths, secrets))
        log = log.predecessor


def check_newest_payload(store: Store, vault: VaultKeys, size: int) -> None:
    """The newest payload that no order erases must be the blob that its leaf names, and the vault
    must hold its key.
    """
    orders = OrdersSeen()
    for index in range(size - 1, max(size - 1 - TILE_WIDTH, -1), -1):
        raw = verified_leaf(store, index)
        claim = Claim.decode(claim_bytes(raw))
        if orders.covers(raw, claim) or not claim.blob_size:
            continue
        blob = store.payload(index)
        if sha256(blob).digest() != claim.blob_hash:
            raise LedgerFault(f"payload {index} is not the one that its leaf names", hint=DAMAGED)
        key = vault.load(index)
        if key is None or not commits_to(blob, key):
            raise LedgerFault(
                f"the vault does not hold the key of payload {index}",
                hint="the vault is older than the log: restore the newest one",
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
