"""Proving: receipts and evidence files, as bytes to be sent."""

from __future__ import annotations

from typing import NamedTuple

from ledger.evidence import Proved, prove_absence, prove_entry, prove_history
from ledger.reader import Reader
from ledger.wire.evidence import encode_evidence
from ledger.wire.ids import ChainId, Position
from ledger.wire.receipt import render_receipt


class ReceiptFile(NamedTuple):
    """A receipt, and whether its checkpoint is published: else it is provisional."""

    data: bytes
    published: bool


class EvidenceFile(NamedTuple):
    """An evidence file, and how far it goes."""

    data: bytes
    upto: int
    """E of the newest log's epoch: every leaf below it is in."""
    epoch_ms: int
    newer: int
    """Entries of the chain that came since."""
    custodians: int


def receipt_of(reader: Reader, place: Position) -> ReceiptFile:
    """Raises BadRequest where there is no entry."""
    log = reader.log_at(place.back)
    note = log.published_over(place.at)
    return ReceiptFile(render_receipt(log.receipt(place.at, note)), note is not None)


def provisional_receipt(reader: Reader, index: int) -> bytes:
    """The receipt of an entry that was appended just now."""
    return render_receipt(reader.receipt(index))


def evidence_of_entry(reader: Reader, place: Position) -> EvidenceFile:
    """Raises NotPublished, BadRequest or LedgerFault."""
    return _file(prove_entry(reader, place))


def evidence_of_record(reader: Reader, chain: ChainId) -> EvidenceFile:
    """All entries up to the published epoch. Raises NotPublished, BadRequest or LedgerFault."""
    return _file(prove_history(reader, chain))


def evidence_of_absence(reader: Reader, chain: ChainId) -> EvidenceFile:
    """That there is none. Raises NotPublished, BadRequest when there is one, LedgerFault."""
    return _file(prove_absence(reader, chain))


def _file(proved: Proved) -> EvidenceFile:
    data = encode_evidence(proved.evidence)
    return EvidenceFile(data, proved.upto, proved.epoch_ms, proved.newer, proved.custodians)
