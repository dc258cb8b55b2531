"""The evidence file: all that shows an entry, a whole history, or an absence.

    evidence   = "counterfoil/evidence/v1\\n" | claim | u32 length | checkpoint | parts u8 | part*
                 | disclosure
    claim      = what u8 | chain 16 | back u8 | index u64       1 entry, 2 history, 3 absence
    part       = leaves | hashes | batches | runs               one for each log, the newest first
    leaves     = count u32 | (index u64 | length u16 | leaf)*
    hashes     = count u32 | hash*
    batches    = (count u16 | hash*)*                           for each leaf of kind batch
    runs       = (pages u32 | (number u32 | page)* | hashes)*   for each run of the part's epoch
    disclosure = 00 | 01 | content key 32 | u32 length | sealed blob

A part goes by the last epoch among its leaves; how long its pages are follows from that. Here is
what the bytes alone must obey; nothing is proven yet. Hash lists stay views into the file, and no
count reserves anything: it is held against what is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from verifier.errors import NotVerified
from verifier.formats.claim import BATCH, EPOCH, MAX_INTEGER, MAX_SEALED_BYTES
from verifier.formats.epoch import PAGE_ROWS, ROW_BYTES, Epoch, Run, parse_epoch
from verifier.formats.leaf import HEADER_BYTES, Leaf, parse_leaf
from verifier.formats.merkle import leaf_hash
from verifier.formats.note import MAX_NOTE_BYTES

MAGIC = b"counterfoil/evidence/v1\n"
MAX_EVIDENCE_BYTES = 268_435_456
MAX_LEAVES = 100_000
_MAX_HASHES = 4_000_000
_MAX_PARTS = 16
ENTRY, HISTORY, ABSENCE = 1, 2, 3
_CLAIM = Struct(">B16sBQ")
_PLACE = Struct(">QH")
_SMALLEST_LEAF = _PLACE.size + HEADER_BYTES + 1


class EvidenceClaim(NamedTuple):
    what: int
    chain: bytes
    back: int
    """Logs back from the newest."""
    leaf_index: int


class PlacedLeaf(NamedTuple):
    leaf_index: int
    hashed: bytes
    leaf: Leaf
    length: int
    """In bytes."""


class Hashes:
    """A list of hashes, as a view into the file."""

    def __init__(self, view: memoryview) -> None:
        self._view = view

    def __len__(self) -> int:
        return len(self._view) // 32

    def __iter__(self) -> Iterator[bytes]:
        return (bytes(self._view[at : at + 32]) for at in range(0, len(self._view), 32))


class RunPages(NamedTuple):
    run: Run
    pages: tuple[tuple[int, bytes], ...]
    """Number and rows of each, ascending."""
    hashes: Hashes


class Part(NamedTuple):
    leaves: tuple[PlacedLeaf, ...]
    hashes: Hashes
    batches: dict[int, Hashes]
    """By index of the batch's leaf."""
    epoch_leaf: PlacedLeaf
    epoch: Epoch
    runs: tuple[RunPages, ...]


class Disclosure(NamedTuple):
    content_key: bytes
    blob: bytes


class Evidence(NamedTuple):
    claim: EvidenceClaim
    checkpoint: bytes
    parts: tuple[Part, ...]
    """The newest log's first."""
    disclosure: Disclosure | None


def parse_evidence(raw: bytes) -> Evidence:
    if len(raw) > MAX_EVIDENCE_BYTES:
        raise _false(f"at most {MAX_EVIDENCE_BYTES} bytes", "more")
    reader = _Reader(raw)
    if raw[: len(MAGIC)] != MAGIC:
        raise _false("an evidence file of version 1", raw[: len(MAGIC)].hex() or "nothing")
    reader.take(len(MAGIC))
    claim = _claim(reader)
    checkpoint = bytes(reader.take(reader.number(4, "bytes of checkpoint", 1, MAX_NOTE_BYTES)))
    count = reader.number(1, "parts", 1, _MAX_PARTS)
    if claim.back >= count:
        raise _false(f"a log among the {count} that are here", f"{claim.back} back")
    parts: list[Part] = []
    left = MAX_LEAVES
    for _ in range(count):
        parts.append(_part(reader, left))
        left -= len(parts[-1].leaves)
    disclosure = _disclosure(reader, claim.what)
    reader.end()
    return Evidence(claim, checkpoint, tuple(parts), disclosure)


