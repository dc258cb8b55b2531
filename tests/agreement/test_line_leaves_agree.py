"""Leaves of a log that took over, changed: ledger and verifier give one verdict."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from ledger.keyfiles import LogKeys, Unlock, load_log_keys
from ledger.merkle import leaf_hash
from ledger.reader import Reader, open_reader
from ledger.wire.checkpoint import Checkpoint, sign_published
from ledger.wire.ids import Hash, TreeSize
from ledger.wire.leaf import MEMBER
from tests.agreement.lines import Line, written_line
from tests.agreement.replaying import problems_in
from tests.agreement.test_logs_agree import Files
from tests.log.lines import SECOND
from tests.verifier.formats import tree_root
from verifier.audit import audit_log
from verifier.errors import Unreadable
from verifier.fetch import open_source
from verifier.formats import keys as verifier_keys
from verifier.formats import note
from verifier.formats.ed25519 import check_public_key
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import policy_of_keys


@pytest.fixture(autouse=True)
def _fast_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same few keys again and again: check each once."""
    checked = cache(check_public_key)
    monkeypatch.setattr(verifier_keys, "check_public_key", checked)
    monkeypatch.setattr(note, "check_public_key", checked)


class Verdicts:
    """What ledger and verifier say of the second log with other leaves under a new checkpoint,
    which the log's own keys sign: only the leaves can be wrong.
    """

    def __init__(self, line: Line) -> None:
        self._old = open_source(str(line.export(0)))
        self.reader: Reader = open_reader(line.directories[1])
        self.leaves = [self.reader.store.leaf(at) for at in range(self.reader.checkpoint.size)]
        self._keys: LogKeys = load_log_keys(line.directories[1], SECOND, Unlock())
        self._vkeys = [parse_verifier_key(text) for text in self._keys.vkeys]

    def ledger(self, leaves: list[bytes]) -> bool:
        return not problems_in(leaves, self.reader.predecessor)

    def verifier(self, leaves: list[bytes]) -> bool:
        root = Hash(tree_root([leaf_hash(leaf) for leaf in leaves]))
        checkpoint = Checkpoint(SECOND, TreeSize(len(leaves)), root)
        signed = sign_published(checkpoint, self._keys.checkpoint, self._keys.checkpoint_ml_dsa, 0)
        try:
            report = audit_log(
                Files(leaves, signed), policy_of_keys(self._vkeys), predecessors=[self._old]
            )
        except Unreadable:
            return False
        return report.verified

    def both(self, index: int, raw: bytes) -> bool:
        """The one verdict that both give."""
        # Behind a leaf that is changed the next ones cannot follow: only its batch is kept.
        stop = index + 1
        while stop < len(self.leaves) and self.leaves[stop][0] & 0x7F == MEMBER:
            stop += 1
        leaves = [*self.leaves[:index], raw, *self.leaves[index + 1 : stop]]
        verdict = self.ledger(leaves)
        assert self.verifier(leaves) is verdict, (index, raw.hex())
        return verdict


@pytest.fixture(scope="module")
def verdicts() -> Iterator[Verdicts]:
    with written_line() as line:
        found = Verdicts(line)
        yield found
        found.reader.close()


def test_unchanged_leaves_are_true(verdicts: Verdicts) -> None:
    assert verdicts.both(0, verdicts.leaves[0])


def test_versions_of_the_leaves(verdicts: Verdicts) -> None:
    """What is changed below has every form that there is."""
    assert {raw[0] for raw in verdicts.leaves} == {0x01, 0x02, 0x81, 0x82}


HEADER = 57
"""Bytes before a statement: version, seq, prev hash, prev index, time; nobody signs them."""


@pytest.mark.parametrize("index", range(12))
def test_bytes_of_a_leaf(verdicts: Verdicts, index: int) -> None:
    """Of the header each, of what is signed some. Of the time both take some changes."""
    raw = verdicts.leaves[index]
    taken = 0
    for at in [*range(HEADER), *range(HEADER, len(raw), max(41, len(raw) // 5))]:
        taken += verdicts.both(index, raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :])
    assert taken < 6


@pytest.mark.parametrize("version", [0x01, 0x02, 0x81, 0x82])
def test_other_versions(verdicts: Verdicts, version: int) -> None:
    for index, raw in enumerate(verdicts.leaves):
        assert verdicts.both(index, bytes([version]) + raw[1:]) is (raw[0] == version), index


def test_times_of_the_first_leaf(verdicts: Verdicts) -> None:
    """Not below the old log's end, and within the window of its own entry id."""
    raw = verdicts.leaves[0]
    times = {}
    received = int.from_bytes(raw[HEADER - 8 : HEADER], "big")
    end = verdicts.reader.log_at(1).store.state().received_ms
    for ms in (end - 1, end, received, received + 60_000, received + 31 * 24 * 3_600_000):
        changed = raw[: HEADER - 8] + ms.to_bytes(8, "big") + raw[HEADER:]
        times[ms] = verdicts.both(0, changed)
    assert list(times.values()) == [False, True, True, True, False][-len(times) :]
