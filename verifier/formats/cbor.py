"""Strict reader of the deterministic CBOR subset (RFC 8949 section 4.2.1) used in bodies.

    major 0 uint  1 nint  2 bstr  3 tstr (UTF-8)  4 array  5 map     6, 7: refused

Definite lengths only; every integer and length in its shortest form; map keys are uint, nint, bstr
or tstr, unique and in bytewise order of their encodings; depth <= 8; at most 65,535 bytes; nothing
after the item. Integers beyond 2^53 are refused. What this accepts has exactly one encoding, so it
needs no re-encoding.
"""

from __future__ import annotations

from typing import TypeAlias

from verifier.errors import NotVerified

Value: TypeAlias = "int | bytes | str | list[Value] | dict[Key, Value]"
Key: TypeAlias = int | str

MAX_BYTES = 65_535
MAX_DEPTH = 8
MAX_INTEGER = 2**53


def decode(raw: bytes) -> Value:
    """The one item that `raw` holds."""
    if len(raw) > MAX_BYTES:
        raise _malformed(f"at most {MAX_BYTES} bytes", f"{len(raw)} bytes")
    value, end = _item(raw, 0, 1)
    if end != len(raw):
        raise _malformed(f"the end at byte {end}", f"{len(raw) - end} more bytes")
    return value


def encode(value: Value) -> bytes:
    """What `decode` returned, or a part of it, as bytes again; maps stay in their order."""
    if isinstance(value, int):
        return _encoded_head(0, value) if value >= 0 else _encoded_head(1, -1 - value)
    if isinstance(value, bytes):
        return _encoded_head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return _encoded_head(3, len(text)) + text
    if isinstance(value, list):
        return _encoded_head(4, len(value)) + b"".join(map(encode, value))
    entries = (encode(key) + encode(item) for key, item in value.items())
    return _encoded_head(5, len(value)) + b"".join(entries)


def _encoded_head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    width = next(width for width in (1, 2, 4, 8) if number >> 8 * width == 0)
    return bytes([major << 5 | 23 + width.bit_length()]) + number.to_bytes(width, "big")


def _item(raw: bytes, at: int, depth: int) -> tuple[Value, int]:
    if depth > MAX_DEPTH:
        raise _malformed(f"depth at most {MAX_DEPTH}", f"deeper at byte {at}")
    major, number, at = _head(raw, at)
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        end = at + number
        if end > len(raw):
            raise _malformed(f"a string of {number} bytes at byte {at}", "the end of the data")
        if major == 2:
            return raw[at:end], end
        try:
            return raw[at:end].decode("utf-8"), end
        except UnicodeDecodeError:
            raise _malformed("UTF-8 text", f"other bytes at byte {at}") from None
    if major == 4:
        items: list[Value] = []
        for _ in range(number):
            value, at = _item(raw, at, depth + 1)
            items.append(value)
        return items, at
    if major == 5:
        return _map(raw, at, number, depth)
    raise _malformed("no tag, float or simple value", f"major type {major}")


def _map(raw: bytes, at: int, count: int, depth: int) -> tuple[Value, int]:
    entries: dict[Key, Value] = {}
    last = b""
    for _ in range(count):
        key, end = _item(raw, at, depth + 1)
        if not isinstance(key, (int, str)):
            raise _malformed("an integer or text as map key", f"another type at byte {at}")
        encoded = raw[at:end]
        if encoded <= last:
            raise _malformed("map keys ascending and unique", f"a key out of order at byte {at}")
        last = encoded
        entries[key], at = _item(raw, end, depth + 1)
    return entries, at


def _head(raw: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument and the offset behind them."""
    if at >= len(raw):
        raise _malformed(f"an item at byte {at}", "the end of the data")
    major, info = raw[at] >> 5, raw[at] & 0x1F
    at += 1
    if info < 24:
        return major, info, at
    if info > 27:
        raise _malformed("a definite length", f"additional information {info} at byte {at - 1}")
    width = 1 << (info - 24)
    if at + width > len(raw):
        raise _malformed(f"{width} bytes at byte {at}", "the end of the data")
    number = int.from_bytes(raw[at : at + width], "big")
    shortest_needs = 24 if width == 1 else 1 << (4 * width)
    if number < shortest_needs:
        raise _malformed("the shortest form", f"{number} in {width} bytes at byte {at}")
    if number >= MAX_INTEGER:
        raise _malformed("a number below 2^53", f"a larger one at byte {at}")
    return major, number, at + width


def _malformed(expected: str, found: str) -> NotVerified:
    return NotVerified("cbor", expected, found)
