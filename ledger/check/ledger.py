"""The whole check of one ledger's directory, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from ledger.check.content import ContentCheck
from ledger.check.derived import (
    BatchCheck,
    IdCheck,
    TileCheck,
    check_epoch_table,
    check_registry_table,
    check_run_names,
    check_tags,
)
from ledger.check.erasure import ErasureCheck, Later
from ledger.check.heads import EpochsSeen, HeadsCheck
from ledger.check.large import check_large
from ledger.check.replay import Replay
from ledger.check.report import Progress, Report
from ledger.errors import BadRequest, CounterfoilError, LedgerFault
from ledger.identity import Registry
from ledger.keyfiles import Unlock, governor_key, governor_key_path
from ledger.layout import Layout, check_line, read_layout
from ledger.merkle import root_at
from ledger.named import names_in
from ledger.reader import open_predecessor
from ledger.recovery import load_own_keys
from ledger.store.environment import Reader
from ledger.store.guard import Guard
from ledger.store.store import Store, split_piece
from ledger.store.tables import (
    CHECKPOINT_KEY,
    COSIGNED_KEY,
    INDEX,
    META_KEYS,
    NAMES,
    PUBLISHED_KEY,
    State,
)
from ledger.vault.journal import first_break
from ledger.vault.keys import VaultKeys
from ledger.vault.opening import open_vault
from ledger.wire.checkpoint import Checkpoint, checkpoint_verifier, open_checkpoint
from ledger.wire.keys import ED25519, key_id, raw_public

MAX_PROBLEMS: Final = 100
_PROGRESS_EVERY: Final = 512


def check_ledger(
    directory: Path, progress: Progress = lambda *_: None, unlock: Unlock | None = None
) -> Report:
    """Check everything; see the package. Raises BadRequest when the directory is no ledger."""
    layout = read_layout(directory, unlock)
    return _check_line(layout, progress, None if layout.successor else Later())


def _check_line(layout: Layout, progress: Progress, later: Later | None) -> Report:
    """A ledger, and those that it took over from. ``later`` has what later logs ordered; None when
    this one ended and they are not looked at.
    """
    report = Report(MAX_PROBLEMS, progress)
    before = Later()
    try:
        before = _check(layout, report, later)
    except (CounterfoilError, OSError) as error:
        report.add("ledger", f"the check cannot go on: {error}")
    if layout.predecessor is not None:
        # Its problems are ours, since our chains go on from it.
        try:
            check_line(layout)
            earlier = _check_line(read_layout(layout.predecessor, layout.unlock), progress, before)
        except CounterfoilError as error:
            report.add(layout.predecessor.name, error.message)
            return report
        for problem in earlier.problems:
            report.add(f"{layout.predecessor.name}: {problem.where}", problem.what)
        for note in earlier.notes:
            report.note(f"{layout.predecessor.name}: {note.where}", note.what)
    return report


def _check(layout: Layout, report: Report, later: Later | None) -> Later:
    with ExitStack() as stack:
        predecessor = open_predecessor(layout)
        if predecessor is not None:
            stack.callback(predecessor.close)
        store = Store(layout.directory, writable=False)
        stack.callback(store.close)
        vault = _open_keys(report, layout)
        # Before the snapshot: a writer beside us advances the guard after its commit.
        guard = _guarded(report, layout)
        reader = stack.enter_context(store.environment.reading())
        state = store.state_in(reader)
        report.size = state.size
        _check_tables(report, reader)
        erasure = ErasureCheck(report, store, vault, predecessor, later)
        epochs = EpochsSeen()
        # What damages the leaves is reported when they are replayed.
        ahead = _leaves(Report(MAX_PROBLEMS, report.progress), reader, state.size)
        named = names_in(_looked_at(ahead, epochs))
        replay = Replay(report, store.leaf, partial(_find_id, reader), predecessor, named)
        content = ContentCheck(report, store, reader, vault, erasure)
        _check_leaves(report, store, reader, state, replay, content, epochs)
        check_registry_table(report, reader, replay.registry_indexes)
        check_epoch_table(report, reader, epochs.indexes)
        check_tags(report, store, reader)
        check_run_names(report, reader)
        check_large(report, store, reader, vault, erasure)
        erasure.finish()
        if {key for key, _ in reader.scan("meta")} - META_KEYS:
            report.add("table meta", "holds rows that do not belong there")
        if replay.registry is not None:
            if vault is not None and vault.log != replay.registry.log:
                report.add("vault", "is the vault of another log")
            vkeys = replay.registry.genesis.checkpoint_keys
            _check_keys(report, layout, replay.registry)
            _check_checkpoints(report, layout, store, reader, vkeys, guard)
        if (line := first_break(layout.releases)) is not None:
            report.add("vault journal", f"line {line} does not follow the line before it")
        return erasure.later()


def _open_keys(report: Report, layout: Layout) -> VaultKeys | None:
    """The vault's keys; None when they cannot be opened, which keeps nothing else from being
    checked.
    """
    try:
        return VaultKeys(layout.vault.keys, open_vault(layout.vault, layout.unlock).period)
    except BadRequest as error:
        report.add("vault", f"not checked: {error.message}", error.hint)
    except CounterfoilError as error:
        report.add("vault", error.message, error.hint)
    return None


def _check_tables(report: Report, reader: Reader) -> None:
    """Each table has as many rows as LMDB says: one more is read by nobody who looks up a key that
    is there.
    """
    for name in NAMES:
        try:
            rows = sum(1 for _ in reader.scan(name))
        except LedgerFault as error:
            report.add(f"table {name}", error.message)
        else:
            if rows != reader.count(name):
                report.add(f"table {name}", f"holds {rows} rows, not {reader.count(name)}")


def _find_id(reader: Reader, key: bytes) -> int | None:
    row = reader.get("ids", key)
    return None if row is None else int(INDEX.unpack(row)[0])


def _check_leaves(
    report: Report,
    store: Store,
    reader: Reader,
    state: State,
    replay: Replay,
    content: ContentCheck,
    epochs: EpochsSeen,
) -> None:
    tiles = TileCheck(report, reader)
    ids = IdCheck(report, reader, state.received_ms)
    batches = BatchCheck(report, reader)
    heads: HeadsCheck | None = None
    for derived in replay.run(_leaves(report, reader, state.size)):
        tiles.add(derived.hash)
        ids.add(derived)
        batches.add(replay.batches)
        content.add(derived)
        if heads is None and replay.registry is not None:
            heads = HeadsCheck(report, store, reader, replay.registry.log, epochs)
        if heads is not None:
            heads.add(derived, replay.head_after(derived))
        if derived.index % _PROGRESS_EVERY == 0:
            report.progress("leaves", derived.index, state.size)
    tiles.finish()
    ids.finish()
    batches.add(replay.batches)
    batches.finish()
    content.finish(state.payload_end)
    report.progress("leaves", state.size, state.size)
    if tiles.frontier.size != state.size:
        report.add("state", f"says {state.size} leaves, {tiles.frontier.size} are there")
    if replay.received_ms != state.received_ms:
        report.add("state", "does not have the time of the newest leaf")


def _looked_at(leaves: Iterable[bytes], epochs: EpochsSeen) -> Iterator[bytes]:
    for index, raw in enumerate(leaves):
        epochs.look(index, raw)
        yield raw


def _leaves(report: Report, reader: Reader, size: int) -> Iterator[bytes]:
    """All leaves in order; a gap or a damaged piece ends them."""
    index = 0
    for key, piece in reader.scan("entries"):
        if key != INDEX.pack(index):
            report.add(f"leaf {index}", "is missing, or its piece begins elsewhere")
            return
        if reader.get("places", key) is None:
            report.add(f"place {index}", "is missing")
        try:
            leaves = split_piece(piece, index)
        except CounterfoilError as error:
            report.add(f"leaf {index}", error.message)
            return
        yield from leaves
        index += len(leaves)
    if index != size:
        report.add("state", f"says {size} leaves, {index} are there")


def _check_keys(report: Report, layout: Layout, registry: Registry) -> None:
    """The log's own keys, and a governor's where it lies with the ledger."""
    try:
        load_own_keys(layout, registry.genesis)
        if governor_key_path(layout.directory).exists():
            own = raw_public(governor_key(layout.directory, layout.unlock))
            if key_id(ED25519, own) not in {one.kid for one in registry.ever_governors.values()}:
                report.add("keys", "the governor's key file is not the key of a governor")
    except BadRequest as error:
        report.add("keys", f"not checked: {error.message}", error.hint)
    except CounterfoilError as error:
        report.add("keys", error.message, error.hint)


def _guarded(report: Report, layout: Layout) -> bytes | None:
    """The checkpoint that the guard remembers."""
    try:
        guard = Guard(layout.guard, writable=False)
    except CounterfoilError as error:
        report.add("guard", error.message, error.hint)
        return None
    guard.close()
    return guard.checkpoint


def _check_checkpoints(
    report: Report,
    layout: Layout,
    store: Store,
    reader: Reader,
    vkeys: tuple[str, ...],
    guard: bytes | None,
) -> None:
    """The newest and the published checkpoint and the guard's, against the tiles checked before."""
    # Founding publishes the first one, so there always is one.
    notes = (
        ("checkpoint", reader.get("meta", CHECKPOINT_KEY) or b"", vkeys[:1]),
        ("published checkpoint", reader.get("meta", PUBLISHED_KEY) or b"", vkeys),
        ("cosigned checkpoint", reader.get("meta", COSIGNED_KEY), vkeys),
        ("guard", guard, vkeys[:1]),
    )
    for what, note, needed in notes:
        if note is None:
            continue
        if not note:
            report.add(what, "is missing")
            continue
        checkpoint = _opened(report, what, note, layout.origin, needed)
        if checkpoint is None:
            continue
        if what == "checkpoint" and checkpoint.size != report.size:
            report.add(what, f"is of size {checkpoint.size}, the log of {report.size}")
        elif checkpoint.size > report.size:
            report.add(what, f"knows {checkpoint.size} leaves, the log has {report.size}")
        elif root_at(checkpoint.size, store) != checkpoint.root:
            report.add(what, "has another root than the leaves give")


def _opened(
    report: Report, what: str, note: bytes, origin: str, vkeys: tuple[str, ...]
) -> Checkpoint | None:
    try:
        verifiers = [checkpoint_verifier(vkey) for vkey in vkeys]
        return open_checkpoint(note, origin, verifiers).checkpoint
    except CounterfoilError as error:
        report.add(what, str(error))
        return None
