"""Import of FHIR files: every resource becomes one entry, byte for byte, in its person's record.

The files of one call are one sender's. They are read twice: first for the Patients, which give
references their meaning, then resource by resource:

    known source tag      HMAC(vault key, "source" ‖ author ‖ bytes): nothing to do
    belongs to a person   the record that the patient's identifiers are linked to (``linkage``)
    belongs to nobody     the institution's directory chain

Entries go in by groups, one commit each, in the order of the files; the opening of a record, its
links and the resource that asked for it are in one group. So an import that was cut short is
completed by running it again: what is in is known by its tag.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from ledger.admission import Submission
from ledger.appender import Outcome
from ledger.author import Author, Draft
from ledger.errors import BadRequest
from ledger.fhir import (
    PATIENT_NUMBER,
    BadItem,
    Directory,
    Identifier,
    PatientSpace,
    Resource,
    SourceItem,
    read_file,
    route,
    validate,
)
from ledger.linkage import Linkage
from ledger.linkage.sources import source_tag
from ledger.reader import Reader
from ledger.resources.leads import space_of
from ledger.resources.spaces import local_names, local_tag
from ledger.sequencer import Appended
from ledger.vault.door import Vault
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId

_SAY_WHOSE: Final = "open one with --create, or name it with --person 'SYSTEM|VALUE=RECORD'"
GROUP_ENTRIES: Final = 512
GROUP_BYTES: Final = 32 << 20


class Target(Protocol):
    """What an import needs of an open ``Log``, which it must not import."""

    @property
    def reader(self) -> Reader: ...
    @property
    def vault(self) -> Vault: ...
    def append_later(self, submissions: Sequence[Submission]) -> Future[list[Outcome]]: ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """A resource that did not go in. Holds nothing of its content."""

    source: str
    reason: str
    hint: str


@dataclass(slots=True)
class Summary:
    """What an import did, counted from acknowledged entries only."""

    read: int = 0
    added: int = 0
    known: int = 0
    refused: int = 0
    linked: int = 0
    opened: list[tuple[ChainId, str]] = field(default_factory=list)
    """New records, each with the source of the resource that it was opened for."""
    unused: int = 0
    """Declared identifiers that stand in none of the files."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A submission under way."""

    submission: Submission
    kind: Kind
    chain: ChainId
    source: str
    tag: bytes = b""


