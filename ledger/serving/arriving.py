"""Arriving: one entry that its author sealed and signed elsewhere, before it is appended.

The author hands in the content key with the sealed blob, so the blob can be opened here, in memory,
and what is in it is checked before anything is written: the header, that FHIR is R4 and about
nobody else than this record, that a link is free and an unlink ends the link that stands. Tags
follow from the content and are computed here; nobody hands them in.

Signature, registry and chain are for admission and sequencer, as with every entry. Members of a
batch are not opened: that would cost twenty times what appending them does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate, pairwise
from struct import Struct
from typing import Final, NamedTuple

from ledger.admission import BatchSubmission, Submission
from ledger.author import CBOR, FHIR_JSON
from ledger.errors import BadRequest
from ledger.fhir import Identifier
from ledger.heads import ChainType
from ledger.linkage.aliases import Linkage, newest
from ledger.linkage.aliases import LinkedElsewhere as LinkedElsewhere
from ledger.linkage.joining import joined_tag
from ledger.linkage.subjects import checked
from ledger.linkage.target import Target
from ledger.merkle import leaf_hash
from ledger.reader import Reader
from ledger.record.contents import LinkedIdentifier, decode_linked
from ledger.record.header import Header, decode_header
from ledger.resources.leads import space_of
from ledger.resources.relations import may_act_for
from ledger.resources.spaces import local_names, local_tag
from ledger.serving.owning import check_changes, check_erases
from ledger.vault.keys import NO_KEY
from ledger.wire.batch import BatchBody
from ledger.wire.claim import AMENDING_KINDS, CLAIM_SIZE, LINK_KINDS, Claim, Kind
from ledger.wire.ids import ActorId, ChainId, EntryId, Position
from ledger.wire.manifest import MANIFEST, Manifest
from ledger.wire.sealed import KEY_SIZE, Content, associated_data, unseal
from ledger.wire.statement import parse_statement

TAKEN: Final = frozenset(
    {
        Kind.OPEN,
        Kind.RECORD,
        Kind.AMEND,
        Kind.RETRACT,
        Kind.LINK,
        Kind.UNLINK,
        Kind.ACCESS,
        Kind.ERASURE,
    }
)
"""Kinds that are taken one by one. Actors and governors are changed by the operator's commands."""
EMPTY: Final = frozenset({Kind.OPEN, Kind.RETRACT, Kind.ACCESS})
"""They have a header and no content (docs/spec/content.md)."""
CHANGING: Final = AMENDING_KINDS | {Kind.ERASURE}
"""They change what stands in a record; the others add to it."""
_PLACED: Final = Struct(">34x16s72xQ40x")
"""Of a claim: its chain, and the size of its blob."""

ChunkHashes = Callable[[bytes], bytes | None]
"""SHA-256 of each chunk that was uploaded under the hash of a blob, joined; None for nothing."""


def submission_of(
    statement: bytes,
    blob: bytes,
    key: bytes,
    amends: Position | None,
    erases: tuple[Position, ...],
) -> Submission:
    """As its author hands it in; an empty key is none."""
    return Submission(statement, blob, key or NO_KEY, amends=amends, erases=erases)


def claim_of(statement: bytes) -> Claim:
    """What one entry claims, unverified. Raises BadRequest for a kind that is not taken."""
    claim = Claim.decode(parse_statement(statement).claim)
    if claim.kind not in TAKEN:
        raise BadRequest(
            f"an entry of kind {claim.kind.name.lower()} is not taken here",
            hint="batches have a path of their own; actors are enrolled with `counterfoil`",
        )
    return claim


def stands(reader: Reader, author: ActorId, entry_id: EntryId) -> bool:
    """Whether the author has an entry of this id in the log: handed in again, it gets the first
    answer or Conflict, whoever may do what by now.
    """
    return reader.store.index_of(entry_id + author) is not None


class Batch(NamedTuple):
    """A batch cut into its members, and what its claim says of them, unverified."""

    submission: BatchSubmission
    kind: Kind
    author: ActorId
    entry_id: EntryId
    chains: frozenset[ChainId]


def batch_of(statement: bytes, claims: bytes, keys: bytes, blobs: bytes) -> Batch:
    """Members that stand one behind the other. Raises BadRequest."""
    claim = Claim.decode(parse_statement(statement).claim)
    if claim.kind is not Kind.BATCH:
        raise BadRequest("the statement is not of a batch", hint="append it as a single entry")
    body = BatchBody.decode(claim.body)
    count = body.count
    if len(claims) != count * CLAIM_SIZE or len(keys) != count * KEY_SIZE:
        raise BadRequest(
            f"the batch names {count} members, and claims or keys are not of as many",
            hint=f"{CLAIM_SIZE} and {KEY_SIZE} bytes for each member",
        )
    chains, sizes = zip(*_PLACED.iter_unpack(claims), strict=True)
    ends = list(accumulate(sizes, initial=0))
    if ends[-1] != len(blobs):
        raise BadRequest(
            f"the members' claims name {ends[-1]} bytes of blobs, {len(blobs)} were handed in"
        )
    submission = BatchSubmission(
        statement,
        [claims[at : at + CLAIM_SIZE] for at in range(0, len(claims), CLAIM_SIZE)],
        [blobs[start:stop] for start, stop in pairwise(ends)],
        [keys[at : at + KEY_SIZE] for at in range(0, len(keys), KEY_SIZE)],
    )
    return Batch(submission, body.member_kind, claim.author, claim.entry_id, frozenset(chains))


