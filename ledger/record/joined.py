"""Joined: which records are one person's at a time, from their link entries."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.record.contents import LinkedRecord
from ledger.record.model import Opened
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId


def ended_links(entries: Iterable[Opened]) -> frozenset[bytes]:
    """Hashes of the links that an unlink among the entries ends."""
    return frozenset(one.amended for one in entries if one.kind is Kind.UNLINK)


def linked_records(entries: Iterable[Opened]) -> dict[ChainId, Opened]:
    """The records that these entries of one record name in links that stand."""
    entries = sorted(entries, key=lambda one: one.position.order)
    ended = ended_links(entries)
    return {
        one.linked.record: one
        for one in entries
        if one.kind is Kind.LINK and isinstance(one.linked, LinkedRecord) and one.hash not in ended
    }


def joined_records(record: ChainId, entries: Iterable[Opened]) -> tuple[ChainId, ...]:
    """``record`` and all that are joined with it, directly or through others, in order of ids
    behind the first. Two records are joined when each names the other: a join or a parting that
    was cut short joins nothing.
    """
    of_chain: dict[ChainId, list[Opened]] = {record: []}
    for one in entries:
        of_chain.setdefault(one.chain, []).append(one)
    named = {chain: set(linked_records(ones)) for chain, ones in of_chain.items()}
    found, queue = {record}, [record]
    while queue:
        chain = queue.pop()
        for other in named[chain] - found:
            if chain in named.get(other, ()):
                found.add(other)
                queue.append(other)
    return (record, *sorted(found - {record}))
