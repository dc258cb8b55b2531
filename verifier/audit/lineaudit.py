"""A log and those before it, the oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise

from verifier.audit.across import Across
from verifier.audit.inorder import InOrder
from verifier.audit.jobs import LogTask, ReadLog
from verifier.audit.line import Member, find_line, read_genesis
from verifier.audit.logaudit import LogAudit
from verifier.audit.options import Options
from verifier.audit.ranges import NOT_CHECKED, RangeAudit, ranges_of
from verifier.audit.registrar import Registrar
from verifier.audit.spanaudit import LogFacts
from verifier.audit.spans import SPAN
from verifier.audit.store import DirectoryStore, MemoryStore, Store
from verifier.audit.workdir import Audited, WorkDirectory
from verifier.audit.workers import Pool, make_pool
from verifier.errors import NotVerified, Problem, Unreadable
from verifier.formats.checkpoint import Checkpoint, open_under
from verifier.formats.claim import CLOCK_AHEAD_MS
from verifier.formats.epoch import check_closing
from verifier.formats.leaf import parse_leaf
from verifier.formats.merkle import leaf_hash
from verifier.formats.note import MAX_NOTE_BYTES, VerifierKey
from verifier.formats.policy import Policy
from verifier.formats.tiles import WIDTH, Source, read_bundle
from verifier.rules.custodians import count_custodians
from verifier.rules.founding import Ended, closing_checkpoint
from verifier.rules.registry import Registry
from verifier.verdicts.logreport import LogReport, NewestEpoch


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
    report.opened, report.note = opened, raw.decode()
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
    if report.registry is not None:
        report.custodians = count_custodians(
            opened, policy, report.registry, "its key is not registered"
        )
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
        self._work: WorkDirectory | None = None
        small = total <= options.in_memory
        if options.state is not None or not small:
            self._work = WorkDirectory(options.state, options.disk, total, stack)
        sources = [member.source for member in members]
        self._pool: Pool = make_pool(sources, 1 if small else min(options.cores, -(-total // SPAN)))
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
        self.log(member, checkpoint, old.checkpoint_keys, taken_over=True, renewed=renewed)
        return member.report.verified

    def log(
        self,
        member: Member,
        checkpoint: Checkpoint,
        keys: Sequence[VerifierKey],
        taken_over: bool = False,
        renewed: bool = False,
    ) -> None:
        """All leaves, and the tree over them."""
        source, report, size = member.source, member.report, checkpoint.size
        report.checkpoint, report.audited = checkpoint, True
        registrar = Registrar(self._registry, lambda error, index: report.add(error.at(index)))
        facts = self._found(registrar, member, checkpoint, keys, renewed)
        before = self._audited_before(registrar.log, checkpoint)
        store: Store = MemoryStore() if self._work is None else self._work.store(registrar.log)
        inorder = InOrder(source, checkpoint, report, before)
        inorder.last_ms = self._last_ms
        audit = LogAudit(
            store,
            size,
            inorder,
            registrar,
            report,
            self._read,
            self._options.progress,
            self._work.charge if self._work else lambda written: None,
        )
        part = self._options.partial and not taken_over
        task = LogTask(self._members.index(member), store, facts, size, skims=part or facts is None)
        audit.read(self._pool, task)
        if facts is not None:
            if part:
                ranges = report.ranges = ranges_of(source, inorder.leaves, self._options)
                RangeAudit(self._pool, task, audit.line[-1], report).check(ranges, size)
                report.not_checked.append(NOT_CHECKED)
            else:
                Across(self._pool, audit.line, registrar, report).check(inorder, before.runs)
                report.checked_leaves = inorder.leaves
            self._describe(report, registrar, inorder)
        self._end(inorder, report, size)
        if taken_over and facts is not None:
            try:
                check_closing(registrar.epoch, registrar.epoch_index, size)
            except NotVerified as error:
                report.add(error.at(size - 1))
        self._check_age(report, taken_over)
        report.sort()
        if self._work is not None and self._work.kept:
            self._keep(self._work, store, inorder, before, report)
        if report.verified:
            self._hand_over(audit, inorder, registrar, checkpoint, renewed)

    def _describe(self, report: LogReport, registrar: Registrar, inorder: InOrder) -> None:
        report.log_id, report.registry = registrar.log, registrar.registry
        report.actors = registrar.registry.actors_below(inorder.leaves)
        report.signatures = self._options.signatures
        report.newest_ms = inorder.last_ms
        if registrar.epoch is not None:
            report.epoch = NewestEpoch(
                registrar.epoch.covered, registrar.epoch_index, registrar.epoch_ms
            )
            report.epochs = registrar.epochs

    def _check_age(self, report: LogReport, taken_over: bool) -> None:
        """Of the newest log only: those before it have ended."""
        most = self._options.max_age_ms
        if most is None or taken_over:
            return
        expected = f"an epoch of the last {most // 1000} s"
        if report.epoch is None:
            report.add(Problem("age", expected, "none"))
            return
        if report.epoch.skipped:
            # Its time says nothing of what it covers.
            found = f"{report.epoch.skipped} less"
            report.add(Problem("age", "an epoch over all entries before it", found))
        age = self._options.now_ms - report.epoch.received_ms
        if age > most:
            report.add(Problem("age", expected, f"{age // 1000} s"))
        if age < -CLOCK_AHEAD_MS:
            # Else a log that once ran ahead would never grow old.
            found = f"{age // 1000} s"
            report.add(Problem("age", "an epoch not after now, by the clock here", found))

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

    def _audited_before(self, log: bytes, checkpoint: Checkpoint) -> Audited:
        if self._work is None:
            return Audited()
        before = self._work.audited(log)
        if before.size > checkpoint.size:
            raise Unreadable(
                f"the log has {checkpoint.size:,} leaves here, fewer than the {before.size:,} that "
                f"were audited before",
                "a stale copy, or a log that was rolled back: compare the two checkpoints",
            )
        return before

    def _keep(
        self,
        work: WorkDirectory,
        store: Store,
        inorder: InOrder,
        before: Audited,
        report: LogReport,
    ) -> None:
        """What the next audit may rely on."""
        checkpoint = report.checkpoint
        if inorder.other_leaves and isinstance(store, DirectoryStore):
            store.clear()
        elif report.verified and report.log_id is not None and checkpoint is not None:
            report.continues = before.size or None
            work.keep(report.log_id, Audited(checkpoint.size, checkpoint.root, before.runs))

    def _end(self, inorder: InOrder, report: LogReport, size: int) -> None:
        if inorder.stopped:
            # How far others had read ahead is chance. The bundle that cannot be read is named.
            report.forget_behind(inorder.leaves + WIDTH)
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
