"""A log is read in spans of 4,096 leaves, each also the smallest aligned run of the heads index.

What is found out about a span is a *record*: a header in JSON and sections of fixed-size rows. It
holds all that is needed later, so that no leaf is read twice, and is small beside its leaves:

    bundles     hash 32                      root of each full bundle
    hashes      hash 32                      of each leaf
    chains      chain 16                     of each leaf, zero where it could not be read
    seqs        u64                          of each leaf
    codes       u8                           of each leaf: its kind and what `code_of` adds
    segments    SEGMENT                      of each chain with a leaf here, by partition byte
    ids         ID                           of each leaf, by partition byte
    references  REFERENCE                    what entries name by hash
    heads       48                           rows of run(first, first + 4096), where that is whole
    registry    index u64 | length u32 | leaf            entries that change the registry, epochs
    lead        hash 32                      member hashes of the batch members in front
    opened      hash 32                      member hashes of the batch that is open at the end
    authors     author 16 | count u32        of leaves

A file is MAGIC | SHA-256 of the rest | length of the header u32 | header | sections.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from operator import itemgetter
from struct import Struct
from typing import Any, Protocol

from verifier.formats.claim import ERASURE
from verifier.formats.erasure import Erasure

SPAN = 4096
MAGIC = b"counterfoil-verify span 1\n"
DIGEST_BYTES = 32
PARTITIONS = 256

SEGMENT = Struct(">16s16sQQ32sQBBIQQ32s")
"""Partition key, chain; of the first leaf: index, seq, prev hash, prev index, code, flags; the set
of kinds behind it; of the last leaf: index, seq, hash."""
AUTHOR = Struct(">16sI")
ID = Struct(">32sQ")
"""Author and entry id, index."""
ID_PARTITION_BYTE = 31
REFERENCE = Struct(">32s16sQB")
"""Named hash, chain, who names it, what it must be."""
CROSSES, OWN = 1, 2
"""Flags of a segment: its first leaf has version 0x81 or 0x82; its author owns the chain."""
WHOLE_RECORD, ORDER = 0x40, 0x20
"""Added to the kind of an erasure."""


@dataclass(frozen=True, slots=True)
class Span:
    first: int
    count: int

    @property
    def end(self) -> int:
        return self.first + self.count


def spans_of(size: int) -> Iterator[Span]:
    for first in range(0, size, SPAN):
        yield Span(first, min(SPAN, size - first))


def code_of(kind: int, erasure: Erasure | None) -> int:
    if kind != ERASURE or erasure is None or erasure.order is not None:
        return kind
    return kind | ORDER | (WHOLE_RECORD if erasure.whole_record else 0)


def kind_of(code: int) -> int:
    return code & 0x1F


def kinds_bit(code: int) -> int:
    """One bit of a set of kinds, and another for what not every chain may have."""
    return 1 << (code & 0x1F) | (code & WHOLE_RECORD) << 18


class Record(Protocol):
    """What was found out about a span."""

    @property
    def header(self) -> dict[str, Any]: ...

    def section(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """All of it, or some of its bytes."""


def partition(record: Record, name: str, struct: Struct, low: int, high: int) -> bytes:
    """The rows of a section whose partition byte is at least low and below high."""
    start, end = _bounds(record, name, low, high)
    return record.section(name, start * struct.size, end * struct.size)


def partition_rows(record: Record, name: str, low: int, high: int) -> int:
    """How many they are."""
    start, end = _bounds(record, name, low, high)
    return end - start


def _bounds(record: Record, name: str, low: int, high: int) -> tuple[int, int]:
    starts = record.section(name + "_starts", 2 * low, 2 * high + 2)
    return int.from_bytes(starts[:2], "big"), int.from_bytes(starts[-2:], "big")


def by_partition(name: str, rows: list[bytes], byte: int) -> dict[str, bytes]:
    """Rows in order of one of their bytes, and where each value of it starts: u16, 257 of them."""
    key = itemgetter(byte)
    rows.sort(key=key)
    starts = [bisect_left(rows, value, key=key) for value in range(PARTITIONS)]
    packed = b"".join(start.to_bytes(2, "big") for start in [*starts, len(rows)])
    return {name: b"".join(rows), name + "_starts": packed}


@dataclass(slots=True)
class MemoryRecord:
    header: dict[str, Any] = field(default_factory=dict)
    sections: dict[str, bytes] = field(default_factory=dict)

    def section(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        whole = self.sections[name]
        return whole if start == 0 and end is None else whole[start:end]

    def encode(self) -> bytes:
        lengths = {name: len(raw) for name, raw in self.sections.items()}
        header = json.dumps({**self.header, "sections": lengths}).encode()
        rest = b"".join([len(header).to_bytes(4, "big"), header, *self.sections.values()])
        return MAGIC + sha256(rest).digest() + rest
