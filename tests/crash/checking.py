"""``check_log``: everything that must hold of a ledger after whatever was done to it.

It opens the ledger as production does, compares it with what was acknowledged, and derives the
whole log anew from its leaves, sharing as little code as it can with what it checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from ledger import tags
from ledger.admission import BatchSubmission
from ledger.check import check_ledger
from ledger.log import Log
from ledger.merkle import check_inclusion, inclusion_proof, leaf_hash, root_at
from ledger.sequencer import Appended
from ledger.store.guard import Guard
from ledger.store.run_form import RunForm, heads_form
from ledger.store.runs import Run
from ledger.store.store import RUN_DIRECTORIES, Store
from ledger.store.tables import NAMES, RunName
from ledger.vault.keys import VaultKeys
from ledger.wire.checkpoint import Checkpoint, checkpoint_verifier, open_checkpoint
from ledger.wire.ids import ChainId, Hash, LeafIndex
from ledger.wire.leaf import Leaf, decode_leaf
from ledger.wire.sealed import commits_to
from tests.crash.ledgers import ORIGIN, Exchange, Record, record_path


def check_log(directory: Path) -> int:
    """Open, compare with the record, derive anew. Returns the log's size."""
    with Log.open(directory) as log:
        size = check_open_log(log, Record(record_path(directory)).exchanges())
    assert damage(directory) == []
    return size


def check_open_log(log: Log, exchanges: Sequence[Exchange]) -> int:
    """The same for a log that is open."""
    store = log.reader.store
    size = store.state().size
    leaves = list(store.leaves(0, size))
    hashes = [leaf_hash(leaf) for leaf in leaves]
    _check_checkpoint(log, hashes)
    derived = _derive([decode_leaf(leaf) for leaf in leaves], hashes)
    for chain, head in derived.heads.items():
        found = log.reader.head(chain)
        assert (found.length, found.at, found.hash) == head
    for key, index in derived.ids.items():
        assert store.index_of(key) == index
    _check_payloads(log, leaves)
    for exchange in exchanges:
        if exchange.answer is not None:
            _check_acknowledged(log, exchange, exchange.answer, hashes)
    return size


@dataclass
class _Derived:
    heads: dict[ChainId, tuple[int, int, Hash]]
    ids: dict[bytes, int]


def _derive(leaves: list[Leaf], hashes: list[Hash]) -> _Derived:
    heads: dict[ChainId, tuple[int, int, Hash]] = {}
    ids: dict[bytes, int] = {}
    received = 0
    for index, (leaf, hash_) in enumerate(zip(leaves, hashes, strict=True)):
        length, at, before = heads.get(leaf.claim.chain, (0, 0, Hash(bytes(32))))
        assert (leaf.seq, leaf.prev_index, leaf.prev_hash) == (length, at, before)
        assert leaf.received_ms >= received
        received = leaf.received_ms
        heads[leaf.claim.chain] = (length + 1, index, hash_)
        key = leaf.claim.entry_id + leaf.claim.author
        assert key not in ids
        ids[key] = index
        if leaf.is_member:
            batch = leaves[leaf.batch_index]
            assert leaf.position == index - leaf.batch_index - 1
            assert batch.claim.author == leaf.claim.author
    return _Derived(heads, ids)


def _check_checkpoint(log: Log, hashes: list[Hash]) -> None:
    checkpoint = _opened(log, log.reader.signed())
    assert checkpoint.size == len(hashes)
    assert checkpoint.root == naive_root(hashes)
    guard = Guard(log.layout.guard)
    assert guard.checkpoint == log.reader.signed()
    guard.close()


_verifier = cache(checkpoint_verifier)


def _opened(log: Log, note: bytes) -> Checkpoint:
    verifier = _verifier(log.reader.registry.genesis.checkpoint_keys[0])
    return open_checkpoint(note, ORIGIN, [verifier]).checkpoint


def naive_root(hashes: Sequence[Hash]) -> Hash:
    """RFC 6962, 2.1, by its definition."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return Hash(sha256(b"\1" + naive_root(hashes[:split]) + naive_root(hashes[split:])).digest())


def _check_payloads(log: Log, leaves: list[bytes]) -> None:
    for index, raw in enumerate(leaves):
        claim = decode_leaf(raw).claim
        blob = log.reader.store.payload(index)
        key = log.vault.keys.load(index)
        if not claim.blob_size:
            assert blob == b"" and key is None
        else:
            assert sha256(blob).digest() == claim.blob_hash
            assert key is not None and commits_to(blob, key)


def _check_acknowledged(
    log: Log, exchange: Exchange, answer: list[Appended], hashes: list[Hash]
) -> None:
    for appended in answer:
        assert hashes[appended.index] == appended.leaf_hash
    if not isinstance(exchange.sent, BatchSubmission):
        for submission, appended in zip(exchange.sent, answer, strict=False):
            for tag in submission.tags:
                assert log.reader.tags.get(tag) == appended.index
    if exchange.note:
        old = _opened(log, exchange.note)
        assert old.size <= len(hashes)
        assert root_at(old.size, log.reader.store) == old.root
        for appended in answer[:1]:
            proof = inclusion_proof(appended.index, old.size, log.reader.store)
            index = LeafIndex(appended.index)
            check_inclusion(index, appended.leaf_hash, old.size, proof, old.root)


def dump(store: Store, keys: VaultKeys) -> dict[str, str]:
    """A digest of what a ledger means, part by part, however its files happen to lie."""
    state = store.state()
    with store.environment.reading() as reader:
        parts = {name: _digest(b"".join(row) for row in reader.scan(name)) for name in NAMES}
    parts["payloads"] = _digest(store.payload(index) for index in range(state.size))
    parts["tail"] = _digest(index.to_bytes(8, "big") + tag for index, tag in store.tags_from(0))
    parts["end"] = str(state.payload_end)
    parts["keys"] = _digest(keys.load(index) or b"" for index in range(state.size))
    log = leaf_hash(store.leaf(0))
    forms = {RunName.HEADS: heads_form(log), RunName.TAGS: RunForm(tags.ROW.size)}
    for name, form in forms.items():
        directory = store.directory / RUN_DIRECTORIES[name]
        runs = [
            Run(directory / row.file_name, form, row.rows, row.digest)
            for row in store.run_rows(name)
        ]
        parts[name.name] = _digest(row for run in runs for row in run.scan())
    return parts


def _digest(parts: Iterable[bytes]) -> str:
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def damage(directory: Path) -> list[str]:
    """What ``counterfoil check`` has to say."""
    return [f"{problem.where}: {problem.what}" for problem in check_ledger(directory).problems]
