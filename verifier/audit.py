"""Audit of a whole log: every rule, from the stored files alone.

1. checkpoint: the note, and a valid line of every pinned key
2. bundles, decoded strictly, one after the other; each leaf as in `LeafRules`
3. the tree recomputed from the leaves: stored hash tiles, then the checkpoint's root
4. author signatures, on all cores, beside steps 2 and 3

A log that begins with a succession goes on where its predecessor ended. So the logs before it are
audited first, the oldest at the beginning, each up to the checkpoint that its successor names.

Problems are collected up to a cap; a bundle that cannot be decoded ends the audit, since nothing
behind it has a known place. A log whose predecessor is false is not audited.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import TypeAlias

from verifier.checkpoint import Checkpoint, open_checkpoint
from verifier.errors import NotVerified, Problem, Unreadable
from verifier.founding import closing_checkpoint
from verifier.leafrules import LeafRules, Line
from verifier.line import Member, find_line, read_genesis
from verifier.logreport import LogReport
from verifier.merkle import Sha3Tree
from verifier.note import MAX_NOTE_BYTES, VerifierKey
from verifier.signatures import SignatureChecker, ThreadedChecker
from verifier.tiles import WIDTH, Source, Tree, read_bundle

Progress: TypeAlias = Callable[[int, int], None]


def audit_log(
    source: Source,
    keys: Sequence[VerifierKey],
    checker: SignatureChecker | None = None,
    progress: Progress = lambda done, size: None,
    predecessors: Sequence[Source] = (),
) -> LogReport:
    """Everything that the files in `source` say, checked. `predecessors` are the logs before it,
    in any order. Raises only Unreadable, also when one of these is missing.
    """
    report = LogReport(keys[0].name)
    raw = source.read("checkpoint", MAX_NOTE_BYTES)
    if raw is None:
        raise Unreadable("no checkpoint there: not a log in tlog-tiles layout")
    try:
        checkpoint = open_checkpoint(raw, keys)
        if checkpoint.size == 0:
            raise NotVerified("genesis", "a log with a genesis", "an empty log")
    except NotVerified as error:
        report.add(error.problem)
        report.not_checked.append("the log: its checkpoint is false")
        return report
    newest = Member(source, read_genesis(source, checkpoint.size), report)
    members = find_line(newest, predecessors)
    report.predecessors = [member.report for member in members[:-1]]
    audit = _Audit(checker or ThreadedChecker(), progress)
    try:
        for member, successor in pairwise(members):
            if not audit.earlier(member, successor):
                report.not_checked.append("this log: what it takes over from is false")
                return report
        audit.leaves(newest, checkpoint, keys)
    finally:
        audit.checker.close()
    return report


class _Audit:
    """Of the logs of a line, one after the other."""

    def __init__(self, checker: SignatureChecker, progress: Progress) -> None:
        self.checker = checker
        self._progress = progress
        self._line = Line()

    def earlier(self, member: Member, successor: Member) -> bool:
        """A log that another took over from, up to where that says. False: go no further."""
        old, new = member.genesis, successor.genesis
        if old is None or new is None:
            member.report.add(Problem("genesis", "a log's first leaf", "another", 0))
            return False
        try:
            checkpoint = closing_checkpoint(new, old)
        except NotVerified as error:
            successor.report.add(error.at(0))
            return False
        renewed = None if new.renewal is None else Sha3Tree()
        rules = self.leaves(member, checkpoint, old.checkpoint_keys, renewed)
        if member.report.verified:
            rules.hand_over(b"" if renewed is None else renewed.root())
        return member.report.verified

    def leaves(
        self,
        member: Member,
        checkpoint: Checkpoint,
        keys: Sequence[VerifierKey],
        renewed: Sha3Tree | None = None,
    ) -> LeafRules:
        """All leaves, and the tree over them."""
        source, report, size = member.source, member.report, checkpoint.size
        report.checkpoint, report.audited = checkpoint, True
        tree = Tree(source, lambda error: report.add(error.problem))
        rules = LeafRules(checkpoint, keys, self.checker, report, self._line)
        try:
            for first in range(0, size, WIDTH):
                entries = read_bundle(source, first // WIDTH, min(WIDTH, size - first))
                hashes = [sha256(b"\x00" + entry).digest() for entry in entries]
                for index, (entry, hashed) in enumerate(zip(entries, hashes, strict=True), first):
                    rules.check(index, entry, hashed)
                    if renewed is not None:
                        renewed.add(entry)
                tree.add(hashes)
                report.leaves += len(entries)
                _report_signatures(self.checker.failures(), report)
                self._progress(report.leaves, size)
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
        _report_signatures(self.checker.failures(wait=True), report)
        rules.count()
        report.problems.sort(key=lambda p: (p.index is None, p.index or 0))
        return rules


def _report_signatures(failed: list[int], report: LogReport) -> None:
    for index in failed:
        report.add(
            Problem("signature", "the author's signature", "one that does not verify", index)
        )
