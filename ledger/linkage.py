"""Linkage: whose record an institution's patient identifier stands for.

    link entry, on the person's chain      content: CBOR {"system": tstr, "value": tstr}
    its tag                                HMAC(vault key, "alias" ‖ system ‖ value)

Matching is exact, by system and value: never by name or birth date. The tag finds the entry, the
entry's chain is the record; who has not the vault's key learns nothing from the tag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from ledger.author import CBOR, Draft
from ledger.errors import BadRequest
from ledger.fhir import Identifier
from ledger.heads import ChainType
from ledger.reader import Reader
from ledger.wire import cbor
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId

ALIAS: Final = b"alias"

Tagger = Callable[..., bytes]
"""``Vault.tag``."""


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
            check_record(reader, record)
            linked = self.find(identifier)
            if linked not in (None, record):
                raise BadRequest(
                    f"an identifier that is to be linked to record {record.hex()} is linked to "
                    "another one",
                    hint="name the record that it is linked to; unlinking is not built yet",
                )

    def find(self, identifier: Identifier) -> ChainId | None:
        """The record that an identifier is linked to."""
        tag = self.tag(identifier)
        if (record := self._known.get(tag)) is not None:
            return record
        index = self._reader.tags.get(tag)
        if index is None:
            return None
        claim = self._reader.entry(index).leaf.claim
        if claim.kind is not Kind.LINK:
            return None
        return self._known.setdefault(tag, claim.chain)

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
                hint="correct the identifiers; two records are not joined by an import",
            )
        return found.pop() if found else None

    def link(self, identifier: Identifier, record: ChainId) -> Draft:
        """The entry that links them. From here on ``find`` counts on it."""
        tag = self.tag(identifier)
        self._known[tag] = record
        content = cbor.encode({"system": identifier.system, "value": identifier.value})
        return Draft(record, content, CBOR, Kind.LINK, tags=(tag,))

    def tag(self, identifier: Identifier) -> bytes:
        """The fingerprint of an identifier."""
        return self._tag(ALIAS, identifier.system.encode(), identifier.value.encode())


def check_record(reader: Reader, record: ChainId) -> None:
    """Raises BadRequest when this is not the record of a person."""
    if reader.head(record).type is not ChainType.PERSON:
        raise BadRequest(
            f"{record.hex()} is not a person's record", hint="name a record that `import` opened"
        )
