"""What each leaf of a log must obey, given all leaves before it, those of earlier logs included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from verifier.actors import parse_actor
from verifier.approvals import check_quorum
from verifier.batches import Batches
from verifier.bodies import Genesis, parse_batch, parse_trust
from verifier.chains import Chains
from verifier.checkpoint import Checkpoint
from verifier.claim import ACTOR, BATCH, EPOCH, KINDS, TRUST, check_times
from verifier.entryids import EntryIds
from verifier.epoch import Epoch, check_place, parse_epoch
from verifier.errors import NotVerified
from verifier.founding import Ended, check_succession, open_genesis
from verifier.leaf import Leaf, parse_leaf
from verifier.logreport import LogReport
from verifier.note import VerifierKey
from verifier.registry import Registry
from verifier.signatures import Job, SignatureChecker


@dataclass(slots=True)
class Line:
    """What one log of a line hands to the next."""

    chains: Chains = field(default_factory=Chains)
    registry: Registry | None = None
    received_ms: int = 0
    earlier: list[Ended] = field(default_factory=list)


class LeafRules:
    """Owns the state that the rules need.

    A false leaf is reported and, where it can, counts as accepted, so that one lie is not reported
    again at every later leaf that builds on it.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        keys: Sequence[VerifierKey],
        checker: SignatureChecker,
        report: LogReport,
        line: Line,
    ) -> None:
        self._checkpoint = checkpoint
        self._keys = keys
        self._checker = checker
        self._report = report
        self._line = line
        self._log = self._chain = b""
        self._genesis: Genesis | None = None
        self._registry = line.registry
        self._chains = line.chains
        self._batches = Batches()
        self._ids = EntryIds()
        self._epoch: Epoch | None = None
        self._kinds = [0] * 256

    def check(self, index: int, raw: bytes, hashed: bytes) -> None:
        try:
            leaf = parse_leaf(raw)
            if index == 0:
                self._found(leaf, hashed)
            registry = self._registry
            if registry is None or self._genesis is None:
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
        author = registry.actors.get(leaf.claim.author)
        self._rule(index, self._chains.extend, index, hashed, leaf, author)
        self._rule(index, self._check_signer, index, leaf, registry)

    def end(self, size: int) -> None:
        if self._epoch is not None:
            self._report.not_checked.append("the heads runs of epochs")
        self._rule(size - 1, self._batches.end, size)

    def count(self) -> None:
        for kind, count in enumerate(self._kinds):
            if count:
                self._report.kinds[KINDS[kind].name] = count
        self._report.chains = len(self._chains)
        self._report.actors = len(self._registry.actors) if self._registry else 0

    def hand_over(self, sha3_root: bytes) -> None:
        """The log was true to its end: leave what the next one goes on with."""
        head = self._chains.head(self._chain)
        if self._genesis is None or self._registry is None or head is None:
            raise ValueError("a log without a genesis hands nothing over")
        ended = Ended(
            self._log,
            self._chain,
            head.leaf_hash,
            self._genesis,
            self._registry.governors,
            self._checkpoint,
            sha3_root,
        )
        self._chains.cross_over(self._chain)
        self._line.earlier.append(ended)
        self._line.registry = self._registry

    def _found(self, leaf: Leaf, hashed: bytes) -> None:
        genesis = open_genesis(leaf, self._checkpoint.origin, self._keys)
        if self._line.earlier:
            check_succession(leaf, genesis, self._line.earlier)
        elif genesis.predecessor is not None:
            raise NotVerified("succession", "an audited predecessor", "none")
        registry = self._registry or Registry(hashed)
        registry.found(genesis, leaf.claim.chain)
        self._chains.derived, self._chains.epoch_chain = registry.derived, registry.epoch_chain
        self._registry, self._genesis = registry, genesis
        self._log = self._report.log_id = hashed
        self._chain = leaf.claim.chain
        if genesis.renewal is not None:
            self._report.not_checked.append("the renewed root over sealed blobs: they are not here")

    def _rule(self, index: int, rule: Callable[..., None], *arguments: object) -> None:
        try:
            rule(*arguments)
        except NotVerified as error:
            self._report.add(error.at(index))

    def _check_claim(self, index: int, leaf: Leaf) -> None:
        claim, received_ms = leaf.claim, leaf.received_ms
        if index and claim.log != self._log:
            raise NotVerified("log", self._log.hex(), claim.log.hex())
        last_ms, self._line.received_ms = self._line.received_ms, received_ms
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
                batch = parse_batch(leaf.body)
                self._batches.start(index, leaf.claim.author, leaf.received_ms, batch)

    def _check_signer(self, index: int, leaf: Leaf, registry: Registry) -> None:
        claim, statement = leaf.claim, leaf.statement
        if statement is None:
            registry.check_member(claim, index)
            return
        key = registry.signer(claim, statement, leaf.received_ms, index)
        self._checker.submit(Job(index, key.public_key, statement.signature, statement.signed))
        if claim.kind == TRUST:
            trust = parse_trust(leaf.body)
            check_quorum(leaf, trust.quorum, registry.governors)
            registry.govern(trust.governors, index)
        elif claim.kind == EPOCH:
            before, self._epoch = self._epoch, parse_epoch(leaf.body)
            check_place(self._epoch, index, before)
        elif claim.kind == ACTOR:
            body = parse_actor(leaf.body)
            if registry.governors.get(claim.author) is not None:
                check_quorum(leaf, body.quorum, registry.governors)
            elif body.quorum is not None:
                raise NotVerified("approvals", "none in an entry by an actor", "some")
            for question in registry.apply(claim, leaf.seq, body, index):
                self._chains.answer(question)
