"""What the ledger would append is what the verifier would take, to the byte.

The statements behind the small log go through admission and the sequencer, over a view of the log
in memory. The verifier's verdicts on the same leaves are in ``test_logs_agree``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, Final

import pytest

from ledger.admission import Admitted, BatchSubmission, PublicKeys, Submission, admit, admit_batch
from ledger.check.heads import EpochsSeen, HeadsCheck
from ledger.check.replay import Derived
from ledger.check.report import Report
from ledger.errors import BadEvidence, BadRequest
from ledger.heads import ChainType, Head
from ledger.identity import found_registry
from ledger.merkle import leaf_hash
from ledger.named import named_hashes
from ledger.sequencer import Draft, LogView
from ledger.vault.keys import NO_KEY
from ledger.wire.claim import AMENDING_KINDS, REGISTRY_KINDS, Kind
from ledger.wire.ids import ChainId, Position
from ledger.wire.keys import verifies
from ledger.wire.leaf import Leaf, claim_bytes, decode_leaf
from tests.vectors.entries_governed import continuations_governed, governed_log
from tests.vectors.entries_lies import continuations
from tests.vectors.entries_log import SmallLog, small_log
from tests.vectors.entries_sealed import Recipe, blob_hash

TYPES: Final = {
    Kind.GENESIS: ChainType.LOG,
    Kind.ACTOR: ChainType.ACTOR,
    Kind.OPEN: ChainType.PERSON,
    Kind.RECORD: ChainType.DIRECTORY,
    Kind.BATCH: ChainType.BATCH,
    Kind.EPOCH: ChainType.EPOCH,
}
HEADER_LIES: Final = {
    "seq-skipped",
    "seq-repeated",
    "prev-hash-of-an-earlier-leaf",
    "prev-index-of-an-earlier-leaf",
    "prev-index-of-the-leaf-itself",
    "chain-started-again",
    "received-before-the-last",
    "batch-index-of-another-leaf",
    "batch-position-skipped",
    "entry-between-batch-and-members",
    "member-without-batch",
    "continues-a-log-before-the-first",
}
"""Only a log can tell these lies: the ledger writes the headers itself."""

LOG, _ = small_log()
GOVERNED_LOG, _ = governed_log()
GOVERNED = continuations_governed(GOVERNED_LOG)
CONTINUATIONS = [row for row in continuations(LOG) if row[0] not in HEADER_LIES]


class Memory:
    """A log in memory that the sequencer can ask."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves: list[bytes] = []
        genesis = decode_leaf(leaves[0])
        self.registry = found_registry(genesis, leaf_hash(leaves[0]))
        self.heads: dict[ChainId, Head] = {}
        self.ids: dict[bytes, int] = {}
        self.received_ms = 0
        for leaf in leaves:
            self.append(leaf)

    def append(self, raw: bytes) -> None:
        leaf, index = decode_leaf(raw), len(self.leaves)
        claim = leaf.claim
        if claim.kind in REGISTRY_KINDS:
            self.registry.apply(claim, index)
        before = self.heads.get(claim.chain)
        kind = before.type if before else TYPES[claim.kind]
        self.heads[claim.chain] = Head(kind, leaf.seq + 1, index, leaf_hash(raw))
        self.ids[claim.entry_id + claim.author] = index
        self.received_ms = leaf.received_ms
        self.leaves.append(raw)

    def index_of(self, hash_: bytes) -> int | None:
        hashes = [leaf_hash(raw) for raw in self.leaves]
        return next((at for at, one in enumerate(hashes) if one == hash_), None)

    def draft(self, received_ms: int) -> Draft:
        view = LogView(
            len(self.leaves),
            self.received_ms,
            self.registry,
            self.heads.get,
            self.ids.get,
            lambda keys: next((key for key in keys if key in self.ids), None),
            max(self.ids),
            self.leaves.__getitem__,
        )
        return Draft(view, received_ms)

    def keys(self) -> PublicKeys:
        return self.registry.statement_keys()


def recipes(log: SmallLog) -> dict[bytes, Recipe]:
    """The payloads by the hash that claims have of them."""
    return {blob_hash(one.blob()): one for _, one in (*LOG.payloads, *log.payloads)}


