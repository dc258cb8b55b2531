"""One span of a log, in full: what each leaf must obey, as far as span and registry tell.

What needs other spans goes into the record: see `spans`.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import astuple
from hashlib import sha3_256
from typing import NamedTuple

from verifier.audit.batchstate import batches_to_json
from verifier.audit.heads import head_rows, run_over
from verifier.audit.linking import Links, Segment
from verifier.audit.reading import SpanReader, leaf_hashes
from verifier.audit.references import references_of
from verifier.audit.spans import (
    AUTHOR,
    ID_PARTITION_BYTE,
    OWN,
    SPAN,
    MemoryRecord,
    Span,
    by_partition,
    code_of,
    kind_of,
)
from verifier.batches import Batches, Lead, Members, member_hash
from verifier.bodies import parse_batch
from verifier.claim import ACTOR, BATCH, EPOCH, ERASURE, OPEN, RECORD, TRUST, check_times
from verifier.epoch import blinded_id
from verifier.erasure import parse_erasure
from verifier.errors import NotVerified, Problem
from verifier.keys import verifies
from verifier.leaf import Leaf, parse_leaf
from verifier.logreport import MAX_PROBLEMS
from verifier.merkle import GrowingTree, perfect_root
from verifier.registry import BATCH_LABEL, DIRECTORY_LABEL, EPOCH_LABEL, Registry
from verifier.tiles import WIDTH, Source, compare_tile

_NO_CHAIN = bytes(16)
_OWN_LABELS = {BATCH: BATCH_LABEL, EPOCH: EPOCH_LABEL}


class LogFacts(NamedTuple):
    """What a span's audit is told about its log."""

    log: bytes
    first_log: bytes
    """Of the line."""
    signatures: bool
    """Check those of authors."""
    renewed: bool
    """Its successor names a SHA3-256 root over all leaves."""


