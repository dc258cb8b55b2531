"""Proving: an evidence file out of a ledger.

Reads only what is published, so it may run beside the writer. What it made is checked against the
roots before it is handed out: a file that would be called false is the ledger's own fault.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from ledger.custody.cosigners import cosigned
from ledger.errors import BadEvidence, BadRequest, LedgerFault
from ledger.evidence.cuts import NotPublished, cut_line
from ledger.evidence.gathering import Gathered, Gathering, newer_in
from ledger.evidence.members import batch_proof
from ledger.identity.bodies import CUSTODIAN
from ledger.lookups import EpochIndex
from ledger.merkle import check_multi
from ledger.reader import Reader
from ledger.store.tables import DAMAGED
from ledger.wire.batch import BatchBody
from ledger.wire.claim import Claim, Kind
from ledger.wire.epoch import page_hash, pages_of
from ledger.wire.evidence import (
    Disclosure,
    Evidence,
    EvidenceClaim,
    Part,
    PlacedLeaf,
    RunPages,
    What,
)
from ledger.wire.ids import ChainId, Hash, Position
from ledger.wire.leaf import claim_bytes, decode_leaf
from ledger.wire.note import parse_note


class Proved(NamedTuple):
    """An evidence file, and how far it goes in the newest log."""

    evidence: Evidence
    upto: int
    """E of the epoch."""
    epoch_ms: int
    """When the epoch was logged."""
    custodians: int
    """How many signed the checkpoint with a registered key."""
    newer: int
    """Entries of the chain that are logged by now and too new for the epoch."""


def prove_entry(reader: Reader, place: Position, disclosure: Disclosure | None = None) -> Proved:
    """That an entry is in the log and its author might sign it. Raises BadRequest when nothing is
    published that covers it.
    """
    chain = reader.entry(*place).leaf.claim.chain
    claim = EvidenceClaim(What.ENTRY, chain, place.back, place.at)
    return _proved(reader, claim, -1 if place.back else place.at, disclosure)


def prove_history(reader: Reader, chain: ChainId) -> Proved:
    """That these are all leaves of a chain below the epoch. Raises BadRequest for a chain that has
    none.
    """
    proved = _proved(reader, EvidenceClaim(What.HISTORY, chain))
    if not any(_has(part, chain) for part in proved.evidence.parts):
        raise NotPublished(
            f"chain {chain.hex()} has no entry up to the published epoch",
            hint="check the id; for what is newer run `counterfoil checkpoint DIR` first",
        )
    return proved


def prove_absence(reader: Reader, chain: ChainId) -> Proved:
    """That a chain has no leaf below the epoch. Raises BadRequest when it has one."""
    proved = _proved(reader, EvidenceClaim(What.ABSENCE, chain))
    if any(_has(part, chain) for part in proved.evidence.parts):
        raise BadRequest(
            f"chain {chain.hex()} has entries", hint="prove its history instead, with `history`"
        )
    return proved


def _has(part: Part, chain: ChainId) -> bool:
    return any(Claim.trusted(claim_bytes(leaf.raw)).chain == chain for leaf in part.leaves)


def _proved(
    reader: Reader, claim: EvidenceClaim, above: int = -1, disclosure: Disclosure | None = None
) -> Proved:
    note, cuts = cut_line(reader, above)
    lines = list(cosigned(reader.registry, parse_note(note).signatures, (CUSTODIAN,)))
    gathering = Gathering(cuts)
    gathering.gather(claim, [line.actor.id for line in lines])
    parts = tuple(_part(gathering, back) for back in range(len(cuts)))
    epoch = decode_leaf(gathering.leaves[0][cuts[0].epoch_at].raw)
    evidence = Evidence(claim, note, parts, disclosure)
    newer = newer_in(reader, claim.chain, cuts[0].upto)
    signed = {line.actor.id for line in lines if line.stands_at(cuts[0].size)}
    return Proved(evidence, cuts[0].upto, epoch.received_ms, len(signed), newer)


def _part(gathering: Gathering, back: int) -> Part:
    cut, leaves = gathering.cuts[back], gathering.leaves[back]
    indexes = sorted(leaves)
    hashes = cut.log.multi_proof(indexes, cut.size)
    try:
        check_multi(indexes, [leaves[at].hash for at in indexes], cut.size, hashes, cut.root)
    except BadEvidence as error:
        raise LedgerFault(f"store: {error}", hint=DAMAGED) from error
    return Part(
        tuple(PlacedLeaf(at, leaves[at].raw) for at in indexes),
        tuple(hashes),
        tuple(_batches(cut.log, leaves, indexes)),
        _runs(cut.index, gathering.pages[back]),
    )


def _batches(
    log: Reader, leaves: dict[int, Gathered], indexes: list[int]
) -> Iterator[tuple[Hash, ...]]:
    """For each batch the proof of the members that are here."""
    for index in indexes:
        claim = Claim.trusted(claim_bytes(leaves[index].raw))
        if claim.kind is Kind.BATCH:
            body = BatchBody.decode(claim.body)
            start = bisect_right(indexes, index)
            stop = bisect_right(indexes, index + body.count)
            here = [at - index - 1 for at in indexes[start:stop]]
            yield tuple(batch_proof(log, index, body, here))


def _runs(index: EpochIndex, needed: dict[int, set[int]]) -> tuple[RunPages, ...]:
    """For each run the pages that are needed, and why they are in it."""
    found: list[RunPages] = []
    for number, run in enumerate(index.epoch.runs):
        pages = index.pages(number, needed.get(number, ()))
        if not pages:
            found.append(RunPages())
            continue
        numbers = [at for at, _ in pages]
        proof = index.proof(number, numbers)
        hashes = [page_hash(page) for _, page in pages]
        try:
            check_multi(numbers, hashes, pages_of(run.rows), proof, run.root)
        except BadEvidence as error:
            raise LedgerFault(f"index heads: run up to {run.to}: {error}", hint=DAMAGED) from error
        found.append(RunPages(tuple(pages), tuple(proof)))
    return tuple(found)
