"""Moving: documents that stand in the wrong person's record.

For each document, a record entry with all its amendments:

    1. the content is read through the door, against an access entry in the wrong record
    2. each version is appended in the right record, byte for byte; its header says where it came
       from, by leaf hash, and who wrote it first
    3. the document is retracted in the wrong record, with the reason
    4. each access that named one of its versions is told in the right record too

Every step leaves a tag, HMAC(vault key, step ‖ what it was about), with the right record but for
the retraction; a version has one without it too, and so is moved to one record only. A move that
was cut short is completed by the same command, and one that is whole is not done twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BufferedReader
from typing import Final

from ledger.author import CBOR, Author, Draft
from ledger.errors import BadRequest
from ledger.heads import ChainType
from ledger.large import Stream
from ledger.linkage.aliases import check_record
from ledger.linkage.opening import GROUP, access_draft, is_erased
from ledger.linkage.pieces import Pieces
from ledger.linkage.sources import source_tag
from ledger.linkage.target import Target, append_all, submit_all
from ledger.merkle import leaf_hash
from ledger.reader import Entry
from ledger.record.header import Header, decode_header
from ledger.wire.claim import Kind
from ledger.wire.ids import ZERO_HASH, ChainId, Hash, Position
from ledger.wire.sealed import MAX_CONTENT

_VERSION: Final = b"moved/version"
_COPY: Final = b"moved/copy"
_RETRACTION: Final = b"moved/retraction"
_ACCESS: Final = b"moved/access"
PURPOSE: Final = "RECORDMGT"
"""v3 PurposeOfUse: records management."""


@dataclass(slots=True)
class Moved:
    """What a move did, counted from acknowledged entries only."""

    documents: int
    """Asked for, with all their versions."""
    appended: int = 0
    retracted: int = 0
    told: int = 0
    """Access entries in the right record about accesses in the wrong one."""


class Mover:
    """One call of a move: make it, ``run`` it once. ``moved`` is true at any time."""

    def __init__(
        self,
        log: Target,
        author: Author,
        places: Sequence[Position],
        to: ChainId,
        reason: str,
        purpose: str = PURPOSE,
    ) -> None:
        """Raises BadRequest before anything is written when one of the entries cannot be moved."""
        check_record(log.reader, to)
        self._log, self._author, self._to = log, author, to
        self._reason, self._purpose = reason, purpose
        self._documents = self._plan(places)
        self.moved = Moved(len(self._documents))

    def run(self) -> Moved:
        """Raises BadRequest or LedgerFault; what was acknowledged until then stays."""
        chains = {document[0].leaf.claim.chain for document in self._documents}
        for chain in sorted(chains):
            documents = [one for one in self._documents if one[0].leaf.claim.chain == chain]
            self._append([entry for document in documents for entry in document])
            for document in documents:
                self._retract(document[-1])
            self._tell(chain, documents)
        return self.moved

    def _plan(self, places: Sequence[Position]) -> list[list[Entry]]:
        """The documents that the entries belong to, each oldest version first."""
        documents: dict[Position, list[Entry]] = {}
        for place in places:
            entry = self._log.reader.entry(*place)
            claim = entry.leaf.claim
            if claim.kind not in (Kind.RECORD, Kind.AMEND) or (
                self._log.reader.head(claim.chain).type is not ChainType.PERSON
            ):
                raise BadRequest(
                    f"entry {place} is no document of a person's record",
                    hint="name record entries; links are ended with `counterfoil unlink`",
                )
            if claim.chain == self._to:
                raise BadRequest(f"entry {place} stands in that record already")
            family = self._family(entry)
            documents[family[0].position] = family
        for first, versions in documents.items():
            self._check_not_elsewhere(first, versions)
            self._check_whole(first, versions)
        return [documents[first] for first in sorted(documents, key=lambda one: one.order)]

    def _check_not_elsewhere(self, first: Position, versions: list[Entry]) -> None:
        retracted = self._log.reader.find_tag(self._retraction_tag(versions[-1])) is not None
        if retracted and any(self._at(_VERSION, _hash(one)) is None for one in versions):
            raise BadRequest(
                f"the document of entry {first} was moved to another record already",
                hint="move it on from there",
            )
        for one in versions:
            copy = self._log.reader.find_tag(self._log.vault.tag(_COPY, _hash(one)))
            there = None if copy is None else self._log.reader.entry(*copy).leaf.claim.chain
            if there is not None and there != self._to:
                raise BadRequest(
                    f"a move of the document of entry {first} to another record was begun",
                    hint=f"complete it with --to {there.hex()}; then move it on from there",
                )

    def _family(self, entry: Entry) -> list[Entry]:
        root: dict[Hash, Position] = {}
        families: dict[Position, list[Entry]] = {}
        for one in list(self._log.reader.history(entry.leaf.claim.chain))[::-1]:
            claim = one.leaf.claim
            if claim.kind in (Kind.RECORD, Kind.AMEND):
                first = root.setdefault(_hash(one), root.get(claim.amended, one.position))
                families.setdefault(first, []).append(one)
        return families[root[_hash(entry)]]

    def _check_whole(self, first: Position, versions: list[Entry]) -> None:
        for one in versions:
            if self._at(_VERSION, _hash(one)) is None and is_erased(self._log, one):
                raise BadRequest(
                    f"the document of entry {first} has a version that was erased",
                    hint="it cannot be moved; retract it where it is",
                )

    def _append(self, versions: list[Entry]) -> None:
        """In the right record, what is not there yet."""
        left = [one for one in versions if self._at(_VERSION, _hash(one)) is None]
        for start in range(0, len(left), GROUP):
            group = left[start : start + GROUP]
            draft = access_draft(group[0].leaf.claim.chain, group, self._purpose)
            (access,) = append_all(self._log, self._author, [draft])
            receipt = self._log.reader.receipt(access.index)
            for entry in group:
                try:
                    stream = self._log.vault.release_stream(entry.index, receipt, entry.back)
                    header = decode_header(stream.header)
                except BadRequest as error:
                    raise BadRequest(
                        f"entry {entry.position} was sealed wrongly, and cannot be moved",
                        hint="retract it where it is, where no view shows it; move the others",
                    ) from error
                self._copy(entry, stream, header)
                self.moved.appended += 1

    def _copy(self, entry: Entry, stream: Stream, header: Header) -> None:
        """Append it in the right record."""
        draft = self._draft(entry, stream, header)
        if stream.size > MAX_CONTENT:
            large = self._author.large(
                draft, BufferedReader(Pieces(stream.pieces)), self._log.reader.store.large
            )
            submit_all(self._log, [large])
            return
        content = b"".join(stream.pieces)
        first_author = header.first_author or entry.leaf.claim.author
        source = source_tag(self._log.vault.tag, first_author, content)
        if self._log.reader.find_tag(source) == entry.position:
            # The sender's next import still knows these bytes, and adds nothing.
            draft = replace(draft, tags=(*draft.tags, source))
        append_all(self._log, self._author, [replace(draft, content=content)])

    def _draft(self, entry: Entry, stream: Stream, header: Header) -> Draft:
        """The entry as it is to stand in the right record, without its content."""
        claim = entry.leaf.claim
        moved = replace(
            header,
            media_type=stream.media_type,
            moved_from=_hash(entry),
            first_author=header.first_author or claim.author,
        )
        draft = Draft(
            self._to,
            b"",
            stream.media_type,
            claim.kind,
            moved.encode(),
            authored_ms=claim.authored_ms,
            tags=(
                self._tag(_VERSION, _hash(entry)),
                self._log.vault.tag(_COPY, _hash(entry)),
            ),
        )
        if claim.amended == ZERO_HASH:
            return draft
        target = self._log.reader.entry(*self._needed(_VERSION, claim.amended))
        return replace(draft, amended=_hash(target), amends=target.position)

    def _retract(self, newest: Entry) -> None:
        """A document, by its newest version."""
        tag = self._retraction_tag(newest)
        if self._log.reader.find_tag(tag) is not None:
            return
        header = Header(CBOR, reason=self._reason, moved_away=True)
        draft = Draft(
            newest.leaf.claim.chain,
            b"",
            CBOR,
            Kind.RETRACT,
            header.encode(),
            amended=_hash(newest),
            amends=newest.position,
            tags=(tag,),
        )
        append_all(self._log, self._author, [draft])
        self.moved.retracted += 1

    def _tell(self, chain: ChainId, documents: list[list[Entry]]) -> None:
        """Accesses stay where they are, and the right record hears of them: they were readings of
        its person's content.
        """
        begun = documents[0][0].position.order
        for entry in list(self._log.reader.history(chain))[::-1]:
            if entry.leaf.claim.kind is not Kind.ACCESS or entry.position.order < begun:
                continue
            new = [one for one in documents if self._at(_ACCESS, _about(entry, one)) is None]
            header = self._header(entry) if new else None
            if header is None:
                continue
            read = set(header.entries)
            told = [one for one in new if read & set(map(_hash, one))]
            named = tuple(hash_ for one in told for hash_ in map(_hash, one) if hash_ in read)
            if not named:
                continue
            tags = [self._tag(_ACCESS, _about(entry, one)) for one in told]
            append_all(self._log, self._author, [self._telling(entry, header, named, tags)])
            self.moved.told += 1

    def _telling(
        self, access: Entry, header: Header, named: tuple[Hash, ...], tags: list[bytes]
    ) -> Draft:
        """The access of somebody else, or of this move, as the right record is to show it."""
        claim = access.leaf.claim
        told = Header(
            CBOR,
            purpose=header.purpose,
            entries=named,
            moved_from=_hash(access),
            first_author=header.first_author or claim.author,
        )
        return Draft(
            self._to,
            b"",
            CBOR,
            Kind.ACCESS,
            told.encode(),
            authored_ms=claim.authored_ms,
            tags=tuple(tags),
        )

    def _header(self, access: Entry) -> Header | None:
        """None where it cannot be read any more, or was sealed wrongly."""
        if is_erased(self._log, access):
            return None
        try:
            return decode_header(self._log.vault.use(access.index, "move", access.back).header)
        except BadRequest:
            return None

    def _tag(self, step: bytes, about: bytes) -> bytes:
        return self._log.vault.tag(step, about, self._to)

    def _retraction_tag(self, newest: Entry) -> bytes:
        return self._log.vault.tag(_RETRACTION, _hash(newest))

    def _at(self, step: bytes, about: bytes) -> Position | None:
        return self._log.reader.find_tag(self._tag(step, about))

    def _needed(self, step: bytes, about: bytes) -> Position:
        position = self._at(step, about)
        if position is None:
            raise BadRequest(
                "an amendment is not moved before what it amends",
                hint="name the entry that it amends",
            )
        return position


def _hash(entry: Entry) -> Hash:
    return Hash(leaf_hash(entry.raw))


def _about(access: Entry, document: list[Entry]) -> bytes:
    return _hash(access) + _hash(document[0])
