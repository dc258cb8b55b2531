"""Random sequences of operations against a model in memory: the same outcomes, and a whole log."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import count

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from ledger.admission import BatchSubmission, Submission
from ledger.appender import Outcome
from ledger.author import Author, Draft
from ledger.check import check_ledger
from ledger.errors import BadRequest, Conflict
from ledger.identity import Enrol, NewKey, Revoke
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.sequencer import Appended
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import ActorId, ChainId, new_chain_id
from ledger.wire.keys import raw_public
from ledger.wire.statement import StatementKey, parse_statement
from tests.log.sample import Sample, batch_chain, entry_with, memory_directory

KINDS = [Kind.OPEN, Kind.RECORD, Kind.ACCESS, Kind.LINK]


class Model:
    """What the log must be, in dictionaries."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.size = self.covered = sample.size
        self.chains: dict[ChainId, list[tuple[int, Kind]]] = {
            sample.record: [(4, Kind.OPEN), (6, Kind.RECORD), (7, Kind.ACCESS)],
            sample.other: [(5, Kind.OPEN)],
        }
        self.people = {sample.record, sample.other}
        self.signing = {sample.clinic.id, sample.hospital.id}
        self.enrolled = {*self.signing, sample.leaver.id}
        self.known: dict[bytes, tuple[int, bytes]] = {}
        """entry id ‖ author -> index and claim."""

    def expect(self, claim: Claim, raw: bytes, owner: ActorId | None) -> int | type[Exception]:
        """The index that an entry gets or has, or how it is refused. ``owner`` owns the chain."""
        if claim.author not in self.enrolled:
            return BadRequest
        at = self.known.get(claim.entry_id + claim.author)
        if at is not None:
            return at[0] if at[1] == raw else Conflict
        if claim.author not in self.signing:
            return BadRequest
        if owner is not None:
            good = owner == claim.author and claim.kind is Kind.RECORD
        elif claim.chain not in self.chains:
            good = claim.kind is Kind.OPEN
        else:
            good = claim.kind is not Kind.OPEN and claim.chain in self.people
        return self._put(claim, raw, person=owner is None) if good else BadRequest

    def _put(self, claim: Claim, raw: bytes, *, person: bool) -> int:
        index = self.size
        self.size += 1
        self.known[claim.entry_id + claim.author] = (index, raw)
        self.chains.setdefault(claim.chain, []).append((index, claim.kind))
        if person:
            self.people.add(claim.chain)
        return index

    def expect_batch(
        self, batch: Claim, raw: bytes, members: list[tuple[Claim, bytes]], directory: ChainId
    ) -> int | type[Exception]:
        """The same for a batch, which goes in whole."""
        at = self.known.get(batch.entry_id + batch.author)
        if at is not None:
            return at[0]
        if batch.author not in self.signing:
            return BadRequest
        if any(claim.entry_id + claim.author in self.known for claim, _ in members):
            return Conflict
        for claim, _ in members:
            if claim.chain == directory and claim.kind is not Kind.RECORD:
                return BadRequest
            if claim.chain != directory and claim.chain not in self.people:
                return BadRequest
        index = self._put(batch, raw, person=False)
        for claim, body in members:
            self._put(claim, body, person=claim.chain != directory)
        return index


