"""Orders to destroy content, and the word that it was done.

{"op": "order", "scope": "entries", "entries": [1*256 bstr32]}     leaf hashes, ascending
{"op": "order", "scope": "record"}
{"op": "attest", "order": bstr32}                                  leaf hash of an order
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from verifier.errors import quote
from verifier.formats import cbor
from verifier.formats.fields import Fields

MAX_ENTRIES = 256


class Erasure(NamedTuple):
    entries: tuple[bytes, ...] = ()
    """Leaves whose content is ordered away."""
    whole_record: bool = False
    order: bytes | None = None
    """Of an attestation: the order that was carried out."""


def parse_erasure(body: bytes) -> Erasure:
    fields = Fields("erasure", cbor.decode(body))
    op = fields.get("op", str)
    if op == "attest":
        fields.exactly("op", "order")
        return Erasure(order=fields.sized("order", 32))
    if op != "order":
        raise fields.false("op order or attest", quote(op))
    scope = fields.get("scope", str)
    if scope == "record":
        fields.exactly("op", "scope")
        return Erasure(whole_record=True)
    if scope != "entries":
        raise fields.false("scope entries or record", quote(scope))
    fields.exactly("op", "scope", "entries")
    entries = fields.byte_strings("entries", 1, MAX_ENTRIES)
    if any(len(entry) != 32 for entry in entries):
        raise fields.false("entries of 32 bytes", "another length")
    if any(a >= b for a, b in pairwise(entries)):
        raise fields.false("entries in ascending order, each once", "another order")
    return Erasure(entries)
