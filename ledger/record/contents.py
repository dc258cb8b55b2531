"""Contents of links and unlinks (docs/spec/content.md).

identifier   {"system": text, "value": text}     an institution's number of a patient
record       {"record": bytes (16)}              another record of the same person
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.errors import BadRequest
from ledger.wire import cbor
from ledger.wire.ids import ID_SIZE, ChainId


class LinkedIdentifier(NamedTuple):
    """The identifier that a record is found by."""

    system: str
    value: str

    def encode(self) -> bytes:
        return cbor.encode({"system": self.system, "value": self.value})


class LinkedRecord(NamedTuple):
    """The other record of a person."""

    record: ChainId

    def encode(self) -> bytes:
        return cbor.encode({"record": self.record})


Linked = LinkedIdentifier | LinkedRecord


def decode_linked(content: bytes) -> Linked:
    """Decode strictly. Raises BadRequest."""
    body = cbor.decode_map(content)
    record = body.get("record")
    if set(body) == {"record"} and isinstance(record, bytes) and len(record) == ID_SIZE:
        return LinkedRecord(ChainId(record))
    system, value = body.get("system"), body.get("value")
    if set(body) == {"system", "value"} and isinstance(system, str) and isinstance(value, str):
        return LinkedIdentifier(system, value)
    raise BadRequest("a link names neither an identifier nor a record")
