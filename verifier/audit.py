"""Audit of a whole log: every rule, from the stored files alone.

1. checkpoint: the note, and a valid line of every pinned key
2. bundles, decoded strictly, one after the other; each leaf as in `LeafRules`
3. the tree recomputed from the leaves: stored hash tiles, then the checkpoint's root
4. author signatures, on all cores, beside steps 2 and 3

Problems are collected up to a cap; a bundle that cannot be decoded ends the audit, since nothing
behind it has a known place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from verifier.batches import Batches
from verifier.bodies import Enrol, Genesis, parse_actor, parse_batch, parse_genesis
from verifier.chains import Chains
from verifier.checkpoint import Checkpoint, open_checkpoint
from verifier.claim import ACTOR, BATCH, GENESIS, KINDS, check_times
from verifier.entryids import EntryIds
from verifier.errors import NotVerified, Problem, Unreadable, quote
from verifier.leaf import Leaf, parse_leaf
from verifier.note import MAX_NOTE_BYTES, VerifierKey
from verifier.registry import Registry
from verifier.signatures import Job, SignatureChecker, ThreadedChecker
from verifier.tiles import WIDTH, Source, Tree, read_bundle

MAX_PROBLEMS = 20


@dataclass(slots=True)
class LogReport:
    checkpoint: Checkpoint | None = None
    log_id: bytes | None = None
    leaves: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    chains: int = 0
    actors: int = 0
    problems: list[Problem] = field(default_factory=list)
    capped: bool = False
    """There were more problems than are listed."""
    not_checked: list[str] = field(default_factory=list)

    @property
    def verified(self) -> bool:
        return not self.problems

    def add(self, problem: Problem) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)
        else:
            self.capped = True


def audit_log(
    source: Source,
    keys: Sequence[VerifierKey],
    checker: SignatureChecker | None = None,
    progress: Callable[[int, int], None] = lambda done, size: None,
) -> LogReport:
    """Everything that the files in `source` say, checked. Raises only Unreadable."""
    report = LogReport()
    raw = source.read("checkpoint", MAX_NOTE_BYTES)
    if raw is None:
        raise Unreadable("no checkpoint there: not a log in tlog-tiles layout")
    try:
        checkpoint = report.checkpoint = open_checkpoint(raw, keys)
        if checkpoint.size == 0:
            raise NotVerified("genesis", "a log with a genesis", "an empty log")
    except NotVerified as error:
        report.add(error.problem)
        report.not_checked.append("the log: its checkpoint is false")
        return report
    checker = checker or ThreadedChecker()
    try:
        _audit_leaves(source, keys, checkpoint, checker, progress, report)
    finally:
        checker.close()
    report.problems.sort(key=lambda p: (p.index is None, p.index or 0))
    return report


def _audit_leaves(
    source: Source,
    keys: Sequence[VerifierKey],
    checkpoint: Checkpoint,
    checker: SignatureChecker,
    progress: Callable[[int, int], None],
    report: LogReport,
) -> None:
    size = checkpoint.size
    tree = Tree(source, lambda error: report.add(error.problem))
    rules = LeafRules(checkpoint.origin, keys, checker, report)
    try:
        for first in range(0, size, WIDTH):
            entries = read_bundle(source, first // WIDTH, min(WIDTH, size - first))
            hashes = [sha256(b"\x00" + entry).digest() for entry in entries]
            for index, (entry, hashed) in enumerate(zip(entries, hashes, strict=True), first):
                rules.check(index, entry, hashed)
            tree.add(hashes)
            report.leaves += len(entries)
            _report_signatures(checker.failures(), report)
            progress(report.leaves, size)
            if report.capped:
                report.not_checked.append(f"leaves from {report.leaves} on: too many problems")
                break
        else:
            rules.end(size)
            root = tree.root()
            if root != checkpoint.root:
                raise NotVerified("root", f"{checkpoint.root.hex()} (checkpoint)", root.hex())
    except NotVerified as error:
        report.add(error.problem)
        if report.leaves < size:
            report.not_checked.append(f"leaves from {report.leaves} on, and the root")
    _report_signatures(checker.failures(wait=True), report)
    rules.count()


def _report_signatures(failed: list[int], report: LogReport) -> None:
    for index in failed:
        report.add(
            Problem("signature", "the author's signature", "one that does not verify", index)
        )


class LeafRules:
    """What each leaf must obey, given all leaves before it. Owns the state that this needs.

    A false leaf is reported and, where it can, counts as accepted, so that one lie is not reported
    again at every later leaf that builds on it.
    """

    def __init__(
        self,
        origin: str,
        keys: Sequence[VerifierKey],
        checker: SignatureChecker,
        report: LogReport,
    ) -> None:
        self._origin = origin
        self._keys = keys
        self._checker = checker
        self._report = report
        self._log = b""
        self._registry: Registry | None = None
        self._chains = Chains()
        self._batches = Batches()
        self._ids = EntryIds()
        self._received_ms = 0
        self._kinds = [0] * 256

    def check(self, index: int, raw: bytes, hashed: bytes) -> None:
        try:
            leaf = parse_leaf(raw)
            genesis = None
            if index == 0:
                genesis = open_genesis(leaf, self._origin, self._keys)
                self._registry = Registry(hashed, genesis)
                self._chains.derived = self._registry.derived
                self._log = self._report.log_id = hashed
            if self._registry is None:
                return
        except NotVerified as error:
            self._report.add(error.at(index))
            if index == 0:
                self._report.not_checked.append("leaves after the false genesis, but for the tree")
            self._rule(index, self._batches.not_a_member, index)
            return
        self._kinds[leaf.claim.kind] += 1
        self._rule(index, self._check_claim, index, leaf)
        self._rule(index, self._check_batch, index, leaf)
        author = self._registry.actors.get(leaf.claim.author)
        self._rule(index, self._chains.extend, index, hashed, leaf, author)
        self._rule(index, self._check_signer, index, leaf, self._registry)

    def end(self, size: int) -> None:
        self._rule(size - 1, self._batches.end, size)

    def count(self) -> None:
        for kind, count in enumerate(self._kinds):
            if count:
                self._report.kinds[KINDS[kind].name] = count
        self._report.chains = len(self._chains)
        self._report.actors = len(self._registry.actors) if self._registry else 0

    def _rule(self, index: int, rule: Callable[..., None], *arguments: object) -> None:
        try:
            rule(*arguments)
        except NotVerified as error:
            self._report.add(error.at(index))

    def _check_claim(self, index: int, leaf: Leaf) -> None:
        claim, received_ms = leaf.claim, leaf.received_ms
        if index and claim.log != self._log:
            raise NotVerified("log", self._log.hex(), claim.log.hex())
        last_ms, self._received_ms = self._received_ms, received_ms
        if received_ms < last_ms:
            raise NotVerified("time", f"received at {last_ms} or later", str(received_ms))
        check_times(claim, received_ms)
        self._ids.add(claim, received_ms)

    def _check_batch(self, index: int, leaf: Leaf) -> None:
        if leaf.member is not None:
            self._batches.member(index, leaf)
            return
        try:
            self._batches.not_a_member(index)
        finally:
            if leaf.claim.kind == BATCH:
                self._batches.start(index, leaf.claim.author, parse_batch(leaf.body))

    def _check_signer(self, index: int, leaf: Leaf, registry: Registry) -> None:
        claim, statement = leaf.claim, leaf.statement
        if statement is None:
            return
        key = registry.signer(claim.kind, claim.author, statement.kid, statement.alg)
        self._checker.submit(Job(index, key.public_key, statement.signature, statement.signed))
        if claim.kind == ACTOR:
            body = parse_actor(leaf.body)
            if isinstance(body, Enrol) != (leaf.seq == 0):
                raise NotVerified("actor", "enrol at seq 0, revoke later", f"seq {leaf.seq}")
            if isinstance(body, Enrol):
                enrolled = registry.enrol(claim.chain, body)
                for chain in (enrolled.batch_chain, enrolled.directory_chain):
                    if chain in self._chains:
                        raise NotVerified(
                            "actor", "own chains that are new", f"{chain.hex()}, opened before"
                        )
            else:
                registry.revoke(claim.chain, body, index)


def open_genesis(leaf: Leaf, origin: str, keys: Sequence[VerifierKey]) -> Genesis:
    """The genesis in leaf 0, which must name this origin and the keys that were pinned."""
    claim = leaf.claim
    if claim.kind != GENESIS:
        raise NotVerified("genesis", "kind genesis at index 0", f"kind {KINDS[claim.kind].name}")
    genesis = parse_genesis(leaf.body)
    if genesis.origin != origin:
        raise NotVerified("genesis", f"origin {quote(origin)}", quote(genesis.origin))
    named = sha256(origin.encode()).digest()
    if claim.log != named:
        raise NotVerified("genesis", f"log {named.hex()} (hash of the origin)", claim.log.hex())
    for key in keys:
        if key.text not in {own.text for own in genesis.checkpoint_keys}:
            raise NotVerified(
                "genesis", f"checkpoint key {key.key_id.hex()} among its keys", "other keys"
            )
    if claim.author != genesis.governor:
        raise NotVerified("genesis", f"author {genesis.governor.hex()}", claim.author.hex())
    return genesis
