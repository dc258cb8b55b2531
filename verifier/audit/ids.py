"""(author, entry id) occurs once in a log. Ids are looked at by a byte of their random part."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from verifier.audit.spans import ID, Record, partition, partition_rows
from verifier.audit.split import Split, always
from verifier.errors import NotVerified

MOST_AT_ONCE = 1 << 19


def check_ids(
    records: Sequence[Record],
    low: int,
    high: int,
    report: Callable[[NotVerified, int], None],
    most_at_once: int = MOST_AT_ONCE,
) -> None:
    """Ids of the partitions from low up to high."""
    rows = sum(partition_rows(record, "ids", low, high) for record in records)
    split = Split(-(-rows // most_at_once))
    for number in range(split.passes):
        has = split.part(number)
        seen: set[bytes] = set()
        for record in records:
            pairs = list(ID.iter_unpack(partition(record, "ids", ID, low, high)))
            if has is not always:
                pairs = [row for row in pairs if has(row[0])]
            here = {pair for pair, _ in pairs}
            if len(here) < len(pairs) or not seen.isdisjoint(here):
                _report_again(pairs, seen, report)
            seen |= here


def _report_again(
    pairs: Sequence[tuple[bytes, int]],
    before: set[bytes],
    report: Callable[[NotVerified, int], None],
) -> None:
    seen: set[bytes] = set()
    for pair, index in sorted(pairs, key=lambda row: row[1]):
        if pair in before or pair in seen:
            found = f"{pair[16:].hex()} again"
            report(NotVerified("entry id", "an id used once by its author", found), index)
        seen.add(pair)
