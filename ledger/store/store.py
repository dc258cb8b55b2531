"""Store: the log on disk. Durability is promised here, meaning is not looked at.

``commit`` is all or nothing: when it returns, leaves, tiles, ids, index rows and checkpoint are
on disk together in one LMDB transaction; when it raises StorageFull nothing changed; when it
raises CommitFailed only opening again tells. Payloads are written and synced before
(``write_payloads``): bytes that no commit names are cut off by the next writer.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from ledger.errors import LedgerFault
from ledger.merkle import TILE_HEIGHT, complete_tile
from ledger.store.environment import Environment, Reader, StorageFull, Writer
from ledger.store.files import make_directory
from ledger.store.large import LargeFiles
from ledger.store.payloads import PayloadFiles, Place
from ledger.store.sorted_index import Finished
from ledger.store.tables import (
    CHECKPOINT_KEY,
    COSIGNED_KEY,
    DAMAGED,
    EMPTY_STATE,
    INDEX,
    LARGE_VALUE,
    PLACE,
    PUBLISHED_KEY,
    RUN_KEY,
    STATE_KEY,
    TAIL_VALUE,
    TILE_KEY,
    RunName,
    RunRow,
    State,
)
from ledger.store.tails import ERASED, TailFiles, tail_of
from ledger.wire.claim import CLAIM_STRUCT
from ledger.wire.ids import HASH_SIZE, Hash
from ledger.wire.leaf import claim_bytes
from ledger.wire.tile import FULL_WIDTH

LMDB_DIRECTORY: Final = "log"
PAYLOAD_DIRECTORY: Final = "payloads"
LARGE_DIRECTORY: Final = "large"
RUN_DIRECTORIES: Final = {RunName.HEADS: "heads", RunName.TAGS: "tags"}
_HEADROOM: Final = 16 << 20
"""Disk space that a commit leaves free, so that LMDB never meets a full disk inside its own
commit.
"""


@dataclass(slots=True)
class Commit:
    """What one transaction makes durable."""

    start: int
    leaves: Sequence[bytes]
    nodes: Sequence[Sequence[Hash]]
    """New tree nodes for each height, as ``Frontier.extend_rows`` hands them out."""
    ids: dict[bytes, int]
    checkpoint: bytes
    state: State
    blob_sizes: Sequence[int]
    place: Place
    """Where the first payload lies."""
    registry: Sequence[int] = ()
    epochs: Sequence[int] = ()
    batches: Sequence[tuple[int, bytes]] = ()
    """Index of a batch, and the tree over its members."""
    tags: Sequence[tuple[int, bytes]] = ()
    large: Sequence[tuple[int, Hash, int]] = ()
    """Index, hash of the manifest's blob, and number of chunks of large payloads."""
    finished: Sequence[Finished] = ()
    files_written: Callable[[], object] = lambda: None
    """Waits until payloads and keys are durable, and raises what went wrong; called last."""
    ids_before: bytes = b""
    """Ids below this key are out of their window and may go."""


