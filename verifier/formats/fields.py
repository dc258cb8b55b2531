"""A CBOR map with text keys, read by name and type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from verifier.errors import NotVerified, quote
from verifier.formats import cbor
from verifier.formats.keys import PublicKey, checked_key, checked_login_key

_T = TypeVar("_T", int, bytes, str, list[cbor.Value], dict[cbor.Key, cbor.Value])


class Quorum(NamedTuple):
    """What governors add to a body when one of them is not enough."""

    expires_ms: int
    approvals: tuple[bytes, ...]


class Fields:
    def __init__(self, step: str, value: cbor.Value) -> None:
        self.step = step
        if not isinstance(value, dict):
            raise self.false("a map", type(value).__name__)
        self._fields = value

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def exactly(self, *names: str, optional: Sequence[str] = ()) -> None:
        found = set(self._fields)
        if not set(names) <= found <= {*names, *optional}:
            shown = ", ".join(quote(str(name)) for name in list(self._fields)[:12])
            raise self.false(f"the fields {', '.join(names)}", shown or "none")

    def get(self, name: str, kind: type[_T]) -> _T:
        value = self._fields.get(name)
        if not isinstance(value, kind):
            raise self.false(f"{name} as {kind.__name__}", type(value).__name__)
        return value

    def natural(self, name: str, least: int = 0) -> int:
        number = self.get(name, int)
        if number < least:
            raise self.false(f"{name} of at least {least}", str(number))
        return number

    def sized(self, name: str, size: int) -> bytes:
        value = self.get(name, bytes)
        if len(value) != size:
            raise self.false(f"{name} of {size} bytes", f"{len(value)} bytes")
        return value

    def items(self, name: str, least: int, most: int) -> list[cbor.Value]:
        values = self.get(name, list)
        if not least <= len(values) <= most:
            raise self.false(f"{least} to {most} {name}", str(len(values)))
        return values

    def byte_strings(self, name: str, least: int, most: int) -> tuple[bytes, ...]:
        values = self.items(name, least, most)
        strings = tuple(value for value in values if isinstance(value, bytes))
        if len(strings) != len(values):
            raise self.false(f"{name} as bytes", "another type")
        return strings

    def nested(self, name: str) -> Fields:
        return Fields(self.step, self.get(name, dict))

    def key(self) -> PublicKey:
        return checked_key(self.get("alg", int), self.get("key", bytes))

    def login_key(self) -> PublicKey:
        return checked_login_key(self.get("alg", int), self.get("key", bytes))

    def quorum(self) -> Quorum | None:
        """`expires` and `approvals`: both or neither."""
        if "expires" not in self and "approvals" not in self:
            return None
        return Quorum(self.natural("expires", 1), self.byte_strings("approvals", 0, 15))

    def false(self, expected: str, found: str) -> NotVerified:
        return NotVerified(self.step, expected, found)


QUORUM = ("expires", "approvals")
