"""Sizes: what is just allowed goes in and comes back, one byte more is refused."""

from __future__ import annotations

import pytest

from ledger.author import Draft
from ledger.errors import BadRequest
from ledger.log import Log
from ledger.wire.ids import new_entry_id
from ledger.wire.sealed import MAX_CONTENT, MAX_HEADER, associated_data
from ledger.wire.sealed import seal as seal_checked
from tests.log.sample import Sample, claim_for, now_ms, placed, raw_entry, refused

LARGEST = 16 * 1024 * 1024


def test_payload_of_16_mib_passes(log: Log, sample: Sample) -> None:
    content = b"\xa5" * LARGEST
    (outcome,) = log.append([sample.clinic.entry(Draft(sample.record, content))])
    assert log.vault.use(placed(outcome).index, "test").content == content


def test_payload_of_one_byte_more_is_not_sealed(sample: Sample) -> None:
    with pytest.raises(BadRequest, match="over the limit of 16 MiB") as caught:
        sample.clinic.entry(Draft(sample.record, b"\xa5" * (LARGEST + 1)))
    assert caught.value.hint == "send it in parts"


def test_payload_over_the_limit_is_refused_from_a_sealer_that_does_not_care(
    log: Log, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.wire.sealed.MAX_CONTENT", 1 << 30)
    entry_id = new_entry_id(now_ms())
    place = associated_data(sample.log_id, sample.record, entry_id)
    sealed = seal_checked(bytes(17 * 1024 * 1024 + 1), {"type": "x/y"}, place)
    claim = claim_for(sample.clinic, sample.record, b"x", entry_id=entry_id).encode()
    size = len(sealed.blob).to_bytes(8, "big")
    entry = raw_entry(sample.clinic, claim[:122] + size + claim[130:], sealed)
    error = refused(log.append([entry])[0])
    assert "over the limit of 17825792" in error.message
    assert error.hint == "a payload has at most 16 MiB"


def test_empty_payload_and_largest_header_pass(log: Log, sample: Sample) -> None:
    header = {"note": "n" * (MAX_HEADER - 64)}
    entries = [
        sample.clinic.entry(Draft(sample.record, b"")),
        sample.clinic.entry(Draft(sample.record, b"", header=dict(header))),
    ]
    first, second = (placed(one).index for one in log.append(entries))
    assert log.vault.use(first, "test").content == b""
    assert log.vault.use(second, "test").header["note"] == header["note"]


def test_header_over_its_limit_is_not_sealed(sample: Sample) -> None:
    with pytest.raises(BadRequest, match="over the limit of 16384"):
        sample.clinic.entry(Draft(sample.record, b"", header={"note": "n" * MAX_HEADER}))


def test_the_limit_is_what_the_contract_says() -> None:
    assert LARGEST == MAX_CONTENT
