"""Author: makes entries on the author's side, where the signing key and the plain content are.

A content key is made here, for each entry anew, and travels beside the statement, never inside
it. Keep blob and statement until they are acknowledged: sending the same bytes again is safe,
sealing again makes another entry.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import BinaryIO, Final

from ledger.admission import BatchSubmission, Submission
from ledger.errors import BadRequest
from ledger.large import seal_chunks
from ledger.merkle import subtree_root
from ledger.store.large import LargeFiles
from ledger.vault.keys import NO_KEY
from ledger.wire import cbor
from ledger.wire.batch import BatchBody, member_hashes
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import (
    BATCH_CHAIN,
    DIRECTORY_CHAIN,
    ZERO_HASH,
    ActorId,
    ChainId,
    EntryId,
    Hash,
    Position,
    derived_chain,
    new_chain_id,
    new_entry_id,
)
from ledger.wire.manifest import CHUNK, MANIFEST
from ledger.wire.sealed import Sealed, associated_data, new_key, seal
from ledger.wire.statement import StatementKey

FHIR_JSON: Final = "application/fhir+json"
CBOR: Final = "application/cbor"


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry to be: where it goes and what it says in plain text."""

    chain: ChainId
    content: bytes = field(repr=False)
    media_type: str = FHIR_JSON
    kind: Kind = Kind.RECORD
    header: dict[str, cbor.Value] = field(default_factory=dict, repr=False)
    authored_ms: int | None = None
    amended: Hash = ZERO_HASH
    amends: Position | None = None
    erases: tuple[Position, ...] = ()
    body: bytes = b""
    tags: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Author:
    """An actor with its signing key, for one log."""

    log: Hash
    id: ActorId
    key: StatementKey = field(repr=False)
    first_log: Hash | None = None
    """Id of the line's first log, where that is another one: derived chains follow from it."""

    @property
    def directory(self) -> ChainId:
        """The chain of this institution's own resources."""
        return derived_chain(DIRECTORY_CHAIN, self.first_log or self.log, self.id)

    def entry(self, draft: Draft) -> Submission:
        """Seal and sign one entry."""
        claim, sealed = self._seal(draft)
        return Submission(
            self.key.sign(claim), sealed.blob, sealed.key, draft.tags, draft.amends, draft.erases
        )

    def large(
        self,
        draft: Draft,
        source: BinaryIO,
        files: LargeFiles,
        progress: Callable[[int], None] = lambda _: None,
        chunk: int = CHUNK,
    ) -> Submission:
        """Seal a source of any size, read once to its end, into chunk files, and sign the entry.

        ``files`` are those of the open ledger; the draft's content is not looked at. ``progress``
        gets the bytes read so far. OSError of source or disk goes to the caller.
        """
        entry_id, key = new_entry_id(_now_ms()), new_key()
        place = associated_data(self.log, draft.chain, entry_id)
        with files.writing() as building:
            manifest = seal_chunks(source, draft.media_type, key, place, building, progress, chunk)
            listed = replace(draft, content=manifest.encode(), media_type=MANIFEST)
            claim, sealed = self._seal(listed, entry_id, key)
            building.finish(claim.blob_hash)
        return Submission(
            self.key.sign(claim),
            sealed.blob,
            sealed.key,
            draft.tags,
            draft.amends,
            draft.erases,
            manifest.count,
        )

    def open_record(
        self, header: dict[str, cbor.Value] | None = None
    ) -> tuple[ChainId, Submission]:
        """A new record: its id and its first entry."""
        chain = new_chain_id()
        return chain, self.entry(Draft(chain, b"", CBOR, Kind.OPEN, header or {}))

    def batch(self, drafts: Sequence[Draft]) -> BatchSubmission:
        """Seal up to 4,096 records, or accesses, under one signature."""
        if any(draft.tags for draft in drafts):
            raise BadRequest("members of a batch carry no tags", hint="append them one by one")
        pairs = [self._seal(draft) for draft in drafts]
        claims = [claim.encode() for claim, _ in pairs]
        body = BatchBody(drafts[0].kind, len(claims), subtree_root(member_hashes(claims)))
        now = _now_ms()
        batch = Claim(
            Kind.BATCH,
            self.log,
            derived_chain(BATCH_CHAIN, self.first_log or self.log, self.id),
            self.id,
            new_entry_id(now),
            now,
            body=body.encode(),
        )
        sealed = [one for _, one in pairs]
        return BatchSubmission(
            self.key.sign(batch), claims, [one.blob for one in sealed], [one.key for one in sealed]
        )

    def actor(self, chain: ChainId, body: bytes, name: str = "") -> Submission:
        """An actor entry, with the actor's name sealed beside it."""
        return self.change(Kind.ACTOR, chain, body, name)

    def change(self, kind: Kind, chain: ChainId, body: bytes, name: str = "") -> Submission:
        """A trust or actor entry; the second may have an actor's name sealed beside it."""
        now = _now_ms()
        entry_id = new_entry_id(now)
        sealed = Sealed(b"", NO_KEY)
        if name:
            place = associated_data(self.log, chain, entry_id)
            sealed = seal(b"", {"type": CBOR, "name": name}, place)
        claim = Claim(
            kind,
            self.log,
            chain,
            self.id,
            entry_id,
            now,
            Hash(sha256(sealed.blob).digest()) if name else ZERO_HASH,
            len(sealed.blob),
            body=body,
        )
        return Submission(self.key.sign(claim), sealed.blob, sealed.key)

    def _seal(
        self, draft: Draft, entry_id: EntryId | None = None, key: bytes | None = None
    ) -> tuple[Claim, Sealed]:
        now = _now_ms()
        entry_id = entry_id or new_entry_id(now)
        header = {**draft.header, "type": draft.media_type}
        place = associated_data(self.log, draft.chain, entry_id)
        sealed = seal(draft.content, header, place, key)
        claim = Claim(
            draft.kind,
            self.log,
            draft.chain,
            self.id,
            entry_id,
            now if draft.authored_ms is None else draft.authored_ms,
            Hash(sha256(sealed.blob).digest()),
            len(sealed.blob),
            amended=draft.amended,
            body=draft.body,
        )
        return claim, sealed


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
