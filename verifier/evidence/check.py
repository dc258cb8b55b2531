"""An evidence file, checked: offline, with nothing but a policy.

1. the container, to its last byte
2. checkpoint: the note, every pinned key of the log, whichever cosigners signed
3. log by log, the oldest first: the leaves under the root, each leaf, registry, chains, batches
4. look-up: the heads of all chains that are whole, in every log's epoch
5. nothing here that the claim does not need, and what is claimed is here
6. author signatures, on all cores, beside the other steps
7. a content key that was disclosed
8. age of the epoch
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from verifier.errors import NotVerified, Problem
from verifier.evidence.container import (
    ABSENCE,
    ENTRY,
    Evidence,
    EvidenceClaim,
    Part,
    parse_evidence,
)
from verifier.evidence.leaves import Claimed, Line, PartLeaves
from verifier.evidence.lookup import Index
from verifier.evidence.opening import Content, open_blob
from verifier.formats.bodies import Genesis
from verifier.formats.checkpoint import Checkpoint, Opened, open_under
from verifier.formats.claim import CLOCK_AHEAD_MS
from verifier.formats.epoch import check_closing
from verifier.formats.merkle import multi_root
from verifier.formats.note import parse_note
from verifier.formats.policy import Policy
from verifier.rules.chains import Head
from verifier.rules.custodians import Counted, count_custodians, signing_actors
from verifier.rules.founding import closing_checkpoint, parse_founding
from verifier.rules.registered import position
from verifier.rules.registry import Registry
from verifier.rules.signatures import SignatureChecker, ThreadedChecker


@dataclass(frozen=True, slots=True)
class LogPart:
    """One log of the line, as far as it is here."""

    origin: str
    log_id: bytes
    size: int
    epoch_index: int
    covered: int
    """E: what is said counts for the leaves below."""
    epoch_ms: int

    @property
    def skipped(self) -> int:
        """Entries that came before the epoch, and that it does not cover."""
        return self.epoch_index - self.covered


@dataclass(slots=True)
class EvidenceReport:
    claim: EvidenceClaim | None = None
    opened: Opened | None = None
    parts: list[LogPart] = field(default_factory=list)
    """The newest log's first."""
    entries: list[Claimed] = field(default_factory=list)
    """What is claimed, the oldest first."""
    contested: set[tuple[int, int]] = field(default_factory=set)
    """Logs back and index of entries whose author is contested since."""
    custodians: Counted | None = None
    renewed: bool = False
    """A succession renewed the hash: that takes all leaves."""
    content: Content | None = None
    problems: list[Problem] = field(default_factory=list)
    false_log: str = ""
    """Origin of the log that a problem is in, where the file has several."""

    @property
    def verified(self) -> bool:
        return not self.problems

    @property
    def complete(self) -> bool:
        return self.custodians is not None and self.custodians.complete

    @property
    def behind_epoch(self) -> bool:
        """It is about an entry of which the epoch says nothing."""
        claim = self.claim
        return (
            claim is not None
            and claim.what == ENTRY
            and claim.leaf_index >= self.parts[claim.back].covered
        )


def check_evidence(
    raw: bytes,
    policy: Policy,
    now_ms: int = 0,
    max_age_ms: int | None = None,
    checker: SignatureChecker | None = None,
) -> EvidenceReport:
    """Does not raise: what is false is in the report."""
    report = EvidenceReport()
    checker = checker or ThreadedChecker()
    try:
        evidence = parse_evidence(raw)
        report.claim = evidence.claim
        _check(evidence, policy, checker, report)
        if max_age_ms is not None:
            _check_age(report.parts[0], now_ms, max_age_ms)
    except NotVerified as error:
        report.problems.append(error.problem)
    finally:
        checker.close()
    return report


def _check(
    evidence: Evidence, policy: Policy, checker: SignatureChecker, report: EvidenceReport
) -> None:
    opened = report.opened = open_under(evidence.checkpoint, policy)
    foundings = [parse_founding(part.leaves[0].leaf) for part in evidence.parts]
    checkpoints = _checkpoints(opened.checkpoint, foundings)
    keys = [policy.log_keys, *(genesis.checkpoint_keys for genesis in foundings[1:])]
    line = Line(evidence, checker)
    read: list[PartLeaves] = []
    for back in range(len(evidence.parts) - 1, -1, -1):
        part, checkpoint = evidence.parts[back], checkpoints[back]
        report.false_log = checkpoint.origin if len(evidence.parts) > 1 else ""
        _check_tree(part, checkpoint)
        leaves = PartLeaves(line, back, checkpoint, keys[back])
        leaves.check()
        read.insert(0, leaves)
        report.parts.insert(0, _summary(part, leaves, checkpoint))
        if back:
            check_closing(part.epoch, part.epoch_leaf.leaf_index, checkpoint.size)
            renewal = foundings[back - 1].renewal
            report.renewed |= renewal is not None
            leaves.hand_over(b"" if renewal is None else renewal.leaves)
    if line.registry is None:
        raise ValueError("a file has one part at least")
    report.false_log = ""
    _check_complete(evidence, line, line.registry, read)
    report.entries = [one for leaves in reversed(read) for one in leaves.claimed]
    _check_claim(evidence.claim, report.entries)
    for number in checker.failures(wait=True):
        index = line.submitted[number][1]
        raise NotVerified("signature", "the author's signature", "one that does not verify", index)
    if evidence.disclosure is not None:
        leaf = report.entries[0].leaf
        disclosed = evidence.disclosure
        report.content = open_blob(leaf.claim, disclosed.blob, disclosed.content_key)
    report.custodians = count_custodians(
        opened, policy, line.registry, "its enrolment is not in the file"
    )
    report.contested = set(_contested(report.entries, line.registry, len(read)))


