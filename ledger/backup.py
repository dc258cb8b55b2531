"""Backup of the log, and making a working ledger again from backups.

    ledger.json  log/data.mdb  payloads/  heads/  tags/

A backup of the log holds no key and nothing of the vault (``ledger.vault.backup``), and not the
guard: a ledger that is restored beside a newer guard refuses to append, since what came after the
backup is missing. It may be made beside a writer: LMDB's copy is one snapshot, and the files that
it names are only appended to; when a merge removes one of them meanwhile, all is copied again.

Beside the copy lies an export of what was published (``tiles/``), so that an auditor reads a backup
as any other log. Restoring ignores it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from ledger.errors import BadRequest, LedgerFault
from ledger.export import export_store
from ledger.identity import Genesis, Succession
from ledger.keyfiles.log_keys import KEYS_DIRECTORY
from ledger.layout import read_layout, relocated
from ledger.merkle import leaf_hash
from ledger.store.files import (
    OWNER_DIRECTORY,
    OWNER_FILE,
    check_plain,
    copy_part,
    make_directory,
    sync_directory,
    write_new,
)
from ledger.store.store import (
    LARGE_DIRECTORY,
    LMDB_DIRECTORY,
    PAYLOAD_DIRECTORY,
    RUN_DIRECTORIES,
    Store,
)
from ledger.store.tables import RunName
from ledger.store.tails import TAIL_ROW, tail_name
from ledger.vault.backup import MANIFEST, Manifest, check_new
from ledger.vault.opening import VaultPaths
from ledger.wire.claim import Kind
from ledger.wire.leaf import decode_leaf

LAYOUT: Final = "ledger.json"
TILES: Final = "tiles"
_TRIES: Final = 3
Fill = Callable[[VaultPaths, Manifest], None]
"""Puts master key and period key into a vault that has its slots."""


def back_up_log(directory: Path, out: Path) -> int:
    """Copy the log into a new directory; returns its size. Raises BadRequest or LedgerFault."""
    layout = read_layout(directory)
    check_new(out)
    store = Store(layout.directory, writable=False)
    try:
        for left in reversed(range(_TRIES)):
            building = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
            with ExitStack() as undo:
                undo.callback(shutil.rmtree, building, ignore_errors=True)
                try:
                    size = _copy(store, directory, building)
                except FileNotFoundError:
                    # A run that was merged into another one.
                    if not left:
                        raise
                    continue
                os.rename(building, out)
                undo.pop_all()
                break
    finally:
        store.close()
    sync_directory(out.absolute().parent)
    return size


def _copy(store: Store, directory: Path, building: Path) -> int:
    make_directory(building)
    for name in (LMDB_DIRECTORY, PAYLOAD_DIRECTORY, *RUN_DIRECTORIES.values()):
        make_directory(building / name)
    write_new(building / LAYOUT, (directory / LAYOUT).read_bytes())
    store.environment.copy_to(building / LMDB_DIRECTORY)
    (building / LMDB_DIRECTORY / "data.mdb").chmod(0o600)
    copied = Store(building, writable=False)
    try:
        state = copied.state()
        for part, size in [*_named_files(copied), *_large_files(directory)]:
            for folder in reversed((building / part).relative_to(building).parents):
                (building / folder).mkdir(mode=OWNER_DIRECTORY, exist_ok=True)
            copy_part(directory / part, building / part, size or (directory / part).stat().st_size)
        if copied.published() is not None:
            export_store(copied, _genesis(copied), building / TILES, with_entries=True)
            for path in (building / TILES, *(building / TILES).rglob("*")):
                path.chmod(OWNER_DIRECTORY if path.is_dir() else OWNER_FILE)
    finally:
        copied.close()
    (building / LMDB_DIRECTORY / "lock.mdb").unlink(missing_ok=True)
    for path in (*building.iterdir(), building):
        if path.is_dir():
            sync_directory(path)
    return state.size


def _genesis(store: Store) -> Genesis:
    """What the first leaf says of its own log."""
    claim = decode_leaf(store.leaf(0)).claim
    if claim.kind is Kind.GENESIS:
        return Genesis.decode(claim.body)
    return Succession.decode(claim.body).genesis


def _named_files(store: Store) -> list[tuple[str, int]]:
    """Every file that the log names, by its path, with the bytes that belong to it; 0: all."""
    end = store.state().payload_end
    named = [(f"{PAYLOAD_DIRECTORY}/{number:08d}.seg", 0) for number in range(end.segment)]
    if end.offset:
        named.append((f"{PAYLOAD_DIRECTORY}/{end.segment:08d}.seg", end.offset))
    for name, folder in RUN_DIRECTORIES.items():
        named += [(f"{folder}/{row.file_name}", 0) for row in store.run_rows(name) if row.rows]
    heads, tags = RUN_DIRECTORIES[RunName.HEADS], RUN_DIRECTORIES[RunName.TAGS]
    named += [(f"{heads}/{row.file_name}", 0) for row in store.retired_runs()]
    for start, rows in store.tail_rows().items():
        named.append((f"{tags}/{tail_name(start)}", rows * TAIL_ROW.size))
    return named


def _large_files(directory: Path) -> list[tuple[str, int]]:
    """Chunks of large payloads. Those that no entry names yet are removed by the next writer."""
    root = directory / PAYLOAD_DIRECTORY / LARGE_DIRECTORY
    chunks = [path for path in root.glob("*/*") if "." not in path.parent.name]
    return [(str(path.relative_to(directory)), 0) for path in chunks if path.stat().st_size]


def restore(
    out: Path,
    log: Path,
    vault: Path,
    fill: Fill,
    *,
    keys: Path | None = None,
    guard: Path | None = None,
) -> int:
    """Make a working ledger from a backup of the log and one of its vault; returns its size.

    ``fill`` opens the vault; ``keys`` is a copy of the signing keys. No guard is made: the one
    that is there says whether this is the newest copy. Raises BadRequest or LedgerFault; then
    nothing was made.
    """
    check_new(out)
    for source in (log, vault, keys):
        if source is not None:
            check_plain(source)
    layout = read_layout(log)
    manifest = Manifest.read(vault)
    manifest.check_files(vault)
    manifest.description(vault)
    size = _check_together(log, manifest)
    building = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, building, ignore_errors=True)
        _copy_tree(log, building, (LMDB_DIRECTORY, PAYLOAD_DIRECTORY, *RUN_DIRECTORIES.values()))
        beside = guard or out.with_name(out.name + ".guard")
        write_new(building / LAYOUT, relocated(layout, out, beside))
        _copy_tree(vault, building / "vault", tuple(manifest.files))
        if keys is not None:
            _copy_tree(keys, building / KEYS_DIRECTORY, (".",))
        fill(VaultPaths(building / "vault"), manifest)
        os.rename(building, out)
        undo.pop_all()
    sync_directory(out.absolute().parent)
    return size


def _check_together(log: Path, manifest: Manifest) -> int:
    """Whether the vault's backup has the keys of this log's backup."""
    store = Store(log, writable=False)
    try:
        size = store.state().size
        if leaf_hash(store.leaf(0)) != manifest.log:
            raise BadRequest(
                "the backup of the vault is of another log", hint="take one of the same log"
            )
    finally:
        store.close()
        (log / LMDB_DIRECTORY / "lock.mdb").unlink(missing_ok=True)
    if manifest.size < size:
        raise BadRequest(
            f"the backup of the vault is older than the log's: it lacks the keys of entries "
            f"{manifest.size} to {size - 1}",
            hint="take a backup of the vault that was made after the log's",
        )
    return size


def _copy_tree(source: Path, target: Path, parts: Sequence[str]) -> None:
    """Files and directories below ``source``, as owner-only ones."""
    for part in parts:
        start = source / part
        for path in [start, *sorted(start.rglob("*"))] if start.is_dir() else [start]:
            place = target / path.relative_to(source)
            if path.is_dir():
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
            elif path.name not in (MANIFEST, "lock.mdb"):
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                copy_part(path, place, path.stat().st_size)
    if not target.is_dir():
        raise LedgerFault(f"{source.name} is empty", hint="take another backup")
