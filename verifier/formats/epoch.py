"""The heads index: what an epoch commits to, and what it must obey.

    body       = run*                                          1 to 255 of them
    run        = to u64 | rows u64 | root 32                   from: `to` of the run before, or 0
    row        = blinded 16 | commitment 32                    ascending by blinded
    blinded    = SHA-256("counterfoil/heads/v1" | log | chain)[:16]
    commitment = SHA-256("counterfoil/heads/head/v1" | chain | count u64 | index u64 | leaf hash)
    page hash  = SHA-256(00 | "counterfoil/heads/page/v1" | up to 16 rows)
    root       = RFC 6962 root over the page hashes

A run over [a, b) has a row for each chain with a leaf there: its last one, count = seq + 1. It is
aligned (b - a = 4096 * 4^k, and a is a multiple of that) or, the last of an epoch only, short (a
is a multiple of 4096, b - a < 4096). An epoch covers the leaves below its last `to`.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from struct import Struct
from typing import NamedTuple

from verifier.errors import NotVerified
from verifier.formats.claim import MAX_INTEGER
from verifier.formats.merkle import root

MAX_RUNS = 255
ALIGNED = 4096
"""Leaves of the smallest aligned run; each larger one is made of four."""
FAN = 4
PAGE_ROWS = 16
ROW_BYTES = 48
_RUN = Struct(">QQ32s")
_BLINDED = b"counterfoil/heads/v1"
_HEAD = b"counterfoil/heads/head/v1"
_PAGE = b"\x00counterfoil/heads/page/v1"


class Run(NamedTuple):
    start: int
    to: int
    rows: int
    root: bytes

    @property
    def level(self) -> int | None:
        """k where it is aligned, None where it is short."""
        return aligned_level(self.start, self.to)


class Epoch(NamedTuple):
    runs: tuple[Run, ...]

    @property
    def covered(self) -> int:
        """E: it says something of all leaves below."""
        return self.runs[-1].to

    @property
    def aligned_to(self) -> int:
        """`to` of its last aligned run, 0 where it has none."""
        return next((run.to for run in reversed(self.runs) if run.level is not None), 0)


def aligned_level(start: int, to: int) -> int | None:
    """k where a run of this range is aligned."""
    length, level = to - start, 0
    width = ALIGNED
    while width < length:
        width, level = width * FAN, level + 1
    return level if width == length and start % width == 0 else None


def parse_epoch(body: bytes) -> Epoch:
    """Rules 1 and 2: what the body alone can break."""
    count, left = divmod(len(body), _RUN.size)
    if left or not 1 <= count <= MAX_RUNS:
        raise _false(f"1 to {MAX_RUNS} runs of {_RUN.size} bytes", f"{len(body)} bytes")
    runs: list[Run] = []
    start = 0
    for number, (to, rows, run_root) in enumerate(_RUN.iter_unpack(body)):
        run = Run(start, to, rows, run_root)
        if not start < to < MAX_INTEGER:
            raise _false(f"a run to more than {start}, below 2^53", str(to))
        short = number == count - 1 and start % ALIGNED == 0 and to - start < ALIGNED
        if not short and run.level is None:
            raise _false("aligned runs, the last one alone may be short", f"{start} to {to}")
        if not 1 <= rows <= to - start:
            raise _false(f"1 to {to - start} rows", str(rows))
        runs.append(run)
        start = to
    return Epoch(tuple(runs))


def check_place(epoch: Epoch, index: int, before: Epoch | None) -> None:
    """Rules 4 and 5: it stands at this index, and `before` is the epoch before it in this log."""
    if epoch.covered > index:
        raise _false(f"an epoch over at most {index} leaves", str(epoch.covered))
    if before is None:
        return
    if epoch.covered <= before.covered:
        raise _false(f"an epoch over more than {before.covered} leaves", str(epoch.covered))
    kept, merged_to = {run.to for run in before.runs}, before.aligned_to
    for run in epoch.runs:
        if run.to <= merged_to and run.to not in kept:
            raise _false("runs that stay merged", f"one to {run.to}, inside a run before")


def check_closing(epoch: Epoch | None, index: int, size: int) -> None:
    """A log that another takes over from ends in an epoch over all leaves before it. `index` is
    that of its newest epoch.
    """
    last = size - 1
    if epoch is None or index != last or epoch.covered != last:
        found = "none" if epoch is None else f"one over {epoch.covered} at leaf {index}"
        raise _false(f"an epoch over {last} leaves as the last leaf", found)


def blinded_id(log: bytes, chain: bytes) -> bytes:
    """`log` is the log itself, not its line's first."""
    return sha256(_BLINDED + log + chain).digest()[:16]


def commitment(chain: bytes, count: int, index: int, leaf_hash: bytes) -> bytes:
    head = chain + count.to_bytes(8, "big") + index.to_bytes(8, "big") + leaf_hash
    return sha256(_HEAD + head).digest()


def page_hash(rows: bytes) -> bytes:
    """Of the rows of one page, joined."""
    return sha256(_PAGE + rows).digest()


def run_root(rows: Sequence[bytes]) -> bytes:
    """Of all rows of a run, in order."""
    pages = (rows[at : at + PAGE_ROWS] for at in range(0, len(rows), PAGE_ROWS))
    return root([page_hash(b"".join(page)) for page in pages])


def _false(expected: str, found: str) -> NotVerified:
    return NotVerified("epoch", expected, found)
