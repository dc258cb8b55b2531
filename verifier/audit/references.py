"""Leaves that a later entry of their chain names by hash.

    amend, retract   a record or an amend
    unlink           a link
    erasure          an order: leaves of kinds that need a sealed blob;  an attestation: an order

What is named may lie anywhere before, also in an earlier log. So the names are gathered, and the
hashes of all leaves are gone through for so many names at a time as fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from verifier.audit.spans import ORDER, REFERENCE, Record, kind_of
from verifier.errors import NotVerified
from verifier.formats.claim import AMEND, ERASURE, KINDS, LINK, RECORD, UNLINK, ZERO, Claim
from verifier.formats.erasure import Erasure

MOST_AT_ONCE = 1 << 18
_HASH = Struct("32s")
RECORD_OR_AMEND, THE_LINK, CONTENT, THE_ORDER = 1, 2, 3, 4
_WANTED = {
    RECORD_OR_AMEND: ("amended", "the hash of a record or an amend earlier on this chain"),
    THE_LINK: ("amended", "the hash of a link earlier on this chain"),
    CONTENT: ("erasure", "the hash of a leaf with content earlier on this chain"),
    THE_ORDER: ("erasure", "the hash of an order earlier on this chain"),
}


class Reference(NamedTuple):
    named: bytes
    chain: bytes
    asker: int
    wanted: int


class _Found(NamedTuple):
    """A leaf that is named: the first with its hash."""

    log: int
    leaf: int
    chain: bytes
    code: int


def references_of(index: int, claim: Claim, erasure: Erasure | None) -> Iterator[bytes]:
    """What an entry names, as rows."""
    if claim.amended != ZERO:
        wanted = THE_LINK if claim.kind == UNLINK else RECORD_OR_AMEND
        yield REFERENCE.pack(claim.amended, claim.chain, index, wanted)
    if erasure is not None:
        for hashed in erasure.entries:
            yield REFERENCE.pack(hashed, claim.chain, index, CONTENT)
        if erasure.order is not None:
            yield REFERENCE.pack(erasure.order, claim.chain, index, THE_ORDER)


def reference_groups(records: Sequence[Record], most: int) -> Iterator[tuple[int, int]]:
    """Ranges of records, by number, that hold at most so many references, or are single."""
    start = held = 0
    for number, record in enumerate(records):
        count = record.header["references"]
        if held and held + count > most:
            yield start, number
            start, held = number, 0
        held += count
    if held:
        yield start, len(records)


def check_references(
    logs: Sequence[Sequence[Record]],
    start: int,
    end: int,
    report: Callable[[NotVerified, int], None],
) -> None:
    """What the records from start up to end of the last log name. `logs` are those of its line."""
    references = [
        Reference(*row)
        for record in logs[-1][start:end]
        for row in REFERENCE.iter_unpack(record.section("references"))
    ]
    wanted = {one.named for one in references}
    found: dict[bytes, _Found] = {}
    for log, records in enumerate(logs):
        # What names stands behind what is named.
        for record in records if log < len(logs) - 1 else records[:end]:
            _find(log, record, wanted, found)
    newest = len(logs) - 1
    for one in references:
        leaf = found.get(one.named)
        if (
            leaf is None
            or (leaf.log, leaf.leaf) >= (newest, one.asker)
            or leaf.chain != one.chain
            or not _is(one.wanted, leaf.code)
        ):
            step, expected = _WANTED[one.wanted]
            report(NotVerified(step, expected, one.named.hex()), one.asker)


def _find(log: int, record: Record, wanted: set[bytes], found: dict[bytes, _Found]) -> None:
    hits = [
        at
        for at, (hashed,) in enumerate(_HASH.iter_unpack(record.section("hashes")))
        if hashed in wanted
    ]
    if not hits:
        return
    hashes, chains = record.section("hashes"), record.section("chains")
    codes = record.section("codes")
    first = record.header["first"]
    for at in hits:
        hashed = hashes[32 * at : 32 * at + 32]
        if hashed not in found:
            chain = chains[16 * at : 16 * at + 16]
            found[hashed] = _Found(log, first + at, chain, codes[at])


def _is(wanted: int, code: int) -> bool:
    kind = kind_of(code)
    if wanted == RECORD_OR_AMEND:
        return kind in (RECORD, AMEND)
    if wanted == THE_LINK:
        return kind == LINK
    if wanted == THE_ORDER:
        return kind == ERASURE and code & ORDER != 0
    return kind in KINDS and KINDS[kind].must_seal
