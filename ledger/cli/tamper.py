"""For the demonstration only: copies of a log in which one byte is another."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

import lmdb

from ledger.layout import read_layout
from ledger.reader import open_reader
from ledger.store.store import LMDB_DIRECTORY
from ledger.wire.leaf import decode_leaf
from ledger.wire.tile import FULL_WIDTH, Tile

_AUTHORED_AFTER_ID: Final = 16 + 5
"""From the entry id in a claim to a low byte of the time behind it: see ``ledger.wire.claim``."""


def copy_ledger(ledger: Path, copy: Path) -> None:
    """A whole copy with a guard of its own, as a backup tool would make it."""
    shutil.copytree(ledger, copy, ignore=shutil.ignore_patterns("*.mdb"))
    environment = lmdb.open(str(ledger / LMDB_DIRECTORY), readonly=True, max_dbs=32)
    # Compacted, so that the file holds each leaf once and not also in pages that were given up.
    environment.copy(str(copy / LMDB_DIRECTORY), compact=True)
    environment.close()
    guard = copy.with_name(copy.name + ".guard")
    shutil.copyfile(read_layout(ledger).guard, guard)
    document = json.loads((copy / "ledger.json").read_bytes())
    (copy / "ledger.json").write_text(json.dumps({**document, "guard": f"../{guard.name}"}))


def flip_bundle(export: Path, index: int) -> str:
    """Change one byte of a leaf in an exported bundle; says where."""
    number, offset = divmod(index, FULL_WIDTH)
    full = export / Tile(None, number).path()
    path = full if full.exists() else next(full.with_name(full.name + ".p").iterdir())
    data = path.read_bytes()
    at = 0
    for _ in range(offset):
        at += 2 + int.from_bytes(data[at : at + 2], "big")
    leaf = data[at + 2 : at + 2 + int.from_bytes(data[at : at + 2], "big")]
    return _flip(path, at + 2 + _authored_at(leaf))


def flip_store(ledger: Path, index: int) -> str:
    """Change the same byte of the leaf in the store; says where."""
    reader = open_reader(ledger)
    leaf = reader.store.leaf(index)
    reader.close()
    path = ledger / LMDB_DIRECTORY / "data.mdb"
    return _flip(path, path.read_bytes().index(leaf) + _authored_at(leaf))


def _authored_at(leaf: bytes) -> int:
    return leaf.rindex(decode_leaf(leaf).claim.entry_id) + _AUTHORED_AFTER_ID


def _flip(path: Path, at: int) -> str:
    with path.open("r+b") as file:
        file.seek(at)
        (before,) = file.read(1)
        file.seek(at)
        file.write(bytes([before ^ 1]))
    return f"{path}: byte {at} was {before:02x}, is {before ^ 1:02x}"
