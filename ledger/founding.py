"""Founding: makes a new ledger, from its keys to the first signed checkpoint.

Everything is made in a directory beside the final one, which is renamed when it is whole and its
guard is there. Neither a crash nor an error leaves half a ledger under the name that was asked for.

One governor, whose key is made beside the ledger, is the default. Several governors take two steps:
``draft_genesis`` makes the log's own keys and a proposal, the governors approve it wherever their
keys are, and ``found_approved`` makes the ledger, signed by the first of them.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from ledger.errors import BadRequest
from ledger.identity import Genesis, Governor, Succession, genesis_act
from ledger.identity.requests import Proposal, collect
from ledger.keyfiles import (
    LogKeys,
    Unlock,
    create_governor_key,
    create_log_keys,
    load_log_keys,
)
from ledger.keyfiles.log_keys import KEYS_DIRECTORY
from ledger.layout import check_free, write_layout
from ledger.merkle import Frontier, leaf_hash
from ledger.store.files import make_directory, sync_directory, write_new
from ledger.store.guard import Guard
from ledger.store.store import Commit, Store
from ledger.store.tables import State
from ledger.vault.keys import NO_KEY
from ledger.vault.opening import VaultPaths, create_vault, open_keys
from ledger.vault.period import TagKey
from ledger.wire.checkpoint import Checkpoint, sign_provisional, sign_published
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import ZERO_HASH, ActorId, ChainId, TreeSize, new_chain_id, new_entry_id
from ledger.wire.keys import raw_public
from ledger.wire.leaf import encode_leaf
from ledger.wire.lines import check_name
from ledger.wire.statement import StatementKey

PROPOSAL_FILE: Final = "genesis.proposal"


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the first entry is made of."""

    keys: LogKeys
    body: Genesis | Succession
    chain: ChainId
    founder: StatementKey = field(repr=False)
    """Of the first governor."""
    tags: TagKey | None = field(default=None, repr=False)
    """The predecessor's, after a succession."""
    not_before_ms: int = 0
    """When the predecessor took its last entry."""

    @property
    def genesis(self) -> Genesis:
        return self.body if isinstance(self.body, Genesis) else self.body.genesis


def found(
    directory: Path, origin: str, guard: Path | None = None, passphrase: bytes = b""
) -> tuple[str, str]:
    """Make a ledger with one governor, its key files under the passphrase if there is one; returns
    its verifier keys, Ed25519 first.

    Raises BadRequest for a bad origin, or when directory or guard are in use.
    """
    check_name(origin)

    def begin(building: Path) -> Beginning:
        keys = create_log_keys(building, origin, passphrase)
        founder = StatementKey.of(create_governor_key(building, passphrase))
        governor = Governor(ActorId(new_chain_id()), founder.public_key)
        return Beginning(keys, _genesis(keys, (governor,)), new_chain_id(), founder)

    return make(directory, origin, guard, passphrase, begin)


def draft_genesis(
    draft: Path, origin: str, governors: Sequence[Governor], passphrase: bytes = b"", note: str = ""
) -> Proposal:
    """Make the log's own keys in a new directory, and the proposal that the governors are to
    approve, which lies there too. The first governor will sign. Raises BadRequest.
    """
    check_name(origin)
    try:
        make_directory(draft)
    except OSError as error:
        raise BadRequest(
            f"cannot make {draft.name}: {(error.strerror or 'refused').lower()}",
            hint="name a new directory",
        ) from error
    try:
        keys = create_log_keys(draft, origin, passphrase)
        act = genesis_act(_genesis(keys, tuple(governors)), new_chain_id())
        proposal = Proposal(act, note)
        write_new(draft / PROPOSAL_FILE, proposal.encode())
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return proposal