def prepared(
    log: Target, submission: Submission, claim: Claim, uploaded: ChunkHashes
) -> Submission:
    """The entry with its tags, and the chunks that were uploaded for it. Raises BadRequest.

    An entry that stands already is left as it is: appending it again gives the first answer. Links
    are prepared and appended one after the other.
    """
    if stands(log.reader, claim.author, claim.entry_id):
        return submission
    if claim.kind is Kind.ERASURE:
        check_erases(log, claim, submission.erases)
    if not claim.blob_size:
        return submission
    content = _opened(submission, claim)
    header = decode_header(content.header)
    _check_principal(log.reader, claim.author, header)
    if header.keeps_content and (content.content or claim.kind is not Kind.AMEND):
        raise BadRequest("only an amendment keeps content, and has none of its own")
    if claim.kind in AMENDING_KINDS and submission.amends is not None:
        check_changes(log, claim, header, submission.amends)
    if claim.kind in LINK_KINDS:
        return replace(submission, tags=(_link_tag(log, claim, content, submission),))
    if claim.kind in EMPTY and content.content:
        raise BadRequest(f"an entry of kind {claim.kind.name.lower()} has no content")
    if claim.kind is Kind.ACCESS and header.purpose is None:
        raise BadRequest("an access entry names no purpose", hint="a v3 PurposeOfUse code")
    if content.media_type == MANIFEST:
        return replace(submission, chunks=_chunks(claim, content, uploaded))
    if claim.kind in (Kind.RECORD, Kind.AMEND) and content.media_type == FHIR_JSON:
        return replace(submission, tags=_resource_tags(log, claim, content, header))
    return submission


def _check_principal(reader: Reader, author: ActorId, header: Header) -> None:
    """Else an institution would let another one read, or link, in a record's history."""
    principal = header.on_behalf_of
    if principal is not None and not may_act_for(reader.registry, author, principal):
        raise BadRequest(
            "the author does not act for whom it says that it signs for",
            hint="on-behalf-of names an actor of the author's institution",
        )


def _opened(submission: Submission, claim: Claim) -> Content:
    place = associated_data(claim.log, claim.chain, claim.entry_id)
    return unseal(submission.blob, submission.key, place)


def _resource_tags(
    log: Target, claim: Claim, content: Content, header: Header
) -> tuple[bytes, ...]:
    if header.keeps_content:
        return ()
    place = log.reader, log.vault.tag, claim.author, claim.chain
    found = checked(*place, content.content)
    if claim.kind is not Kind.RECORD:
        return (found.tag,)
    space = space_of(log.reader.registry, claim.author)
    names = local_names(found.resource.resource_type, found.resource.id, None)
    return (found.tag, *(local_tag(log.vault.tag, space, name) for name in names))


def _link_tag(log: Target, claim: Claim, content: Content, submission: Submission) -> bytes:
    if content.media_type != CBOR:
        raise BadRequest(f"the content of a link is {CBOR}")
    linked = decode_linked(content.content)
    if isinstance(linked, LinkedIdentifier):
        linkage = Linkage(log.reader, log.vault.tag)
        identifier = Identifier(*linked)
        tag = linkage.tag(identifier)
        if claim.kind is Kind.LINK:
            linkage.check_free(identifier, claim.chain)
    else:
        tag = joined_tag(log, claim.chain, linked.record)
        other = log.reader.find_head(linked.record)
        if other is None or other.type is not ChainType.PERSON or linked.record == claim.chain:
            raise BadRequest("a join names another person's record", hint="check the id")
    if claim.kind is Kind.UNLINK:
        standing = newest(log.reader, tag)
        if standing is None or leaf_hash(standing.raw) != claim.amended:
            raise BadRequest(
                "this is not the link that stands", hint="name the newest link of what it links"
            )
    return tag


def _chunks(claim: Claim, content: Content, uploaded: ChunkHashes) -> int:
    manifest = Manifest.decode(content.content)
    if manifest.media_type in (FHIR_JSON, MANIFEST):
        raise BadRequest("FHIR has at most 16 MiB", hint="refer to attachments by url and hash")
    found = uploaded(claim.blob_hash)
    if found is None:
        raise BadRequest(
            "the chunks of this payload are not here", hint="send them to /v1/payloads first"
        )
    if found != manifest.hashes:
        raise BadRequest(
            "the chunks that were sent are not those of the manifest", hint="seal and send anew"
        )
    return manifest.count
