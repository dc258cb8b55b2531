"""Opening: a record's entries with their headers, for a view.

A header lies in the same sealed blob as the content, so reading headers is reading the record: it
goes through the door, against access entries that name what is read, ``GROUP`` entries each. Only
the links that tell which records are joined are opened for internal work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ledger.author import CBOR, Author, Draft
from ledger.erasing import erased_by
from ledger.errors import BadRequest
from ledger.linkage.aliases import is_record
from ledger.linkage.target import Target, append_all
from ledger.merkle import leaf_hash
from ledger.reader import Entry
from ledger.record.contents import Linked, decode_linked
from ledger.record.header import Header, decode_header
from ledger.record.joined import joined_records, linked_records
from ledger.record.model import Opened
from ledger.vault.door import MOST
from ledger.wire.claim import LINK_KINDS, Kind
from ledger.wire.ids import ChainId, Hash, Position
from ledger.wire.sealed import MAX_CONTENT, Content

GROUP: Final = MOST
"""Leaf hashes that one access entry names; its header has room for some more."""
_READ: Final = frozenset({Kind.RECORD, Kind.AMEND, Kind.RETRACT, Kind.ERASURE}) | LINK_KINDS
_LONGEST: Final = 60
_HOLDS: Final = frozenset(
    ("active", "available", "completed", "confirmed", "current", "final", "finished")
)
"""FHIR statuses that take nothing back from what a resource says."""


@dataclass(slots=True)
class Gathered:
    """Entries of a record and of those joined with it, opened."""

    records: tuple[ChainId, ...]
    accesses: list[int]
    """The access entries that were appended for it."""
    entries: list[Opened] = field(default_factory=list)
    titles: dict[Position, str] = field(default_factory=dict, repr=False)
    """A few words of each content, by where it stands."""


def gather(
    log: Target,
    author: Author,
    record: ChainId,
    purpose: str,
    as_of_ms: int,
    *,
    with_accesses: bool = False,
) -> Gathered:
    """Open what was received by then. Raises BadRequest; LedgerFault when something is damaged.

    Earlier access entries are opened only ``with_accesses``: each of them is then read, and named.
    """
    kinds = _READ | {Kind.ACCESS} if with_accesses else _READ
    records = joined_with(log, record, as_of_ms)
    chains = {chain: list(_received(log, chain, as_of_ms)) for chain in records}
    readable = {}
    for chain, entries in chains.items():
        # An order counts at once, though a key may still be there.
        gone = erased_by(log.reader.history(chain))
        sealed = (one for one in entries if _is_sealed(one) and one.leaf.claim.kind in kinds)
        readable[chain] = [one for one in sealed if leaf_hash(one.raw) not in gone]
    drafts, groups = [], []
    for chain, entries in readable.items():
        for at in range(0, len(entries), GROUP):
            groups.append(entries[at : at + GROUP])
            drafts.append(access_draft(chain, groups[-1], purpose))
    appended = append_all(log, author, drafts)
    gathered = Gathered(records, [one.index for one in appended])
    opened: dict[Position, Opened] = {}
    for access, group in zip(gathered.accesses, groups, strict=True):
        there = [entry for entry in group if not is_erased(log, entry)]
        if not there:
            continue
        places = [entry.position for entry in there]
        streams = log.vault.release_all(places, log.reader.receipt(access))
        for entry, stream in zip(there, streams, strict=True):
            if isinstance(stream, BadRequest):
                opened[entry.position] = without_header(entry, malformed=True)
                continue
            large = stream.size > MAX_CONTENT
            content = Content(stream.header, b"" if large else b"".join(stream.pieces))
            opened[entry.position] = with_header(entry, content)
            gathered.titles[entry.position] = stream.media_type if large else title(content)
    for entries in chains.values():
        gathered.entries += [opened.get(one.position) or without_header(one) for one in entries]
    return gathered


def access_draft(chain: ChainId, entries: list[Entry], purpose: str) -> Draft:
    """The access entry that names them."""
    hashes = tuple(Hash(leaf_hash(one.raw)) for one in entries)
    header = Header(CBOR, purpose=purpose, entries=hashes)
    return Draft(chain, b"", CBOR, Kind.ACCESS, header.encode())


def joined_with(log: Target, record: ChainId, as_of_ms: int) -> tuple[ChainId, ...]:
    """The records that were joined with one at a time, itself first."""
    seen: dict[ChainId, list[Opened]] = {}
    queue = [record]
    while queue:
        chain = queue.pop()
        if chain in seen:
            continue
        entries = _received(log, chain, as_of_ms)
        seen[chain] = [_link(log, one) for one in entries if one.leaf.claim.kind in LINK_KINDS]
        queue += [one for one in linked_records(seen[chain]) if is_record(log.reader, one)]
    return joined_records(record, [one for links in seen.values() for one in links])


def title(content: Content) -> str:
    """A few words that tell one content from another: the type and name of a resource, the first
    line of a text, else the media type.
    """
    if content.media_type == "application/fhir+json":
        try:
            words = _resource_words(json.loads(content.content))
        except (ValueError, AttributeError, TypeError, LookupError, RecursionError):
            words = content.media_type
    elif content.media_type.startswith("text/"):
        words = content.content[: 4 * _LONGEST].decode(errors="replace").strip()
    else:
        words = content.media_type
    line = "".join(c if c.isprintable() else " " for c in words.partition("\n")[0])
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _resource_words(resource: dict[str, object]) -> str:
    kind = str(resource["resourceType"])
    if doubts := _doubts(resource):
        kind += f" [{', '.join(doubts)}]"
    for name in ("code", "vaccineCode", "medicationCodeableConcept", "type"):
        concept = resource.get(name)
        if isinstance(concept, dict):
            codings = concept.get("coding") or [{}]
            text = concept.get("text") or codings[0].get("display")
            if isinstance(text, str):
                return f"{kind}: {text}" + _value_words(resource)
    return kind


def _doubts(resource: dict[str, object]) -> list[str]:
    """The FHIR statuses by which a resource says that it does not simply hold: not-done, refuted,
    preliminary, entered-in-error and such. Whoever reads only its name must not miss them.
    """
    said = [resource.get("status")]
    verification = resource.get("verificationStatus")
    if isinstance(verification, dict):
        said += [one.get("code") for one in verification.get("coding") or []]
    if resource.get("doNotPerform") is True:
        said.append("do-not-perform")
    return [one for one in said if isinstance(one, str) and one not in _HOLDS]


def _value_words(resource: dict[str, object]) -> str:
    quantity = resource.get("valueQuantity")
    if not isinstance(quantity, dict) or "value" not in quantity:
        return ""
    return f" {quantity['value']} {quantity.get('unit', '')}".rstrip()


def _received(log: Target, chain: ChainId, as_of_ms: int) -> Iterator[Entry]:
    """A chain's entries until then, oldest first."""
    entries = list(log.reader.history(chain))[::-1]
    return (one for one in entries if one.leaf.received_ms <= as_of_ms)


