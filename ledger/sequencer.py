"""Sequencer: gives admitted entries their place in the log. No I/O but look-ups; nothing here is
durable.

A ``Draft`` is what one commit will hold. It checks what only the log's state can tell (time,
registry at this position, idempotency, the chain and its kind, what an amendment amends), builds
the leaves and their hashes, and notes the changes to every index. An entry that is refused leaves
no trace in the draft; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from ledger.admission import Admitted, AdmittedBatch
from ledger.errors import BadRequest, Conflict, LedgerFault
from ledger.heads import ChainType, FoundHeads, Head
from ledger.identity import Enrol, Place, Registry, check_change
from ledger.named import FindLeaf, check_amended, check_erasure, no_earlier_leaf
from ledger.vault.period import TAG_SIZE
from ledger.wire.claim import REGISTRY_KINDS, Claim, Kind
from ledger.wire.epoch import Epoch
from ledger.wire.ids import (
    ZERO_HASH,
    ActorId,
    ChainId,
    EntryId,
    Hash,
    LeafIndex,
    Position,
    entry_id_time,
)
from ledger.wire.leaf import (
    CONTINUES,
    MEMBER,
    MEMBER_HEADER,
    claim_bytes,
    encode_leaf,
)

ID_WINDOW_MS: Final = 30 * 24 * 3600 * 1000
FUTURE_MS: Final = 5 * 60 * 1000
CLOCK_TOLERANCE_MS: Final = 60 * 1000

_FIRST_KINDS: Final = {Kind.ACTOR: ChainType.ACTOR, Kind.OPEN: ChainType.PERSON}
_CONTINUING_MEMBER: Final = bytes([MEMBER | CONTINUES])
_DIRECTORY_KINDS: Final = frozenset({Kind.RECORD, Kind.AMEND, Kind.RETRACT, Kind.ERASURE})
_LATER_KINDS: Final = {
    ChainType.LOG: frozenset({Kind.TRUST}),
    ChainType.ACTOR: frozenset({Kind.ACTOR}),
    ChainType.PERSON: _DIRECTORY_KINDS | {Kind.LINK, Kind.UNLINK, Kind.ACCESS},
}


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an entry stands. ``count`` is 1, or 1 + the members of a batch; ``known`` if it stood
    before.
    """

    index: LeafIndex
    count: int
    leaf_hash: Hash
    known: bool = False


@dataclass(frozen=True, slots=True)
class LogView:
    """What the sequencer may ask about the committed log."""

    size: int
    received_ms: int
    registry: Registry
    head: Callable[[ChainId], Head | None]
    find_id: Callable[[bytes], int | None]
    """Index for entry id ‖ author, or None."""
    used_id: Callable[[Sequence[bytes]], bytes | None]
    """One of several that stands in the log, or None."""
    latest_id: bytes
    """The largest entry id ‖ author in the log, those of epochs apart: a larger one is new without
    a look-up.
    """
    leaf: Callable[[int], bytes]
    inherited: Callable[[ChainId], Head | None] = lambda _chain: None
    """The head of a chain in the newest earlier log of the line that has it."""
    earlier_leaf: FindLeaf = no_earlier_leaf
    """A leaf of an earlier log, ``back`` being over 0. Raises BadRequest."""
    has_large: Callable[[Hash], bool] = lambda _blob: False
    """Whether the chunks under this name belong to an entry."""
    found_ahead: Callable[[FoundHeads], None] = lambda _found: None
    """Takes over heads that were looked up beside the check of a batch."""


def receive_time(now_ms: int, last_ms: int) -> int:
    """The time of a commit. LedgerFault when the clock was set back by more than a minute."""
    if now_ms < last_ms - CLOCK_TOLERANCE_MS:
        raise LedgerFault(
            f"the clock is {(last_ms - now_ms) // 1000} s behind the newest entry",
            hint="set the clock right; nothing is appended before that",
        )
    return max(now_ms, last_ms)


def check_time(received_ms: int, entry_id: EntryId, authored_ms: int, expires_ms: int) -> None:
    """Whether an entry may be taken at this time. Raises BadRequest."""
    born = entry_id_time(entry_id)
    if born < received_ms - ID_WINDOW_MS:
        raise BadRequest(
            "entry id is older than 30 days",
            hint="sign the claim again under a new entry id; authored time may be old",
        )
    if max(born, authored_ms) > received_ms + FUTURE_MS:
        raise BadRequest(
            "entry is dated over 5 minutes ahead of the log", hint="set the clock right"
        )
    if expires_ms and expires_ms < received_ms:
        raise BadRequest("the statement has expired", hint="sign the claim again")


