"""Owning: an entry changes, unlinks and orders to be erased what its author's institution wrote.

The log itself lets every author of a record do this (docs/spec/registry.md). The service does not,
for its callers are many and a link alone begins a relationship.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.errors import BadRequest
from ledger.linkage.target import Target
from ledger.merkle import leaf_hash
from ledger.reader import Entry
from ledger.record.header import Header, decode_header
from ledger.resources.leads import space_of
from ledger.vault.door import MOST
from ledger.wire.claim import Claim, Kind
from ledger.wire.erasure import EraseEntries, EraseRecord, decode_erasure
from ledger.wire.ids import Hash, Position

_PURPOSE: Final = "whose it is"


def check_changes(log: Target, claim: Claim, header: Header, place: Position) -> None:
    """Whether the author may change the entry that it names. Raises BadRequest.

    Approving and sharing, which keep the content, are seen by views for what they are.
    """
    if not header.keeps_content:
        _check_own(log, claim, [claim.amended], [place])


def check_erases(log: Target, claim: Claim, places: Sequence[Position]) -> None:
    """Whether the author may order what it orders: contents of its own, and no trace of a reading.
    Raises BadRequest.
    """
    body = decode_erasure(claim.body)
    if isinstance(body, EraseRecord):
        raise BadRequest(
            "a whole record is not ordered to be erased here",
            hint="name entries of your own, or ask the operator (`counterfoil erase`)",
        )
    if not isinstance(body, EraseEntries):
        return
    if len(places) != len(body.entries):
        raise BadRequest(
            f"the order names {len(body.entries)} entries, and {len(places)} places came with it",
            hint="`erases` has the place of each, in the same order",
        )
    for entry in _check_own(log, claim, body.entries, places):
        if entry.leaf.claim.kind is Kind.ACCESS:
            raise BadRequest(
                "an access entry is not ordered to be erased here",
                hint="who read a record stays in it; ask the operator",
            )


def _check_own(
    log: Target, claim: Claim, hashes: Sequence[Hash], places: Sequence[Position]
) -> list[Entry]:
    """The entries that are named, once they are seen to be of the author's institution."""
    entries = [log.reader.entry(*place) for place in places]
    for entry, named in zip(entries, hashes, strict=True):
        # Before anything is opened: it may be an entry of a record that is nothing to the author.
        if entry.leaf.claim.chain != claim.chain or leaf_hash(entry.raw) != named:
            raise BadRequest(
                f"the entry at index {entry.position.at} is not the one that the claim names",
                hint="give the index that its author was told",
            )
    sealed = [one for one in entries if one.leaf.claim.blob_size]
    headers: dict[Position, Header] = {}
    for at in range(0, len(sealed), MOST):
        group = sealed[at : at + MOST]
        streams = log.vault.use_all([one.position for one in group], _PURPOSE)
        for one, stream in zip(group, streams, strict=True):
            if isinstance(stream, BadRequest):
                raise stream
            headers[one.position] = decode_header(stream.header)
    for entry in entries:
        _check_author(log, claim, entry, headers.get(entry.position))
    return entries


def _check_author(log: Target, claim: Claim, entry: Entry, header: Header | None) -> None:
    if header is not None and header.keeps_content:
        # It stands for the version whose content it keeps, which may be anybody's.
        raise BadRequest(
            "an entry that keeps another one's content is not changed", hint="name the version"
        )
    writer = entry.leaf.claim.author
    if header is not None and header.on_behalf_of is not None:
        writer = header.on_behalf_of
    registry = log.reader.registry
    if space_of(registry, writer) != space_of(registry, claim.author):
        raise BadRequest(
            "somebody else wrote the entry that this would change",
            hint="ask whoever did to change it, or write one of your own",
        )
