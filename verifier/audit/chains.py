"""Every leaf continues exactly one chain: the rules of `chainrules`, for segments of chains.

Looked at are all chains of a line whose partition byte is in a range, log by log and span by span.
Their heads are all that is held at once. Links inside a span are checked in `linking`, what an
entry names by hash in `references`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from verifier.audit.spans import (
    CROSSES,
    OWN,
    SEGMENT,
    WHOLE_RECORD,
    Record,
    kind_of,
    kinds_bit,
    partition,
    partition_rows,
)
from verifier.audit.split import Split, always
from verifier.errors import NotVerified
from verifier.formats.claim import ERASURE
from verifier.rules.chainrules import (
    FOLLOWERS,
    ChainKind,
    Last,
    Link,
    check_follows,
    check_link,
    opened_by,
)
from verifier.rules.registered import Question

MOST_AT_ONCE = 1 << 19
_ALLOWED = {
    chain: sum(map(kinds_bit, followers))
    | (kinds_bit(ERASURE | WHOLE_RECORD) if chain in (ChainKind.PERSON, ChainKind.FALSE) else 0)
    for chain, followers in FOLLOWERS.items()
}


_BITS = [kinds_bit(code) for code in range(1 << 7)]


class Head(NamedTuple):
    kind: ChainKind
    allowed: int
    """Kinds that may follow, as bits."""
    seq: int
    leaf_hash: bytes
    leaf_index: int
    opened_at: int
    """Index of the chain's first leaf in this log."""


class LogSegments(NamedTuple):
    """A log of the line, as far as its chains go."""

    records: Sequence[Record]
    log_chain: bytes
    epoch_chain: bytes


class Chains:
    def __init__(
        self, report: Callable[[NotVerified, int], None], has: Callable[[bytes], bool] = always
    ) -> None:
        """`has`: which of the partition's chains are looked at."""
        self.has = has
        self.heads: dict[bytes, Head] = {}
        """Of chains with a leaf in this log."""
        self._earlier: dict[bytes, Head] = {}
        """Of chains whose last leaf lies in an earlier log."""
        self.report = report

    def cross_over(self, log: LogSegments) -> None:
        """The log ends, and with it its own chains; all others may go on in the next."""
        self._earlier.update(self.heads)
        self.heads = {}
        for ended in (log.log_chain, log.epoch_chain):
            if ended in self._earlier:
                self._earlier[ended] = self._earlier[ended]._replace(
                    kind=ChainKind.OLD_LOG, allowed=_ALLOWED[ChainKind.OLD_LOG]
                )

    def take(self, record: Record, low: int, high: int) -> None:
        """The segments of a span."""
        heads, earlier, has, new = self.heads, self._earlier, self.has, Head._make
        for row in SEGMENT.iter_unpack(partition(record, "segments", SEGMENT, low, high)):
            (
                _, chain, index, seq, prev_hash, prev_index, code, flags, later,
                last_index, last_seq, last_hash,
            ) = row  # fmt: skip
            if has is not always and not has(chain):
                continue
            head = heads.get(chain)
            if (
                head is not None
                and prev_hash == head[3]
                and seq == head[2] + 1
                and prev_index == head[4]
                and not flags & CROSSES
                and not (_BITS[code] | later) & ~head[1]
            ):
                heads[chain] = new((*head[:2], last_seq, last_hash, last_index, head[5]))
                continue
            here = head is not None
            head = head or earlier.get(chain)
            kind = self._first_here(row, head, here)
            if later & ~_ALLOWED[kind]:
                self._find_false_kinds(record, chain, kind, index)
            opened_at = head.opened_at if head is not None and here else index
            heads[chain] = Head(kind, _ALLOWED[kind], last_seq, last_hash, last_index, opened_at)

    def _first_here(self, row: tuple[Any, ...], head: Head | None, here: bool) -> ChainKind:
        """The first leaf of a segment, at length. `here`: the head is one of this log."""
        _, chain, index, seq, prev_hash, prev_index, code, flags, *_ = row
        link = Link(flags & CROSSES != 0, seq, prev_hash, prev_index)
        kind = ChainKind.FALSE if head is None else head.kind
        try:
            if head is None:
                check_link(chain, link, None, in_this_log=False)
                return opened_by(kind_of(code), index, flags & OWN != 0)
            check_link(chain, link, Last(*head[2:5]), here)
            _check_code(kind, code)
        except NotVerified as error:
            self.report(error, index)
        return kind

    def _find_false_kinds(self, record: Record, chain: bytes, kind: ChainKind, behind: int) -> None:
        """Which leaves of the span they are."""
        first = record.header["first"]
        chains, codes = record.section("chains"), record.section("codes")
        for offset in range(behind + 1 - first, len(codes)):
            if chains[16 * offset : 16 * offset + 16] == chain:
                try:
                    _check_code(kind, codes[offset])
                except NotVerified as error:
                    self.report(error, first + offset)

    def answer(self, question: Question) -> None:
        """What an enrolment needs of other chains, as they were when it came."""
        chain = question.chain
        head, before = self.heads.get(chain), self._earlier.get(chain)
        if head is None or head.opened_at >= question.asker:
            head = before
        if question.is_person:
            if head is None or head.kind is not ChainKind.PERSON:
                self._false_actor("a record that was opened before", chain.hex(), question)
        elif head is not None:
            self._false_actor("own chains that are new", f"{chain.hex()}, opened", question)

    def _false_actor(self, expected: str, found: str, question: Question) -> None:
        self.report(NotVerified("actor", expected, found), question.asker)


def _check_code(chain: ChainKind, code: int) -> None:
    check_follows(chain, kind_of(code))
    if kinds_bit(code) & ~_ALLOWED[chain]:
        raise NotVerified("erasure", "scope record on a person's chain", chain.value)


def check_chains(
    line: Sequence[LogSegments],
    low: int,
    high: int,
    questions: Sequence[Question],
    report: Callable[[NotVerified, int], None],
    most_at_once: int = MOST_AT_ONCE,
) -> int:
    """Of the last log of the line, behind those before it, which are true. Returns how many chains
    have a leaf in it.

    Whoever grinds chain ids may bring all of them into one partition; one that is too large is gone
    through in several passes, by a hash with a key that nobody knows before.
    """
    rows = sum(
        partition_rows(record, "segments", low, high) for log in line for record in log.records
    )
    split = Split(-(-rows // most_at_once))
    count = 0
    for number in range(split.passes):
        chains = Chains(_ignore, split.part(number))
        for log in line[:-1]:
            for record in log.records:
                chains.take(record, low, high)
            chains.cross_over(log)
        chains.report = report
        for record in line[-1].records:
            chains.take(record, low, high)
        for question in questions:
            if chains.has(question.chain):
                chains.answer(question)
        count += len(chains.heads)
    return count


def _ignore(error: NotVerified, index: int) -> None:
    """Reported when that log was audited."""
