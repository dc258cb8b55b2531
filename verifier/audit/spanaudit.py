"""One span of a log, in full: what each leaf must obey, as far as span and registry tell.

What needs other spans goes into the record: see `spans`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from hashlib import sha3_256
from typing import NamedTuple

from verifier.audit.batchstate import batches_to_json
from verifier.audit.columns import Columns
from verifier.audit.fastmembers import FastMembers
from verifier.audit.faststatements import NOT_TAKEN, FastStatements
from verifier.audit.grouping import Grouping
from verifier.audit.heads import head_rows, run_over
from verifier.audit.reading import SpanReader, leaf_hashes
from verifier.audit.references import references_of
from verifier.audit.spans import (
    ID_PARTITION_BYTE,
    OWN,
    SPAN,
    MemoryRecord,
    Span,
    by_partition,
    code_of,
    kind_of,
)
from verifier.errors import NotVerified, Problem
from verifier.formats.claim import ACTOR, BATCH, EPOCH, ERASURE, OPEN, RECORD, TRUST, check_times
from verifier.formats.epoch import blinded_id
from verifier.formats.erasure import parse_erasure
from verifier.formats.keys import verifies
from verifier.formats.leaf import Leaf, parse_leaf
from verifier.formats.merkle import GrowingTree, perfect_root
from verifier.formats.tiles import WIDTH, Source, compare_tile
from verifier.rules.registry import BATCH_LABEL, DIRECTORY_LABEL, EPOCH_LABEL, Registry
from verifier.verdicts.logreport import MAX_PROBLEMS

_OWN_LABELS = {RECORD: DIRECTORY_LABEL, BATCH: BATCH_LABEL, EPOCH: EPOCH_LABEL}
"""Whose chains a first leaf of this kind may open."""


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
        self._columns = Columns(span.first, self._add)
        self._grouping = Grouping(self._add)
        self._fast = FastMembers(facts.log, self._columns, registry.derived)
        self._statements = FastStatements(
            facts.log, self._columns, self._grouping, registry, facts.signatures, known
        )
        self._bundles: list[bytes] = []
        self._references: list[bytes] = []
        self._entries: list[bytes] = []
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
                self._bundle(first, entries)
        except NotVerified as error:
            self._add(error)
            stopped = "unreadable"
        self._grouping.end_group()
        return self._record(stopped)

    def _bundle(self, first: int, entries: list[bytes]) -> None:
        hashes = leaf_hashes(entries)
        if len(hashes) == WIDTH:
            self._tile(first // WIDTH, hashes)
        self._columns.hashes += hashes
        member, statement = self._fast.take, self._statements.take
        for index, raw in enumerate(entries, first):
            if member(index, raw):
                continue
            received_ms = statement(index, raw, self._last_ms)
            if received_ms == NOT_TAKEN:
                self._leaf(index, raw)
            else:
                self._last_ms = received_ms
        if self._facts.renewed:
            self._renewed.extend(sha3_256(b"\x00" + raw).digest() for raw in entries)

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

    def _leaf(self, index: int, raw: bytes) -> None:
        columns, grouping = self._columns, self._grouping
        try:
            leaf = parse_leaf(raw)
        except NotVerified as error:
            self._add(error, index)
            grouping.unreadable(index)
            self._fast.follow(None)
            columns.skip()
            return
        kind = leaf.claim.kind
        self._rule(index, self._check_claim, index, leaf)
        erasure = None
        try:
            erasure = parse_erasure(leaf.body) if kind == ERASURE else None
        except NotVerified as error:
            self._add(error, index)
        columns.add(leaf, code_of(kind, erasure))
        self._rule(index, self._check_author, index, leaf)
        if leaf.member is not None:
            grouping.member(index, leaf)
            self._fast.follow(grouping.group if self._everywhere(index, leaf) else None)
        else:
            grouping.not_a_member(index)
            self._fast.follow(None)
            if kind == BATCH:
                grouping.batch(index, leaf)
        if kind in (ACTOR, TRUST, EPOCH):
            self._entries.append(index.to_bytes(8, "big") + len(raw).to_bytes(4, "big") + raw)
        self._references += references_of(index, leaf.claim, erasure)

    def _rule(self, index: int, rule: Callable[..., None], *arguments: object) -> None:
        try:
            rule(*arguments)
        except NotVerified as error:
            self._add(error, index)

    def _everywhere(self, index: int, leaf: Leaf) -> bool:
        """The author may write such members on any chain that is nobody's."""
        actor = self._registry.actor_at(leaf.claim.author, index)
        return actor is not None and actor.record is None and leaf.claim.kind in actor.signs

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

    # Who signed

    def _check_author(self, index: int, leaf: Leaf) -> None:
        claim, statement, registry = leaf.claim, leaf.statement, self._registry
        derived = registry.derived.get(claim.chain)
        if derived is not None:
            self._check_derived(index, leaf)
        if statement is None:
            registry.check_member(claim, index)
            return
        key = registry.signer(claim, statement, leaf.received_ms, index)
        at = index - self._span.first
        known = self._known[32 * at : 32 * at + 32] == self._columns.hashes[at]
        if known or not self._facts.signatures:
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

    def _flags(self, chain: bytes, at: int) -> int:
        """Whether the author of a chain's first leaf here may open it with this kind."""
        columns = self._columns
        kind = kind_of(columns.codes[at])
        label = _OWN_LABELS.get(kind)
        if label is None or chain not in self._registry.derived:
            return 0
        derived = self._registry.derived_at(chain, self._span.first + at)
        if derived is None or derived.label != label:
            return 0
        return OWN if derived.owner == columns.author(at) else 0

    # The record

    def _record(self, stopped: str | None) -> MemoryRecord:
        facts, columns, first = self._facts, self._columns, self._span.first
        blinded: dict[bytes, bytes] = {}
        rows = b""
        if len(columns.hashes) == SPAN:
            rows = head_rows(
                facts.log, first, columns.chains, columns.seqs, columns.hashes, blinded
            )
        run = run_over(rows) if rows else None
        opened, lead = self._grouping.opened, self._grouping.lead
        header = {
            "log": facts.log.hex(),
            "first": first,
            "count": len(columns.hashes),
            "stopped": stopped,
            "signatures": facts.signatures,
            "problems": [list(problem) for problem in map(astuple, self._problems)],
            "capped": self._capped,
            "first_ms": self._first_ms,
            "last_ms": self._last_ms,
            "kinds": sorted(columns.kinds().items()),
            "segments": len(columns.entered),
            "ids": len(columns.ids),
            "references": len(self._references),
            "run": None if run is None else [run.rows, run.root.hex()],
            "renewed": self._renewed.root().hex() if facts.renewed else None,
            **batches_to_json(lead, opened),
        }
        sections = {
            **columns.sections(),
            "bundles": b"".join(self._bundles),
            **by_partition("segments", self._segment_rows(blinded), 0),
            **by_partition("ids", columns.ids, ID_PARTITION_BYTE),
            "references": b"".join(self._references),
            "heads": rows,
            "registry": b"".join(self._entries),
            "lead": b"".join([one for group in lead.groups for one in group.hashes]),
            "opened": b"".join(opened.hashes) if opened else b"",
        }
        return MemoryRecord(header, sections)

    def _segment_rows(self, blinded: dict[bytes, bytes]) -> list[bytes]:
        first_log = self._facts.first_log
        known = blinded if first_log == self._facts.log else {}

        def key_of(chain: bytes) -> bytes:
            return known.get(chain) or blinded_id(first_log, chain)

        return self._columns.segment_rows(key_of, self._flags)
