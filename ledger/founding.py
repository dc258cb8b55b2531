"""Founding: makes a new ledger, from its keys to the first signed checkpoint.

Everything is made in a directory beside the final one, which is renamed when it is whole and its
guard is there. Neither a crash nor an error leaves half a ledger under the name that was asked for.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import BadRequest
from ledger.identity import Genesis, Governor
from ledger.keyfiles import LogKeys, create_governor_key, create_log_keys
from ledger.layout import check_free, write_layout
from ledger.merkle import Frontier, leaf_hash
from ledger.store.files import make_directory, sync_directory
from ledger.store.guard import Guard
from ledger.store.store import Commit, Store
from ledger.store.tables import State
from ledger.vault.keys import NO_KEY
from ledger.vault.opening import VaultPaths, create_vault, open_keys
from ledger.wire.checkpoint import Checkpoint, sign_provisional, sign_published
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import ZERO_HASH, ActorId, Hash, TreeSize, new_chain_id, new_entry_id
from ledger.wire.keys import raw_public
from ledger.wire.leaf import encode_leaf
from ledger.wire.lines import check_name
from ledger.wire.statement import StatementKey


def found(
    directory: Path, origin: str, guard: Path | None = None, passphrase: bytes = b""
) -> tuple[str, str]:
    """Make a ledger, its key files under the passphrase if there is one; returns its verifier keys,
    Ed25519 first.

    Raises BadRequest for a bad origin, or when directory or guard are in use.
    """
    check_name(origin)
    guard = check_free(directory, guard)
    building = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}")
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, building, ignore_errors=True)
        try:
            make_directory(building)
            keys, checkpoint = _fill(building, directory, origin, guard, passphrase)
            Guard.create(guard, checkpoint)
            undo.callback(guard.unlink)
            if directory.exists():
                directory.rmdir()
            os.rename(building, directory)
            undo.pop_all()
            sync_directory(directory.absolute().parent)
        except OSError as error:
            raise BadRequest(
                f"cannot make {directory.name}: {error.strerror}",
                hint="name places that can be written, for the ledger and for its guard",
            ) from error
    return keys.vkeys


def _fill(
    building: Path, directory: Path, origin: str, guard: Path, passphrase: bytes
) -> tuple[LogKeys, bytes]:
    layout = write_layout(building, directory, origin, guard)
    keys = create_log_keys(building, origin, passphrase)
    governor = create_governor_key(building, passphrase)
    Store.create(building)
    store = Store(building, writable=True)
    try:
        checkpoint = _first_commit(store, keys, governor, layout.vault, passphrase)
    finally:
        store.close()
    return keys, checkpoint


def _first_commit(
    store: Store,
    keys: LogKeys,
    governor: Ed25519PrivateKey,
    vault: VaultPaths,
    passphrase: bytes,
) -> bytes:
    now = time.time_ns() // 1_000_000
    claim, statement = _genesis(keys, governor, now)
    leaf = encode_leaf(0, ZERO_HASH, 0, now, statement)
    frontier = Frontier()
    nodes = frontier.extend_rows([leaf_hash(leaf)])
    slots = open_keys(vault, create_vault(vault.directory, leaf_hash(leaf), passphrase))
    slots.store(0, [NO_KEY])
    slots.close()
    checkpoint = Checkpoint(keys.checkpoint.name, TreeSize(1), frontier.root())
    signed = sign_provisional(checkpoint, keys.checkpoint)
    place = store.payloads.next_place()
    ids = {claim.entry_id + claim.author: 0}
    state = State(1, now, place)
    store.commit(Commit(0, [leaf], nodes, ids, signed, state, [0], place, registry=[0]))
    store.publish(sign_published(checkpoint, keys.checkpoint, keys.checkpoint_ml_dsa, now // 1000))
    return signed


def _genesis(keys: LogKeys, governor: Ed25519PrivateKey, now: int) -> tuple[Claim, bytes]:
    origin = keys.checkpoint.name
    body = Genesis(
        origin,
        keys.vkeys,
        raw_public(keys.statement),
        (Governor(ActorId(new_chain_id()), raw_public(governor)),),
    )
    claim = Claim(
        Kind.GENESIS,
        Hash(sha256(origin.encode()).digest()),
        new_chain_id(),
        body.governors[0].id,
        new_entry_id(now),
        now,
        body=body.encode(),
    )
    return claim, StatementKey.of(governor).sign(claim)
