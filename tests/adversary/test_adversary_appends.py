"""What an enrolled author, or a governor, could hand in to harm the ledger for everybody."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.admission import Submission
from ledger.author import CBOR, Draft
from ledger.errors import BadRequest
from ledger.founding import found
from ledger.identity import Enrol, NewKey
from ledger.log import Log
from ledger.vault.keys import NO_KEY
from ledger.wire import sealed
from ledger.wire.claim import Kind
from ledger.wire.ids import (
    BATCH_CHAIN,
    DIRECTORY_CHAIN,
    ActorId,
    ChainId,
    derived_chain,
    new_chain_id,
)
from ledger.wire.keys import raw_public
from tests.log.sample import Sample, placed, refused


@pytest.fixture
def key_of_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every content key that is made is the one that means *no key* in the vault."""
    real = os.urandom

    def urandom(count: int) -> bytes:
        return NO_KEY if count == sealed.KEY_SIZE else real(count)

    monkeypatch.setattr(sealed, "os", type("os", (), {"urandom": staticmethod(urandom)}))


@pytest.mark.usefixtures("key_of_zeros")
def test_a_content_key_of_zeros_is_refused(sample: Sample) -> None:
    """It would be stored as no key at all, and the ledger would not open again."""
    with Log.open(sample.directory) as log:
        entry = sample.clinic.entry(Draft(sample.record, b"{}"))
        assert entry.key == NO_KEY
        assert "content key" in refused(log.append([entry])[0]).message
        batch = sample.clinic.batch([Draft(sample.record, b"{}")])
        assert "content key" in refused(log.append_batch(batch)).message
    Log.open(sample.directory).close()


@pytest.mark.parametrize("label", [BATCH_CHAIN, DIRECTORY_CHAIN])
@pytest.mark.parametrize("together", [False, True], ids=["before", "in one request"])
def test_an_actors_own_chain_is_not_opened_before_it_is_enrolled(
    log: Log, sample: Sample, label: bytes, together: bool
) -> None:
    """A person's record that turns into a directory would be released without an access entry."""
    actor, key = ActorId(new_chain_id()), Ed25519PrivateKey.generate()
    chain = derived_chain(label, sample.log_id, actor)
    opening = sample.clinic.entry(Draft(chain, b"", CBOR, Kind.OPEN))
    record = sample.clinic.entry(Draft(chain, sample.content))
    body = Enrol("organisation", (NewKey(raw_public(key)),)).encode()
    enrolment = log.governor().actor(ChainId(actor), body)
    requests = [[opening, record, enrolment]] if together else [[opening, record], [enrolment]]
    outcomes = [one for request in requests for one in log.append(request)]
    index = placed(outcomes[1]).index
    assert "opened before it was enrolled" in refused(outcomes[2]).message
    with pytest.raises(BadRequest, match="access entry only"):
        log.vault.release(index, None)


@pytest.mark.parametrize("origin", ["a\u200bb.example", "a.example/\u202elog", "a\x7fb"])
def test_an_origin_that_no_reader_takes_founds_no_ledger(tmp_path: Path, origin: str) -> None:
    with pytest.raises(BadRequest, match="do not print"):
        found(tmp_path / "ledger", origin)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "lie",
    [
        lambda s: s.clinic.entry(Draft(s.record, b"{}", tags=(b"short",))),
        lambda s: s.clinic.entry(Draft(s.record, b"{}", tags=(bytes(17),))),
    ],
    ids=["short tag", "long tag"],
)
def test_a_tag_of_another_length_is_refused(
    log: Log, sample: Sample, lie: Callable[[Sample], Submission]
) -> None:
    """The index would cut or fill it without a word, and never find it again."""
    assert "tag" in refused(log.append([lie(sample)])[0]).message
