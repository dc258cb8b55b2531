"""The registry's entries and epochs of one log, in order, as spans bring them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from verifier.audit.listed import ListedRuns
from verifier.audit.reading import RegistryEntry
from verifier.errors import NotVerified, Problem
from verifier.formats.bodies import Genesis, Trust
from verifier.formats.epoch import Epoch, check_place
from verifier.formats.leaf import Leaf
from verifier.formats.note import VerifierKey
from verifier.rules.approvals import check_quorum
from verifier.rules.founding import Ended, check_succession, open_genesis
from verifier.rules.registered import Question
from verifier.rules.registry import Registry


class Registrar:
    def __init__(
        self, registry: Registry | None, report: Callable[[NotVerified, int], None]
    ) -> None:
        """`registry`: as the log before left it."""
        self._registry = registry
        self._report = report
        self.genesis: Genesis | None = None
        self.log = self.log_chain = b""
        self.chain_hash = b""
        """Of the last leaf on the log's own chain."""
        self.questions: list[Question] = []
        self.runs = ListedRuns()
        self.epoch: Epoch | None = None
        """The newest."""
        self.epoch_index = -1
        self.epoch_ms = 0
        self.epochs = 0

    @property
    def registry(self) -> Registry:
        if self._registry is None:
            raise ValueError("no log was founded yet")
        return self._registry

    def found(
        self,
        leaf: Leaf,
        hashed: bytes,
        origin: str,
        keys: Sequence[VerifierKey],
        earlier: Sequence[Ended],
    ) -> None:
        """Leaf 0. Raises NotVerified; then nothing can be said about what follows."""
        genesis = open_genesis(leaf, origin, keys)
        if earlier:
            check_succession(leaf, genesis, earlier)
        elif genesis.predecessor is not None:
            raise NotVerified("succession", "an audited predecessor", "none")
        registry = self._registry or Registry(hashed)
        registry.found(genesis, leaf.claim.chain)
        self._registry, self.genesis = registry, genesis
        self.log = self.chain_hash = hashed
        self.log_chain = leaf.claim.chain

    def replay(self, entry: RegistryEntry) -> None:
        """The next entry. Whether its author may sign it is reported with its leaf, not here."""
        leaf, registry = entry.leaf, self.registry
        if leaf.claim.chain == self.log_chain:
            self.chain_hash = entry.hashed
        if leaf.statement is None:
            return
        try:
            registry.signer(leaf.claim, leaf.statement, leaf.received_ms, entry.index)
        except NotVerified:
            return
        try:
            self._apply(entry, registry)
        except NotVerified as error:
            self._report(error, entry.index)

    def _apply(self, entry: RegistryEntry, registry: Registry) -> None:
        leaf, body, index = entry.leaf, entry.body, entry.index
        if isinstance(body, Problem):
            raise NotVerified(body.step, body.expected, body.found)
        if isinstance(body, Epoch):
            self._epoch(body, entry)
        elif isinstance(body, Trust):
            check_quorum(leaf, body.quorum, registry.governors)
            registry.govern(body.governors, index)
        else:
            if registry.governors.get(leaf.claim.author) is not None:
                check_quorum(leaf, body.quorum, registry.governors)
            elif body.quorum is not None:
                raise NotVerified("approvals", "none in an entry by an actor", "some")
            self.questions += registry.apply(leaf.claim, leaf.seq, body, index)

    def _epoch(self, epoch: Epoch, entry: RegistryEntry) -> None:
        check_place(epoch, entry.index, self.epoch)
        self.epoch, self.epoch_index = epoch, entry.index
        self.epoch_ms = entry.leaf.received_ms
        self.epochs += 1
        self.runs.add(epoch, entry.index)