class Store:
    """An open store. One writer thread; reading from any thread, each call its own snapshot."""

    def __init__(self, directory: Path, *, writable: bool, map_limit: int | None = None) -> None:
        """Open. Raises LedgerFault when LMDB or the state row cannot be read."""
        self.directory = directory
        self.environment = Environment(
            directory / LMDB_DIRECTORY, writable=writable, map_limit=map_limit
        )
        try:
            self.payloads = PayloadFiles(directory / PAYLOAD_DIRECTORY, self.state().payload_end)
            self.large = LargeFiles(directory / PAYLOAD_DIRECTORY / LARGE_DIRECTORY)
            self.tails = TailFiles(directory / RUN_DIRECTORIES[RunName.TAGS])
        except BaseException:
            self.environment.close()
            raise

    @staticmethod
    def create(directory: Path) -> None:
        """Lay out the empty directories."""
        for name in (LMDB_DIRECTORY, PAYLOAD_DIRECTORY, *RUN_DIRECTORIES.values()):
            make_directory(directory / name)

    def close(self) -> None:
        """Close everything."""
        self.payloads.close()
        self.environment.close()

    def state(self) -> State:
        """What the last commit left."""
        with self.environment.reading() as reader:
            return self.state_in(reader)

    @staticmethod
    def state_in(reader: Reader) -> State:
        """What the commit of a snapshot left."""
        row = reader.get("meta", STATE_KEY)
        return EMPTY_STATE if row is None else State.decode(row)

    def checkpoint(self) -> bytes:
        """The signed checkpoint of the last commit."""
        with self.environment.reading() as reader:
            return _present(reader.get("meta", CHECKPOINT_KEY), "checkpoint")

    def published(self) -> bytes | None:
        """The newest checkpoint with both signatures, if one was made."""
        with self.environment.reading() as reader:
            return reader.get("meta", PUBLISHED_KEY)

    def publish(self, checkpoint: bytes, *, cosigned: bytes | None = None) -> None:
        """Keep the newest checkpoint with both signatures; ``cosigned`` is the newest of those that
        custodians signed too, which stays when a newer one is published.
        """

        def work(writer: Writer) -> None:
            writer.put("meta", PUBLISHED_KEY, checkpoint)
            if cosigned is not None:
                writer.put("meta", COSIGNED_KEY, cosigned)

        self.environment.write(work)

    def cosigned(self) -> bytes | None:
        """The newest published checkpoint that custodians signed."""
        with self.environment.reading() as reader:
            return reader.get("meta", COSIGNED_KEY)

    def newest_epoch(self, below: int) -> int | None:
        """The index of the newest epoch below an index."""
        if below <= 0:
            return None
        with self.environment.reading() as reader:
            row = reader.at_or_before("epochs", INDEX.pack(below - 1))
        return None if row is None else int(INDEX.unpack(row[0])[0])

    def batch_tree(self, index: int) -> bytes:
        """The tree over the members of a batch (``ledger.member_tree``)."""
        with self.environment.reading() as reader:
            return _present(reader.get("batches", INDEX.pack(index)), f"tree of batch {index}")

    def epochs_from(self, index: int) -> int:
        """How many epochs stand at this index or behind it."""
        with self.environment.reading() as reader:
            return sum(1 for _ in reader.scan("epochs", INDEX.pack(index)))

    def leaf(self, index: int) -> bytes:
        """One leaf. LedgerFault when it is not there."""
        return next(self.leaves(index, index + 1))

    def leaves(self, start: int, stop: int) -> Iterator[bytes]:
        """The leaves of [start, stop) in order, from one snapshot."""
        if start >= stop:
            return
        with self.environment.reading() as reader:
            yield from leaves_in(reader, start, stop)

    def bundle(self, index: int, width: int) -> bytes:
        """The entry bundle with the first ``width`` leaves of tile ``index``."""
        start = index * FULL_WIDTH
        leaves = self.leaves(start, start + width)
        return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)

    def read(self, level: int, index: int, width: int) -> bytes:
        """At least ``width`` hashes of a tile (the TileReader of ``ledger.merkle``)."""
        with self.environment.reading() as reader:
            tile = reader.get("tiles", TILE_KEY.pack(level, index))
        if tile is None or len(tile) < width * HASH_SIZE or len(tile) % HASH_SIZE:
            raise LedgerFault(f"store: tile {level}/{index} is missing or cut short", hint=DAMAGED)
        return tile

    def index_of(self, id_key: bytes) -> int | None:
        """The index of an entry id ‖ author."""
        with self.environment.reading() as reader:
            row = reader.get("ids", id_key)
        return None if row is None else int(INDEX.unpack(row)[0])

    def used_id(self, id_keys: Sequence[bytes]) -> bytes | None:
        """One of several entry ids ‖ author that stands in the log; None where none does."""
        with self.environment.reading() as reader:
            return reader.any_of("ids", id_keys)

    def latest_id(self) -> bytes:
        """The largest entry id ‖ author."""
        with self.environment.reading() as reader:
            row = reader.last("ids")
        return row[0] if row else b""

    def registry_indexes(self) -> list[int]:
        """Leaves that change who may sign."""
        with self.environment.reading() as reader:
            return [INDEX.unpack(key)[0] for key, _ in reader.scan("registry")]

    def large_payloads(self) -> list[tuple[int, Hash, int]]:
        """Index, hash of the manifest's blob, and number of chunks of each large payload."""
        with self.environment.reading() as reader:
            return large_payloads_in(reader)

    def chunks_of(self, index: int) -> Hash | None:
        """Under which name the chunks of a leaf's payload lie; None when it has none."""
        with self.environment.reading() as reader:
            row = reader.get("large", INDEX.pack(index))
        return None if row is None else Hash(LARGE_VALUE.unpack(row)[0])

    def has_large(self, blob_hash: Hash) -> bool:
        """Whether an entry has a large payload under this name. Reads the whole small table."""
        return any(name == blob_hash for _, name, _ in self.large_payloads())

    def tail_rows(self) -> dict[int, int]:
        """The committed rows of each tail file, by its first leaf."""
        with self.environment.reading() as reader:
            return tail_rows_in(reader)

    def tags_from(self, index: int) -> list[tuple[int, bytes]]:
        """(index, tag) pairs that no run holds yet, without those that were erased."""
        tails = sorted(tail for tail in self.tail_rows().items() if tail[0] >= tail_of(index))
        rows = [row for tail in tails for row in self.tails.read(*tail)]
        return [(index, tag) for index, tag in rows if tag != ERASED]

    def run_rows(self, name: RunName) -> list[RunRow]:
        """The registered runs of an index, oldest first."""
        start, stop = RUN_KEY.pack(name, 0, 0), RUN_KEY.pack(name + 1, 0, 0)
        with self.environment.reading() as reader:
            return [RunRow.decode(*row) for row in reader.scan("runs", start, stop)]

    def retired_runs(self) -> list[RunRow]:
        """Runs of heads that were merged away and are kept for what an epoch lists."""
        with self.environment.reading() as reader:
            return [RunRow.decode(*row) for row in reader.scan("retired")]

    def forget_retired(self, rows: Iterable[RunRow]) -> None:
        """Take runs off that list."""

        def work(writer: Writer) -> None:
            for row in rows:
                writer.delete("retired", row.key())

        self.environment.write(work)

    def payload(self, index: int) -> bytes:
        """The sealed blob of a leaf; empty when it names none."""
        with self.environment.reading() as reader:
            place, size = payload_place(reader, index)
        return self.payloads.read(place, size) if size else b""

    def destroy_payload(self, index: int) -> None:
        """Overwrite the payload of a leaf, chunks too, durably. OSError goes to the caller.

        Only chunks that came with this very entry: another one may name the same blob.
        """
        with self.environment.reading() as reader:
            place, size = payload_place(reader, index)
        if size:
            self.payloads.wipe(place, size)
            if (chunks := self.chunks_of(index)) is not None:
                self.large.destroy(chunks)

    def surviving_payload(self, index: int) -> bytes:
        """The sealed blob of a leaf, empty when it was destroyed or there never was one."""
        blob = self.payload(index)
        claim = CLAIM_STRUCT.unpack_from(claim_bytes(self.leaf(index)))
        return blob if sha256(blob).digest() == claim[7] else b""

    def check_space(self, size: int) -> None:
        """Raises StorageFull when the disk has not room for about ``size`` more bytes."""
        disk = os.statvfs(self.directory)
        if disk.f_bavail * disk.f_frsize < size + _HEADROOM:
            raise StorageFull(
                "the disk is full", hint="make room and try again; nothing was written"
            )

    def begin_writing(self) -> None:
        """Cut off what no commit names. Not before it is certain that this is the newest copy."""
        self.payloads.begin_writing()
        self.large.remove_strays([blob_hash for _, blob_hash, _ in self.large_payloads()])
        self.tails.begin_writing(self.tail_rows())

    def write_files(self, blobs: Sequence[bytes], tags: Sequence[tuple[int, bytes]]) -> None:
        """Payloads and tags of a commit to come, durably. OSError when the disk refuses."""
        self.payloads.write(blobs)
        self.tails.write(tags)

    def rewind(self, place: Place) -> None:
        """Drop what an aborted commit wrote from ``place`` on, and its tags."""
        self.payloads.rewind(place)
        self.tails.rewind(self.tail_rows())

    def register(self, finished: Sequence[Finished]) -> None:
        """Make runs part of the log without appending anything."""

        def work(writer: Writer) -> None:
            for run in finished:
                _register(writer, run)

        self.environment.write(work)

    def commit(self, commit: Commit) -> None:
        """Make it durable; see the module for what each error means."""
        self.environment.write(lambda writer: _apply(writer, commit))