@dataclass(slots=True)
class Draft:
    """The entries of one commit, in order. The lists run in step: one item a leaf."""

    view: LogView
    received_ms: int
    leaves: list[bytes] = field(default_factory=list)
    hashes: list[Hash] = field(default_factory=list)
    chains: list[ChainId] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    blobs: list[bytes] = field(default_factory=list, repr=False)
    keys: list[bytes] = field(default_factory=list, repr=False)
    tags: list[tuple[int, bytes]] = field(default_factory=list)
    large: list[tuple[int, Hash, int]] = field(default_factory=list)
    registry_changes: list[tuple[int, Claim]] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    batches: list[tuple[int, bytes]] = field(default_factory=list)
    """Index of a batch, and the tree over its members."""
    ids: dict[bytes, int] = field(default_factory=dict)
    """entry id ‖ author -> index."""
    newest_id: bytes = b""
    """The largest of them, those of epochs apart: no author's id is ever one of those."""
    _heads: dict[ChainId, Head] = field(default_factory=dict)
    _continued: set[ChainId] = field(default_factory=set)
    """Chains whose head lies in an earlier log: their next leaf says so."""

    @property
    def next_index(self) -> int:
        return self.view.size + len(self.leaves)

    def add(self, entry: Admitted) -> Appended:
        """Place one entry. Raises BadRequest; Conflict for an id that stands for other bytes."""
        claim = entry.claim
        if claim.kind is Kind.BATCH:
            raise BadRequest("a batch is handed in together with its members")
        if self.registry_changes:
            raise BadRequest(
                "a change of actors or governors ends its commit",
                hint="hand in the entries behind it afterwards",
            )
        known = self._known(entry)
        if known is not None:
            return known
        if any(len(tag) != TAG_SIZE for tag in entry.tags):
            raise BadRequest(f"a tag of an entry has not {TAG_SIZE} bytes")
        if entry.chunks:
            self._check_chunks(claim.blob_hash)
        check_time(self.received_ms, claim.entry_id, claim.authored_ms, claim.expires_ms)
        head, kind = self._place(claim)
        self._check_author(entry, head)
        if claim.amended != ZERO_HASH:
            check_amended(claim, entry.amends, self._leaf_at)
        elif claim.kind is Kind.ERASURE:
            check_erasure(claim, kind, entry.erases, self._leaf_at)
        elif claim.kind is Kind.EPOCH:
            self._check_epoch(claim, head)
        return self._put(entry, head, kind)

    def add_batch(self, batch: AdmittedBatch) -> Appended:
        """Place a batch and all its members, or nothing."""
        entry = batch.entry
        if self.registry_changes:
            raise BadRequest(
                "a change of actors or governors ends its commit",
                hint="hand the batch in afterwards",
            )
        known = self._known(entry)
        if known is not None:
            return Appended(known.index, 1 + len(batch.claims), known.leaf_hash, known=True)
        check_time(
            self.received_ms, entry.claim.entry_id, entry.claim.authored_ms, entry.claim.expires_ms
        )
        head, kind = self._place(entry.claim)
        self._check_author(entry, head)
        ids = self._new_ids(batch)
        if batch.ahead is not None:
            self.view.found_ahead(batch.ahead)
        heads = self._member_heads(batch)
        appended = self._put(entry, head, kind)
        self._put_members(batch, ids, heads, appended.index)
        self.batches.append((appended.index, batch.tree))
        return Appended(appended.index, 1 + len(batch.claims), appended.leaf_hash)

    def _known(self, entry: Admitted) -> Appended | None:
        """The place of an entry that stands already; Conflict when other bytes stand under its
        id.
        """
        key = entry.claim.entry_id + entry.claim.author
        index = self._find_id(key)
        if index is None:
            return None
        leaf = self._leaf(index)
        if claim_bytes(leaf) != entry.claim_bytes:
            raise Conflict(
                f"entry id {entry.claim.entry_id.hex()} of this author stands at index {index} "
                "for other bytes",
                hint="use a new entry id for a new entry",
            )
        return Appended(LeafIndex(index), 1, Hash(sha256(b"\0" + leaf).digest()), known=True)

    def _find_id(self, key: bytes) -> int | None:
        if (index := self.ids.get(key)) is not None:
            return index
        return None if key > self.view.latest_id else self.view.find_id(key)

    def _leaf(self, index: int) -> bytes:
        if index >= self.view.size:
            return self.leaves[index - self.view.size]
        return self.view.leaf(index)

    def _leaf_at(self, at: Position) -> bytes:
        if at.back:
            return self.view.earlier_leaf(at)
        if not 0 <= at.at < self.next_index:
            raise BadRequest(f"there is no entry {at.at} that could be named")
        return self._leaf(at.at)

    def _check_chunks(self, blob_hash: Hash) -> None:
        """Chunks belong to one entry: whoever erases its own must not erase another's."""
        if self.view.has_large(blob_hash) or any(one[1] == blob_hash for one in self.large):
            raise BadRequest("these chunks are another entry's", hint="seal the content anew")

    def _head(self, chain: ChainId) -> Head | None:
        """The leaf that the chain's next one follows, here or in an earlier log of the line."""
        head = self._heads.get(chain) or self.view.head(chain)
        if head is None and (head := self.view.inherited(chain)) is not None:
            self._continued.add(chain)
        return head

    def _place(self, claim: Claim) -> tuple[Head | None, ChainType]:
        """The chain's head and type, if this kind may follow there. Raises BadRequest."""
        registry = self.view.registry
        if claim.log != registry.log:
            raise BadRequest("the claim is for another log", hint="sign it for this log's id")
        head = self._head(claim.chain)
        owner = registry.derived.get(claim.chain)
        if owner is not None:
            return head, _derived_type(claim, owner, registry)
        if head is None:
            first = _FIRST_KINDS.get(claim.kind)
            if first is None:
                raise BadRequest(
                    f"record {claim.chain.hex()} is unknown", hint="open it first, or mend the id"
                )
            return None, first
        ended = head.type is ChainType.LOG and claim.chain != registry.log_chain
        if claim.kind in _LATER_KINDS.get(head.type, ()) and not ended:
            return head, head.type
        raise BadRequest(
            f"an entry of kind {claim.kind.name.lower()} cannot stand on this chain "
            f"({head.type.name.lower()})"
        )

    def _check_author(self, entry: Admitted, head: Head | None) -> None:
        registry, claim = self.view.registry, entry.claim
        if claim.kind is Kind.EPOCH:
            registry.check_log(claim.author, entry.kid)
            return
        if claim.kind not in REGISTRY_KINDS:
            registry.may_sign(claim, entry.kid, self.received_ms)
            return
        seq, prev = (head.length, head.hash) if head else (0, ZERO_HASH)
        place = Place(self.next_index, seq, prev, self.received_ms)
        body = check_change(registry, claim, entry.kid, place)
        if isinstance(body, Enrol):
            self._check_derived_free(ActorId(claim.chain))
            self._check_record(body)

    def _check_epoch(self, claim: Claim, head: Head | None) -> None:
        """What an epoch lists; whether its roots are those of the leaves is for the check."""
        epoch = Epoch.decode(claim.body)
        if epoch.upto > self.next_index:
            raise BadRequest("an epoch covers leaves that are not there yet")
        if head is not None:
            before = Claim.decode(claim_bytes(self._leaf(head.at)))
            if not epoch.follows(Epoch.decode(before.body)):
                raise BadRequest(
                    "an epoch covers more than the one before it, and takes no merged run apart"
                )

    def _check_record(self, body: Enrol) -> None:
        """A person's record is opened before anybody is enrolled for it."""
        if body.record is None:
            return
        head = self._head(body.record)
        if head is None or head.type is not ChainType.PERSON:
            raise BadRequest(
                f"record {body.record.hex()} is no person's record of this log",
                hint="open it first, or mend the id",
            )

    def _check_derived_free(self, actor: ActorId) -> None:
        """What was opened as a person's record must not become an actor's own chain, which has
        other rules and is released without an access entry.
        """
        registry = self.view.registry
        for chain in (registry.batch_chain(actor), registry.directory_chain(actor)):
            if self._head(chain):
                raise BadRequest(
                    "a chain of this actor was opened before it was enrolled",
                    hint="enrol it under another id",
                )

    def _put(self, entry: Admitted, head: Head | None, kind: ChainType) -> Appended:
        claim, index = entry.claim, self.next_index
        if head is None:
            leaf = encode_leaf(0, ZERO_HASH, 0, self.received_ms, entry.statement)
        else:
            continues = claim.chain in self._continued
            self._continued.discard(claim.chain)
            leaf = encode_leaf(
                head.length, head.hash, head.at, self.received_ms, entry.statement, continues
            )
        hash_ = Hash(sha256(b"\0" + leaf).digest())
        after = Head(kind, head.length + 1 if head else 1, index, hash_)
        self._heads[claim.chain] = after
        key = claim.entry_id + claim.author
        self.ids[key] = index
        self.leaves.append(leaf)
        self.hashes.append(hash_)
        self.chains.append(claim.chain)
        self.heads.append(after)
        self.blobs.append(entry.blob)
        self.keys.append(entry.key)
        self.tags.extend((index, tag) for tag in entry.tags)
        if entry.chunks:
            self.large.append((index, claim.blob_hash, entry.chunks))
        if claim.kind in REGISTRY_KINDS:
            self.registry_changes.append((index, claim))
        if claim.kind is Kind.EPOCH:
            self.epochs.append(index)
        else:
            self.newest_id = max(self.newest_id, key)
        return Appended(LeafIndex(index), 1, hash_)

    def _new_ids(self, batch: AdmittedBatch) -> list[bytes]:
        """The id keys of the members. Raises BadRequest when one is used, repeated or out of
        time.
        """
        author, ids = batch.entry.claim.author, batch.entry_ids
        check_time(self.received_ms, min(ids), batch.latest_authored_ms, batch.earliest_expiry_ms)
        check_time(self.received_ms, max(ids), 0, 0)
        keys = [entry_id + author for entry_id in ids]
        own = batch.entry.claim.entry_id + author
        if len({own, *keys}) != len(keys) + 1:
            raise BadRequest("an entry id occurs twice in the batch")
        used = self._used_id(keys)
        if used is not None:
            raise Conflict(
                f"entry id {used[:16].hex()} is used already; the batch is refused whole",
                hint="send the members that are new in a new batch",
            )
        return keys

    def _used_id(self, keys: Sequence[bytes]) -> bytes | None:
        """One that stands in this draft or in the log; most are larger than all that do."""
        first = min(keys)
        if first <= self.newest_id:
            for key in keys:
                if key in self.ids:
                    return key
        if first > self.view.latest_id:
            return None
        return self.view.used_id([key for key in keys if key <= self.view.latest_id])

    def _member_heads(self, batch: AdmittedBatch) -> dict[ChainId, Head]:
        """The heads that the members follow. BadRequest when a member may not stand there."""
        author, registry = batch.entry.claim.author, self.view.registry
        registry.may_batch(author, Kind(batch.claims[0][1]), batch.chains)
        heads: dict[ChainId, Head] = {}
        directory = registry.directory_chain(author)
        for chain in dict.fromkeys(batch.chains):
            head = self._head(chain)
            if chain == directory:
                if Kind(batch.claims[0][1]) is not Kind.RECORD:
                    raise BadRequest("only records stand on a directory chain")
                head = head or Head(ChainType.DIRECTORY, 0, 0, ZERO_HASH)
            elif head is None:
                raise BadRequest(
                    f"record {chain.hex()} is unknown", hint="open it first, or mend the id"
                )
            elif head.type is not ChainType.PERSON:
                raise BadRequest(
                    f"a batch member cannot stand on this chain ({head.type.name.lower()})"
                )
            heads[chain] = head
        return heads

    def _put_members(
        self, batch: AdmittedBatch, ids: list[bytes], heads: dict[ChainId, Head], batch_index: int
    ) -> None:
        index, received = self.next_index, self.received_ms
        self.ids.update(zip(ids, range(index, index + len(ids)), strict=True))
        self.newest_id = max(self.newest_id, max(ids))
        leaves, hashes, after = self.leaves, self.hashes, self.heads
        pack, digest, new = MEMBER_HEADER.pack, sha256, tuple.__new__
        continued = self._continued
        # The one loop that a batch cannot do by columns: each leaf needs the hash of the one
        # before.
        for position, (claim, chain) in enumerate(zip(batch.claims, batch.chains, strict=True)):
            kind, count, at, hash_ = heads[chain]
            leaf = pack(MEMBER, count, hash_, at, received, batch_index, position) + claim
            if continued and chain in continued:
                leaf = _CONTINUING_MEMBER + leaf[1:]
                continued.discard(chain)
            hash_ = Hash(digest(b"\0" + leaf).digest())
            head = heads[chain] = new(Head, (kind, count + 1, index + position, hash_))
            leaves.append(leaf)
            hashes.append(hash_)
            after.append(head)
        self.chains.extend(batch.chains)
        self.blobs.extend(batch.blobs)
        self.keys.extend(batch.keys)
        self._heads.update(heads)


def _derived_type(claim: Claim, owner: ActorId, registry: Registry) -> ChainType:
    """The type of an author's own derived chain. Raises BadRequest for another author or a wrong
    kind.
    """
    if claim.author != owner:
        raise BadRequest("only its owner writes on this chain")
    if claim.chain == registry.epoch_chain:
        if claim.kind is Kind.EPOCH:
            return ChainType.EPOCH
        raise BadRequest("only epochs stand on this chain")
    is_batch = claim.chain == registry.batch_chain(owner)
    if is_batch and claim.kind is Kind.BATCH:
        return ChainType.BATCH
    if not is_batch and claim.kind in _DIRECTORY_KINDS:
        return ChainType.DIRECTORY
    raise BadRequest(f"an entry of kind {claim.kind.name.lower()} cannot stand on this chain")
