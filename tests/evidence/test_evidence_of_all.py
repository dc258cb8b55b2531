"""Every entry and every chain of ledgers that grew by chance: what is proved is exactly what the
specification asks for, and the verifier, which shares no code, takes it.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.custody.cosigners import cosigner
from ledger.evidence import Proved, prove_absence, prove_entry, prove_history
from ledger.identity import NewKey
from ledger.identity.bodies import CUSTODIAN
from ledger.log import Log
from ledger.reader import Reader, open_reader
from ledger.wire.evidence import encode_evidence
from ledger.wire.evidence_reading import decode_evidence
from ledger.wire.ids import ChainId, Position
from ledger.wire.note import parse_note
from tests.evidence.grown import Grower, small_epochs
from tests.evidence.reference import Logged, assemble
from tests.log.lines import SECOND, own_governor, take_over
from tests.log.sample import Sample
from verifier.evidence.check import check_evidence
from verifier.formats.policy import Policy, parse_policy

SEEDS = pytest.mark.parametrize("seed", range(3))


@pytest.fixture(autouse=True)
def _small_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    small_epochs(monkeypatch)


class Custodian:
    """Enrolled in the first log; signs the last checkpoint."""

    def __init__(self, log: Log) -> None:
        self.signer = cosigner("custodian.example.org", Ed25519PrivateKey.generate())
        keys = [new_key(), NewKey(self.signer.vkey.public_key, use=CUSTODIAN)]
        self.actor, _ = log.enrol("Custodian", "custodian", keys)

    def sign(self, log: Log) -> None:
        published = log.publish()
        line = self.signer.line(log.reader.checkpoint, 1_767_225_600)
        log.add_cosignatures([parse_note(published).text + b"\n" + line])

    def policy(self, reader: Reader) -> Policy:
        """The log's own keys, and this custodian's."""
        lines = [f"log {key}" for key in reader.registry.genesis.checkpoint_keys]
        lines.append(f"custodian {self.signer.vkey}")
        return parse_policy("".join(f"{line}\n" for line in lines).encode())


def new_key() -> NewKey:
    return NewKey(Ed25519PrivateKey.generate().public_key().public_bytes_raw())


class Everything:
    """All that can be proved of a ledger that is published."""

    def __init__(self, reader: Reader, custodian: Custodian) -> None:
        self.reader = reader
        self.custodian = custodian
        self.policy = custodian.policy(reader)
        self.line: list[Logged] = []
        log: Reader | None = reader
        while log is not None:
            size = log.checkpoint.size
            self.line.append(Logged(list(log.store.leaves(0, size))))
            log = log.predecessor

    def check(self) -> None:
        for back, log in enumerate(self.line):
            for at in range(len(log.raw)):
                self.right(prove_entry(self.reader, Position(at, back)))
        chains = {leaf.claim.chain for log in self.line for leaf in log.leaves}
        for chain in sorted(chains):
            self.right(prove_history(self.reader, chain))
        for number in range(8):
            self.right(prove_absence(self.reader, ChainId(number.to_bytes(16, "big"))))

    def right(self, proved: Proved) -> None:
        evidence = proved.evidence
        signed = [self.custodian.actor]
        assert evidence == assemble(self.line, evidence.claim, evidence.checkpoint, signed)
        assert proved.custodians == 1
        data = encode_evidence(evidence)
        assert decode_evidence(data) == evidence
        report = check_evidence(data, self.policy)
        assert (report.problems, report.complete) == ([], True), evidence.claim


@SEEDS
def test_of_one_log(sample: Sample, seed: int) -> None:
    with Log.open(sample.directory) as log:
        custodian = Custodian(log)
        Grower(sample, log, Random(seed)).grow(60)
        custodian.sign(log)
    reader = open_reader(sample.directory)
    Everything(reader, custodian).check()
    reader.close()


@SEEDS
def test_of_a_line(sample: Sample, place: Path, seed: int) -> None:
    with Log.open(sample.directory) as log:
        custodian = Custodian(log)
        grower = Grower(sample, log, Random(seed))
        grower.grow(20)
    new = take_over(sample.directory, place / "second", SECOND, [own_governor(sample.directory)])
    with Log.open(new) as log:
        grower.go_on(log)
        grower.grow(20)
        custodian.sign(log)
    reader = open_reader(new)
    Everything(reader, custodian).check()
    reader.close()
