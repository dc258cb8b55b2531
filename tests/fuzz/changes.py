"""Random changes to bytes, a few at a time."""

from __future__ import annotations

import random
from collections.abc import Sequence

_EDGES = [
    *(bytes([value]) for value in (0, 1, 0x17, 0x18, 0x7F, 0x80, 0xFF)),
    *(number.to_bytes(4, "big") for number in (0, 1, 2**16, 2**31, 2**32 - 1)),
    *(number.to_bytes(8, "big") for number in (0, 1, 2**53 - 1, 2**53, 2**64 - 1)),
    *(b"\n", b"\n\n", b" ", b"+", b"=", b"00", b"9" * 20, b"\xed\xa0\x80"),
    *("— ".encode(), "é".encode()),
]


def changed(raw: bytes, others: Sequence[bytes], source: random.Random) -> bytes:
    for _ in range(source.choice((1, 1, 1, 2, 3, 8))):
        raw = _CHANGES[source.randrange(len(_CHANGES))](raw, others, source)
    return raw


def _flip(raw: bytes, others: Sequence[bytes], source: random.Random) -> bytes:
    if not raw:
        return raw
    at = source.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << source.randrange(8)]) + raw[at + 1 :]


def _set(raw: bytes, others: Sequence[bytes], source: random.Random) -> bytes:
    edge, at = source.choice(_EDGES), source.randint(0, len(raw))
    return raw[:at] + edge + raw[at + len(edge) :]


def _insert(raw: bytes, others: Sequence[bytes], source: random.Random) -> bytes:
    at = source.randint(0, len(raw))
    return raw[:at] + source.choice(_EDGES) + raw[at:]


def _cut(raw: bytes, others: Sequence[bytes], source: random.Random) -> bytes:
    start, end = _span(raw, source)
    return raw[:start] + raw[end:]


def _repeat(raw: bytes, others: Sequence[bytes], source: random.Random) -> bytes:
    start, end = _span(raw, source)
    return raw[:end] + raw[start:end] * source.choice((1, 1, 2, 40)) + raw[end:]


def _truncate(raw: bytes, others: Sequence[bytes], source: random.Random) -> bytes:
    return raw[: source.randint(0, len(raw))]


def _splice(raw: bytes, others: Sequence[bytes], source: random.Random) -> bytes:
    other = source.choice(others)
    return raw[: source.randint(0, len(raw))] + other[source.randint(0, len(other)) :]


def _swap(raw: bytes, others: Sequence[bytes], source: random.Random) -> bytes:
    (a, b), (c, d) = sorted((_span(raw, source), _span(raw, source)))
    return raw if b > c else raw[:a] + raw[c:d] + raw[b:c] + raw[a:b] + raw[d:]


def _span(raw: bytes, source: random.Random) -> tuple[int, int]:
    start = source.randint(0, len(raw))
    return start, min(len(raw), start + source.choice((1, 2, 4, 8, 32, 48, 300)))


_CHANGES = (_flip, _flip, _set, _set, _insert, _cut, _repeat, _truncate, _splice, _swap)
