"""Target 4: proofs from a large log, against trees in memory.

Ours come from the ledger on disk, whose tiles hold every eighth level of the tree: the levels
between are hashed again, and a reader keeps some. They are checked by functions that see nothing
but their arguments. Whole histories with the proof that nothing is missing are in ``completeness``,
what an auditor does in ``audit``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pymerkle
from blockcerts_merkletools import MerkleTools

from benchmarks.harness import Result, Row, Sample, Scale, Side, Target, Work, alternate, compare
from benchmarks.population import grown
from ledger.merkle import (
    TILE_WIDTH,
    TileNodes,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_at,
)
from ledger.merkle.tiles import KEPT_TILES
from ledger.reader import Entry, Reader, open_reader
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from ledger.wire.keys import verifies

_ALL_TILES = 1 << 20
_MADE = Target(4, "≤", 50.0, "ours")
_CHECKED = Target(4, "≤", 60.0, "ours")


@dataclass(frozen=True, slots=True)
class Ours:
    """A large log, opened for reading, and what checking needs."""

    reader: Reader
    size: int
    root: bytes
    leaves: Mapping[int, bytes]
    """Leaf hashes of the indexes that are asked about."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Trees of other libraries. Untyped: none of them has annotations."""

    memory: Any
    sqlite: Any
    tools: Any
    size: int


def run(scale: Scale, work: Path) -> Result:
    """Measure."""
    result = Result("Proofs")
    directory = grown(scale, work)
    with ExitStack() as stack:
        reader = open_reader(directory)
        stack.callback(reader.store.close)
        checkpoint = reader.checkpoint
        random = Random(4)
        asked = [random.randrange(1, checkpoint.size) for _ in range(scale.proofs)]
        leaves = {at: leaf_hash(reader.store.leaf(at)) for at in asked}
        ours = Ours(reader, checkpoint.size, checkpoint.root, leaves)
        peers = _peers(stack, scale, work)
        _inclusion(result, scale, ours, peers, asked)
        _consistency(result, scale, ours, peers)
        _signatures(result, scale, ours, asked)
        _by_size(result, scale, ours)
    result.notes.append(
        "The Go reference on this machine, fixed: golang tlog, ProveRecord 4.1 µs, CheckRecord "
        "4.0 µs; immudb embedded, inclusion 235k/s made, 633k/s checked."
    )
    return result


def _peers(stack: ExitStack, scale: Scale, work: Path) -> Peers:
    entries = [at.to_bytes(8, "big") * 8 for at in range(scale.tree)]
    memory: Any = pymerkle.InmemoryTree()
    memory.append_entries(entries)
    sqlite: Any = stack.enter_context(pymerkle.SqliteTree(str(work / "pymerkle.db")))
    sqlite.append_entries(entries)
    tools: Any = MerkleTools()
    tools.add_leaf([leaf_hash(entry).hex() for entry in entries])
    tools.make_tree()
    return Peers(memory, sqlite, tools, scale.tree)


def _repeat(call: Callable[[int], object], asked: Sequence[int]) -> Work:
    def work() -> int:
        for at in asked:
            call(at)
        return len(asked)

    return work


