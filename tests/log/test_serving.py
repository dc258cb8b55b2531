"""What the service asks of a ledger, where that goes over two logs of a line; orders of erasure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ledger.author import CBOR, Author, Draft
from ledger.log import Log
from ledger.merkle import check_inclusion, leaf_hash
from ledger.serving.orders import Orders
from ledger.serving.pages import find_entry, length_of, page_of
from ledger.serving.proving import evidence_of_entry, receipt_of
from ledger.wire.checkpoint import checkpoint_verifier, open_checkpoint
from ledger.wire.claim import Kind
from ledger.wire.erasure import EraseEntries, EraseRecord
from ledger.wire.evidence_reading import decode_evidence
from ledger.wire.ids import Hash, Position
from ledger.wire.receipt import parse_receipt
from tests.log.lines import SECOND, going_on, own_governor, take_over
from tests.log.sample import ORIGIN, Sample, placed

RECORD_AT = 6


@dataclass
class Line:
    """The sample's log, and one that took over from it, with an entry more in the record."""

    old: Sample
    log: Log
    clinic: Author
    newest: int


@pytest.fixture
def line(sample: Sample) -> Iterator[Line]:
    key = own_governor(sample.directory)
    new = take_over(sample.directory, sample.directory.with_name("new"), SECOND, [key])
    with Log.open(new) as log:
        clinic = going_on(sample.clinic, log)
        (outcome,) = log.append([clinic.entry(Draft(sample.record, b"{}"))])
        yield Line(sample, log, clinic, placed(outcome).index)


def test_pages_go_on_in_the_log_before(line: Line) -> None:
    reader, record = line.log.reader, line.old.record
    page = page_of(reader, record, None, 2)
    assert [one.position for one in page.entries] == [Position(line.newest), Position(7, 1)]
    assert page.next == Position(RECORD_AT, 1)
    rest = page_of(reader, record, page.next, 2)
    assert [one.position for one in rest.entries] == [Position(RECORD_AT, 1), Position(4, 1)]
    assert rest.next is None
    assert length_of(reader, record) == 4
    accesses = page_of(reader, record, None, 9, frozenset({Kind.ACCESS}))
    assert [one.position for one in accesses.entries] == [Position(7, 1)]


def test_places_that_there_are_not(line: Line) -> None:
    reader = line.log.reader
    size = line.old.size
    for place in (Position(10**6), Position(0, 2), Position(10**6, 1)):
        assert find_entry(reader, place) is None
    found = find_entry(reader, Position(size - 1, 1))
    assert found is not None and found.raw == line.old.leaves[-1]


def test_a_receipt_is_of_its_own_log(line: Line) -> None:
    file = receipt_of(line.log.reader, Position(RECORD_AT, 1))
    assert file.published
    receipt = parse_receipt(file.data)
    assert receipt.leaf == line.old.leaves[RECORD_AT]
    genesis = line.log.reader.log_at(1).registry.genesis
    verifiers = [checkpoint_verifier(key) for key in genesis.checkpoint_keys]
    checkpoint = open_checkpoint(receipt.checkpoint, ORIGIN, verifiers).checkpoint
    hash_ = leaf_hash(receipt.leaf)
    check_inclusion(RECORD_AT, hash_, checkpoint.size, receipt.hashes, checkpoint.root)


def test_evidence_of_an_earlier_entry(line: Line) -> None:
    line.log.publish()
    file = evidence_of_entry(line.log.reader, Position(RECORD_AT, 1))
    claim = decode_evidence(file.data).claim
    assert (claim.back, claim.at) == (1, RECORD_AT)


def test_orders_count_from_when_they_are_logged(line: Line) -> None:
    reader, record = line.log.reader, line.old.record
    orders = Orders(reader)
    entries = {one.position: one for one in reader.history(record)}
    assert not any(orders.covering(one) for one in entries.values())
    earlier = entries[Position(RECORD_AT, 1)]

    def order(body: bytes, erases: tuple[Position, ...] = ()) -> int:
        draft = Draft(record, b"", CBOR, Kind.ERASURE, body=body, erases=erases)
        (outcome,) = line.log.append([line.clinic.entry(draft)])
        return placed(outcome).index

    named = EraseEntries((Hash(leaf_hash(earlier.raw)),)).encode()
    first = order(named, (earlier.position,))
    assert orders.covering(earlier) == Position(first)
    assert orders.covering(entries[Position(line.newest)]) is None
    everything = order(EraseRecord().encode())
    assert {orders.covering(one) for one in entries.values()} == {Position(everything)}
    (after,) = line.log.append([line.clinic.entry(Draft(record, b"{}"))])
    assert orders.covering(reader.entry(placed(after).index)) is None
    # A reader that begins now sees the same.
    assert Orders(reader).covering(earlier) == Position(everything)