def append(memory: Memory, leaves: list[bytes], blobs: dict[bytes, Recipe]) -> None:
    """Sequence the first entry of ``leaves``, a batch with its members, and commit it."""
    raw = leaves.pop(0)
    leaf = decode_leaf(raw)
    draft = memory.draft(leaf.received_ms)
    if leaf.claim.kind is Kind.BATCH:
        members = [member[69:] for member in takewhile(lambda one: one[0] == 2, leaves)]
        del leaves[: len(members)]
        sealed = [blobs[claim[90:122]] for claim in members]
        parts = [one.blob() for one in sealed], [one.key for one in sealed]
        draft.add_batch(admit_batch(BatchSubmission(raw[57:], members, *parts), memory.keys()))
    elif leaf.claim.author == memory.registry.itself:
        # What the log itself signs comes from the appender, past admission.
        draft.add(log_signed(memory, raw, leaf))
    else:
        recipe = blobs.get(leaf.claim.blob_hash)
        blob, key = (recipe.blob(), recipe.key) if recipe else (b"", NO_KEY)
        named = [memory.index_of(one) for one in named_hashes(leaf.claim)]
        at = tuple(Position(index) for index in named if index is not None)
        amends = at[0] if at and leaf.claim.kind in AMENDING_KINDS else None
        erases = at if leaf.claim.kind is Kind.ERASURE else ()
        entry = Submission(raw[57:], blob, key, (), amends, erases)
        placed = draft.add(admit(entry, memory.keys()))
        if placed.known:
            raise BadRequest("stands already")
    for made in draft.leaves:
        memory.append(made)
    check_epochs(memory)


def log_signed(memory: Memory, raw: bytes, leaf: Leaf) -> Admitted:
    """An entry by the log, if its key signed it."""
    statement = leaf.statement
    assert statement is not None
    key = memory.registry.public_key(leaf.claim.author, statement.kid)
    if not verifies(key, statement.signature, statement.signed):
        raise BadEvidence("the log's signature")
    return Admitted(
        raw[57:], leaf.claim, claim_bytes(raw), statement.kid, b"", NO_KEY, (), None, ()
    )


class NoRuns:
    """A store that has no runs on disk."""

    def scan(self, *_: object) -> Iterator[tuple[bytes, bytes]]:
        return iter(())


def check_epochs(memory: Memory) -> None:
    """What the ledger's check says of the newest leaf, if that is an epoch. Raises BadEvidence."""
    seen, report = EpochsSeen(), Report(9, lambda *_: None, len(memory.leaves))
    for index, raw in enumerate(memory.leaves):
        seen.look(index, raw)
    if seen.indexes[-1:] != [len(memory.leaves) - 1]:
        return
    none: Any = NoRuns()
    heads = HeadsCheck(report, none, none, memory.registry.log, seen)
    for index, raw in enumerate(memory.leaves):
        leaf, hash_ = decode_leaf(raw), leaf_hash(raw)
        head = Head(ChainType.PERSON, leaf.seq + 1, index, hash_)
        heads.add(Derived(index, raw, hash_, leaf), head)
    if report.problems:
        raise BadEvidence(report.problems[0].what)


def appended(longer: SmallLog, log: SmallLog) -> list[bytes]:
    """The leaves that the ledger makes of what follows a log. Raises."""
    memory, rest = Memory(log.leaves), longer.leaves[log.index :]
    while rest:
        append(memory, rest, recipes(longer))
    return memory.leaves[log.index :]


@pytest.mark.parametrize(
    ("name", "longer", "valid"), CONTINUATIONS, ids=[row[0] for row in CONTINUATIONS]
)
def test_appends(name: str, longer: SmallLog, valid: bool) -> None:
    if valid:
        assert appended(longer, LOG) == longer.leaves[LOG.index :]
    else:
        with pytest.raises((BadRequest, BadEvidence)):
            appended(longer, LOG)


@pytest.mark.parametrize(("name", "longer", "valid"), GOVERNED, ids=[row[0] for row in GOVERNED])
def test_appends_to_the_governed_log(name: str, longer: SmallLog, valid: bool) -> None:
    if valid:
        assert appended(longer, GOVERNED_LOG) == longer.leaves[GOVERNED_LOG.index :]
    else:
        with pytest.raises((BadRequest, BadEvidence)):
            appended(longer, GOVERNED_LOG)


def test_the_small_log_is_what_the_ledger_makes() -> None:
    """Entry by entry, from the genesis on."""
    memory, rest = Memory(LOG.leaves[:1]), LOG.leaves[1:]
    while rest:
        append(memory, rest, recipes(LOG))
    assert memory.leaves == LOG.leaves
