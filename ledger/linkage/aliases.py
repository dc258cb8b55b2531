"""Aliases: identifiers of patients, and the record that each is linked to.

    link     on the person's chain     content {"system", "value"}
    unlink   on the same chain         the same content, the reason in the header
    their tag                          HMAC(vault key, "alias" ‖ system ‖ value)

Matching is exact, by system and value: never by name or birth date. The newest entry with the tag
decides: a link's chain is the record; after an unlink there is none, and the identifier can be
linked elsewhere. Who has not the vault's key learns nothing from the tag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from ledger.author import CBOR, Draft
from ledger.errors import BadRequest
from ledger.fhir import Identifier
from ledger.heads import ChainType
from ledger.merkle import leaf_hash
from ledger.reader import Entry, Reader
from ledger.record.contents import Linked, LinkedIdentifier
from ledger.record.header import Header
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId

ALIAS: Final = b"alias"

Tagger = Callable[..., bytes]
"""``Vault.tag``."""


class LinkedElsewhere(BadRequest):
    """An identifier leads to another record than it should. Whoever answers this to somebody else's
    question tells that the record exists.
    """

    def __init__(self, record: ChainId, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.record = record


class Linkage:
    """Identifiers to records. Owned by one thread.

    ``declared`` is what the caller said about identifiers that are not linked yet.
    """

    def __init__(
        self, reader: Reader, tag: Tagger, declared: Mapping[Identifier, ChainId] | None = None
    ) -> None:
        """Raises BadRequest when a declared record does not exist, or is not the linked one."""
        self._reader = reader
        self._tag = tag
        self._known: dict[bytes, ChainId] = {}
        self._declared = dict(declared or {})
        self.unused = set(self._declared)
        """Declared identifiers that nothing asked for yet."""
        for identifier, record in self._declared.items():
            self.check_free(identifier, record)

    def find(self, identifier: Identifier) -> ChainId | None:
        """The record that an identifier is linked to."""
        tag = self.tag(identifier)
        if (record := self._known.get(tag)) is not None:
            return record
        entry = newest(self._reader, tag)
        if entry is None or entry.leaf.claim.kind is not Kind.LINK:
            return None
        return self._known.setdefault(tag, entry.leaf.claim.chain)

    def was_unlinked(self, identifier: Identifier) -> bool:
        """Whether somebody ended its link, and nobody has linked it since."""
        entry = newest(self._reader, self.tag(identifier))
        return self.find(identifier) is None and entry is not None

    def is_declared(self, identifier: Identifier) -> bool:
        """Whether the caller said whose it is."""
        return identifier in self._declared

    def check_free(self, identifier: Identifier, record: ChainId) -> None:
        """Raises BadRequest when the identifier cannot be linked to this record."""
        check_record(self._reader, record)
        found = self.find(identifier)
        if found is not None and found != record:
            raise LinkedElsewhere(
                found,
                f"an identifier that is to be linked to record {record.hex()} is linked to "
                "another one",
                hint="end that link with `counterfoil unlink`, or name the record that it is "
                "linked to",
            )

    def record_of(self, identifiers: Iterable[Identifier]) -> ChainId | None:
        """The one record of a patient with these identifiers, linked or declared; None when there
        is none. Raises BadRequest when they belong to two.
        """
        identifiers = list(identifiers)
        self.unused.difference_update(identifiers)
        found = {self.find(one) or self._declared.get(one) for one in identifiers} - {None}
        if len(found) > 1:
            raise BadRequest(
                "the patient's identifiers belong to two records",
                hint="correct the identifiers, or join the records with `counterfoil join`",
            )
        return found.pop() if found else None

    def link(self, identifier: Identifier, record: ChainId) -> Draft:
        """The entry that links them. From here on ``find`` counts on it."""
        tag = self.tag(identifier)
        self._known[tag] = record
        return link_draft(record, LinkedIdentifier(*identifier), tag)

    def unlink(self, identifier: Identifier, reason: str) -> Draft:
        """The entry that ends the identifier's link. Raises BadRequest when there is none."""
        tag = self.tag(identifier)
        entry = newest(self._reader, tag)
        if entry is None or entry.leaf.claim.kind is not Kind.LINK:
            raise BadRequest(
                "this patient identifier is linked to no record", hint="there is nothing to end"
            )
        self._known.pop(tag, None)
        return unlink_draft(entry, LinkedIdentifier(*identifier), tag, reason)

    def tag(self, identifier: Identifier) -> bytes:
        """The fingerprint of an identifier."""
        return self._tag(ALIAS, identifier.system.encode(), identifier.value.encode())


def newest(reader: Reader, tag: bytes) -> Entry | None:
    """The newest entry with a tag."""
    position = reader.find_tag(tag)
    return None if position is None else reader.entry(*position)


def link_draft(record: ChainId, linked: Linked, tag: bytes) -> Draft:
    """A link on a record's chain."""
    return Draft(record, linked.encode(), CBOR, Kind.LINK, tags=(tag,))


def unlink_draft(link: Entry, linked: Linked, tag: bytes, reason: str) -> Draft:
    """The end of a link that stands."""
    return Draft(
        link.leaf.claim.chain,
        linked.encode(),
        CBOR,
        Kind.UNLINK,
        Header(CBOR, reason=reason).encode(),
        amended=leaf_hash(link.raw),
        amends=link.position,
        tags=(tag,),
    )


def is_record(reader: Reader, chain: ChainId) -> bool:
    """Whether this is the record of a person."""
    head = reader.find_head(chain)
    return head is not None and head.type is ChainType.PERSON


def check_record(reader: Reader, record: ChainId) -> None:
    """Raises BadRequest when this is not the record of a person."""
    if reader.head(record).type is not ChainType.PERSON:
        raise BadRequest(
            f"{record.hex()} is not a person's record", hint="name a record that `import` opened"
        )
