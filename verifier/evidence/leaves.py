"""The leaves of one log in an evidence file, in order: what each must obey, given those before it.

The log's own chain, actors' chains and the chain of a history are whole below E, so they are
checked like those of a whole log. Other leaves stand alone: what is claimed, batches, the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from verifier.errors import NotVerified
from verifier.evidence.container import ENTRY, Evidence, Part, PlacedLeaf
from verifier.evidence.members import Members
from verifier.formats.actors import parse_actor
from verifier.formats.bodies import parse_trust
from verifier.formats.checkpoint import Checkpoint
from verifier.formats.claim import ACTOR, BATCH, EPOCH, ERASURE, KINDS, TRUST, Claim, check_times
from verifier.formats.epoch import check_place, parse_epoch
from verifier.formats.erasure import parse_erasure
from verifier.formats.leaf import Leaf, check_position
from verifier.formats.note import VerifierKey
from verifier.rules.approvals import check_quorum
from verifier.rules.chains import Chains, Head
from verifier.rules.entryids import EntryIds
from verifier.rules.founding import Ended, check_succession, open_genesis
from verifier.rules.registered import Actor
from verifier.rules.registry import Registry
from verifier.rules.signatures import Job, SignatureChecker


@dataclass(slots=True)
class Line:
    """What the log before hands to the next."""

    evidence: Evidence
    checker: SignatureChecker
    chains: Chains = field(default_factory=Chains)
    registry: Registry | None = None
    received_ms: int = 0
    earlier: list[Ended] = field(default_factory=list)
    authors: set[bytes] = field(default_factory=set)
    """Of leaves that are here for another reason than an actor's chain."""
    chain_authors: dict[bytes, set[bytes]] = field(default_factory=dict)
    """By actor whose chain is here: who signed it."""
    submitted: list[tuple[int, int]] = field(default_factory=list)
    """Part and index of each signature that went to the checker."""


class Claimed(NamedTuple):
    """A leaf that the file is about."""

    back: int
    leaf_index: int
    leaf: Leaf
    role: str
    """Of its author: governors, log, or as enrolled."""


