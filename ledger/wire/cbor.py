"""Deterministic CBOR (RFC 8949 section 4.2.1), the small part of it that our bodies and headers
use.

Allowed: unsigned and negative integers (-2^53 to 2^53 - 1), byte strings, text strings (UTF-8
checked), arrays, maps with text or integer keys. Definite lengths only, shortest form only, map
keys unique and in bytewise order of their encodings, depth at most 8 (the outermost item has depth
1), at most 65,535 bytes in all, nothing behind the item. No tags, floats or simple values.
Specification: docs/spec/cbor.md.

cbor2 decodes far more than that (duplicate keys, indefinite lengths, trailing bytes) and its
canonical encoder sorts by RFC 7049; these bytes are hashed and signed, so both directions are
written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from ledger.errors import BadRequest
from ledger.wire.ids import MAX_INTEGER

Value: TypeAlias = "int | bytes | str | Sequence[Value] | Mapping[str, Value] | Mapping[int, Value]"
Decoded: TypeAlias = "int | bytes | str | list[Decoded] | dict[str | int, Decoded]"

MAX_BYTES: Final = 65_535
MAX_DEPTH: Final = 8

_UINT, _NINT, _BYTES, _TEXT, _ARRAY, _MAP = range(6)


def head(major: int, argument: int) -> bytes:
    """Initial byte and argument in shortest form."""
    if argument > MAX_INTEGER:
        raise BadRequest("cbor: an integer is outside -2^53 to 2^53 - 1")
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, width in ((24, 1), (25, 2), (26, 4)):
        if argument < 1 << (8 * width):
            return bytes([major << 5 | info]) + argument.to_bytes(width, "big")
    return bytes([major << 5 | 27]) + argument.to_bytes(8, "big")


def encode(value: Value, limit: int = MAX_BYTES) -> bytes:
    """Encode deterministically. Raises BadRequest for anything that ``decode`` would refuse."""
    encoded = _encode(value, 1)
    if len(encoded) > limit:
        raise BadRequest(f"cbor: {len(encoded)} bytes are over the limit of {limit}")
    return encoded


def _encode(value: Value, depth: int) -> bytes:
    if depth > MAX_DEPTH:
        raise BadRequest(f"cbor: nested deeper than {MAX_DEPTH}")
    if isinstance(value, bool):
        raise BadRequest("cbor: booleans are outside our subset")
    if isinstance(value, int):
        return head(_UINT, value) if value >= 0 else head(_NINT, -1 - value)
    if isinstance(value, bytes):
        return head(_BYTES, len(value)) + value
    if isinstance(value, str):
        return _encode_text(value)
    if isinstance(value, Mapping):
        rows = sorted(
            (_encode_key(key, depth + 1), _encode(item, depth + 1)) for key, item in value.items()
        )
        return head(_MAP, len(rows)) + b"".join(key + item for key, item in rows)
    # Not any Sequence: a bytearray would pass for an array of its bytes.
    if isinstance(value, list | tuple):
        return head(_ARRAY, len(value)) + b"".join(_encode(item, depth + 1) for item in value)
    raise BadRequest(f"cbor: {type(value).__name__} is outside our subset")


def _encode_key(key: str | int, depth: int) -> bytes:
    if not isinstance(key, str | int):
        raise BadRequest("cbor: a map key is neither text nor integer")
    return _encode(key, depth)


def _encode_text(value: str) -> bytes:
    try:
        raw = value.encode()
    except UnicodeEncodeError as error:
        raise BadRequest("cbor: text is not valid Unicode") from error
    return head(_TEXT, len(raw)) + raw


def decode(data: bytes, limit: int = MAX_BYTES, items: int = MAX_BYTES) -> Decoded:
    """Decode exactly one item, which consists of up to ``items``. Raises BadRequest for anything
    that ``encode`` would not have written.
    """
    if len(data) > limit:
        raise BadRequest(f"cbor: {len(data)} bytes are over the limit of {limit}")
    reader = _Reader(data, items)
    value = reader.item(1)
    if reader.at != len(data):
        raise BadRequest(f"cbor: {len(data) - reader.at} bytes behind the item")
    return value


def decode_map(data: bytes, limit: int = MAX_BYTES, items: int = MAX_BYTES) -> dict[str, Decoded]:
    """Decode one map whose keys all are text."""
    value = decode(data, limit, items)
    if not isinstance(value, dict):
        raise BadRequest("cbor: a map is needed here")
    named: dict[str, Decoded] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise BadRequest("cbor: map keys must be text here")
        named[key] = item
    return named


class _Reader:
    __slots__ = ("at", "data", "left")

    def __init__(self, data: bytes, items: int) -> None:
        self.data = data
        self.at = 0
        self.left = items

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise BadRequest(f"cbor: cut short at byte {len(self.data)}")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def argument(self) -> tuple[int, int]:
        """Major type and argument of the next head."""
        start = self.at
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if info < 24:
            return major, info
        if info > 27:
            raise BadRequest(f"cbor: indefinite or reserved length at byte {start}")
        width = 1 << (info - 24)
        value = int.from_bytes(self.take(width), "big")
        if value > MAX_INTEGER:
            raise BadRequest(f"cbor: integer or length outside the limits at byte {start}")
        if self.data[start : self.at] != head(major, value):
            raise BadRequest(f"cbor: integer not in shortest form at byte {start}")
        return major, value

    def item(self, depth: int) -> Decoded:
        if depth > MAX_DEPTH:
            raise BadRequest(f"cbor: nested deeper than {MAX_DEPTH}")
        self.left -= 1
        if self.left < 0:
            raise BadRequest("cbor: more items than are taken here")
        start = self.at
        major, argument = self.argument()
        if major == _UINT:
            return argument
        if major == _NINT:
            return -1 - argument
        if major == _BYTES:
            return self.take(argument)
        if major == _TEXT:
            return self.text(argument, start)
        if argument > len(self.data):
            raise BadRequest(f"cbor: more items announced than bytes present at byte {start}")
        if major == _ARRAY:
            return [self.item(depth + 1) for _ in range(argument)]
        if major == _MAP:
            return self.mapping(argument, depth)
        raise BadRequest(f"cbor: type {major} is outside our subset at byte {start}")

    def text(self, length: int, start: int) -> str:
        try:
            return self.take(length).decode()
        except UnicodeDecodeError as error:
            raise BadRequest(f"cbor: text is not UTF-8 at byte {start}") from error

    def mapping(self, count: int, depth: int) -> dict[str | int, Decoded]:
        result: dict[str | int, Decoded] = {}
        last = b""
        for _ in range(count):
            start = self.at
            key = self.item(depth + 1)
            encoded = self.data[start : self.at]
            if not isinstance(key, str | int):
                raise BadRequest(f"cbor: map key at byte {start} is neither text nor integer")
            if encoded <= last:
                raise BadRequest(f"cbor: map keys repeated or out of order at byte {start}")
            last = encoded
            result[key] = self.item(depth + 1)
        return result
