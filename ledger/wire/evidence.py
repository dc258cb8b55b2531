"""Evidence file: an entry, all entries of a chain, or that there are none, with all that shows it.

    evidence   "counterfoil/evidence/v1\\n" ‖ claim ‖ u32 length ‖ checkpoint ‖ u8 count ‖ part*
               ‖ disclosure
    claim      what u8 ‖ chain (16) ‖ back u8 ‖ index u64
    part       leaves ‖ hashes ‖ batches ‖ runs           one for each log, the newest first
    leaves     count u32 ‖ (index u64 ‖ u16 length ‖ leaf)*
    hashes     count u32 ‖ hash (32)*
    batches    (count u16 ‖ hash (32)*)*                  for each leaf of kind batch
    runs       (pages u32 ‖ (number u32 ‖ page)* ‖ hashes)*   for each run of the part's epoch
    disclosure 00 | 01 ‖ content key (32) ‖ u32 length ‖ sealed blob

A part goes by its last epoch leaf. This module holds the parts and writes them;
``ledger.wire.evidence_reading`` reads. Specification: docs/spec/evidence.md. File name:
``*.evidence``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

from ledger.errors import BadRequest
from ledger.wire.ids import HASH_SIZE, ChainId, Hash

HEADER: Final = b"counterfoil/evidence/v1\n"
MAX_FILE: Final = 268_435_456
MAX_LEAVES: Final = 100_000
"""In all parts together."""
MAX_HASHES: Final = 4_000_000
"""In one list."""
MAX_PARTS: Final = 16
CLAIM: Final = Struct(">B16sBQ")
PLACE: Final = Struct(">QH")
U16: Final = Struct(">H")
U32: Final = Struct(">I")
KEY_SIZE: Final = 32


class What(IntEnum):
    """What is claimed. The codes are part of the format."""

    ENTRY = 1
    HISTORY = 2
    ABSENCE = 3


class EvidenceClaim(NamedTuple):
    """What a file shows about a chain; ``at`` and ``back`` place an entry, 0 for the others."""

    what: What
    chain: ChainId
    back: int = 0
    at: int = 0


class PlacedLeaf(NamedTuple):
    """A leaf and where it stands."""

    at: int
    raw: bytes


class RunPages(NamedTuple):
    """Pages of one run by number, and the proof from their hashes to the run's root."""

    pages: tuple[tuple[int, bytes], ...] = ()
    hashes: tuple[Hash, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """What is shown of one log of the line."""

    leaves: tuple[PlacedLeaf, ...]
    hashes: tuple[Hash, ...]
    """From the leaves to the checkpoint's root."""
    batches: tuple[tuple[Hash, ...], ...]
    """For each batch among the leaves: from the members that are here to its root."""
    runs: tuple[RunPages, ...]
    """For each run of the part's epoch."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The content key of the entry that is claimed, and its sealed blob."""

    key: bytes
    blob: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """An evidence file taken apart. ``checkpoint`` is the newest log's whole signed note."""

    claim: EvidenceClaim
    checkpoint: bytes
    parts: tuple[Part, ...]
    disclosure: Disclosure | None = None


def encode_evidence(evidence: Evidence) -> bytes:
    """The bytes of an evidence file. Raises BadRequest when a cap of the format is passed."""
    leaves = sum(len(part.leaves) for part in evidence.parts)
    if leaves > MAX_LEAVES:
        raise BadRequest(
            f"the evidence would hold {leaves} entries, more than {MAX_LEAVES}",
            hint="an evidence file cannot hold a longer history",
        )
    data = b"".join(_pieces(evidence))
    if len(data) > MAX_FILE:
        raise BadRequest(
            f"the evidence would have {len(data)} bytes, more than {MAX_FILE}",
            hint="an evidence file cannot hold a longer history",
        )
    return data


def _pieces(evidence: Evidence) -> Iterator[bytes]:
    yield HEADER
    yield CLAIM.pack(*evidence.claim)
    yield U32.pack(len(evidence.checkpoint))
    yield evidence.checkpoint
    yield bytes([len(evidence.parts)])
    for part in evidence.parts:
        yield from _part(part)
    if evidence.disclosure is None:
        yield b"\x00"
        return
    key, blob = evidence.disclosure.key, evidence.disclosure.blob
    if len(key) != KEY_SIZE:
        raise BadRequest(f"a content key has {len(key)} bytes, not {KEY_SIZE}")
    yield b"\x01" + key + U32.pack(len(blob))
    yield blob


def _part(part: Part) -> Iterator[bytes]:
    yield U32.pack(len(part.leaves))
    for at, raw in part.leaves:
        yield PLACE.pack(at, len(raw))
        yield raw
    yield from _hashes(part.hashes, U32)
    for batch in part.batches:
        yield from _hashes(batch, U16)
    for run in part.runs:
        yield U32.pack(len(run.pages))
        for number, page in run.pages:
            yield U32.pack(number)
            yield page
        yield from _hashes(run.hashes, U32)


def _hashes(hashes: Sequence[Hash], count: Struct) -> Iterator[bytes]:
    if any(len(hash_) != HASH_SIZE for hash_ in hashes):
        raise BadRequest(f"a hash does not have {HASH_SIZE} bytes")
    yield count.pack(len(hashes))
    yield b"".join(hashes)