def _inclusion(
    result: Result, scale: Scale, ours: Ours, peers: Peers, asked: Sequence[int]
) -> None:
    store, size = ours.reader.store, ours.size
    warm = TileNodes(store, capacity=_ALL_TILES)
    for at in asked:
        inclusion_proof(at, size, warm)
    theirs = [at % peers.size for at in asked]
    few = theirs[: max(20, len(theirs) // 20)]
    made: dict[str, Side] = {
        "reader": lambda: _repeat(ours.reader.proof, asked),
        "cold": lambda: _repeat(lambda at: inclusion_proof(at, size, store), asked),
        "warm": lambda: _repeat(lambda at: inclusion_proof(at, size, warm), asked),
        "pymerkle": lambda: _repeat(lambda at: peers.memory.prove_inclusion(at + 1), theirs),
        "pymerkle SQLite": lambda: _repeat(lambda at: peers.sqlite.prove_inclusion(at + 1), few),
        "merkletools": lambda: _repeat(peers.tools.get_proof, theirs),
        "hash": lambda: _repeat(lambda _: node_hash(ours.root, ours.root), asked),
    }
    samples = alternate(made, scale.rounds)
    at_size = f"{size:,} leaves"
    small = f"{peers.size:,} leaves"
    row = partial(compare, unit="µs")
    made_by_reader = f"inclusion made by the reader, random entries of {at_size}"
    reader = samples["reader"]
    goal = row(
        made_by_reader, reader, f"pymerkle, in memory, {small}", samples["pymerkle"], target=_MADE
    )
    result.rows += [
        goal,
        row(made_by_reader, reader, f"pymerkle, SQLite, {small}", samples["pymerkle SQLite"]),
        row(made_by_reader, reader, f"merkletools, in memory, {small}", samples["merkletools"]),
        Row(f"the same with all tiles of {at_size} warm", "µs", samples["warm"].micros),
        Row("the same with nothing kept between proofs", "µs", samples["cold"].micros),
        Row("for scale: one node hash", "µs", samples["hash"].micros),
    ]
    if goal.met is False:
        result.reasons.append(_reason(ours, samples))
    _inclusion_checked(result, scale, ours, peers, asked)


def _reason(ours: Ours, samples: dict[str, Sample]) -> str:
    """What of a proof from disk is hashing, and what is reading."""
    counting = _CountingReader(ours.reader)
    nodes = TileNodes(counting)
    at = next(iter(ours.leaves))
    start = time.perf_counter()
    inclusion_proof(at, ours.size, nodes)
    total = time.perf_counter() - start
    tiles = -(-ours.size // TILE_WIDTH)
    rarely = (
        f"; a random entry of a log with {tiles:,} lowest tiles rarely falls into one of them"
        if tiles > 2 * KEPT_TILES
        else ""
    )
    return (
        f"Inclusion made by the reader: {samples['reader'].micros:.0f} µs for a random entry. With "
        f"nothing kept a proof opens {counting.reads} tiles and takes {total * 1e6:.0f} µs: "
        f"{counting.seconds * 1e6:.0f} µs to read them, most of the rest to hash the up to 255 "
        f"nodes of each partial tile at the right edge (full tiles are stored with theirs). "
        f"The reader keeps the tiles it used last "
        f"({KEPT_TILES}){rarely}. With all tiles warm a proof takes {samples['warm'].micros:.0f} "
        f"µs. One node hash takes {samples['hash'].micros:.2f} µs in this run."
    )


class _CountingReader:
    """Tiles of a ledger, and what reading them takes."""

    def __init__(self, reader: Reader) -> None:
        self._store = reader.store
        self.reads = 0
        self.seconds = 0.0

    def read(self, level: int, index: int, width: int) -> bytes:
        start = time.perf_counter()
        tile = self._store.read(level, index, width)
        self.seconds += time.perf_counter() - start
        self.reads += 1
        return tile


def _inclusion_checked(
    result: Result, scale: Scale, ours: Ours, peers: Peers, asked: Sequence[int]
) -> None:
    proofs = {at: inclusion_proof(at, ours.size, ours.reader.store) for at in asked}
    theirs = [at % peers.size for at in asked]
    root = peers.memory.get_root()
    their_proofs = {
        at: (peers.memory.get_leaf(at + 1), peers.memory.prove_inclusion(at + 1)) for at in theirs
    }
    tools_root = peers.tools.get_merkle_root()
    tools_proofs = {at: (peers.tools.get_leaf(at), peers.tools.get_proof(at)) for at in theirs}

    def check_ours(at: int) -> None:
        check_inclusion(at, ours.leaves[at], ours.size, proofs[at], ours.root)

    def check_pymerkle(at: int) -> None:
        base, proof = their_proofs[at]
        pymerkle.verify_inclusion(base, root, proof)

    def check_tools(at: int) -> None:
        leaf, proof = tools_proofs[at]
        if not peers.tools.validate_proof(proof, leaf, tools_root):
            raise AssertionError("merkletools refuses its own proof")

    samples = alternate(
        {
            "ours": lambda: _repeat(check_ours, asked),
            "pymerkle": lambda: _repeat(check_pymerkle, theirs),
            "merkletools": lambda: _repeat(check_tools, theirs),
        },
        scale.rounds,
    )
    what = f"inclusion checked, {ours.size:,} leaves"
    row = partial(compare, what, samples["ours"], unit="µs")
    result.rows += [
        row(f"pymerkle, {peers.size:,} leaves", samples["pymerkle"], target=_CHECKED),
        row(f"merkletools, {peers.size:,} leaves", samples["merkletools"]),
    ]


def _consistency(result: Result, scale: Scale, ours: Ours, peers: Peers) -> None:
    random = Random(5)
    store, size = ours.reader.store, ours.size
    old = [random.randrange(1, size) for _ in range(max(20, scale.proofs // 10))]
    theirs = [1 + at % (peers.size - 1) for at in old]
    nodes = TileNodes(store, capacity=_ALL_TILES)
    roots = {at: root_at(at, nodes) for at in old}
    proofs = {at: consistency_proof(at, size, nodes) for at in old}
    later = peers.memory.get_root()
    their_proofs = {
        at: (peers.memory.get_root(at), peers.memory.prove_consistency(at)) for at in theirs
    }

    def check_pymerkle(at: int) -> None:
        prior, proof = their_proofs[at]
        pymerkle.verify_consistency(prior, later, proof)

    samples = alternate(
        {
            "made": lambda: _repeat(lambda at: ours.reader.consistency(at, size), old),
            "pymerkle made": lambda: _repeat(peers.memory.prove_consistency, theirs),
            "checked": lambda: _repeat(
                lambda at: check_consistency(at, roots[at], size, ours.root, proofs[at]), old
            ),
            "pymerkle checked": lambda: _repeat(check_pymerkle, theirs),
        },
        scale.rounds,
    )
    peer = f"pymerkle, in memory, {peers.size:,} leaves"
    for step, where in (("made", " by the reader"), ("checked", "")):
        result.rows.append(
            compare(
                f"consistency {step}{where}, random size to {size:,}",
                samples[step],
                peer,
                samples[f"pymerkle {step}"],
                unit="µs",
            )
        )


def _signatures(result: Result, scale: Scale, ours: Ours, asked: Sequence[int]) -> None:
    """What a receipt's signatures add to checking its proof."""
    reader = ours.reader
    note, origin = reader.signed(), reader.layout.origin
    verifier = checkpoint_verifier(reader.registry.genesis.checkpoint_keys[0])
    signed = [
        entry
        for entry in map(reader.entry, sorted(asked)[:200])
        if entry.leaf.statement is not None
    ]
    samples = alternate(
        {
            "checkpoint": lambda: _repeat(
                lambda _: open_checkpoint(note, origin, [verifier]), range(100)
            ),
            "statements": lambda: _repeat(lambda at: _verify(ours, signed[at]), range(len(signed))),
        },
        min(3, scale.rounds),
    )
    result.rows.append(
        Row("opening a signed checkpoint (Ed25519 alone)", "µs", samples["checkpoint"].micros)
    )
    if signed:
        result.rows.append(
            Row("verifying an entry's signature", "µs", samples["statements"].micros)
        )


def _verify(ours: Ours, entry: Entry) -> None:
    statement = entry.leaf.statement
    assert statement is not None
    key = ours.reader.registry.public_key(entry.leaf.claim.author, statement.kid)
    if not verifies(key, statement.signature, statement.signed):
        raise AssertionError(f"the signature of entry {entry.index} does not verify")


def _by_size(result: Result, scale: Scale, ours: Ours) -> None:
    """The same proofs into older, smaller trees: they may grow with the logarithm only."""
    random = Random(6)
    sizes = [256]
    while sizes[-1] * 4 < ours.size:
        sizes.append(sizes[-1] * 4)
    sizes.append(ours.size)
    asked = {size: [random.randrange(size) for _ in range(scale.proofs // 4)] for size in sizes}
    store = ours.reader.store

    def side(size: int) -> Work:
        return _repeat(lambda at: inclusion_proof(at, size, store), asked[size])

    samples = alternate({str(size): partial(side, size) for size in sizes}, min(5, scale.rounds))
    result.series["inclusion"] = [
        {"leaves": size, "micros": samples[str(size)].micros} for size in sizes
    ]
