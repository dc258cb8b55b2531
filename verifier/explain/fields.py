"""Fields of an object with the bytes that they stand in, and tables of fixed layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from verifier.errors import quote
from verifier.formats.claim import KINDS
from verifier.verdicts.times import utc


class Field(NamedTuple):
    start: int
    end: int
    name: str
    value: str = ""
    depth: int = 0
    decoded: bool = False
    """Its offsets count in what the base64 around it decodes to."""


Reader = Callable[[bytes], str]
Table = tuple[tuple[str, int, Reader], ...]
"""Name, bytes and meaning, in order."""


def hexed(raw: bytes) -> str:
    return raw.hex()


def number(raw: bytes) -> str:
    return str(int.from_bytes(raw, "big"))


def time_ms(raw: bytes) -> str:
    value = int.from_bytes(raw, "big")
    return f"{value} ({utc(value)})" if value else "0 (none)"


def kind(raw: bytes) -> str:
    return f"{raw[0]} ({KINDS[raw[0]].name})" if raw[0] in KINDS else f"{raw[0]} (unknown)"


def text(raw: bytes) -> str:
    return quote(raw.decode("utf-8", "backslashreplace"))


def fixed(raw: bytes, at: int, table: Table) -> Iterator[Field]:
    for name, size, read in table:
        yield Field(at, at + size, name, read(raw[at : at + size]))
        at += size


def size_of(table: Table) -> int:
    return sum(size for _, size, _ in table)


def inside(fields: Iterable[Field], by: int = 0, decoded: bool = False) -> Iterator[Field]:
    """One level deeper; `by` is where the object begins."""
    for field in fields:
        yield field._replace(
            start=field.start + (0 if field.decoded else by),
            end=field.end + (0 if field.decoded else by),
            depth=field.depth + 1,
            decoded=field.decoded or decoded,
        )


def lines_of(raw: bytes, at: int = 0) -> Iterator[tuple[int, bytes]]:
    """Offset of each line and the line without its end."""
    for line in raw.split(b"\n"):
        yield at, line
        at += len(line) + 1
