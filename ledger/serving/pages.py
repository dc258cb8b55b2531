"""Pages: an entry, and a record's entries page by page, newest first, without their content."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Final, NamedTuple

from ledger.errors import BadRequest
from ledger.reader import Entry as Entry
from ledger.reader import Reader
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId, Position

SCANNED: Final = 4_096
"""Entries that one page looks at."""


class Page(NamedTuple):
    """Some entries of a chain, and where the next page begins."""

    entries: list[Entry]
    next: Position | None


def find_entry(reader: Reader, place: Position) -> Entry | None:
    """None for a place where there is no entry."""
    try:
        log = reader.log_at(place.back)
    except BadRequest:
        return None
    return reader.entry(*place) if place.at < log.checkpoint.size else None


def length_of(reader: Reader, chain: ChainId) -> int:
    """Entries of a chain."""
    head = reader.find_head(chain)
    return 0 if head is None else head.length


def page_of(
    reader: Reader,
    chain: ChainId,
    start: Position | None,
    most: int,
    kinds: Collection[Kind] = frozenset(Kind),
) -> Page:
    """Up to ``most`` entries of some kinds, from ``start`` or the newest on down. Raises BadRequest
    when ``start`` is not an entry of the chain.
    """
    if start is None:
        walk = reader.history(chain)
    else:
        first = find_entry(reader, start)
        if first is None or first.leaf.claim.chain != chain:
            raise BadRequest("the page begins at no entry of this record", hint="leave `from` out")
        walk = reader.history_from(first)
    entries: list[Entry] = []
    for entry in islice(walk, SCANNED):
        if len(entries) == most:
            return Page(entries, entry.position)
        if entry.leaf.claim.kind in kinds:
            entries.append(entry)
    following = next(walk, None)
    return Page(entries, None if following is None else following.position)
