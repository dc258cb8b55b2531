"""Admission: everything about an entry that can be checked without the log's state.

Pure functions of bytes and public keys, so they run in threads or in other processes, before the
one writer sees the entry: layout, rules of the kind, the author's signature, that the blob is the
one that was signed for, and that the key is the one key of the blob. The writer then checks what
depends on the log (registry at this position, chain, idempotency, time): see
``ledger.sequencer``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple, TypeAlias, cast

from ledger.errors import BadEvidence, BadRequest, CounterfoilError, LedgerFault
from ledger.heads import FoundHeads, HeadFiles
from ledger.member_tree import member_tree
from ledger.vault.keys import NO_KEY
from ledger.wire.batch import BatchBody, member_hashes
from ledger.wire.claim import CLAIM_SIZE, CLAIM_STRUCT, CLAIM_VERSION, MAX_BLOB, Claim, Kind
from ledger.wire.ids import MAX_INTEGER, ZERO_HASH, ActorId, ChainId, EntryId, Position, is_entry_id
from ledger.wire.keys import KeyId, registered_key, verifies
from ledger.wire.manifest import Manifest
from ledger.wire.sealed import KEY_SIZE, MIN_BLOB, associated_data, commits_to, unseal
from ledger.wire.statement import Statement, parse_statement

PublicKeys = Mapping[ActorId, Mapping[KeyId, bytes]]
"""Each key for statements that an author ever had, raw, as the registry stood when the entries
arrived. Whether it may still sign is for the sequencer.
"""


@dataclass(frozen=True, slots=True)
class Submission:
    """One entry as its author hands it in."""

    statement: bytes
    blob: bytes = field(default=b"", repr=False)
    key: bytes = field(default=NO_KEY, repr=False)
    tags: tuple[bytes, ...] = ()
    amends: Position | None = None
    """Where the amended leaf stands, for amend, retract and unlink: the claim only has its hash."""
    erases: tuple[Position, ...] = ()
    """Where the leaves stand that an erasure names by their hashes, in its order."""
    chunks: int = 0
    """Of a large payload: how many chunk files lie ready under the hash of the blob."""


@dataclass(frozen=True, slots=True)
class BatchSubmission:
    """A batch: one statement, and claim, blob and key of each member in order."""

    statement: bytes
    claims: Sequence[bytes] = field(repr=False)
    blobs: Sequence[bytes] = field(repr=False)
    keys: Sequence[bytes] = field(repr=False)


class Admitted(NamedTuple):
    """One entry whose bytes are in order."""

    statement: bytes
    claim: Claim
    claim_bytes: bytes
    kid: KeyId
    blob: bytes
    key: bytes
    tags: tuple[bytes, ...]
    amends: Position | None
    erases: tuple[Position, ...]
    chunks: int = 0

    def __repr__(self) -> str:
        """Without the content key."""
        return f"Admitted(claim={self.claim!r})"


class AdmittedBatch(NamedTuple):
    """A batch whose bytes are in order, with the columns that the sequencer needs."""

    entry: Admitted
    claims: Sequence[bytes]
    blobs: Sequence[bytes]
    keys: Sequence[bytes]
    chains: Sequence[ChainId]
    entry_ids: Sequence[EntryId]
    latest_authored_ms: int
    earliest_expiry_ms: int
    tree: bytes
    """See ``ledger.member_tree``."""
    ahead: FoundHeads | None = None
    """Heads that were looked up beside the check."""

    def __repr__(self) -> str:
        """Without the content keys."""
        return f"AdmittedBatch(entry={self.entry!r}, members={len(self.claims)})"


def admit(submission: Submission, keys: PublicKeys) -> Admitted:
    """Check one entry. Raises BadRequest or BadEvidence; the message names what is wrong."""
    statement = parse_statement(submission.statement)
    claim = Claim.decode(statement.claim)
    _check_signature(statement, claim.author, keys)
    if claim.blob_size:
        _check_blob(submission.blob, submission.key, claim.blob_hash, claim.blob_size)
    elif submission.blob or submission.key != NO_KEY:
        raise BadRequest("a payload was handed in for an entry that names none")
    if submission.chunks:
        _check_manifest(submission, claim)
    return Admitted(
        submission.statement,
        claim,
        statement.claim,
        statement.kid,
        submission.blob,
        submission.key,
        submission.tags,
        submission.amends,
        submission.erases,
        submission.chunks,
    )


def admit_many(
    submissions: Sequence[Submission], keys: PublicKeys
) -> list[Admitted | CounterfoilError]:
    """Check many; what fails is returned as its error, in its place."""
    results: list[Admitted | CounterfoilError] = []
    for submission in submissions:
        try:
            results.append(admit(submission, keys))
        except CounterfoilError as error:
            results.append(error)
    return results


def _check_signature(statement: Statement, author: ActorId, keys: PublicKeys) -> None:
    own = keys.get(author)
    if own is None:
        raise BadRequest(f"author {author.hex()} is not enrolled", hint="enrol it first")
    raw = own.get(statement.kid)
    if raw is None:
        raise BadRequest(
            f"key {statement.kid.hex()[:16]} is not a current key of author {author.hex()}",
            hint="sign with the author's current key",
        )
    if not verifies(registered_key(raw), statement.signature, statement.signed):
        raise BadEvidence(
            f"signature of author {author.hex()}",
            hint="the statement was changed or signed otherwise",
        )


def _check_blob(blob: bytes, key: bytes, digest: bytes, size: int) -> None:
    if len(blob) != size or len(blob) < MIN_BLOB:
        raise BadRequest(f"sealed blob has {len(blob)} bytes, the claim says {size}")
    if sha256(blob).digest() != digest:
        raise BadRequest("sealed blob is not the one that the claim names", hint="send both anew")
    # A slot of zeros means that there is no key: what is sealed under it could not be opened.
    if len(key) != KEY_SIZE or key == NO_KEY or not commits_to(blob, key):
        raise BadRequest(
            "content key is not the key of this sealed blob", hint="send the right key"
        )


def _check_manifest(submission: Submission, claim: Claim) -> None:
    """A blob with chunks is their manifest, sealed for this entry: the check opens it too."""
    place = associated_data(claim.log, claim.chain, claim.entry_id)
    try:
        manifest = Manifest.decode(unseal(submission.blob, submission.key, place).content)
    except CounterfoilError as error:
        raise BadRequest(
            "the blob is not the manifest of its chunks", hint="seal the content anew"
        ) from error
    if manifest.count != submission.chunks:
        raise BadRequest(
            f"the manifest names {manifest.count} chunks, {submission.chunks} were handed in"
        )


def admit_batch(submission: BatchSubmission, keys: PublicKeys) -> AdmittedBatch:
    """Check a batch and all its members. Raises BadRequest or BadEvidence."""
    entry = admit(Submission(submission.statement), keys)
    if entry.claim.kind is not Kind.BATCH:
        raise BadRequest("the statement is not of a batch", hint="append it as a single entry")
    body = BatchBody.decode(entry.claim.body)
    claims = submission.claims
    if not len(claims) == len(submission.blobs) == len(submission.keys) == body.count:
        raise BadRequest(f"batch names {body.count} members, {len(claims)} were handed in")
    columns = _member_columns(claims, entry.claim, body.member_kind)
    tree, root = member_tree(member_hashes(claims))
    if root != body.root:
        raise BadEvidence("batch root", expected=body.root.hex(), found=root.hex())
    _, _, _, chains, _, entry_ids, authored, digests, sizes, expiries, _ = columns
    for blob, key, digest, size in zip(
        submission.blobs, submission.keys, digests, sizes, strict=True
    ):
        _check_blob(blob, key, digest, size)
    return AdmittedBatch(
        entry,
        claims,
        submission.blobs,
        submission.keys,
        chains,
        entry_ids,
        max(authored),
        min((expiry for expiry in expiries if expiry), default=0),
        tree,
    )


_Columns = tuple[
    Sequence[int],
    Sequence[int],
    Sequence[bytes],
    Sequence[ChainId],
    Sequence[ActorId],
    Sequence[EntryId],
    Sequence[int],
    Sequence[bytes],
    Sequence[int],
    Sequence[int],
    Sequence[bytes],
]


def _member_columns(claims: Sequence[bytes], batch: Claim, kind: Kind) -> _Columns:
    """The fields of all members, column by column, checked.

    Whole columns are compared in C; only when one is wrong is the bad member looked for.
    """
    joined = b"".join(claims)
    if {len(claim) for claim in claims} != {CLAIM_SIZE}:
        raise BadRequest(f"a member's claim has not {CLAIM_SIZE} bytes")
    columns = cast("_Columns", tuple(zip(*CLAIM_STRUCT.iter_unpack(joined), strict=True)))
    versions, kinds, logs, _, authors, ids, authored, digests, sizes, expiries, amended = columns
    uniform = (
        (versions, CLAIM_VERSION, "version"),
        (kinds, int(kind), "kind"),
        (logs, batch.log, "log"),
        (authors, batch.author, "author"),
        (amended, ZERO_HASH, "amended hash"),
    )
    for column, value, name in uniform:
        if set(column) != {value}:
            position = next(at for at, item in enumerate(column) if item != value)
            raise BadRequest(f"member {position}: {name} is not what the batch says")
    for position, entry_id in enumerate(ids):
        if not is_entry_id(entry_id):
            raise BadRequest(f"member {position}: entry id is not a UUIDv7")
    if max(authored) > MAX_INTEGER or max(expiries) > MAX_INTEGER or max(sizes) > MAX_BLOB:
        raise BadRequest("a member's time or size is over its limit")
    if ZERO_HASH in digests or 0 in sizes:
        raise BadRequest("a member has no sealed blob")
    return columns


Checked: TypeAlias = "list[Admitted | AdmittedBatch | CounterfoilError]"


class AdmissionThreads:
    """Admission on threads of this process, one for each core."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="admission")

    def check(
        self,
        submissions: Sequence[Submission] | BatchSubmission,
        keys: PublicKeys,
        _files: HeadFiles | None = None,
    ) -> Future[Checked]:
        """Check entries, or one batch; the answer has one item for each entry, or for the batch.
        Nothing is looked up ahead: these threads share the writer's interpreter.
        """
        try:
            return self._pool.submit(check, submissions, keys)
        except RuntimeError as error:
            raise LedgerFault("the ledger is closed", hint="open it again") from error

    def close(self) -> None:
        """Finish what was handed in."""
        self._pool.shutdown()


def check(submissions: Sequence[Submission] | BatchSubmission, keys: PublicKeys) -> Checked:
    """Check entries, or one batch; what fails is returned as its error, in its place."""
    if not isinstance(submissions, BatchSubmission):
        return [*admit_many(submissions, keys)]
    try:
        return [admit_batch(submissions, keys)]
    except CounterfoilError as error:
        return [error]
