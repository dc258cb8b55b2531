"""Standing: what a role may decide about documents, and what it says of their source."""

from __future__ import annotations

from typing import Final

from ledger.record.header import RecordKind, Source
from ledger.record.model import Opened, Signed, Standing
from ledger.wire.ids import ActorId

QUALIFIED: Final = frozenset({"practitioner", "organisation"})
"""Roles whose approval is an explicit approval; a gateway's is on behalf of one of them."""
_GATEWAY: Final = "gateway"
_SOURCES: Final = {
    "person": Source.PERSON,
    "proxy": Source.PERSON,
    "guardian": Source.PERSON,
    "device": Source.DEVICE,
    "app": Source.DEVICE,
}


def signed(entry: Opened, standing: Standing) -> Signed:
    """Who and when."""
    place = entry.position
    contested = standing.is_contested(entry.author, place)
    return Signed(
        place,
        entry.chain,
        entry.kind,
        entry.author,
        entry.authored_ms,
        entry.received_ms,
        contested,
    )


def is_qualified(entry: Opened, standing: Standing) -> bool:
    """Whether the entry's author may approve a document, and share one that is not its own.

    What was moved says what its first author said: that one must be qualified too.
    """
    author = entry.author
    if standing.is_contested(author, entry.position):
        return False
    header = entry.header
    first = None if header is None else header.first_author
    principal = None if header is None else header.on_behalf_of
    return all(
        _role(one, principal, standing) in QUALIFIED for one in (author, first) if one is not None
    )


def _role(author: ActorId, principal: ActorId | None, standing: Standing) -> str | None:
    """Of an author, or of whom it signs for where it is a gateway."""
    role = standing.role(author)
    return standing.role(principal) if role == _GATEWAY and principal is not None else role


def source_of(entry: Opened, standing: Standing) -> Source:
    """What the header says, else what follows from the role of who wrote it."""
    header = entry.header
    if header is not None and header.source is not None:
        return header.source
    writer = entry.author
    if header is not None:
        writer = header.on_behalf_of or header.first_author or writer
    return _SOURCES.get(standing.role(writer) or "", Source.CLINICAL)


def kind_of(entry: Opened, source: Source) -> RecordKind:
    """What the header says, else what follows from the source."""
    if entry.header is not None and entry.header.kind is not None:
        return entry.header.kind
    return RecordKind.HEALTH if source is Source.CLINICAL else RecordKind.PERSON_OBTAINED