class LogMachine(RuleBasedStateMachine):
    """The log and its model, side by side."""

    made_once: Sample
    authors = Bundle("authors")
    chains = Bundle("chains")
    entries = Bundle("entries")
    batches = Bundle("batches")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        place = self.stack.enter_context(memory_directory())
        self.sample = self.made_once.copied(place)
        self.model = Model(self.sample)
        self.owners = {
            author.directory: author.id for author in (self.sample.clinic, self.sample.hospital)
        }
        self.numbers = count()
        self.log = Log.open(self.sample.directory)

    @initialize(target=authors)
    def first_authors(self) -> object:
        sample = self.sample
        return multiple(sample.clinic, sample.hospital, sample.leaver, sample.stranger)

    @initialize(target=chains)
    def first_chains(self) -> object:
        sample = self.sample
        return multiple(sample.record, sample.other, sample.clinic.directory, new_chain_id())

    @rule(target=chains)
    def new_chain(self) -> ChainId:
        return new_chain_id()

    @rule(target=authors)
    def enrol(self) -> Author:
        key = Ed25519PrivateKey.generate()
        actor, appended = self.log.enrol("", "practitioner", [NewKey(raw_public(key))])
        assert appended.index == self.model.size
        self.model.size += 1
        self.model.signing.add(actor)
        self.model.enrolled.add(actor)
        author = Author(self.sample.log_id, actor, StatementKey.of(key))
        self.owners[author.directory] = actor
        return author

    @rule(author=authors)
    def revoke(self, author: Author) -> None:
        entry = self.log.governor().actor(ChainId(author.id), Revoke(author.key.kid).encode())
        (outcome,) = self.log.append([entry])
        if author.id in self.model.signing:
            self.model.signing.remove(author.id)
            assert isinstance(outcome, Appended) and outcome.index == self.model.size
            self.model.size += 1
        else:
            assert isinstance(outcome, BadRequest)

    @rule(author=authors)
    def enrol_a_used_key(self, author: Author) -> None:
        if author.id == self.sample.stranger.id:
            return
        body = Enrol("app", (NewKey(author.key.public_key),)).encode()
        (outcome,) = self.log.append([self.log.governor().actor(new_chain_id(), body)])
        assert isinstance(outcome, BadRequest)

    @rule(
        target=entries,
        drafts=st.lists(st.tuples(authors, chains, st.sampled_from(KINDS)), min_size=1, max_size=6),
    )
    def append(self, drafts: list[tuple[Author, ChainId, Kind]]) -> object:
        """Several entries in one call, in order."""
        made = [
            entry_with(author, chain, kind=kind, content=b"%d" % next(self.numbers))
            for author, chain, kind in drafts
        ]
        self.compare(made)
        return multiple(*made)

    @rule(made=st.lists(entries, min_size=1, max_size=3))
    def append_again(self, made: list[Submission]) -> None:
        self.compare(made)

    @rule(entry=entries, author=authors)
    def same_id(self, entry: Submission, author: Author) -> None:
        """The id of an entry for other bytes, by its author or another."""
        claim = Claim.decode(parse_statement(entry.statement).claim)
        self.compare([entry_with(author, claim.chain, entry_id=claim.entry_id)])

    def compare(self, made: list[Submission]) -> None:
        for entry, outcome in zip(made, self.log.append(made), strict=True):
            raw = parse_statement(entry.statement).claim
            claim = Claim.decode(raw)
            self.same(outcome, self.model.expect(claim, raw, self.owners.get(claim.chain)), 1)

    def same(self, outcome: Outcome, expected: int | type[Exception], size: int) -> None:
        if isinstance(expected, int):
            assert isinstance(outcome, Appended), outcome
            assert (outcome.index, outcome.count) == (expected, size)
            assert outcome.leaf_hash == leaf_hash(self.log.reader.store.leaf(expected))
        else:
            assert type(outcome) is expected

    @rule(
        target=batches,
        author=authors,
        members=st.lists(chains, min_size=1, max_size=5),
        kind=st.sampled_from([Kind.RECORD, Kind.ACCESS]),
    )
    def append_batch(
        self, author: Author, members: list[ChainId], kind: Kind
    ) -> tuple[Author, BatchSubmission]:
        drafts = [Draft(chain, b"%d" % next(self.numbers), kind=kind) for chain in members]
        batch = author.batch(drafts)
        self.compare_batch(author, batch)
        return author, batch

    @rule(pair=batches)
    def append_batch_again(self, pair: tuple[Author, BatchSubmission]) -> None:
        self.compare_batch(*pair)

    @rule(pair=batches, number=st.integers(0, 4))
    def append_a_member_alone(self, pair: tuple[Author, BatchSubmission], number: int) -> None:
        """If its batch stands it has its index; if not it is an entry like any other."""
        author, batch = pair
        at = number % len(batch.claims)
        statement = author.key.sign(Claim.decode(batch.claims[at]))
        self.compare([Submission(statement, batch.blobs[at], batch.keys[at])])

    def compare_batch(self, author: Author, batch: BatchSubmission) -> None:
        raw = parse_statement(batch.statement).claim
        members = [(Claim.decode(claim), claim) for claim in batch.claims]
        expected = self.model.expect_batch(Claim.decode(raw), raw, members, author.directory)
        outcome = self.log.append_batch(batch)
        self.same(outcome, expected, 1 + len(members))
        if isinstance(outcome, Appended):
            assert self.log.reader.head(batch_chain(author)).length >= 1

    @rule(author=authors, chain=chains, number=st.integers(0, 9), off=st.booleans())
    def amend(self, author: Author, chain: ChainId, number: int, off: bool) -> None:
        """An entry of the chain, or with ``off`` one of another."""
        source = self.sample.record if off else chain
        stands = self.model.chains.get(source)
        if not stands:
            return
        index, kind = stands[number % len(stands)]
        amended = leaf_hash(self.log.reader.store.leaf(index))
        entry = entry_with(author, chain, kind=Kind.AMEND, amended=amended, amends=index)
        owner = self.owners.get(chain)
        good = (
            author.id in self.model.signing
            and source == chain
            and kind in (Kind.RECORD, Kind.AMEND)
            and (owner == author.id if owner is not None else chain in self.model.people)
        )
        (outcome,) = self.log.append([entry])
        if not good:
            assert type(outcome) is BadRequest, outcome
            return
        assert isinstance(outcome, Appended) and outcome.index == self.model.size, outcome
        raw = parse_statement(entry.statement).claim
        self.model._put(Claim.decode(raw), raw, person=owner is None)

    @rule()
    def publish(self) -> None:
        """An epoch goes before it, unless nothing came since the last one."""
        self.log.publish()
        if self.model.size > self.model.covered:
            self.model.size += 1
            self.model.covered = self.model.size
        assert self.log.reader.checkpoint.size == self.model.size

    @rule(workers=st.sampled_from([0, 0, 0, 0, 1]))
    def open_again(self, workers: int) -> None:
        self.log.close()
        self.log = Log.open(self.sample.directory, workers=workers)
        self.heads()

    def heads(self) -> None:
        assert self.log.reader.checkpoint.size == self.model.size
        for chain, stands in self.model.chains.items():
            found = [(one.index, one.leaf.claim.kind) for one in self.log.reader.history(chain)]
            assert found == stands[::-1]

    def teardown(self) -> None:
        try:
            self.heads()
            self.log.close()
            assert check_ledger(self.sample.directory).problems == []
            self.log = Log.open(self.sample.directory)
            self.heads()
        finally:
            self.log.close()
            self.stack.close()


def test_log_is_as_its_model(made_once: Sample) -> None:
    machine = type("Machine", (LogMachine,), {"made_once": made_once})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
