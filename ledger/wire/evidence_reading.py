"""Reading an evidence file, strictly: every byte is accounted for, every cap is held.

What a list has left in the file bounds it before anything is reserved. How many batches and pages a
part has follows from its leaves, so those are decoded on the way. Nothing is proved here.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from ledger.errors import BadRequest
from ledger.wire.claim import MAX_BLOB, Kind
from ledger.wire.epoch import Epoch, Run, page_size, pages_of
from ledger.wire.evidence import (
    CLAIM,
    HEADER,
    KEY_SIZE,
    MAX_FILE,
    MAX_HASHES,
    MAX_LEAVES,
    MAX_PARTS,
    PLACE,
    U16,
    U32,
    Disclosure,
    Evidence,
    EvidenceClaim,
    Part,
    PlacedLeaf,
    RunPages,
    What,
)
from ledger.wire.ids import HASH_SIZE, MAX_INTEGER, ChainId, Hash
from ledger.wire.leaf import Leaf, decode_leaf
from ledger.wire.note import MAX_NOTE_SIZE


def decode_evidence(data: bytes) -> Evidence:
    """Take an evidence file apart. Raises BadRequest."""
    if len(data) > MAX_FILE:
        raise BadRequest(f"an evidence file is larger than {MAX_FILE} bytes")
    reader = _Reader(data)
    if reader.take(len(HEADER), "header") != HEADER:
        raise BadRequest("not an evidence file: it does not begin as one")
    claim = _claim(reader)
    checkpoint = reader.take(reader.number(U32, "checkpoint", 1, MAX_NOTE_SIZE), "checkpoint")
    count = reader.take(1, "number of parts")[0]
    if not 1 <= count <= MAX_PARTS or claim.back >= count:
        raise BadRequest(f"an evidence file has 1 to {MAX_PARTS} parts, and what is claimed in one")
    parts: list[Part] = []
    room = MAX_LEAVES
    for _ in range(count):
        parts.append(_part(reader, room))
        room -= len(parts[-1].leaves)
    disclosure = _disclosure(reader, claim.what)
    reader.end()
    return Evidence(claim, checkpoint, tuple(parts), disclosure)


@dataclass(slots=True)
class _Reader:
    """A place in the file."""

    data: bytes
    at: int = 0

    def take(self, size: int, what: str) -> bytes:
        if size > len(self.data) - self.at:
            raise BadRequest(f"an evidence file ends in its {what}")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, form: Struct, what: str, least: int, most: int) -> int:
        value = int(form.unpack(self.take(form.size, what))[0])
        if not least <= value <= most:
            raise BadRequest(f"an evidence file's {what}: {value} is outside {least}…{most}")
        return value

    def hashes(self, form: Struct, what: str) -> tuple[Hash, ...]:
        count = self.number(form, what, 0, MAX_HASHES)
        joined = self.take(count * HASH_SIZE, what)
        return tuple(Hash(joined[at : at + HASH_SIZE]) for at in range(0, len(joined), HASH_SIZE))

    def end(self) -> None:
        if self.at != len(self.data):
            raise BadRequest(
                f"an evidence file has {len(self.data) - self.at} bytes behind its end"
            )


def _claim(reader: _Reader) -> EvidenceClaim:
    what, chain, back, index = CLAIM.unpack(reader.take(CLAIM.size, "claim"))
    if what not in set(What):
        raise BadRequest(f"an evidence file cannot claim {what}")
    if index > MAX_INTEGER or (what != What.ENTRY and (back or index)):
        raise BadRequest("an evidence file claims an index that its kind does not have")
    return EvidenceClaim(What(what), ChainId(chain), back, index)


def _part(reader: _Reader, room: int) -> Part:
    leaves, kinds = [], []
    last = -1
    for _ in range(reader.number(U32, "number of leaves", 1, room)):
        index, size = PLACE.unpack(reader.take(PLACE.size, "leaf"))
        if not last < index <= MAX_INTEGER:
            raise BadRequest(f"an evidence file's leaf {index} does not stand in its order")
        raw = reader.take(size, "leaf")
        leaves.append(PlacedLeaf(index, raw))
        kinds.append(decode_leaf(raw))
        last = index
    hashes = reader.hashes(U32, "proof")
    batches = [leaf for leaf in kinds if leaf.claim.kind is Kind.BATCH]
    proofs = tuple(reader.hashes(U16, "proof of a batch") for _ in batches)
    runs = tuple(_run(reader, run) for run in _epoch(kinds).runs)
    return Part(tuple(leaves), hashes, proofs, runs)


def _epoch(leaves: list[Leaf]) -> Epoch:
    """The one that a part goes by."""
    epochs = [leaf for leaf in leaves if leaf.claim.kind is Kind.EPOCH]
    if not epochs:
        raise BadRequest("a part of an evidence file has no epoch")
    return Epoch.decode(epochs[-1].claim.body)


def _run(reader: _Reader, run: Run) -> RunPages:
    count = pages_of(run.rows)
    pages: list[tuple[int, bytes]] = []
    following = 0
    for _ in range(reader.number(U32, "number of pages", 0, count)):
        number = reader.number(U32, "page", following, count - 1)
        pages.append((number, reader.take(page_size(run.rows, number), "page")))
        following = number + 1
    hashes = reader.hashes(U32, "proof of a run")
    if hashes and not pages:
        raise BadRequest(f"an evidence file proves no page of the run up to {run.to}")
    return RunPages(tuple(pages), hashes)


def _disclosure(reader: _Reader, what: What) -> Disclosure | None:
    flag = reader.take(1, "disclosure")[0]
    if flag > 1:
        raise BadRequest(f"an evidence file's disclosure begins with {flag}")
    if not flag:
        return None
    if what is not What.ENTRY:
        raise BadRequest("an evidence file discloses content and claims no entry")
    key = reader.take(KEY_SIZE, "content key")
    blob = reader.take(reader.number(U32, "sealed blob", 1, MAX_BLOB), "sealed blob")
    return Disclosure(key, blob)
