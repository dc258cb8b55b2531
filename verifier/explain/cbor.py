"""A CBOR item that was read strictly before, item by item."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.explain.fields import Field, inside, text
from verifier.formats import cbor

_ALGS = {-19: "Ed25519", -48: "ML-DSA-44"}


def walk(raw: bytes, at: int, name: str = "") -> Iterator[Field]:
    """The item that begins there, and what is in it."""
    if at == 0:
        cbor.decode(raw)
    yield from _item(raw, at, name)[0]


def read_head(raw: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument and where the content begins."""
    major, low = raw[at] >> 5, raw[at] & 31
    if low < 24:
        return major, low, at + 1
    end = at + 1 + (1 << low - 24)
    return major, int.from_bytes(raw[at + 1 : end], "big"), end


def _item(raw: bytes, at: int, name: str) -> tuple[list[Field], int]:
    major, number, start = read_head(raw, at)
    if major in (0, 1):
        value = number if major == 0 else -1 - number
        known = f" ({_ALGS[value]})" if value in _ALGS else ""
        return [Field(at, start, name, f"{value}{known}")], start
    if major in (2, 3):
        end = start + number
        content = raw[start:end]
        return [Field(at, end, name, content.hex() if major == 2 else text(content))], end
    fields: list[Field] = []
    end = start
    for place in range(number):
        label = str(place)
        if major == 5:
            key, end = _item(raw, end, "")
            label = key[0].value
        inner, end = _item(raw, end, label)
        fields += inside(inner)
    what = f"{'map' if major == 5 else 'array'} of {number}"
    return [Field(at, end, name, what), *fields], end
