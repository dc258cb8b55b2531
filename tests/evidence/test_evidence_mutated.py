"""Evidence that was changed is not believed: bytes, leaves left out or added with right proofs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import pytest

from ledger.errors import BadRequest
from ledger.evidence import prove_entry, prove_history
from ledger.log import Log
from ledger.wire.claim import Kind
from ledger.wire.evidence import (
    MAX_LEAVES,
    Disclosure,
    Evidence,
    EvidenceClaim,
    Part,
    PlacedLeaf,
    What,
    encode_evidence,
)
from ledger.wire.evidence_reading import decode_evidence
from ledger.wire.ids import ChainId, Position
from ledger.wire.leaf import decode_leaf
from tests.evidence.grown import Grower, small_epochs
from tests.evidence.reference import Logged, several
from tests.log.sample import Sample
from verifier.evidence.check import check_evidence
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import Policy, policy_of_keys

FLIPS = 250


@pytest.fixture(autouse=True)
def _small_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    small_epochs(monkeypatch)


class Shown:
    """The history of a record in a log that grew, and whether the verifier believes a file."""

    def __init__(self, sample: Sample, log: Log) -> None:
        reader = log.reader
        keys = reader.registry.genesis.checkpoint_keys
        self.policy: Policy = policy_of_keys([parse_verifier_key(key) for key in keys])
        self.log = Logged(list(reader.store.leaves(0, reader.checkpoint.size)))
        self.evidence = prove_history(reader, sample.record).evidence
        self.entry = prove_entry(reader, Position(6)).evidence

    def believed(self, data: bytes) -> bool:
        return check_evidence(data, self.policy).verified

    def with_leaves(self, indexes: list[int]) -> bytes:
        """The history with these leaves, every proof about them made anew."""
        (part,) = self.evidence.parts
        leaves = tuple(PlacedLeaf(at, self.log.raw[at]) for at in indexes)
        kinds = {at: decode_leaf(self.log.raw[at]).claim.kind for at in indexes}
        batches = dict(
            zip(
                (one.at for one in part.leaves if self._is_batch(one.at)),
                part.batches,
                strict=True,
            )
        )
        changed = replace(
            part,
            leaves=leaves,
            hashes=several(self.log.hashes, indexes),
            batches=tuple(batches.get(at, ()) for at in indexes if kinds[at] is Kind.BATCH),
        )
        return encode_evidence(replace(self.evidence, parts=(changed,)))

    def _is_batch(self, at: int) -> bool:
        return self.log.leaves[at].claim.kind is Kind.BATCH


@pytest.fixture
def shown(sample: Sample) -> Iterator[Shown]:
    with Log.open(sample.directory) as log:
        Grower(sample, log, Random(7)).grow(30)
        log.publish()
        yield Shown(sample, log)


def test_what_is_not_changed_is_believed(shown: Shown) -> None:
    here = [one.at for one in shown.evidence.parts[0].leaves]
    assert shown.believed(shown.with_leaves(here))
    assert shown.believed(encode_evidence(shown.entry))


def test_no_leaf_can_be_left_out(shown: Shown) -> None:
    here = [one.at for one in shown.evidence.parts[0].leaves]
    for at in here[1:]:
        rest = [other for other in here if other != at]
        if not any(shown.log.leaves[other].claim.kind is Kind.EPOCH for other in rest):
            with pytest.raises(BadRequest):
                decode_evidence(shown.with_leaves(rest))
        assert not shown.believed(shown.with_leaves(rest)), at


def test_no_leaf_can_be_added(shown: Shown) -> None:
    here = {one.at for one in shown.evidence.parts[0].leaves}
    for at in set(range(len(shown.log.raw))) - here:
        assert not shown.believed(shown.with_leaves(sorted(here | {at}))), at


@pytest.mark.parametrize("which", ["evidence", "entry"])
def test_no_byte_can_be_changed(shown: Shown, which: str) -> None:
    data = encode_evidence(getattr(shown, which))
    chance = Random(which)
    for at in chance.sample(range(len(data)), FLIPS):
        changed = bytearray(data)
        changed[at] ^= 1 << chance.randrange(8)
        assert not shown.believed(bytes(changed)), at


CLAIMS: dict[str, Callable[[EvidenceClaim], EvidenceClaim]] = {
    "another entry": lambda claim: claim._replace(at=claim.at + 1),
    "another chain": lambda claim: claim._replace(chain=ChainId(bytes(16))),
    "the history": lambda claim: claim._replace(what=What.HISTORY, at=0),
    "an absence": lambda claim: claim._replace(what=What.ABSENCE, at=0),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_nothing_else_can_be_claimed(shown: Shown, name: str) -> None:
    changed = replace(shown.entry, claim=CLAIMS[name](shown.entry.claim))
    assert not shown.believed(encode_evidence(changed))


Edit = Callable[[Evidence], Evidence]


def _part(**changes: object) -> Edit:
    return lambda one: replace(one, parts=(replace(one.parts[0], **changes),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a part twice", lambda one: replace(one, parts=one.parts * 2)),
        ("no proof", _part(hashes=())),
        ("no pages", lambda one: _without_pages(one)),
        ("a key", lambda one: replace(one, disclosure=Disclosure(bytes(32), b"\x01"))),
    ],
)
def test_nothing_else_can_be_shown(shown: Shown, name: str, change: Edit) -> None:
    assert not shown.believed(encode_evidence(change(shown.entry))), name


def _without_pages(one: Evidence) -> Evidence:
    (part,) = one.parts
    runs = tuple(run._replace(pages=(), hashes=()) for run in part.runs)
    return replace(one, parts=(replace(part, runs=runs),))


def test_a_file_has_limits() -> None:
    part = Part((PlacedLeaf(0, b"leaf"),) * (MAX_LEAVES + 1), (), (), ())
    claim = EvidenceClaim(What.ABSENCE, ChainId(bytes(16)))
    with pytest.raises(BadRequest, match="more than 100000"):
        encode_evidence(Evidence(claim, b"", (part,)))
