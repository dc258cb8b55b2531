"""A line of logs: each but the first begins with a succession that names the one before by its id.

Where the files of each are is told by the caller; which is which, by the hashes of first leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifier.errors import NotVerified, Unreadable, quote
from verifier.formats.bodies import Genesis, Predecessor
from verifier.formats.leaf import parse_leaf
from verifier.formats.merkle import leaf_hash
from verifier.formats.tiles import WIDTH, Source, read_bundle
from verifier.rules.founding import parse_founding
from verifier.verdicts.logreport import LogReport


@dataclass(slots=True)
class Member:
    source: Source
    genesis: Genesis | None
    """As its first leaf says, unchecked; None when that cannot be read."""
    report: LogReport


def find_line(newest: Member, others: Sequence[Source]) -> list[Member]:
    """The line that ends in `newest`, the oldest first. Raises Unreadable when a log of it is
    missing, or one is given that is not of it.
    """
    members, left = [newest], list(others)
    while (genesis := members[0].genesis) is not None and genesis.predecessor is not None:
        before = genesis.predecessor
        source = next((one for one in left if _is_log(one, before)), None)
        if source is None:
            raise Unreadable(
                f"log {quote(genesis.origin)} takes over from log {quote(before.origin)}, "
                f"id {before.log.hex()}, and that is not among the predecessors given",
                "give its directory or URL with --predecessor; without it nothing is checked",
            )
        left.remove(source)
        opened = read_genesis(source, before.size)
        members.insert(0, Member(source, opened, LogReport(before.origin)))
    if left and genesis is not None:
        raise Unreadable(
            f"{len(left)} of the predecessors given are not in the line of this log",
            "give those alone that it takes over from",
        )
    return members


def read_genesis(source: Source, size: int) -> Genesis | None:
    try:
        return parse_founding(parse_leaf(_first_leaf(source, size)))
    except NotVerified:
        return None


def _is_log(source: Source, wanted: Predecessor) -> bool:
    try:
        return leaf_hash(_first_leaf(source, wanted.size)) == wanted.log
    except NotVerified:
        return False


def _first_leaf(source: Source, size: int) -> bytes:
    return read_bundle(source, 0, min(WIDTH, size))[0]
