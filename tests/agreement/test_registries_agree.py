"""Random changes of actors and governors give one registry: as they were appended, as it is opened
again, and as the verifier reads the leaves.
"""

from __future__ import annotations

from contextlib import closing
from random import Random

import pytest

from ledger.admission import Submission
from ledger.author import Author, Draft
from ledger.errors import BadEvidence, BadRequest
from ledger.identity import Registry as LedgerRegistry
from ledger.identity.roles import RECORD_ROLES, SCOPED_ROLES
from ledger.keyfiles import Unlock, governor_key
from ledger.log import Log
from ledger.reader import open_reader
from ledger.wire import statement as ledger_statement
from ledger.wire.claim import Claim, Kind
from ledger.wire.ids import ActorId, ChainId
from ledger.wire.statement import StatementKey
from tests.agreement.test_logs_agree import Files
from tests.log.governed import governor_of, new_key, registered
from tests.log.sample import make_sample, memory_directory
from verifier.audit import audit_log
from verifier.errors import NotVerified
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import policy_of_keys
from verifier.formats.statement import parse_statement
from verifier.rules.registry import Registry as VerifierRegistry

ROLES = ("organisation", "gateway", "practitioner", "person", "proxy", "guardian", "device", "app")
CHANGES = 40


class Walk:
    """Changes at random, some of which the log refuses."""

    def __init__(self, log: Log, random: Random, records: list[ChainId]) -> None:
        self.log = log
        self.random = random
        self.records = records
        self.governors = [StatementKey.of(governor_key(log.layout.directory, Unlock()))]
        self.signers: list[Author] = []
        """Every actor with every key that it ever had."""
        self.taken = self.refused = 0

    def step(self) -> None:
        change = self.random.choice(
            [self._enrol, self._enrol, self._rotate, self._revoke, self._contest, self._govern]
        )
        try:
            change()
            self.taken += 1
        except (BadRequest, BadEvidence):
            self.refused += 1

    def _by(self) -> tuple[Author, list[StatementKey]]:
        if self.signers and self.random.random() < 0.6:
            return self.random.choice(self.signers), []
        first, *others = self.random.sample(self.governors, len(self.governors))
        return self.log.governor_with(first), others

    def _signer(self, actor: ActorId, key: StatementKey) -> None:
        self.signers.append(Author(self.log.reader.registry.log, actor, key))

    def _enrol(self) -> None:
        by, approvers = self._by()
        role, key = self.random.choice(ROLES), new_key()
        actor, _ = self.log.enrol(
            "",
            role,
            [registered(key)],
            by=by,
            record=self.random.choice(self.records) if role in RECORD_ROLES else None,
            scope=self.random.sample(["link", "read", "write"], 2) if role in SCOPED_ROLES else (),
            approvers=approvers,
        )
        self._signer(actor, key)

    def _some(self) -> Author:
        if not self.signers:
            raise BadRequest("nobody is enrolled yet")
        return self.random.choice(self.signers)

    def _rotate(self) -> None:
        (by, approvers), one, key = self._by(), self._some(), new_key()
        self.log.rotate(one.id, one.key.kid, registered(key), by=by, approvers=approvers)
        self._signer(one.id, key)

    def _revoke(self) -> None:
        (by, approvers), one = self._by(), self._some()
        if self.random.random() < 0.5:
            self.log.revoke(one.id, one.key.kid, by=by, approvers=approvers)

    def _contest(self) -> None:
        (by, approvers), one = self._by(), self._some()
        since = self.random.randrange(self.log.reader.checkpoint.size + 1)
        self.log.contest(one.id, since, by=by, approvers=approvers)

    def _govern(self) -> None:
        first, *others = self.governors
        count = self.random.randrange(1, 4)
        coming = [first, *(new_key() for _ in range(count - 1))]
        stays = self.log.governor_with(first)
        now = {one.kid: one for one in self.log.reader.registry.governors}
        row = [now[first.kid], *(governor_of(key) for key in coming[1:])]
        self.log.govern(row, approvers=others, by=stays)
        self.governors = coming


def verifier_registry(leaves: list[bytes], note: bytes, vkeys: tuple[str, ...]) -> VerifierRegistry:
    """As the verifier holds it behind the last leaf, all of which it must take."""
    keys = [parse_verifier_key(text) for text in vkeys]
    report = audit_log(Files(leaves, note), policy_of_keys(keys))
    assert report.problems == []
    assert report.registry is not None
    return report.registry


def ledger_takes(registry: LedgerRegistry, entry: Submission, ms: int) -> bool:
    statement = ledger_statement.parse_statement(entry.statement)
    try:
        registry.may_sign(Claim.decode(statement.claim), statement.kid, ms)
    except BadRequest:
        return False
    return True


def verifier_takes(registry: VerifierRegistry, entry: Submission, ms: int, index: int) -> bool:
    statement = parse_statement(entry.statement)
    try:
        registry.signer(statement.claim, statement, ms, index)
    except NotVerified:
        return False
    return True


@pytest.mark.parametrize("seed", range(6))
def test_one_registry(seed: int) -> None:
    with memory_directory() as place:
        sample = make_sample(place)
        with Log.open(sample.directory) as log:
            walk = Walk(log, Random(seed), [sample.record, sample.other])
            for _ in range(CHANGES):
                walk.step()
            note, appended = log.publish(), log.reader.registry
        assert walk.taken > 8
        assert walk.refused > 2
        with closing(open_reader(sample.directory)) as reader:
            opened = reader.registry
            assert opened == appended
            size, ms = reader.checkpoint.size, reader.store.state().received_ms
            leaves = [reader.store.leaf(at) for at in range(size)]
        read = verifier_registry(leaves, note, opened.genesis.checkpoint_keys)
        verdicts = []
        for signer in [*walk.signers, sample.clinic, sample.leaver, sample.stranger]:
            for chain in (sample.record, sample.other):
                for kind in (Kind.RECORD, Kind.ACCESS, Kind.LINK):
                    entry = signer.entry(Draft(chain, b"{}", kind=kind))
                    verdicts.append(ledger_takes(opened, entry, ms))
                    assert verifier_takes(read, entry, ms, size) is verdicts[-1]
        assert set(verdicts) == {True, False}
