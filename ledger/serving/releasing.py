"""Releasing: what of an entry may leave, and content of any size behind an access entry
(``ledger.resources.reading`` makes it).

Each access entry releases once. One that was appended and then not used (the connection broke) says
*released*, and not *received*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger.errors import BadRequest
from ledger.heads import ChainType
from ledger.large import Stream as Stream
from ledger.linkage.target import Target
from ledger.reader import Entry, Reader
from ledger.record.header import Header, decode_header
from ledger.serving.orders import Orders
from ledger.vault.door import MOST
from ledger.wire.sealed import MAX_HEADER

MOST_ACCESSES: Final = MOST
"""Access entries that are opened behind one access entry."""
LARGEST_ACCESS: Final = MAX_HEADER + (4 << 10)
"""Bytes of an access entry's sealed blob: a header, its padding and nothing else. In a batch nobody
has looked at it.
"""


class NothingToRelease(BadRequest):
    """An entry that has no content which could leave."""


class Erased(BadRequest):
    """Content that is gone, or ordered to be."""


def check_releasable(reader: Reader, orders: Orders, entry: Entry) -> ChainType:
    """The type of the entry's chain, a person's or a directory. Raises NothingToRelease or
    Erased.
    """
    kind = reader.head(entry.leaf.claim.chain).type
    if not entry.leaf.claim.blob_size or kind not in (ChainType.PERSON, ChainType.DIRECTORY):
        raise NothingToRelease(f"entry {entry.position} has no content to release")
    order = orders.covering(entry)
    if order is not None:
        raise Erased(
            f"this content was erased on order of entry {order}", hint="nobody can open it"
        )
    return kind


def released(log: Target, entry: Entry, access: int | None) -> Stream:
    """The content, against the access entry at this index; None for a directory's. Raises what the
    door raises.
    """
    receipt = None if access is None else log.reader.receipt(access)
    return log.vault.release_stream(entry.index, receipt, entry.back)


@dataclass(frozen=True, slots=True)
class Access:
    """An access entry with what its author sealed in it; no header when it cannot be read."""

    entry: Entry
    header: Header | None


def opened_accesses(log: Target, entries: Sequence[Entry], access: int) -> list[Access]:
    """What up to ``MOST_ACCESSES`` access entries of one record say, against one of today."""
    places = [entry.position for entry in entries]
    streams = log.vault.release_all(places, log.reader.receipt(access))
    return [Access(*pair) for pair in zip(entries, map(_header, streams), strict=True)]


def _header(stream: Stream | BadRequest) -> Header | None:
    try:
        return None if isinstance(stream, BadRequest) else decode_header(stream.header)
    except BadRequest:
        return None
