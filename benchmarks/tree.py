"""The tree alone: how fast leaves go in, against other Python trees. No target; it shows that the
tree is not what an append waits for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymerkle
from blockcerts_merkletools import MerkleTools

from benchmarks.harness import Result, Scale, Work, alternate, compare
from ledger.merkle import Frontier, leaf_hash

_BATCH = 4096


def run(scale: Scale, work: Path) -> Result:
    """Measure."""
    result = Result("Tree")
    count = scale.tree
    entries = [os.urandom(65) for _ in range(count)]
    hexes = [leaf_hash(entry).hex() for entry in entries]
    path = work / "pymerkle-append.db"

    def ours() -> Work:
        return lambda: _append_ours(Frontier(), entries, _BATCH)

    def ours_singly() -> Work:
        return lambda: _append_ours(Frontier(), entries, 1)

    def pymerkle_memory() -> Work:
        tree: Any = pymerkle.InmemoryTree()
        return lambda: int(tree.append_entries(entries))

    def pymerkle_sqlite() -> Work:
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

        def append() -> int:
            with pymerkle.SqliteTree(str(path)) as tree:
                return int(tree.append_entries(entries))

        return append

    # Appending a batch to a tree that holds everything before it.
    frontier = Frontier()
    frontier.extend([leaf_hash(entry) for entry in entries])
    tools: Any = MerkleTools()
    tools.add_leaf(hexes)
    tools.make_tree()
    hashes = [leaf_hash(entry) for entry in entries[:_BATCH]]

    def extend() -> Work:
        def append() -> int:
            grown = frontier.copy()
            grown.extend(hashes)
            grown.root()
            return len(hashes)

        return append

    def rebuild() -> Work:
        del tools.leaves[count:]

        def append() -> int:
            tools.add_leaf(hexes[:_BATCH])
            tools.make_tree()
            tools.get_merkle_root()
            return len(hashes)

        return append

    samples = alternate(
        {
            "ours": ours,
            "ours singly": ours_singly,
            "pymerkle": pymerkle_memory,
            "pymerkle SQLite": pymerkle_sqlite,
            "extend": extend,
            "rebuild": rebuild,
        },
        min(5, scale.rounds),
    )
    built = f"{count:,} leaves of 65 bytes into an empty tree"
    result.rows += [
        compare(
            f"{built}, {_BATCH:,} at a time, root after each",
            samples["ours"],
            "pymerkle, in memory, in bulk",
            samples["pymerkle"],
        ),
        compare(
            f"{built}, one at a time, root after each",
            samples["ours singly"],
            "pymerkle, in memory, in bulk",
            samples["pymerkle"],
        ),
        compare(
            f"{built}, {_BATCH:,} at a time, root after each",
            samples["ours"],
            "pymerkle, SQLite, in bulk",
            samples["pymerkle SQLite"],
        ),
        compare(
            f"{_BATCH:,} leaf hashes to a tree of {count:,}, new root",
            samples["extend"],
            "merkletools: rebuilds the tree",
            samples["rebuild"],
        ),
    ]
    result.notes += [
        (
            "Ours keeps the right edge in memory and hands out the hashes to store in tiles; "
            "pymerkle keeps every node in memory, or leaves in SQLite (durable at the end); "
            "merkletools has no append and does not tell leaves from nodes. Ours with a disk is "
            "in `batch`."
        ),
        "The Go reference on this machine, fixed: golang tlog, 0.85M leaves/s hashed in memory.",
    ]
    return result


def _append_ours(tree: Frontier, entries: Sequence[bytes], batch: int) -> int:
    for at in range(0, len(entries), batch):
        tree.extend([leaf_hash(entry) for entry in entries[at : at + batch]])
        tree.root()
    return len(entries)