class SpanAudit:
    def __init__(
        self,
        source: Source,
        span: Span,
        reader: SpanReader,
        registry: Registry,
        facts: LogFacts,
        known: bytes = b"",
    ) -> None:
        """`known`: hashes of the span's first leaves, whose signatures were checked before."""
        self._known = known
        self._source = source
        self._span = span
        self._reader = reader
        self._registry = registry
        self._facts = facts
        self._problems: list[Problem] = []
        self._capped = False
        self._links = Links(self._add)
        self._batches = Batches(self._add)
        self._lead: Lead | None = Lead()
        """None behind its end."""
        self._leading = self._lead
        self._group: Members | None = None
        self._bundles: list[bytes] = []
        self._hashes: list[bytes] = []
        self._chains: list[bytes] = []
        self._seqs = array("Q")
        self._codes = bytearray()
        self._ids: list[bytes] = []
        self._references: list[bytes] = []
        self._entries: list[bytes] = []
        self._authors: Counter[bytes] = Counter()
        self._first_ms: tuple[int, int] | None = None
        """Index and time of the first leaf that reads."""
        self._last_ms = 0
        self._renewed = GrowingTree(sha3_256)

    def run(self) -> MemoryRecord:
        """Check all leaves. The record says where it ended early."""
        stopped = None
        try:
            for first, entries in self._reader.bundles():
                if self._capped:
                    stopped = "capped"
                    break
                hashes = leaf_hashes(entries)
                if len(hashes) == WIDTH:
                    self._tile(first // WIDTH, hashes)
                for index, (raw, hashed) in enumerate(zip(entries, hashes, strict=True), first):
                    self._leaf(index, raw, hashed)
                self._hashes += hashes
                if self._facts.renewed:
                    self._renewed.extend(sha3_256(b"\x00" + raw).digest() for raw in entries)
        except NotVerified as error:
            self._add(error)
            stopped = "unreadable"
        self._end_group()
        return self._record(stopped)

    def _add(self, error: NotVerified, index: int | None = None) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(error.problem if index is None else error.at(index))
        else:
            self._capped = True

    def _tile(self, number: int, hashes: list[bytes]) -> None:
        try:
            compare_tile(self._source, 0, number, hashes)
        except NotVerified as error:
            self._add(error)
        self._bundles.append(perfect_root(hashes))

    def _leaf(self, index: int, raw: bytes, hashed: bytes) -> None:
        try:
            leaf = parse_leaf(raw)
        except NotVerified as error:
            self._add(error, index)
            self._behind_members(index, readable=False)
            self._chains.append(_NO_CHAIN)
            self._seqs.append(0)
            self._codes.append(0)
            return
        claim = leaf.claim
        kind = claim.kind
        try:
            self._check_claim(index, leaf)
        except NotVerified as error:
            self._add(error, index)
        if leaf.member is not None:
            self._member(index, leaf)
        else:
            self._behind_members(index)
            if kind == BATCH:
                self._start_batch(index, leaf)
        erasure = None
        try:
            erasure = parse_erasure(leaf.body) if kind == ERASURE else None
        except NotVerified as error:
            self._add(error, index)
        code = code_of(kind, erasure)
        self._links.add(index, hashed, leaf, code)
        try:
            self._check_author(index, leaf, hashed)
        except NotVerified as error:
            self._add(error, index)
        if kind in (ACTOR, TRUST, EPOCH):
            self._entries.append(index.to_bytes(8, "big") + len(raw).to_bytes(4, "big") + raw)
        self._references += references_of(index, claim, erasure)
        self._chains.append(claim.chain)
        self._seqs.append(leaf.seq)
        self._codes.append(code)
        self._ids.append(leaf.claim_bytes[50:82] + index.to_bytes(8, "big"))
        self._authors[claim.author] += 1

    def _check_claim(self, index: int, leaf: Leaf) -> None:
        claim, received_ms = leaf.claim, leaf.received_ms
        last_ms, self._last_ms = self._last_ms, received_ms
        if self._first_ms is None:
            self._first_ms = (index, received_ms)
        if index and claim.log != self._facts.log:
            raise NotVerified("log", self._facts.log.hex(), claim.log.hex())
        if received_ms < last_ms:
            raise NotVerified("time", f"received at {last_ms} or later", str(received_ms))
        check_times(claim, received_ms)

    # Batches

    def _member(self, index: int, leaf: Leaf) -> None:
        member, group = leaf.member, self._group
        if member is None:
            return
        if group is None or not group.takes(member, leaf.claim, leaf.received_ms):
            self._end_group()
            group = self._group = Members(
                index,
                member.batch_index,
                member.position,
                leaf.received_ms,
                leaf.claim.kind,
                leaf.claim.author,
            )
        group.hashes.append(member_hash(leaf.claim_bytes))

    def _end_group(self) -> None:
        group, self._group = self._group, None
        if group is None:
            return
        if self._lead is not None:
            self._lead.groups.append(group)
        else:
            self._batches.members(group)

    def _behind_members(self, index: int, readable: bool = True) -> None:
        self._end_group()
        if self._lead is not None:
            self._lead.ended_at, self._lead = index, None
        if readable:
            self._batches.not_a_member(index)
        else:
            self._batches.unreadable(index)

    def _start_batch(self, index: int, leaf: Leaf) -> None:
        try:
            batch = parse_batch(leaf.body)
        except NotVerified as error:
            self._add(error, index)
        else:
            self._batches.start(index, leaf.claim.author, leaf.received_ms, batch)

    # Who signed

    def _check_author(self, index: int, leaf: Leaf, hashed: bytes) -> None:
        claim, statement, registry = leaf.claim, leaf.statement, self._registry
        derived = registry.derived.get(claim.chain)
        if derived is not None:
            self._check_derived(index, leaf)
        if statement is None:
            registry.check_member(claim, index)
            return
        key = registry.signer(claim, statement, leaf.received_ms, index)
        at = 32 * (index - self._span.first)
        if not self._facts.signatures or self._known[at : at + 32] == hashed:
            return
        if not verifies(key.public_key, statement.signature, statement.signed):
            found = "one that does not verify"
            raise NotVerified("signature", "the author's signature", found)

    def _check_derived(self, index: int, leaf: Leaf) -> None:
        """Of a leaf on a chain that belongs to somebody."""
        claim = leaf.claim
        derived = self._registry.derived_at(claim.chain, index)
        if derived is None:
            return
        if leaf.seq == 0 and claim.kind in (ACTOR, OPEN):
            expected, found = "a chain id of its own", "the derived chain id of an actor or the log"
            self._add(NotVerified("chain", expected, found), index)
        elif leaf.seq and claim.author != derived.owner:
            found = f"author {claim.author.hex()}"
            self._add(NotVerified("chain", "the author whose chain it is", found), index)

    def _is_own(self, chain: bytes, segment: Segment) -> bool:
        """The author of its first leaf may open it."""
        derived = self._registry.derived_at(chain, segment.first_index)
        label = _OWN_LABELS.get(kind_of(segment.code), DIRECTORY_LABEL)
        return derived is not None and derived.label == label and derived.owner == segment.author

    # The record

    def _record(self, stopped: str | None) -> MemoryRecord:
        facts, first = self._facts, self._span.first
        blinded: dict[bytes, bytes] = {}
        rows = b""
        if len(self._hashes) == SPAN:
            rows = head_rows(facts.log, first, self._chains, self._seqs, self._hashes, blinded)
        run = run_over(rows) if rows else None
        self._seqs.byteswap()
        header = {
            "log": facts.log.hex(),
            "first": first,
            "count": len(self._hashes),
            "stopped": stopped,
            "signatures": facts.signatures,
            "problems": [list(problem) for problem in map(astuple, self._problems)],
            "capped": self._capped,
            "first_ms": self._first_ms,
            "last_ms": self._last_ms,
            "kinds": sorted(self._kinds().items()),
            "segments": len(self._links.segments),
            "ids": len(self._ids),
            "references": len(self._references),
            "run": None if run is None else [run.rows, run.root.hex()],
            "renewed": self._renewed.root().hex() if facts.renewed else None,
            **batches_to_json(self._leading, self._batches.opened),
        }
        opened = self._batches.opened
        sections = {
            "bundles": b"".join(self._bundles),
            "hashes": b"".join(self._hashes),
            "chains": b"".join(self._chains),
            "seqs": self._seqs.tobytes(),
            "codes": bytes(self._codes),
            **by_partition("segments", self._segment_rows(blinded), 0),
            **by_partition("ids", self._ids, ID_PARTITION_BYTE),
            "references": b"".join(self._references),
            "heads": rows,
            "registry": b"".join(self._entries),
            "lead": b"".join(one for group in self._leading.groups for one in group.hashes),
            "opened": b"".join(opened.hashes) if opened else b"",
            "authors": b"".join(AUTHOR.pack(*row) for row in self._authors.items()),
        }
        return MemoryRecord(header, sections)

    def _kinds(self) -> Counter[int]:
        counted: Counter[int] = Counter()
        for code, count in Counter(self._codes).items():
            if code:
                counted[kind_of(code)] += count
        return counted

    def _segment_rows(self, blinded: dict[bytes, bytes]) -> list[bytes]:
        first_log, rows = self._facts.first_log, []
        same_log = first_log == self._facts.log
        for chain, segment in self._links.segments.items():
            key = blinded.get(chain) if same_log else None
            if kind_of(segment.code) in (RECORD, BATCH, EPOCH) and self._is_own(chain, segment):
                segment.flags |= OWN
            rows.append(segment.row(key or blinded_id(first_log, chain), chain))
        return rows