def storage_full(error: OSError) -> StorageFull:
    """An OSError from before the commit, as the caller sees it."""
    return StorageFull(
        f"the disk refuses to write: {error.strerror}",
        hint="make room or mend the disk and try again; nothing was written",
    )


def leaves_in(reader: Reader, start: int, stop: int) -> Iterator[bytes]:
    """The leaves of [start, stop) from a snapshot. LedgerFault when one is missing or damaged."""
    first = reader.at_or_before("entries", INDEX.pack(start))
    if first is None:
        raise LedgerFault(f"store: leaf {start} is missing", hint=DAMAGED)
    index = start
    for key, piece in reader.scan("entries", first[0], INDEX.pack(stop)):
        (at,) = INDEX.unpack(key)
        if at > index:
            raise LedgerFault(f"store: leaf {index} is missing", hint=DAMAGED)
        for leaf in split_piece(piece, at, skip=max(start - at, 0), most=stop - at):
            yield leaf
            index += 1
    if index != stop:
        raise LedgerFault(f"store: leaf {index} is missing", hint=DAMAGED)


def split_piece(piece: bytes, start: int, skip: int = 0, most: int = FULL_WIDTH) -> list[bytes]:
    """The leaves of a piece, from the one behind ``skip`` others to number ``most`` of the piece.

    LedgerFault when their lengths do not add up.
    """
    leaves, at, size = [], 0, len(piece)
    try:
        # A single leaf is looked up behind a hundred others on average: no more than that here.
        for _ in range(min(skip, most)):
            at += 2 + (piece[at] << 8 | piece[at + 1])
        for _ in range(most - skip):
            if at == size:
                break
            end = at + 2 + (piece[at] << 8 | piece[at + 1])
            leaves.append(piece[at + 2 : end])
            at = end
    except IndexError:
        at = size + 1
    if at > size or b"" in leaves:
        raise LedgerFault(f"store: the piece of leaf {start} is damaged", hint=DAMAGED)
    return leaves


