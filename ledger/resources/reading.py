"""Reading: access entries first, then content.

    asked = access_entries(gateway, wanted, asked_by)     what to append, one or more a record
    …appended, durably…
    contents = released(log, asked, indexes)              through the vault's door

Between the two lies the append, which the caller waits for in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.admission import Submission
from ledger.author import CBOR, Author, Draft
from ledger.errors import BadRequest
from ledger.linkage.target import Target
from ledger.merkle import leaf_hash
from ledger.reader import Entry
from ledger.record.header import Header
from ledger.vault.door import MOST
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, ChainId, Hash, Position
from ledger.wire.sealed import MAX_CONTENT, Content


@dataclass(frozen=True, slots=True)
class AskedBy:
    """Who reads, and what for: what every access entry of a request says."""

    actor: ActorId
    purpose: str
    request: str
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """An access entry to be appended, and the entries that it names."""

    submission: Submission
    names: tuple[Position, ...]


def access_entries(
    gateway: Author,
    wanted: Mapping[ChainId, Sequence[Entry]],
    asked_by: AskedBy,
    *,
    denied: bool = False,
) -> list[Access]:
    """For each record at least one, also where nothing is to be released."""
    found = []
    for chain, entries in wanted.items():
        for at in range(0, max(len(entries), 1), MOST):
            group = entries[at : at + MOST]
            header = Header(
                CBOR,
                purpose=asked_by.purpose,
                on_behalf_of=asked_by.actor,
                request=asked_by.request,
                query=asked_by.query,
                denied=denied,
                entries=tuple(Hash(leaf_hash(one.raw)) for one in group),
            )
            draft = Draft(chain, b"", CBOR, Kind.ACCESS, header.encode())
            found.append(Access(gateway.entry(draft), tuple(one.position for one in group)))
    return found


def released(
    log: Target, accesses: Sequence[Access], indexes: Sequence[int]
) -> dict[Position, Content]:
    """What the accesses name, each appended at its index. What cannot be opened, or is over 16 MiB,
    is not there. Raises LedgerFault when something is damaged.
    """
    contents: dict[Position, Content] = {}
    for access, index in zip(accesses, indexes, strict=True):
        if access.names:
            receipt = log.reader.receipt(index)
            streams = log.vault.release_all(access.names, receipt)
            for place, stream in zip(access.names, streams, strict=True):
                if not isinstance(stream, BadRequest) and stream.size <= MAX_CONTENT:
                    contents[place] = Content(stream.header, b"".join(stream.pieces))
    return contents


def released_openly(log: Target, places: Sequence[Position]) -> dict[Position, Content]:
    """Contents of an institution's directory, which need no access entry."""
    contents: dict[Position, Content] = {}
    for at in range(0, len(places), MOST):
        group = places[at : at + MOST]
        for place, stream in zip(group, log.vault.release_all(group, None), strict=True):
            if not isinstance(stream, BadRequest) and stream.size <= MAX_CONTENT:
                contents[place] = Content(stream.header, b"".join(stream.pieces))
    return contents
