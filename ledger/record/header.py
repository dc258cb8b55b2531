"""Header: what an author seals beside the content of an entry, typed.

A map of text keys (docs/spec/content.md). ``decode`` is strict about the fields that it knows and
keeps the others in ``unknown``: they are shown, and nothing is decided by them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar, cast

from ledger.errors import BadRequest
from ledger.wire import cbor
from ledger.wire.ids import HASH_SIZE, ID_SIZE, ActorId, Hash

MAX_TEXT: Final = 2_000
"""Bytes of UTF-8 in a text field."""
MAX_LABELS: Final = 32
MAX_LABEL: Final = 100
KEPT: Final = "kept"


class Source(StrEnum):
    """Who observed what the content says."""

    CLINICAL = "clinical"
    PERSON = "person"
    DEVICE = "device"


class RecordKind(StrEnum):
    """The four kinds of record."""

    HEALTH = "health"
    """保健医療記録: by qualified people in their duty."""
    PERSON_OBTAINED = "person-obtained"
    """本人取得由来記録."""
    DELIBERATION = "deliberation"
    """検討記録: thinking that is not a record yet."""
    COMMUNICATION = "communication"
    """伝達記録."""


class State(StrEnum):
    """What the author says of a document. Without a state it is final as it is appended."""

    UNAPPROVED = "unapproved"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Header:
    """The fields; None or empty where the author gave none."""

    media_type: str
    reason: str | None = None
    on_behalf_of: ActorId | None = None
    machine: str | None = None
    """Software that wrote the content."""
    source: Source | None = None
    kind: RecordKind | None = None
    labels: tuple[str, ...] = ()
    state: State | None = None
    approve_after_ms: int | None = None
    """An unapproved document counts as approved by time this long after it was received."""
    shared: bool | None = None
    """Whether a deliberation or communication is for the person too."""
    keeps_content: bool = False
    """An amendment of header fields only: its own content is empty."""
    moved_from: Hash | None = None
    """Leaf hash of the entry, in another record, that these bytes were appended in by mistake."""
    first_author: ActorId | None = None
    """Author of the entry that was moved."""
    moved_away: bool = False
    """A retraction because the content belongs to another record."""
    file: str | None = None
    """File and line of an import."""
    purpose: str | None = None
    entries: tuple[Hash, ...] = ()
    """Leaf hashes that an access entry is about."""
    request: str | None = None
    """Id of the request that an access was made by, as the service's logs name it."""
    query: str | None = None
    """What was searched for in the record, as a FHIR search of it."""
    denied: bool = False
    """An access entry of what was asked for and not released."""
    unknown: Mapping[str, cbor.Decoded] = field(default_factory=dict)

    def encode(self) -> dict[str, cbor.Value]:
        """The map to be sealed. Raises BadRequest when ``decode`` would refuse it."""
        fields: dict[str, cbor.Value | None] = {
            "type": self.media_type,
            "reason": self.reason,
            "on-behalf-of": self.on_behalf_of,
            "machine": self.machine,
            "source": _text(self.source),
            "kind": _text(self.kind),
            "labels": list(self.labels) or None,
            "state": _text(self.state),
            "approve-after": self.approve_after_ms,
            "shared": None if self.shared is None else int(self.shared),
            "content": KEPT if self.keeps_content else None,
            "moved-from": self.moved_from,
            "first-author": self.first_author,
            "moved-away": 1 if self.moved_away else None,
            "file": self.file,
            "purpose": self.purpose,
            "entries": list(self.entries) or None,
            "request": self.request,
            "query": self.query,
            "denied": 1 if self.denied else None,
        }
        encoded = {name: value for name, value in fields.items() if value is not None}
        for name, value in self.unknown.items():
            encoded.setdefault(name, cast("cbor.Value", value))
        decode_header(cbor.decode_map(cbor.encode(encoded)))
        return encoded


def decode_header(fields: Mapping[str, cbor.Decoded]) -> Header:
    """Decode strictly. Raises BadRequest naming the field that is wrong."""
    rest = dict(fields)
    take = _Fields(rest)
    header = Header(
        # Interned: many headers are kept, and have few types.
        media_type=sys.intern(take.needed("type", _short_text)),
        reason=take("reason", _short_text),
        on_behalf_of=take("on-behalf-of", _actor),
        machine=take("machine", _short_text),
        source=take("source", _one_of(Source)),
        kind=take("kind", _one_of(RecordKind)),
        labels=take("labels", _labels) or (),
        state=take("state", _one_of(State)),
        approve_after_ms=take("approve-after", _positive),
        shared=take("shared", _flag),
        keeps_content=take("content", _kept) or False,
        moved_from=take("moved-from", _hash),
        first_author=take("first-author", _actor),
        moved_away=take("moved-away", _set_flag) or False,
        file=take("file", _short_text),
        purpose=take("purpose", _short_text),
        entries=take("entries", _hashes) or (),
        request=take("request", _short_text),
        query=take("query", _short_text),
        denied=take("denied", _set_flag) or False,
        unknown=rest,
    )
    if header.approve_after_ms is not None and header.state is not State.UNAPPROVED:
        raise BadRequest("header field approve-after is for an unapproved document only")
    if header.first_author is not None and header.moved_from is None:
        raise BadRequest("header field first-author stands beside moved-from only")
    return header


T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class _Fields:
    """Takes known fields out of a map, each through its check."""

    def __init__(self, rest: dict[str, cbor.Decoded]) -> None:
        self._rest = rest

    def __call__(self, name: str, read: Callable[[cbor.Decoded], T]) -> T | None:
        if name not in self._rest:
            return None
        try:
            return read(self._rest.pop(name))
        except ValueError as error:
            raise BadRequest(f"header field {name} is malformed") from error

    def needed(self, name: str, read: Callable[[cbor.Decoded], T]) -> T:
        value = self(name, read)
        if value is None:
            raise BadRequest(f"header field {name} is missing")
        return value


def _text(value: StrEnum | None) -> str | None:
    return None if value is None else value.value


def _one_of(choices: type[E]) -> Callable[[cbor.Decoded], E]:
    return lambda value: choices(_short_text(value))


def _short_text(value: cbor.Decoded) -> str:
    if not isinstance(value, str) or not 0 < len(value.encode()) <= MAX_TEXT:
        raise ValueError
    return value


def _labels(value: cbor.Decoded) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_LABELS:
        raise ValueError
    labels = tuple(_short_text(one) for one in value)
    if len(set(labels)) != len(labels) or max(len(one.encode()) for one in labels) > MAX_LABEL:
        raise ValueError
    return labels


def _positive(value: cbor.Decoded) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError
    return value


def _flag(value: cbor.Decoded) -> bool:
    if value not in (0, 1) or not isinstance(value, int):
        raise ValueError
    return value == 1


def _set_flag(value: cbor.Decoded) -> bool:
    if not _flag(value):
        raise ValueError
    return True


def _kept(value: cbor.Decoded) -> bool:
    if value != KEPT:
        raise ValueError
    return True


def _bytes(value: cbor.Decoded, size: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise ValueError
    return value


def _actor(value: cbor.Decoded) -> ActorId:
    return ActorId(_bytes(value, ID_SIZE))


def _hash(value: cbor.Decoded) -> Hash:
    return Hash(_bytes(value, HASH_SIZE))


def _hashes(value: cbor.Decoded) -> tuple[Hash, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError
    return tuple(_hash(one) for one in value)
