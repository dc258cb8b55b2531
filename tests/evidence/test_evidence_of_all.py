"""Every entry and every chain of ledgers that grew by chance: what is proved is exactly what the
specification asks for, and the verifier, which shares no code, takes it.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from ledger.evidence import Proved, prove_absence, prove_entry, prove_history
from ledger.log import Log
from ledger.reader import Reader, open_reader
from ledger.wire.evidence import encode_evidence
from ledger.wire.evidence_reading import decode_evidence
from ledger.wire.ids import ChainId, Position
from tests.evidence.grown import Grower, small_epochs
from tests.evidence.reference import Logged, assemble
from tests.log.lines import SECOND, own_governor, take_over
from tests.log.sample import Sample
from verifier.evidence.check import check_evidence
from verifier.note import parse_verifier_key
from verifier.policy import Policy, policy_of_keys

SEEDS = pytest.mark.parametrize("seed", range(3))


@pytest.fixture(autouse=True)
def _small_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    small_epochs(monkeypatch)


def policy(reader: Reader) -> Policy:
    """The log's own keys."""
    keys = reader.registry.genesis.checkpoint_keys
    return policy_of_keys([parse_verifier_key(key) for key in keys])


class Everything:
    """All that can be proved of a ledger that is published."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
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
        assert evidence == assemble(self.line, evidence.claim, evidence.checkpoint)
        data = encode_evidence(evidence)
        assert decode_evidence(data) == evidence
        report = check_evidence(data, policy(self.reader))
        assert report.problems == [], evidence.claim


@SEEDS
def test_of_one_log(sample: Sample, seed: int) -> None:
    with Log.open(sample.directory) as log:
        Grower(sample, log, Random(seed)).grow(60)
        log.publish()
    reader = open_reader(sample.directory)
    Everything(reader).check()
    reader.close()


@SEEDS
def test_of_a_line(sample: Sample, place: Path, seed: int) -> None:
    with Log.open(sample.directory) as log:
        grower = Grower(sample, log, Random(seed))
        grower.grow(20)
    new = take_over(sample.directory, place / "second", SECOND, [own_governor(sample.directory)])
    with Log.open(new) as log:
        grower.go_on(log)
        grower.grow(20)
        log.publish()
    reader = open_reader(new)
    Everything(reader).check()
    reader.close()