def _claim(reader: _Reader) -> EvidenceClaim:
    claim = EvidenceClaim._make(_CLAIM.unpack(reader.take(_CLAIM.size)))
    if claim.what not in (ENTRY, HISTORY, ABSENCE):
        raise _false("an entry, a history or an absence that is claimed", f"{claim.what}")
    if claim.leaf_index >= MAX_INTEGER or (
        claim.what != ENTRY and (claim.back or claim.leaf_index)
    ):
        raise _false("a place below 2^53 of an entry, else 0", f"{claim.back}, {claim.leaf_index}")
    return claim


def _part(reader: _Reader, most: int) -> Part:
    leaves: list[PlacedLeaf] = []
    before = -1
    for _ in range(reader.count(4, "leaves", 1, most, _SMALLEST_LEAF)):
        index, length = _PLACE.unpack(reader.take(_PLACE.size))
        if not before < index < MAX_INTEGER:
            raise _false(f"a leaf behind leaf {before}, below 2^53", f"leaf {index}")
        raw = bytes(reader.take(length))
        try:
            leaves.append(PlacedLeaf(index, leaf_hash(raw), parse_leaf(raw), length))
        except NotVerified as error:
            raise error.placed(index) from None
        before = index
    hashes = reader.hashes(4)
    batches = {
        placed.leaf_index: reader.hashes(2) for placed in leaves if placed.leaf.claim.kind == BATCH
    }
    epochs = [placed for placed in leaves if placed.leaf.claim.kind == EPOCH]
    if not epochs:
        raise _false("an epoch in each log", "none")
    epoch = parse_epoch(epochs[-1].leaf.body)
    runs = tuple(_run(reader, run) for run in epoch.runs)
    return Part(tuple(leaves), hashes, batches, epochs[-1], epoch, runs)


def _run(reader: _Reader, run: Run) -> RunPages:
    last = (run.rows - 1) // PAGE_ROWS
    pages: list[tuple[int, bytes]] = []
    before = -1
    for _ in range(reader.count(4, "pages", 0, last + 1, 4 + ROW_BYTES)):
        before = reader.number(4, "as number of a page", before + 1, last)
        rows = PAGE_ROWS if before < last else run.rows - last * PAGE_ROWS
        pages.append((before, bytes(reader.take(rows * ROW_BYTES))))
    hashes = reader.hashes(4)
    if not pages and len(hashes):
        raise _false("no hashes where there are no pages", f"{len(hashes)}")
    return RunPages(run, tuple(pages), hashes)


def _disclosure(reader: _Reader, what: int) -> Disclosure | None:
    if not reader.number(1, "as sign of a disclosure", 0, 1):
        return None
    if what != ENTRY:
        raise _false("content disclosed with an entry only", "some")
    content_key = bytes(reader.take(32))
    size = reader.number(4, "bytes of sealed blob", 1, MAX_SEALED_BYTES)
    return Disclosure(content_key, bytes(reader.take(size)))


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self._view = memoryview(raw)
        self._at = 0

    def take(self, size: int) -> memoryview:
        end = self._at + size
        if end > len(self._view):
            raise _false(f"{size} bytes at byte {self._at}", "the end of the file")
        start, self._at = self._at, end
        return self._view[start:end]

    def number(self, width: int, what: str, least: int, most: int) -> int:
        at = self._at
        found = int.from_bytes(self.take(width), "big")
        if not least <= found <= most:
            raise _false(f"{least} to {most} {what} at byte {at}", str(found))
        return found

    def count(self, width: int, what: str, least: int, most: int, smallest: int) -> int:
        """Of items that have at least so many bytes each."""
        found = self.number(width, what, least, most)
        if found * smallest > len(self._view) - self._at:
            raise _false(f"{what} that the file has room for", str(found))
        return found

    def hashes(self, width: int) -> Hashes:
        return Hashes(self.take(32 * self.number(width, "hashes", 0, _MAX_HASHES)))

    def end(self) -> None:
        if self._at != len(self._view):
            raise _false(f"the end at byte {self._at}", f"{len(self._view) - self._at} more bytes")


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("evidence", expected, found)