class Importer:
    """One call of an import: make it, ``run`` it once. ``summary`` is true at any time."""

    def __init__(
        self,
        log: Target,
        author: Author,
        *,
        create: bool = False,
        declared: Mapping[Identifier, ChainId] | None = None,
        refuse: Callable[[Refusal], None],
        advance: Callable[[int, int], None] | None = None,
    ) -> None:
        """``advance`` is called with resources done, and of how many (0 in the first pass).

        Raises BadRequest when ``declared`` names records that do not fit.
        """
        self.summary = Summary()
        self._log = log
        self._author = author
        self._create = create
        self._refuse = refuse
        self._advance = advance or (lambda _done, _total: None)
        self._linkage = Linkage(log.reader, log.vault.tag, declared)
        self._group: list[_Piece] = []
        self._bytes = 0
        self._under_way: tuple[list[_Piece], Future[list[Outcome]]] | None = None
        self._new_tags: set[bytes] = set()
        """Tags of entries that are not acknowledged yet, so that no look-up finds them."""

    def run(self, paths: Sequence[Path]) -> Summary:
        """Import the files. Raises BadRequest before anything is written when one cannot be read,
        LedgerFault when the ledger stops; what was acknowledged until then is in.
        """
        space, total = PatientSpace(), 0
        for path in paths:
            for item in read_file(path):
                total += 1
                space.collect([item])
                self._advance(total, 0)
        for path in paths:
            for item in read_file(path):
                self.summary.read += 1
                if isinstance(item, BadItem):
                    self._refused(Refusal(str(item.source), item.reason, item.hint))
                else:
                    self._take(item, space)
                self._advance(self.summary.read, total)
        self._send()
        self._settle()
        self.summary.unused = len(self._linkage.unused)
        return self.summary

    def _take(self, item: SourceItem, space: PatientSpace) -> None:
        tag = source_tag(self._log.vault.tag, self._author.id, item.raw)
        if tag in self._new_tags or self._log.reader.find_tag(tag) is not None:
            self.summary.known += 1
            return
        source = str(item.source)
        try:
            resource = validate(item.raw)
            subject = route(resource)
            if isinstance(subject, Directory):
                chain = self._author.directory
            else:
                chain = self._record(space.resolve(subject), source)
        except BadRequest as error:
            self._refused(Refusal(source, error.message, error.hint))
            return
        self._new_tags.add(tag)
        draft = Draft(
            chain,
            item.raw,
            header={"file": source},
            authored_ms=authored_ms(resource.parsed),
            tags=(tag, *self._names(item, resource)),
        )
        self._add(draft, source, tag)
        if len(self._group) >= GROUP_ENTRIES or self._bytes >= GROUP_BYTES:
            self._send()

    def _names(self, item: SourceItem, resource: Resource) -> Iterator[bytes]:
        """The tags by which others of this sender refer to the resource."""
        space = space_of(self._log.reader.registry, self._author.id)
        for name in local_names(resource.resource_type, resource.id, item.full_url):
            yield local_tag(self._log.vault.tag, space, name)

    def _record(self, identifiers: Sequence[Identifier], source: str) -> ChainId:
        """The patient's record, opened and linked as far as the caller allowed it."""
        record = self._linkage.record_of(identifiers)
        self._check_linkable(identifiers, record)
        if record is None:
            if not self._create:
                raise BadRequest(
                    "the patient's identifier is linked to no record",
                    hint=_SAY_WHOSE,
                )
            record, opening = self._author.open_record()
            self._group.append(_Piece(opening, Kind.OPEN, record, source))
        for identifier in identifiers:
            if self._linkage.find(identifier) is None:
                self._add(self._linkage.link(identifier, record), source)
        return record

    def _check_linkable(self, identifiers: Sequence[Identifier], record: ChainId | None) -> None:
        """Nothing is linked that the caller did not ask for. Raises BadRequest."""
        for identifier in identifiers:
            if self._linkage.find(identifier) or self._linkage.is_declared(identifier):
                continue
            what = (
                "patient number" if identifier.system.startswith(PATIENT_NUMBER) else "identifier"
            )
            if self._linkage.was_unlinked(identifier):
                raise BadRequest(
                    f"the link of the patient's {what} was ended, and it is linked to no record",
                    hint="say whose it is with --person 'SYSTEM|VALUE=RECORD'",
                )
            if record is not None and not self._create:
                raise BadRequest(
                    f"the patient has a further {what} that is linked to no record",
                    hint="link it too with --create, or with --person 'SYSTEM|VALUE=RECORD'",
                )

    def _add(self, draft: Draft, source: str, tag: bytes = b"") -> None:
        submission = self._author.entry(draft)
        self._group.append(_Piece(submission, draft.kind, draft.chain, source, tag))
        self._bytes += len(submission.blob)

    def _send(self) -> None:
        """Hand in the group. One is under way at a time, so that their order is kept, while the
        next one is being validated, sealed and signed.
        """
        self._settle()
        if self._group:
            future = self._log.append_later([piece.submission for piece in self._group])
            self._under_way = (self._group, future)
            self._group, self._bytes = [], 0

    def _settle(self) -> None:
        if self._under_way is None:
            return
        pieces, future = self._under_way
        self._under_way = None
        for piece, outcome in zip(pieces, future.result(), strict=True):
            self._new_tags.discard(piece.tag)
            self._count(piece, outcome)

    def _count(self, piece: _Piece, outcome: Outcome) -> None:
        if isinstance(outcome, Appended):
            if piece.kind is Kind.OPEN:
                self.summary.opened.append((piece.chain, piece.source))
            elif piece.kind is Kind.LINK:
                self.summary.linked += 1
            else:
                self.summary.added += 1
        elif piece.kind is Kind.RECORD:
            # Where an opening or a link was refused, so is the resource behind it.
            self._refused(Refusal(piece.source, outcome.message, outcome.hint))

    def _refused(self, refusal: Refusal) -> None:
        self.summary.refused += 1
        self._refuse(refusal)


_DATES: Final = ("issued", "effectiveDateTime", "authoredOn", "recordedDate", "date", "recorded")


def authored_ms(parsed: Mapping[str, Any]) -> int | None:
    """When a resource says that it was written: ``meta.lastUpdated``, else a date of its own with a
    time and a zone. None where it says nothing of use, or a time to come.
    """
    meta = parsed.get("meta")
    candidates = [meta.get("lastUpdated")] if isinstance(meta, dict) else []
    candidates += [parsed.get(name) for name in _DATES]
    for text in candidates:
        if not isinstance(text, str) or "T" not in text:
            continue
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            continue
        if moment.tzinfo is None:
            continue
        unix_ms = int(moment.timestamp() * 1000)
        if 0 <= unix_ms <= time.time_ns() // 1_000_000:
            return unix_ms
    return None