def found_approved(
    draft: Path,
    directory: Path,
    founder: StatementKey,
    approvals: Sequence[bytes],
    guard: Path | None = None,
    *,
    unlock: Unlock,
    passphrase: bytes = b"",
) -> tuple[str, str]:
    """Make the ledger that ``draft_genesis`` has proposed, with approval files of the other
    governors; returns its verifier keys. The draft, with its keys, goes into the ledger.

    ``passphrase`` is for what is made anew. Raises BadRequest or BadEvidence, and then the draft
    stays as it is.
    """
    proposal, genesis = _proposed(draft)
    if founder.kid != genesis.governors[0].kid:
        raise BadRequest(
            "this is not the key of the first governor", hint="the first governor founds the log"
        )
    genesis = replace(genesis, approvals=collect(proposal, approvals, genesis.governors[1:]))
    if len(genesis.approvals) < genesis.threshold - 1:
        raise BadRequest(
            f"{len(genesis.approvals)} governors approve, {genesis.threshold - 1} are needed "
            "beside the one who signs",
            hint="collect more approvals",
        )

    def begin(building: Path) -> Beginning:
        shutil.copytree(draft / KEYS_DIRECTORY, building / KEYS_DIRECTORY)
        keys = load_log_keys(building, genesis.origin, unlock)
        return Beginning(keys, genesis, proposal.act.chain, founder)

    vkeys = make(directory, genesis.origin, guard, passphrase, begin)
    shutil.rmtree(draft, ignore_errors=True)
    return vkeys


def _proposed(draft: Path) -> tuple[Proposal, Genesis]:
    try:
        proposal = Proposal.decode((draft / PROPOSAL_FILE).read_bytes())
    except OSError as error:
        raise BadRequest(
            f"{draft.name} holds no proposal of a log", hint="draft the log first"
        ) from error
    body = proposal.body
    if not isinstance(body, Genesis):
        raise BadRequest("the proposal is not of a genesis")
    return proposal, body


def make(
    directory: Path,
    origin: str,
    guard: Path | None,
    passphrase: bytes,
    begin: Callable[[Path], Beginning],
    predecessor: Path | None = None,
) -> tuple[str, str]:
    """Make a ledger; returns its verifier keys. ``begin`` puts the log's own keys into the
    directory that it is given. Raises BadRequest, and what ``begin`` raises.
    """
    guard = check_free(directory, guard)
    building = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}")
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, building, ignore_errors=True)
        try:
            make_directory(building)
            layout = write_layout(building, directory, origin, guard, predecessor)
            beginning = begin(building)
            Guard.create(guard, _fill(building, beginning, layout.vault, passphrase))
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
    return beginning.keys.vkeys


def _fill(building: Path, beginning: Beginning, vault: VaultPaths, passphrase: bytes) -> bytes:
    """The store with its first commit; returns the checkpoint."""
    Store.create(building)
    store = Store(building, writable=True)
    try:
        return _first_commit(store, beginning, vault, passphrase)
    finally:
        store.close()


def _first_commit(
    store: Store, beginning: Beginning, vault: VaultPaths, passphrase: bytes
) -> bytes:
    keys = beginning.keys
    now = max(time.time_ns() // 1_000_000, beginning.not_before_ms)
    claim = _claim(beginning, now)
    leaf = encode_leaf(0, ZERO_HASH, 0, now, beginning.founder.sign(claim))
    frontier = Frontier()
    nodes = frontier.extend_rows([leaf_hash(leaf)])
    slots = open_keys(
        vault, create_vault(vault.directory, leaf_hash(leaf), passphrase, beginning.tags)
    )
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


def _genesis(keys: LogKeys, governors: tuple[Governor, ...]) -> Genesis:
    return Genesis(keys.checkpoint.name, keys.vkeys, raw_public(keys.statement), governors)


def _claim(beginning: Beginning, now: int) -> Claim:
    genesis = beginning.genesis
    return Claim(
        Kind.GENESIS if isinstance(beginning.body, Genesis) else Kind.SUCCESSION,
        genesis_act(genesis, beginning.chain).log,
        beginning.chain,
        genesis.governors[0].id,
        new_entry_id(now),
        now,
        body=beginning.body.encode(),
    )