def is_erased(log: Target, entry: Entry) -> bool:
    """Whether its content key was destroyed."""
    return log.vault.shelf(entry.back).keys.load(entry.index) is None


def _is_sealed(entry: Entry) -> bool:
    return entry.leaf.claim.blob_size > 0


def _link(log: Target, entry: Entry) -> Opened:
    if is_erased(log, entry):
        return without_header(entry)
    try:
        return with_header(entry, log.vault.use(entry.index, "linkage", entry.back))
    except BadRequest:
        return without_header(entry)


def with_header(entry: Entry, content: Content) -> Opened:
    """An entry with its content's header; ``malformed`` where that cannot be read."""
    try:
        header = decode_header(content.header)
        linked = decode_linked(content.content) if entry.leaf.claim.kind in LINK_KINDS else None
    except BadRequest:
        return without_header(entry, malformed=True)
    return _opened(entry, header, linked)


def without_header(entry: Entry, *, malformed: bool = False) -> Opened:
    """An entry that is not opened."""
    return _opened(entry, malformed=malformed)


def _opened(
    entry: Entry,
    header: Header | None = None,
    linked: Linked | None = None,
    *,
    malformed: bool = False,
) -> Opened:
    claim = entry.leaf.claim
    return Opened(
        entry.index,
        Hash(leaf_hash(entry.raw)),
        claim.kind,
        claim.chain,
        claim.author,
        claim.authored_ms,
        entry.leaf.received_ms,
        claim.amended,
        header,
        malformed,
        linked,
        entry.back,
    )
