"""A log and those before it, the oldest first."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from verifier.audit.across import Across
from verifier.audit.inorder import InOrder
from verifier.audit.jobs import LogTask, ReadLog
from verifier.audit.line import Member, find_line, read_genesis
from verifier.audit.logaudit import LogAudit
from verifier.audit.registrar import Registrar
from verifier.audit.spanaudit import LogFacts
from verifier.audit.spans import SPAN
from verifier.audit.store import DirectoryStore, MemoryStore, Store
from verifier.audit.workers import Pool, cores, make_pool
from verifier.checkpoint import Checkpoint, open_under
from verifier.errors import NotVerified, Problem, Unreadable
from verifier.founding import Ended, closing_checkpoint
from verifier.leaf import parse_leaf
from verifier.logreport import LogReport
from verifier.merkle import leaf_hash
from verifier.note import MAX_NOTE_BYTES, VerifierKey
from verifier.policy import Policy
from verifier.registry import Registry
from verifier.tiles import WIDTH, Source, read_bundle

_IN_MEMORY = 2 * SPAN
"""A log of so many leaves is audited without files and processes."""


@dataclass(frozen=True, slots=True)
class Options:
    signatures: bool = True
    """Check those of authors."""
    cores: int = field(default_factory=cores)
    progress: Callable[[int, int], None] = lambda done, size: None


def audit_log(
    source: Source,
    policy: Policy,
    predecessors: Sequence[Source] = (),
    options: Options | None = None,
) -> LogReport:
    """Everything that the files in `source` say, checked. `predecessors` are the logs before it,
    in any order. Raises only Unreadable, also when one of these is missing.
    """
    options = options or Options()
    report = LogReport(policy.origin)
    raw = source.read("checkpoint", MAX_NOTE_BYTES)
    if raw is None:
        raise Unreadable("no checkpoint there: not a log in tlog-tiles layout")
    try:
        opened = open_under(raw, policy)
        if opened.checkpoint.size == 0:
            raise NotVerified("genesis", "a log with a genesis", "an empty log")
    except NotVerified as error:
        report.add(error.problem)
        report.not_checked.append("the log: its checkpoint is false")
        return report
    report.opened = opened
    newest = Member(source, read_genesis(source, opened.checkpoint.size), report)
    members = find_line(newest, predecessors)
    report.predecessors = [member.report for member in members[:-1]]
    with ExitStack() as stack:
        audit = _LineAudit(members, opened.checkpoint, options, stack)
        for member, successor in pairwise(members):
            if not audit.earlier(member, successor):
                report.not_checked.append("this log: what it takes over from is false")
                return report
        audit.log(newest, opened.checkpoint, policy.log_keys)
    return report


class _LineAudit:
    def __init__(
        self, members: Sequence[Member], newest: Checkpoint, options: Options, stack: ExitStack
    ) -> None:
        self._options = options
        self._members = list(members)
        self._earlier: list[Ended] = []
        self._registry: Registry | None = None
        self._last_ms = 0
        self._read: list[ReadLog] = []
        ends = (
            member.genesis.predecessor.size
            for member in members[1:]
            if member.genesis is not None and member.genesis.predecessor is not None
        )
        total = newest.size + sum(ends)
        self._directory: Path | None = None
        if total > _IN_MEMORY:
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="counterfoil-verify-"))
            self._directory = Path(place)
        sources = [member.source for member in members]
        used = min(options.cores, -(-total // SPAN)) if self._directory else 1
        self._pool: Pool = make_pool(sources, used)
        stack.callback(self._pool.close)

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
        renewed = new.renewal is not None
        self.log(member, checkpoint, old.checkpoint_keys, renewed)
        return member.report.verified

    def log(
        self,
        member: Member,
        checkpoint: Checkpoint,
        keys: Sequence[VerifierKey],
        renewed: bool = False,
    ) -> None:
        """All leaves, and the tree over them."""
        source, report, size = member.source, member.report, checkpoint.size
        report.checkpoint, report.audited = checkpoint, True
        registrar = Registrar(self._registry, lambda error, index: report.add(error.at(index)))
        facts = self._found(registrar, member, checkpoint, keys, renewed)
        store = self._store(len(self._read))
        inorder = InOrder(source, checkpoint, report)
        inorder.last_ms = self._last_ms
        audit = LogAudit(
            store, size, inorder, registrar, report, self._read, self._options.progress
        )
        audit.read(self._pool, LogTask(self._members.index(member), store, facts))
        if not audit.skims:
            Across(self._pool, audit.line, registrar, report).check(inorder, {})
            report.log_id, report.registry = registrar.log, registrar.registry
            report.actors = len(registrar.registry.actors)
        self._end(inorder, report, size)
        report.sort()
        if report.verified:
            self._hand_over(audit, inorder, registrar, checkpoint, renewed)

    def _found(
        self,
        registrar: Registrar,
        member: Member,
        checkpoint: Checkpoint,
        keys: Sequence[VerifierKey],
        renewed: bool,
    ) -> LogFacts | None:
        """None when its first leaf is false."""
        report = member.report
        try:
            raw = read_bundle(member.source, 0, min(WIDTH, checkpoint.size))[0]
        except NotVerified:
            return None
        try:
            registrar.found(parse_leaf(raw), leaf_hash(raw), checkpoint.origin, keys, self._earlier)
        except NotVerified as error:
            report.add(error.at(0))
            report.not_checked.append("leaves after the false genesis, but for the tree")
            return None
        genesis = registrar.genesis
        if genesis is not None and genesis.renewal is not None:
            report.not_checked.append("the renewed root over sealed blobs: they are not here")
        first_log = self._earlier[0].log if self._earlier else registrar.log
        return LogFacts(registrar.log, first_log, self._options.signatures, renewed)

    def _store(self, number: int) -> Store:
        if self._directory is None:
            return MemoryStore()
        directory = self._directory / str(number)
        directory.mkdir()
        return DirectoryStore(directory)

    def _end(self, inorder: InOrder, report: LogReport, size: int) -> None:
        if inorder.stopped == "capped":
            report.not_checked.append(f"leaves from {inorder.leaves} on: too many problems")
        elif inorder.stopped:
            report.not_checked.append(f"leaves from {inorder.leaves} on, and the root")
        else:
            inorder.end()

    def _hand_over(
        self,
        audit: LogAudit,
        inorder: InOrder,
        registrar: Registrar,
        checkpoint: Checkpoint,
        renewed: bool,
    ) -> None:
        """The log was true to its end: leave what the next one goes on with."""
        if registrar.genesis is None:
            raise ValueError("a log without a genesis hands nothing over")
        registry = registrar.registry
        self._earlier.append(
            Ended(
                registrar.log,
                registrar.log_chain,
                registrar.chain_hash,
                registrar.genesis,
                registry.governors,
                checkpoint,
                inorder.renewed_root if renewed else b"",
            )
        )
        self._registry = registry
        self._last_ms = inorder.last_ms
        self._read = audit.line
