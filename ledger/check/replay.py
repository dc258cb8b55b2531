"""Replay: every leaf again through the sequencer, which must make exactly the stored bytes.

So every rule that was applied when an entry came is applied again, by the same code, at the time
that the leaf says: signature, registry at that position, chain, idempotency, batch, amendment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ledger.admission import Admitted, AdmittedBatch
from ledger.check.report import Report
from ledger.errors import BadRequest, CounterfoilError
from ledger.heads import ChainType, Head
from ledger.identity import Registry, Succession
from ledger.index_replay import first_type
from ledger.member_tree import member_tree
from ledger.merkle import leaf_hash
from ledger.named import named_hashes
from ledger.reader import Reader, earlier_leaves, earlier_of, inherited_from
from ledger.renewing import check_renewal
from ledger.right_edge import begun_registry
from ledger.sequencer import Draft, LogView, check_time
from ledger.vault.keys import NO_KEY
from ledger.wire.batch import BatchBody, member_hashes
from ledger.wire.claim import AMENDING_KINDS, Kind
from ledger.wire.ids import ZERO_HASH, ChainId, Hash, Position
from ledger.wire.keys import PublicKey, verifies
from ledger.wire.leaf import Leaf, claim_bytes, decode_leaf

_SIGNATURES: Final = 256
"""Signatures that one task checks."""
_EVERY_ID: Final = b"\xff" * 33
"""Larger than any id: the sequencer then looks every id up."""


@dataclass(frozen=True, slots=True)
class Derived:
    """What one stored leaf gives."""

    index: int
    raw: bytes
    hash: Hash
    leaf: Leaf | None
    """None when the bytes are no leaf."""


@dataclass(frozen=True, slots=True)
class _Signature:
    index: int
    key: PublicKey
    signature: bytes
    signed: bytes


class Replay:
    """Feed the leaves once, from index 0, in order, through ``run``; then read what it derived."""

    def __init__(
        self,
        report: Report,
        leaf_at: Callable[[int], bytes],
        find_id: Callable[[bytes], int | None],
        predecessor: Reader | None,
        named: Collection[Hash],
    ) -> None:
        """``named`` has every hash by which a leaf names another one."""
        self.registry: Registry | None = None
        self.heads: dict[ChainId, Head] = {}
        self.registry_indexes: list[int] = []
        self.batches: list[tuple[int, bytes]] = []
        """Index of a batch, and the tree over its members; whoever compares them takes them."""
        self.received_ms = 0
        self._report = report
        self._leaf_at = leaf_at
        self._find_id = find_id
        self._predecessor = self._earlier = predecessor
        self._named = named
        self._places: dict[Hash, Position] = {}
        """Of the named leaves that were read so far."""
        self._inherited = inherited_from(predecessor)
        self._batch: list[Derived] = []
        self._missing = 0
        self._signatures: list[_Signature] = []
        self._pool = ThreadPoolExecutor(thread_name_prefix="check")
        self._checking: list[Future[list[int]]] = []

    def run(self, leaves: Iterable[bytes]) -> Iterator[Derived]:
        """Check each leaf and hand it on; problems go to the report."""
        with self._pool:
            for index, raw in enumerate(leaves):
                derived = self._decode(index, raw)
                self._take(derived)
                yield derived
                self._settle(limit=64)
            if self._missing:
                self._report.add(f"leaf {self._batch[0].index}", "its batch is cut short")
            self._flush()
            self._settle(limit=0)

    def head_after(self, derived: Derived) -> Head | None:
        """The head that a leaf makes of itself for its chain; None where it is no leaf."""
        leaf, registry = derived.leaf, self.registry
        if leaf is None or registry is None:
            return None
        before = self.heads.get(leaf.claim.chain) or self._inherited(leaf.claim.chain)
        try:
            kind = before.type if before else first_type(leaf, registry)
        except CounterfoilError:
            kind = ChainType.PERSON
        return Head(kind, leaf.seq + 1, derived.index, derived.hash)

    def _decode(self, index: int, raw: bytes) -> Derived:
        hash_ = Hash(sha256(b"\0" + raw).digest())
        try:
            return Derived(index, raw, hash_, decode_leaf(raw))
        except CounterfoilError as error:
            self._report.add(f"leaf {index}", str(error))
            return Derived(index, raw, hash_, None)

    def _take(self, derived: Derived) -> None:
        leaf = derived.leaf
        if leaf is None:
            return
        if leaf.received_ms < self.received_ms:
            self._report.add(f"leaf {derived.index}", "its time is before that of the leaf before")
        if derived.index == 0:
            self._found(derived, leaf)
        elif self._missing:
            self._batch.append(derived)
            self._missing -= 1
            if not self._missing:
                self._sequence_batch()
        elif leaf.claim.kind is Kind.BATCH:
            self._begin_batch(derived, leaf)
        else:
            self._sequence(derived, leaf)
        self.received_ms = max(self.received_ms, leaf.received_ms)

    def _found(self, derived: Derived, leaf: Leaf) -> None:
        claim = leaf.claim
        try:
            check_time(leaf.received_ms, claim.entry_id, claim.authored_ms, claim.expires_ms)
            earlier = earlier_of(self._predecessor)
            self.registry = begun_registry(leaf, derived.hash, earlier)
            if self._predecessor is not None:
                check_renewal(Succession.decode(claim.body), self._predecessor)
        except CounterfoilError as error:
            self._report.add("leaf 0", str(error))
            return
        self.registry_indexes.append(0)
        self.heads[leaf.claim.chain] = Head(ChainType.LOG, 1, 0, derived.hash)

    def _begin_batch(self, derived: Derived, leaf: Leaf) -> None:
        try:
            self._missing = BatchBody.decode(leaf.claim.body).count
        except CounterfoilError as error:
            self._report.add(f"leaf {derived.index}", str(error))
            self._follow([derived])
            return
        self._batch = [derived]

    def _sequence(self, derived: Derived, leaf: Leaf) -> None:
        draft = self._draft(derived.index, leaf.received_ms)
        try:
            if draft is None or leaf.statement is None:
                raise BadRequest("a batch member stands outside a batch, or there is no genesis")
            draft.add(self._admitted(derived, leaf))
            self._compare(draft, [derived])
        except CounterfoilError as error:
            self._report.add(f"leaf {derived.index}", str(error))
        else:
            self._note_signature(derived, leaf)
            for index, claim in draft.registry_changes:
                draft.view.registry.apply(claim, index)
                self.registry_indexes.append(index)
        self._follow([derived])

    def _sequence_batch(self) -> None:
        first, *members = self._batch
        leaf = first.leaf
        draft = None if leaf is None else self._draft(first.index, leaf.received_ms)
        try:
            if draft is None or leaf is None or any(one.leaf is None for one in members):
                raise BadRequest("the batch has a member that is no leaf")
            draft.add_batch(self._admitted_batch(first, leaf, members))
            self._compare(draft, self._batch)
        except CounterfoilError as error:
            self._report.add(f"leaf {first.index}", str(error))
        else:
            self._note_signature(first, leaf)
            self.batches += draft.batches
        self._follow(self._batch)

    def _draft(self, index: int, received_ms: int) -> Draft | None:
        """A draft on the log as it was before ``index``; None without a genesis."""
        if self.registry is None:
            return None

        def earlier(key: bytes) -> int | None:
            found = self._find_id(key)
            return found if found is not None and found < index else None

        view = LogView(
            index,
            self.received_ms,
            self.registry,
            self.heads.get,
            earlier,
            lambda keys: next((key for key in keys if earlier(key) is not None), None),
            _EVERY_ID,
            self._leaf_at,
            self._inherited,
            earlier_leaves(self._predecessor),
        )
        return Draft(view, received_ms)

    def _admitted(self, derived: Derived, leaf: Leaf) -> Admitted:
        claim, statement = leaf.claim, leaf.statement
        if statement is None:
            raise BadRequest("a batch begins with a member")
        at = self._positions(named_hashes(claim))
        amends = at[0] if at and claim.kind in AMENDING_KINDS else None
        erases = at if claim.kind is Kind.ERASURE else ()
        raw = claim_bytes(derived.raw)
        return Admitted(
            derived.raw[57:], claim, raw, statement.kid, b"", NO_KEY, (), amends, erases
        )

    def _positions(self, hashes: Sequence[Hash]) -> tuple[Position, ...]:
        """Where named leaves stand: the claim has their hashes only."""
        if not all(one in self._places for one in hashes):
            self._find_in_earlier_logs()
        return tuple(self._places[one] for one in hashes if one in self._places)

    def _find_in_earlier_logs(self) -> None:
        """Read the earlier logs of the line, once: a name may lead far back in a long chain."""
        log, back = self._earlier, 1
        self._earlier = None
        while log is not None:
            for index, raw in enumerate(log.store.leaves(0, log.checkpoint.size)):
                if (hash_ := leaf_hash(raw)) in self._named:
                    self._places.setdefault(hash_, Position(index, back))
            log, back = log.predecessor, back + 1

    def _admitted_batch(self, first: Derived, leaf: Leaf, members: list[Derived]) -> AdmittedBatch:
        body = BatchBody.decode(leaf.claim.body)
        claims = [claim_bytes(one.raw) for one in members]
        tree, root = member_tree(member_hashes(claims))
        if root != body.root:
            raise BadRequest("the members do not give the root that the batch signs")
        decoded = [one.leaf.claim for one in members if one.leaf is not None]
        for claim in decoded:
            whole = (claim.kind, claim.author, claim.log, claim.amended)
            if whole != (body.member_kind, leaf.claim.author, leaf.claim.log, ZERO_HASH):
                raise BadRequest("a member is not of the kind, author or log of its batch")
        empty = [b""] * len(claims)
        return AdmittedBatch(
            self._admitted(first, leaf),
            claims,
            empty,
            [NO_KEY] * len(claims),
            [claim.chain for claim in decoded],
            [claim.entry_id for claim in decoded],
            max(claim.authored_ms for claim in decoded),
            min((claim.expires_ms for claim in decoded if claim.expires_ms), default=0),
            tree,
        )

    def _compare(self, draft: Draft, stored: list[Derived]) -> None:
        if len(draft.leaves) != len(stored):
            raise BadRequest("its entry id stands in the log before")
        for made, one in zip(draft.leaves, stored, strict=True):
            if made != one.raw:
                raise BadRequest(f"leaf {one.index} does not follow the head of its chain")

    def _follow(self, stored: list[Derived]) -> None:
        """Go on from the leaves as they are stored, so that one fault is reported once."""
        for one in stored:
            if one.hash in self._named:
                self._places[one.hash] = Position(one.index)
            head = self.head_after(one)
            if head is not None and one.leaf is not None:
                self.heads[one.leaf.claim.chain] = head

    def _note_signature(self, derived: Derived, leaf: Leaf) -> None:
        statement, registry = leaf.statement, self.registry
        if statement is None or registry is None:
            return
        key = registry.public_key(leaf.claim.author, statement.kid)
        self._signatures.append(
            _Signature(derived.index, key, statement.signature, statement.signed)
        )
        if len(self._signatures) >= _SIGNATURES:
            self._flush()

    def _flush(self) -> None:
        self._checking.append(self._pool.submit(_bad_signatures, self._signatures))
        self._signatures = []

    def _settle(self, limit: int) -> None:
        """Collect signature results, waiting while more than ``limit`` tasks are under way."""
        while len(self._checking) > limit:
            for index in self._checking.pop(0).result():
                self._report.add(f"leaf {index}", "the author's signature is false")


def _bad_signatures(signatures: list[_Signature]) -> list[int]:
    return [one.index for one in signatures if not verifies(one.key, one.signature, one.signed)]