def tail_rows_in(reader: Reader) -> dict[int, int]:
    """The table of tail files in a snapshot. Raises LedgerFault for a damaged row."""
    rows: dict[int, int] = {}
    for key, value in reader.scan("tails"):
        if len(key) != INDEX.size or len(value) != TAIL_VALUE.size:
            raise LedgerFault("store: a row of table tails is damaged", hint=DAMAGED)
        rows[INDEX.unpack(key)[0]] = TAIL_VALUE.unpack(value)[0]
    return rows


def large_payloads_in(reader: Reader) -> list[tuple[int, Hash, int]]:
    """The table of large payloads in a snapshot. Raises LedgerFault for a damaged row."""
    rows = list(reader.scan("large"))
    if any(len(key) != INDEX.size or len(value) != LARGE_VALUE.size for key, value in rows):
        raise LedgerFault("store: a row of table large is damaged", hint=DAMAGED)
    return [(INDEX.unpack(key)[0], *LARGE_VALUE.unpack(value)) for key, value in rows]


def payload_place(reader: Reader, index: int) -> tuple[Place, int]:
    """Where a leaf's blob lies and its size (0: the leaf names none)."""
    row = reader.at_or_before("places", INDEX.pack(index))
    if row is None or len(row[1]) != PLACE.size:
        raise LedgerFault(f"store: the place of payload {index} is missing", hint=DAMAGED)
    (first,) = INDEX.unpack(row[0])
    segment, offset = PLACE.unpack(row[1])
    sizes = [blob_size(leaf) for leaf in leaves_in(reader, first, index + 1)]
    return Place(segment, offset + sum(sizes[:-1])), sizes[-1]