def _checkpoints(newest: Checkpoint, foundings: list[Genesis]) -> list[Checkpoint]:
    """Of all logs: each but the newest ends where the next newer one says."""
    older = [closing_checkpoint(new, old) for new, old in pairwise(foundings)]
    return [newest, *older]


def _check_tree(part: Part, checkpoint: Checkpoint) -> None:
    hashed = ((placed.leaf_index, placed.hashed) for placed in part.leaves)
    found = multi_root(hashed, checkpoint.size, part.hashes)
    if found != checkpoint.root:
        raise NotVerified("root", f"{checkpoint.root.hex()} (checkpoint)", found.hex())


def _check_complete(
    evidence: Evidence, line: Line, registry: Registry, read: list[PartLeaves]
) -> None:
    needed = _needed_actors(evidence, line, registry)
    for actor in line.chain_authors:
        if actor not in needed:
            raise NotVerified("leaves", "actors that the claim needs", actor.hex())
    looked_up = sorted(needed)
    if evidence.claim.what != ENTRY:
        looked_up.append(evidence.claim.chain)
    for part, leaves in zip(evidence.parts, read, strict=True):
        index = Index(leaves.log, part.runs)
        for chain in {leaves.log_chain, *looked_up}:
            _look_up(index, chain, leaves.heads.get(chain))
        index.check_used()


def _look_up(index: Index, chain: bytes, head: Head | None) -> None:
    if head is None:
        index.check_absent(chain)
    else:
        index.check_head(chain, head.seq + 1, head.leaf_index, head.leaf_hash)


def _needed_actors(evidence: Evidence, line: Line, registry: Registry) -> set[bytes]:
    """The authors of what is here, an actor whose chain is asked for, who enrolled all of them, and
    the custodians that signed."""
    left = {*line.authors, evidence.claim.chain}
    signed = set(signing_actors(parse_note(evidence.checkpoint), registry))
    left |= signed & set(line.chain_authors)
    needed: set[bytes] = set()
    while left:
        actor = left.pop()
        if actor in registry.actors and actor not in needed:
            needed.add(actor)
            left |= line.chain_authors.get(actor, set())
    return needed


def _check_claim(claim: EvidenceClaim, entries: list[Claimed]) -> None:
    if claim.what == ABSENCE:
        if entries:
            index = entries[0].leaf_index
            raise NotVerified("claim", "no leaf of the chain", f"leaf {index}", index)
    elif not entries:
        what = f"leaf {claim.leaf_index}" if claim.what == ENTRY else "a leaf"
        raise NotVerified("claim", f"{what} of chain {claim.chain.hex()}", "none")


def _contested(entries: list[Claimed], registry: Registry, logs: int) -> Iterable[tuple[int, int]]:
    for one in entries:
        actor = registry.actors.get(one.leaf.claim.author)
        since = None if actor is None else actor.contested_now
        if since is not None and since <= position(logs - 1 - one.back, one.leaf_index):
            yield one.back, one.leaf_index


def _check_age(newest: LogPart, now_ms: int, max_age_ms: int) -> None:
    """Of what the epoch covers: its own time says that only when nothing came in between."""
    if newest.skipped:
        raise NotVerified("age", "an epoch over all entries before it", f"{newest.skipped} less")
    age = now_ms - newest.epoch_ms
    if age > max_age_ms:
        raise NotVerified("age", f"an epoch of the last {max_age_ms // 1000} s", f"{age // 1000} s")
    if age < -CLOCK_AHEAD_MS:
        # Else a log that once ran ahead would never grow old.
        raise NotVerified("age", "an epoch not after now, by the clock here", f"{age // 1000} s")


def _summary(part: Part, leaves: PartLeaves, checkpoint: Checkpoint) -> LogPart:
    epoch = part.epoch_leaf
    return LogPart(
        checkpoint.origin,
        leaves.log,
        checkpoint.size,
        epoch.leaf_index,
        part.epoch.covered,
        epoch.leaf.received_ms,
    )
