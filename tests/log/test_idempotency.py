"""The same bytes again give the first receipt; order in one call is the order in the log."""

from __future__ import annotations

from dataclasses import replace

from ledger.author import Draft
from ledger.errors import Conflict
from ledger.log import Log
from ledger.wire.claim import Claim
from ledger.wire.statement import parse_statement
from tests.log.sample import Sample, contents, entry_with, placed, refused


def test_sent_twice_in_one_call(log: Log, sample: Sample) -> None:
    entry = entry_with(sample.clinic, sample.record)
    first, second, third = map(placed, log.append([entry, entry, entry]))
    assert (first.index, first.known) == (sample.size, False)
    assert second == third == replace(first, known=True)
    assert log.reader.checkpoint.size == sample.size + 1


def test_sent_again_and_after_opening_again(sample: Sample) -> None:
    entry = entry_with(sample.clinic, sample.record)
    with Log.open(sample.directory) as log:
        first = placed(log.append([entry])[0])
        before = contents(log)
        assert placed(log.append([entry])[0]) == replace(first, known=True)
        assert contents(log) == before
    with Log.open(sample.directory) as log:
        assert placed(log.append([entry])[0]) == replace(first, known=True)
        assert placed(log.append([sample.entry])[0]).index == 6
        assert contents(log) == before


def test_sent_again_many_times_at_once(log: Log, sample: Sample) -> None:
    entry = entry_with(sample.clinic, sample.record)
    futures = [log.append_later([entry]) for _ in range(50)]
    outcomes = [placed(future.result()[0]) for future in futures]
    assert {one.index for one in outcomes} == {sample.size}
    assert sum(not one.known for one in outcomes) == 1


def test_same_claim_under_another_signature_of_its_author(log: Log, sample: Sample) -> None:
    """Ed25519 signatures are deterministic, but idempotency looks at the claim alone."""
    statement = parse_statement(sample.entry.statement)
    again = sample.clinic.key.sign(Claim.decode(statement.claim))
    assert placed(log.append([replace(sample.entry, statement=again)])[0]).index == 6


def test_same_id_with_each_field_changed_is_a_conflict(log: Log, sample: Sample) -> None:
    claim = Claim.decode(parse_statement(sample.entry.statement).claim)
    before = contents(log)
    for changes in (
        {"authored_ms": claim.authored_ms - 1},
        {"chain": sample.other},
        {"expires_ms": claim.authored_ms + 10_000_000},
        {"log": bytes(32)},
    ):
        changed = replace(claim, **changes)
        entry = replace(sample.entry, statement=sample.clinic.key.sign(changed))
        error = refused(log.append([entry])[0])
        assert isinstance(error, Conflict), changes
        assert "stands at index 6" in error.message
    assert contents(log) == before


def test_same_id_by_another_author_is_another_entry(log: Log, sample: Sample) -> None:
    claim = Claim.decode(parse_statement(sample.entry.statement).claim)
    entry = entry_with(sample.hospital, sample.record, entry_id=claim.entry_id)
    assert placed(log.append([entry])[0]).index == sample.size


def test_known_entry_is_answered_although_its_author_was_revoked(log: Log, sample: Sample) -> None:
    """An answer that got lost can be asked for again; nothing new is taken under that key."""
    new = entry_with(sample.clinic, sample.record)
    log.revoke(sample.clinic.id, sample.clinic.key.kid)
    before = contents(log)
    again = placed(log.append([sample.entry])[0])
    assert (again.index, again.known) == (6, True)
    assert "was revoked at index 10" in refused(log.append([new])[0]).message
    assert contents(log) == before


def test_order_in_one_call_is_the_order_in_the_log(log: Log, sample: Sample) -> None:
    """Over many chunks that are admitted on several cores."""
    drafts = [Draft(sample.record, b"%d" % number) for number in range(700)]
    entries = [sample.clinic.entry(draft) for draft in drafts]
    indexes = [placed(one).index for one in log.append(entries)]
    assert indexes == list(range(sample.size, sample.size + 700))
    assert log.vault.use(indexes[613], "test").content == b"613"


def test_an_entry_follows_the_opening_of_its_record_in_one_call(log: Log, sample: Sample) -> None:
    entries = []
    for _ in range(100):
        chain, opening = sample.clinic.open_record()
        entries += [opening, entry_with(sample.hospital, chain)]
    assert [placed(one).index for one in log.append(entries)] == [
        sample.size + at for at in range(200)
    ]


def test_an_entry_before_the_opening_of_its_record_is_refused(log: Log, sample: Sample) -> None:
    chain, opening = sample.clinic.open_record()
    early, opened = log.append([entry_with(sample.clinic, chain), opening])
    assert "is unknown" in refused(early).message
    placed(opened)


def test_nothing_to_append(log: Log) -> None:
    before = contents(log)
    assert log.append([]) == []
    assert log.append_later([]).result() == []
    assert contents(log) == before