def blob_size(leaf: bytes) -> int:
    """The size of the sealed blob that a stored leaf names."""
    return int(CLAIM_STRUCT.unpack_from(claim_bytes(leaf))[8])


def _present(row: bytes | None, what: str) -> bytes:
    if row is None:
        raise LedgerFault(f"store: the {what} is missing", hint=DAMAGED)
    return row


def _apply(writer: Writer, commit: Commit) -> None:
    _put_entries(writer, commit)
    _put_tiles(writer, commit)
    ids = [(key, at.to_bytes(8, "big")) for key, at in commit.ids.items()]
    if not writer.put_new("ids", ids):
        raise LedgerFault(
            "store: an entry id is in the table that a look-up did not find", hint=DAMAGED
        )
    writer.delete_below("ids", commit.ids_before, limit=2 * len(commit.ids))
    for index in commit.registry:
        writer.put("registry", INDEX.pack(index), b"")
    for index in commit.epochs:
        writer.put("epochs", INDEX.pack(index), b"")
    for index, tree in commit.batches:
        writer.put("batches", INDEX.pack(index), tree)
    for index, blob_hash, chunks in commit.large:
        writer.put("large", INDEX.pack(index), LARGE_VALUE.pack(blob_hash, chunks))
    for start, rows in Counter(tail_of(index) for index, _ in commit.tags).items():
        rows += tail_rows_in(writer).get(start, 0)
        writer.put("tails", INDEX.pack(start), TAIL_VALUE.pack(rows))
    for finished in commit.finished:
        _register(writer, finished)
    writer.put("meta", CHECKPOINT_KEY, commit.checkpoint)
    writer.put("meta", STATE_KEY, commit.state.encode())
    commit.files_written()


def _put_entries(writer: Writer, commit: Commit) -> None:
    place, at, end = commit.place, commit.start, commit.start + len(commit.leaves)
    while at < end:
        stop = min(end, (at // FULL_WIDTH + 1) * FULL_WIDTH)
        leaves = commit.leaves[at - commit.start : stop - commit.start]
        piece = b"".join([part for leaf in leaves for part in (len(leaf).to_bytes(2, "big"), leaf)])
        writer.put("entries", INDEX.pack(at), piece)
        writer.put("places", INDEX.pack(at), PLACE.pack(place.segment, place.offset))
        sizes = commit.blob_sizes[at - commit.start : stop - commit.start]
        place = Place(place.segment, place.offset + sum(sizes))
        at = stop


def _put_tiles(writer: Writer, commit: Commit) -> None:
    for level, hashes in enumerate(commit.nodes[::TILE_HEIGHT]):
        at = commit.start >> (8 * level)
        given = 0
        while given < len(hashes):
            tile, filled = divmod(at, FULL_WIDTH)
            key = TILE_KEY.pack(level, tile)
            before = _present(writer.get("tiles", key), f"tile {level}/{tile}") if filled else b""
            if len(before) != filled * HASH_SIZE:
                raise LedgerFault(f"store: tile {level}/{tile} is damaged", hint=DAMAGED)
            fresh = hashes[given : given + FULL_WIDTH - filled]
            value = before + b"".join(fresh)
            if filled + len(fresh) == FULL_WIDTH:
                whole = [value[at : at + HASH_SIZE] for at in range(0, len(value), HASH_SIZE)]
                value = complete_tile(level, tile, whole, commit.nodes, commit.start)
            writer.put("tiles", key, value)
            at += len(fresh)
            given += len(fresh)


def _register(writer: Writer, finished: Finished) -> None:
    for row in finished.replaced:
        writer.delete("runs", row.key())
        if row.name is RunName.HEADS and row.rows:
            writer.put("retired", row.key(), row.value())
    writer.put("runs", finished.row.key(), finished.row.value())
    if finished.row.name is RunName.TAGS and not finished.replaced:
        writer.delete_below("tails", INDEX.pack(finished.row.stop), limit=None)