class PartLeaves:
    def __init__(
        self, line: Line, back: int, checkpoint: Checkpoint, keys: Iterable[VerifierKey]
    ) -> None:
        self._line = line
        self._back = back
        self._part: Part = line.evidence.parts[back]
        self._covered = self._part.epoch.covered
        self._checkpoint = checkpoint
        self._keys = tuple(keys)
        self._ids = EntryIds()
        self._batches: dict[int, Members] = {}
        self._alone: set[int] = set()
        """Batches that are here for their members only."""
        self.log = self.log_chain = b""
        self.heads: dict[bytes, Head] = {}
        """Of the chains that are whole."""
        self.claimed: list[Claimed] = []

    def check(self) -> None:
        first, *later = self._part.leaves
        if first.leaf_index:
            raise NotVerified("genesis", "leaf 0", f"leaf {first.leaf_index} as the first")
        try:
            self._found(first)
        except NotVerified as error:
            raise error.placed(0) from None
        for placed in later:
            try:
                self._check(placed)
            except NotVerified as error:
                raise error.placed(placed.leaf_index) from None
        for index, members in self._batches.items():
            members.check(index, self._part.batches[index], needed=index in self._alone)

    def hand_over(self, renewed: bytes) -> None:
        """The next log goes on. `renewed`: the root of its renewal, which needs all leaves."""
        head, registry = self.heads[self.log_chain], self._registry
        ended = Ended(
            self.log,
            self.log_chain,
            head.leaf_hash,
            self._genesis,
            registry.governors,
            self._checkpoint,
            renewed,
        )
        self._line.chains.cross_over(self.log_chain)
        self._line.earlier.append(ended)

    def _found(self, first: PlacedLeaf) -> None:
        line, leaf = self._line, first.leaf
        check_position(0, leaf)
        genesis = self._genesis = open_genesis(leaf, self._checkpoint.origin, self._keys)
        if line.earlier:
            check_succession(leaf, genesis, line.earlier)
        elif genesis.predecessor is not None:
            raise NotVerified("succession", "the log that it takes over from", "none")
        self._registry = line.registry = line.registry or Registry(first.hashed)
        self._registry.found(genesis, leaf.claim.chain)
        line.chains.derived = self._registry.derived
        line.chains.epoch_chain = self._registry.epoch_chain
        self.log, self.log_chain = first.hashed, leaf.claim.chain
        self._check(first)

    def _check(self, placed: PlacedLeaf) -> None:
        index, hashed, leaf, _ = placed
        line, claim = self._line, leaf.claim
        check_position(index, leaf)
        if index and claim.log != self.log:
            raise NotVerified("log", self.log.hex(), claim.log.hex())
        if leaf.received_ms < line.received_ms:
            raise NotVerified("time", f"received at {line.received_ms} or later", "earlier")
        line.received_ms = leaf.received_ms
        check_times(claim, leaf.received_ms)
        self._ids.add(claim, leaf.received_ms)
        whole = self._belongs(placed)
        if claim.kind == BATCH:
            self._batches[index] = Members(leaf, self._checkpoint.size, index)
        if leaf.member is not None:
            self._join(leaf)
        author = self._registry.actors.get(claim.author)
        if whole:
            line.chains.extend(index, hashed, leaf, author)
            head = line.chains.head(claim.chain)
            if head is not None:
                self.heads[claim.chain] = head
        else:
            self._check_alone(claim, author)
        if claim.kind == EPOCH:
            check_place(parse_epoch(leaf.body), index, None)
        elif claim.kind == ERASURE:
            parse_erasure(leaf.body)
        self._check_signer(placed, whole)

    def _check_alone(self, claim: Claim, author: Actor | None) -> None:
        """Of a leaf whose chain is not whole: the chains that its kind and author name."""
        own = author.batch_chain if author is not None else b""
        if claim.kind == BATCH and claim.chain != own:
            raise NotVerified("chain", "a batch on its author's batch chain", claim.chain.hex())
        if claim.kind == EPOCH and claim.chain != self._registry.epoch_chain:
            raise NotVerified("chain", "an epoch on the log's epoch chain", claim.chain.hex())

    def _belongs(self, placed: PlacedLeaf) -> bool:
        """Whether its chain is whole here. Raises for a leaf that the file has no use for."""
        index, _, leaf, _ = placed
        wanted, claim = self._line.evidence.claim, leaf.claim
        is_entry = wanted.what == ENTRY
        about = claim.chain == wanted.chain and (
            (wanted.back, wanted.leaf_index) == (self._back, index) if is_entry else True
        )
        below = index < self._covered
        if about and (is_entry or below):
            self.claimed.append(Claimed(self._back, index, leaf, self._role(claim.author)))
        own = claim.chain == self.log_chain
        if below and claim.kind == ACTOR and not own:
            self._line.chain_authors.setdefault(claim.chain, set()).add(claim.author)
            return True
        if below and (own or (about and not is_entry)):
            self._line.authors.add(claim.author)
            return True
        if claim.kind == BATCH and not about:
            self._alone.add(index)
        elif not (about and is_entry) and index != self._part.epoch_leaf.leaf_index:
            raise NotVerified(
                "leaves", "a leaf that the claim needs", f"a {KINDS[claim.kind].name}", index
            )
        self._line.authors.add(claim.author)
        return False

    def _role(self, author: bytes) -> str:
        actor = self._registry.actors.get(author)
        if actor is not None:
            return actor.role
        return "log" if author == self.log_chain else "governors"

    def _join(self, leaf: Leaf) -> None:
        member = leaf.member
        batch = None if member is None else self._batches.get(member.batch_index)
        if member is None or batch is None:
            raise NotVerified("batch", "the batch of this member", "none")
        batch.add(member.position, leaf)

    def _check_signer(self, placed: PlacedLeaf, whole: bool) -> None:
        index, _, leaf, _ = placed
        claim, statement, registry = leaf.claim, leaf.statement, self._registry
        if statement is None:
            registry.check_member(claim, index)
            return
        key = registry.signer(claim, statement, leaf.received_ms, index)
        line = self._line
        line.submitted.append((self._back, index))
        number = len(line.submitted) - 1
        line.checker.submit(Job(number, key.public_key, statement.signature, statement.signed))
        if claim.kind == TRUST:
            trust = parse_trust(leaf.body)
            check_quorum(leaf, trust.quorum, registry.governors)
            # Alone behind E, it may follow changes that are not here; so may an actor's entry.
            if whole:
                registry.govern(trust.governors, index)
        elif claim.kind == ACTOR:
            body = parse_actor(leaf.body)
            if registry.governors.get(claim.author) is not None:
                check_quorum(leaf, body.quorum, registry.governors)
            elif body.quorum is not None:
                raise NotVerified("approvals", "none in an entry by an actor", "some")
            if whole:
                for question in registry.apply(claim, leaf.seq, body, index):
                    # A person's chain that is not here may well have been opened.
                    if question.chain in line.chains or not question.is_person:
                        line.chains.answer(question)
