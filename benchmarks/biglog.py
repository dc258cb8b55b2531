"""A log of any size, written from the specification: the files that an audit reads.

A step is up to 4,096 leaves: a tenth of them opens new records, signed one by one, the rest is one
batch (or as many records, signed one by one) whose members go to random records among all that
exist. Each step ends in an epoch. Blobs are not there; their hashes are made up.
"""

from __future__ import annotations

import struct
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from random import Random

from tests.verifier.formats import (
    BATCH,
    EPOCH,
    OPEN,
    RECORD,
    ZERO,
    Signer,
    leaf,
    statement,
    tile_path,
)
from tests.verifier.logmaker import Log

_HEADER = struct.Struct(">BQ32sQQ")
_MEMBER = struct.Struct(">BQ32sQQQI")
_CLAIM = struct.Struct(">BB32s16s16s16sQ32sQQ32s")
_STEP = 4096
_FAN = 4
_WIDTH = 256


class BigLog:
    def __init__(self, directory: Path, *, singly: bool = False, opens: float = 0.1) -> None:
        """`singly`: each entry has a signature of its own. `opens`: share of new records."""
        self.directory = directory
        self.log = Log("big", "log.example.com/big")
        self.log.genesis()
        self.clinic = self.log.enrol("clinic")
        self.size = 0
        self._singly = singly
        self._opens = opens
        self._random = Random(1)
        self._heads = dict(self.log.heads)
        self._persons: list[bytes] = []
        self._bundle: list[bytes] = []
        self._levels: list[list[bytes]] = [[]]
        self._full: list[int] = [0]
        self._run: dict[bytes, bytes] = {}
        """Rows of the smallest run that is not full, by blinded id."""
        self._runs: list[tuple[int, int, dict[bytes, bytes], bytes]] = []
        """From, to, rows and description of those that are full and not merged yet."""
        self._blinded: dict[bytes, bytes] = {}
        for raw, chain in zip(self.log.leaves, (self.log.chain, self.clinic.id), strict=True):
            self._put(raw, chain, 0)

    @property
    def vkeys(self) -> list[str]:
        return self.log.vkeys

    @property
    def chains(self) -> int:
        return len(self._heads)

    def fill(self, size: int) -> None:
        """Go on to so many leaves, or a few more, and publish."""
        while self.size < size:
            self._step(min(_STEP, size - self.size))
        self._publish()

    def _step(self, leaves: int) -> None:
        self.log.now += 1000
        opens = max(1, int(leaves * self._opens)) if self._opens or not self._persons else 0
        for _ in range(opens):
            chain = sha256(b"record %d" % len(self._persons)).digest()[:16]
            self._signed(OPEN, chain, self.clinic, blob=True)
            self._persons.append(chain)
        chains = self._random.choices(self._persons, k=max(1, leaves - opens - 2))
        if self._singly:
            for chain in chains:
                self._signed(RECORD, chain, self.clinic, blob=True)
        else:
            self._batch(chains)
        self._epoch()

    def _claim(self, kind: int, chain: bytes, author: bytes, number: int, blob: bool) -> bytes:
        tail = bytearray(sha256(number.to_bytes(8, "big")).digest()[:10])
        tail[0] = 0x70 | tail[0] & 0x0F
        tail[2] = 0x80 | tail[2] & 0x3F
        now = self.log.now
        sealed = (sha256(tail).digest(), 1024) if blob else (ZERO, 0)
        entry_id = now.to_bytes(6, "big") + bytes(tail)
        return _CLAIM.pack(1, kind, self.log.id, chain, author, entry_id, now, *sealed, 0, ZERO)

    def _place(self, chain: bytes) -> tuple[int, bytes, int]:
        head = self._heads.get(chain)
        return (0, ZERO, 0) if head is None else (head[0] + 1, head[1], head[2])

    def _signed(
        self, kind: int, chain: bytes, signer: Signer, body: bytes = b"", blob: bool = False
    ) -> int:
        claim = self._claim(kind, chain, signer.id, self.size, blob) + body
        seq, prev, prev_index = self._place(chain)
        raw = leaf(seq, prev, prev_index, self.log.now, statement(signer.key, claim))
        return self._put(raw, chain, seq)

    def _batch(self, chains: list[bytes]) -> None:
        author, batch = self.clinic.id, self.size
        claims = [
            self._claim(RECORD, chain, author, batch + 1 + number, True)
            for number, chain in enumerate(chains)
        ]
        prefix = b"\x00counterfoil/batch-member/v1"
        root = _root([sha256(prefix + claim).digest() for claim in claims])
        body = struct.pack(">BI32s", RECORD, len(claims), root)
        self._signed(BATCH, self.log.derived("batch", author), self.clinic, body)
        now = self.log.now
        for position, (chain, claim) in enumerate(zip(chains, claims, strict=True)):
            seq, prev, prev_index = self._place(chain)
            header = _MEMBER.pack(2, seq, prev, prev_index, now, batch, position)
            self._put(header + claim, chain, seq)

    def _epoch(self) -> None:
        described = [run[3] for run in self._runs]
        if self._run:
            described.append(_describe(self.size, self._run))
        signer = Signer(self.log.chain, self.log.log_key)
        self._signed(EPOCH, self.log.derived("epoch", self.log.chain), signer, b"".join(described))

    # Leaves, heads and files

    def _put(self, raw: bytes, chain: bytes, seq: int) -> int:
        index, hashed = self.size, sha256(b"\x00" + raw).digest()
        self._heads[chain] = (seq, hashed, index)
        blinded = self._blinded.get(chain)
        if blinded is None:
            blinded = sha256(b"counterfoil/heads/v1" + self.log.id + chain).digest()[:16]
            self._blinded[chain] = blinded
        head = chain + struct.pack(">QQ", seq + 1, index) + hashed
        self._run[blinded] = sha256(b"counterfoil/heads/head/v1" + head).digest()
        self._bundle.append(len(raw).to_bytes(2, "big") + raw)
        self.size += 1
        if self.size % _STEP == 0:
            self._close_run()
        self._hash(0, hashed)
        return index

    def _close_run(self) -> None:
        self._add_run(self.size - _STEP, self.size, self._run)
        self._run = {}
        width = _STEP
        while len(self._runs) >= _FAN and all(b - a == width for a, b, *_ in self._runs[-_FAN:]):
            merging = self._runs[-_FAN:]
            start, end = merging[0][0], merging[-1][1]
            if start % (width * _FAN):
                return
            del self._runs[-_FAN:]
            merged: dict[bytes, bytes] = {}
            for _, _, rows, _ in merging:
                merged.update(rows)
            self._add_run(start, end, merged)
            width *= _FAN

    def _add_run(self, start: int, end: int, rows: dict[bytes, bytes]) -> None:
        self._runs.append((start, end, rows, _describe(end, rows)))

    def _hash(self, level: int, hashed: bytes) -> None:
        if level == len(self._levels):
            self._levels.append([])
            self._full.append(0)
        row = self._levels[level]
        row.append(hashed)
        if len(row) == _WIDTH:
            self._write(tile_path(level, self._full[level]), b"".join(row))
            if level == 0:
                self._write(tile_path("entries", self._full[0]), b"".join(self._bundle))
                self._bundle = []
            self._full[level] += 1
            self._levels[level] = []
            self._hash(level + 1, _root(row))

    def _publish(self) -> None:
        subtrees: list[bytes] = []
        for level in range(len(self._levels) - 1, -1, -1):
            row = self._levels[level]
            if row:
                self._write(tile_path(level, self._full[level], len(row)), b"".join(row))
                subtrees += _perfect(row)
        if self._bundle:
            path = tile_path("entries", self._full[0], len(self._bundle))
            self._write(path, b"".join(self._bundle))
        root = subtrees[-1]
        for left in reversed(subtrees[:-1]):
            root = sha256(b"\x01" + left + root).digest()
        self._write("checkpoint", self.log.keys.checkpoint(self.size, root))

    def _write(self, path: str, raw: bytes) -> None:
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(raw)


def _describe(to: int, rows: dict[bytes, bytes]) -> bytes:
    """A run, as an epoch lists it."""
    ordered = [key + rows[key] for key in sorted(rows)]
    prefix = b"\x00counterfoil/heads/page/v1"
    pages = [
        sha256(prefix + b"".join(ordered[at : at + 16])).digest()
        for at in range(0, len(ordered), 16)
    ]
    return struct.pack(">QQ32s", to, len(rows), _root(pages))


def _perfect(row: list[bytes]) -> list[bytes]:
    bounds = [0]
    for bit in range(len(row).bit_length() - 1, -1, -1):
        if len(row) >> bit & 1:
            bounds.append(bounds[-1] + (1 << bit))
    return [_root(row[a:b]) for a, b in pairwise(bounds)]


def _root(row: list[bytes]) -> bytes:
    while len(row) > 1:
        pairs = zip(row[::2], row[1::2], strict=False)
        odd = row[-1:] if len(row) % 2 else []
        row = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return row[0]
