"""Heads index: rows, pages and runs, and the epoch's body that commits to them.

    row         blinded (16) ‖ commitment (32)
    blinded     SHA-256("counterfoil/heads/v1" ‖ log ‖ chain)[:16]
    commitment  SHA-256("counterfoil/heads/head/v1" ‖ chain ‖ count u64 ‖ index u64 ‖ leaf hash)
    page        16 rows, the last page the rest; rows ascend
    page hash   SHA-256(0x00 ‖ "counterfoil/heads/page/v1" ‖ page)
    body        (to u64 ‖ rows u64 ‖ root (32))*        1 to 255 runs that partition [0, E)

A run begins where the one before it ends. It is *aligned* (4,096 · 16^k leaves from a multiple of
that) or, the last one only, *short* (fewer than 4,096 from a multiple of 4,096). Its root is the
RFC 6962 root over its page hashes. Specification: docs/spec/epoch.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import Final

from ledger.errors import BadRequest
from ledger.wire.ids import HASH_SIZE, ID_SIZE, MAX_INTEGER, ChainId, Hash

STRETCH: Final = 4_096
FANOUT: Final = 4
PAGE_ROWS: Final = 16
ROW_SIZE: Final = ID_SIZE + HASH_SIZE
MAX_RUNS: Final = 255
_RUN: Final = Struct(">QQ32s")
_HEAD: Final = Struct(">16sQQ32s")
_BLINDING: Final = b"counterfoil/heads/v1"
_COMMITTING: Final = b"counterfoil/heads/head/v1"
_PAGE: Final = b"\x00counterfoil/heads/page/v1"


def blind(log: Hash, chain: ChainId) -> bytes:
    """The 16 bytes under which a chain stands in the index of a log."""
    return sha256(_BLINDING + log + chain).digest()[:ID_SIZE]


def commitment(chain: ChainId, count: int, index: int, leaf_hash: bytes) -> Hash:
    """What a row says of a chain's head: leaves so far, index and hash of the newest."""
    return Hash(sha256(_COMMITTING + _HEAD.pack(chain, count, index, leaf_hash)).digest())


def page_hash(page: bytes) -> Hash:
    """The leaf hash of a page in its run's tree."""
    return Hash(sha256(_PAGE + page).digest())


def pages_of(rows: int) -> int:
    """How many pages so many rows fill."""
    return -(-rows // PAGE_ROWS)


def page_size(rows: int, number: int) -> int:
    """Bytes of a page in a run of so many rows."""
    return min(rows - number * PAGE_ROWS, PAGE_ROWS) * ROW_SIZE


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an epoch: where it ends, its rows, and the root over its pages."""

    to: int
    rows: int
    root: Hash


@dataclass(frozen=True, slots=True)
class Epoch:
    """The index of exactly the leaves [0, ``upto``)."""

    runs: tuple[Run, ...]

    @property
    def upto(self) -> int:
        """E: the first leaf that is not covered."""
        return self.runs[-1].to

    def spans(self) -> Iterator[tuple[int, Run]]:
        """Each run with the index of its first leaf."""
        start = 0
        for run in self.runs:
            yield start, run
            start = run.to

    def encode(self) -> bytes:
        """The body. Raises BadRequest when a rule is broken."""
        _check(self)
        return b"".join(_RUN.pack(run.to, run.rows, run.root) for run in self.runs)

    @classmethod
    def decode(cls, body: bytes) -> Epoch:
        """Decode strictly. Raises BadRequest."""
        if len(body) % _RUN.size:
            raise BadRequest(f"epoch body has {len(body)} bytes, no multiple of {_RUN.size}")
        epoch = cls(tuple(Run(to, rows, Hash(root)) for to, rows, root in _RUN.iter_unpack(body)))
        _check(epoch)
        return epoch

    def follows(self, before: Epoch) -> bool:
        """Whether this may be the epoch after ``before``: it covers more, and what was merged stays
        merged.
        """
        ends = {run.to for run in before.runs}
        aligned = max((run.to for run in before.runs if run.to % STRETCH == 0), default=0)
        return self.upto > before.upto and all(
            run.to in ends for run in self.runs if run.to <= aligned
        )


def is_aligned(start: int, to: int) -> bool:
    """Whether [start, to) is 4,096 · 16^k leaves from a multiple of that."""
    span = to - start
    size = STRETCH
    while size < span:
        size *= FANOUT
    return span == size and start % span == 0


def _check(epoch: Epoch) -> None:
    if not 1 <= len(epoch.runs) <= MAX_RUNS:
        raise BadRequest(f"an epoch lists 1 to {MAX_RUNS} runs, not {len(epoch.runs)}")
    for start, run in epoch.spans():
        span = run.to - start
        short = run is epoch.runs[-1] and 0 < span < STRETCH and start % STRETCH == 0
        if run.to > MAX_INTEGER or not (short or is_aligned(start, run.to)):
            raise BadRequest(f"epoch: no run covers leaves {start} to {run.to}")
        if not 1 <= run.rows <= span or len(run.root) != HASH_SIZE:
            raise BadRequest(f"epoch: the run up to leaf {run.to} cannot have {run.rows} rows")
