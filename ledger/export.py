"""Export: the published log as static files that any web server can hand out (C2SP tlog-tiles).

    OUT/checkpoint                        the published checkpoint, replaced last and at once
    OUT/tile/<level>/<n>[.p/<width>]      hash tiles
    OUT/tile/entries/<n>[.p/<width>]      entry bundles, only when asked for: they are personal data

An export into an earlier one of the same log adds what is new. Whoever reads meanwhile finds every
tile of the checkpoint that is there. Nothing damaged is exported: every leaf and tile is checked
against the root.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ledger.errors import BadEvidence, BadRequest, LedgerFault
from ledger.identity import Genesis
from ledger.merkle import root_at
from ledger.published import covers, tile_bytes
from ledger.reader import Reader
from ledger.store.files import OWNER_DIRECTORY, OWNER_FILE, sync_directory, write_all
from ledger.store.store import Store
from ledger.store.tables import DAMAGED
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from ledger.wire.ids import Hash
from ledger.wire.tile import Tile, tiles_of

CHECKPOINT: Final = "checkpoint"
TILES: Final = "tile"
ENTRIES: Final = "entries"
_PUBLIC_FILE: Final = 0o644
_TOGETHER: Final = 1_024
"""Files that are synced together."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did."""

    size: int
    before: int
    """Size of the export that was there, 0 for none."""
    written: int
    """Tiles and bundles."""
    has_older_bundles: bool
    """Bundles of an earlier export were left as they are."""


def export_tiles(
    reader: Reader,
    out: Path,
    *,
    with_entries: bool = False,
    advance: Callable[[int, int], None] | None = None,
) -> Exported:
    """Export the published checkpoint and its tiles. Raises BadRequest for a directory that holds
    something else or a newer export, LedgerFault when the store is damaged.
    """
    genesis = reader.registry.genesis
    return export_store(reader.store, genesis, out, with_entries=with_entries, advance=advance)


def export_store(
    store: Store,
    genesis: Genesis,
    out: Path,
    *,
    with_entries: bool,
    advance: Callable[[int, int], None] | None = None,
) -> Exported:
    """``export_tiles`` of a store whose log begins with this genesis."""
    note = store.published()
    if note is None:
        raise BadRequest("nothing is published", hint="run `counterfoil checkpoint DIR` first")
    size, root = _open(genesis, note)
    if root_at(size, store) != root:
        raise LedgerFault(
            f"store: the tiles do not give the published root of size {size}", hint=DAMAGED
        )
    before = _check_place(store, genesis, out, size)
    tiles = list(tiles_of(size))
    if with_entries:
        tiles += [Tile(None, tile.index, tile.width) for tile in tiles if tile.level == 0]
    try:
        written = _write_tiles(store, out, tiles, before, advance)
        _write(out / CHECKPOINT, note, _PUBLIC_FILE)
        sync_directory(out)
    except OSError as error:
        raise BadRequest(
            f"cannot write into {out.name}: {(error.strerror or 'refused').lower()}",
            hint="make room or name another place; the same command goes on",
        ) from error
    older = not with_entries and (out / TILES / ENTRIES).exists()
    return Exported(size, before, written, older)


def _open(genesis: Genesis, note: bytes) -> tuple[int, Hash]:
    keys = [checkpoint_verifier(key) for key in genesis.checkpoint_keys]
    checkpoint = open_checkpoint(note, genesis.origin, keys).checkpoint
    return checkpoint.size, checkpoint.root


def _check_place(store: Store, genesis: Genesis, out: Path, size: int) -> int:
    """Whether we may write there; returns the size of an earlier export of this log."""
    foreign = BadRequest(
        f"{out.name} is neither empty nor an export of this log",
        hint="name a new directory, or the one of an earlier export",
    )
    if not out.exists():
        return 0
    if not out.is_dir():
        raise foreign
    checkpoint = out / CHECKPOINT
    if not checkpoint.exists():
        # An export that was cut short has tiles and no checkpoint: everything is written again.
        if {path.name for path in out.iterdir()} - {TILES, CHECKPOINT + ".new"}:
            raise foreign
        return 0
    try:
        before, root = _open(genesis, checkpoint.read_bytes())
    except (BadEvidence, BadRequest, OSError) as error:
        raise foreign from error
    if before > size:
        raise BadRequest(
            f"{out.name} holds {before} entries, the published checkpoint covers {size}",
            hint="publish with `counterfoil checkpoint DIR`, or ask why this ledger is older",
        )
    if root_at(before, store) != root:
        raise BadEvidence(
            f"checkpoint in {out.name}",
            expected="a beginning of this log",
            found="another root at its size",
            hint="keep both: this proves that the log was forked",
        )
    return before


def _write_tiles(
    store: Store,
    out: Path,
    tiles: list[Tile],
    before: int,
    advance: Callable[[int, int], None] | None,
) -> int:
    written, directories = 0, set()
    if any(tile.level is None for tile in tiles):
        (out / TILES).mkdir(parents=True, exist_ok=True)
        (out / TILES / ENTRIES).mkdir(mode=OWNER_DIRECTORY, exist_ok=True)
    with _Fresh() as fresh:
        for done, tile in enumerate(tiles, 1):
            path = out / tile.path()
            if not (covers(before, tile) and path.exists()):
                private = tile.level is None
                path.parent.mkdir(parents=True, exist_ok=True)
                data = tile_bytes(store, tile)
                fresh.write(path, data, OWNER_FILE if private else _PUBLIC_FILE)
                directories.add(path.parent)
                written += 1
            if advance is not None:
                advance(done, len(tiles))
    for directory in directories:
        sync_directory(directory)
    return written


def _write(path: Path, data: bytes, mode: int) -> None:
    with _Fresh() as fresh:
        fresh.write(path, data, mode)


class _Fresh:
    """Files that are whole or absent, and durable but for their names when this ends.

    Many are synced one after the other once all are written: the first sync then takes the others
    with it, where a sync of each would wait for the disk each time.
    """

    def __init__(self) -> None:
        self._paths: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def write(self, path: Path, data: bytes, mode: int) -> None:
        handle = os.open(_fresh(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        try:
            self._paths.append(path)
            write_all(handle, data, 0)
        finally:
            os.close(handle)
        if len(self._paths) == _TOGETHER:
            self._finish()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._finish()
        for path in self._paths:
            _fresh(path).unlink(missing_ok=True)

    def _finish(self) -> None:
        for path in self._paths:
            handle = os.open(_fresh(path), os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        for path in self._paths:
            os.replace(_fresh(path), path)
        self._paths.clear()


def _fresh(path: Path) -> Path:
    return path.with_name(path.name + ".new")
