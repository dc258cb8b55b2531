"""Erasure: the body of an order to destroy content, and of the word that it was done.

    {"op": "order", "scope": "entries", "entries": [leaf hash (32), …]}    ascending, 1 to 256
    {"op": "order", "scope": "record"}
    {"op": "attest", "order": leaf hash (32)}

Deterministic CBOR. Specification: docs/spec/erasure.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.errors import BadRequest
from ledger.wire import cbor
from ledger.wire.ids import HASH_SIZE, Hash

MAX_ENTRIES: Final = 256


@dataclass(frozen=True, slots=True)
class EraseEntries:
    """An order about entries of the same chain, by their leaf hashes in ascending order."""

    entries: tuple[Hash, ...]

    def encode(self) -> bytes:
        """Raises BadRequest for too many, repeated or unordered hashes."""
        _check_entries(self.entries)
        return cbor.encode({"op": "order", "scope": "entries", "entries": list(self.entries)})


@dataclass(frozen=True, slots=True)
class EraseRecord:
    """An order about everything that the record holds so far."""

    def encode(self) -> bytes:
        return cbor.encode({"op": "order", "scope": "record"})


@dataclass(frozen=True, slots=True)
class Attest:
    """The author's word that its copies of what was ordered are gone."""

    order: Hash

    def encode(self) -> bytes:
        return cbor.encode({"op": "attest", "order": self.order})


Erasure = EraseEntries | EraseRecord | Attest


def decode_erasure(data: bytes) -> Erasure:
    """Decode strictly. Raises BadRequest."""
    body = cbor.decode_map(data)
    match body:
        case {"op": "attest", "order": bytes() as order} if len(body) == 2:
            if len(order) != HASH_SIZE:
                raise BadRequest(f"an attestation names an order by {HASH_SIZE} bytes")
            return Attest(Hash(order))
        case {"op": "order", "scope": "record"} if len(body) == 2:
            return EraseRecord()
        case {"op": "order", "scope": "entries", "entries": list() as entries} if len(body) == 3:
            hashes = tuple(Hash(item) for item in entries if isinstance(item, bytes))
            if len(hashes) != len(entries):
                raise BadRequest("an order of erasure names entries by their leaf hashes")
            _check_entries(hashes)
            return EraseEntries(hashes)
    raise BadRequest("an erasure is an order about entries or a record, or an attestation")


def _check_entries(entries: tuple[Hash, ...]) -> None:
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise BadRequest(
            f"an order of erasure names 1 to {MAX_ENTRIES} entries", hint="order the rest apart"
        )
    if any(len(entry) != HASH_SIZE for entry in entries) or list(entries) != sorted(set(entries)):
        raise BadRequest("an order of erasure names leaf hashes in ascending order, each once")
