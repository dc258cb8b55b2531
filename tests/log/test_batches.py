"""Batches: appended whole or refused whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import pytest

from ledger.admission import BatchSubmission
from ledger.author import Draft
from ledger.errors import BadEvidence, BadRequest, Conflict, CounterfoilError
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.wire.claim import CLAIM_STRUCT, Claim, Kind
from ledger.wire.ids import ChainId, Hash, new_chain_id, new_entry_id
from ledger.wire.leaf import decode_leaf
from ledger.wire.sealed import Sealed
from tests.log.sample import (
    DAY,
    MINUTE,
    Sample,
    batch_chain,
    batch_of,
    contents,
    memory_directory,
    now_ms,
    placed,
    refused,
    sealed_for,
)

Member = tuple[Claim, Sealed]


@dataclass(frozen=True)
class Refusal:
    """A batch that is good but for one thing, and what must come back."""

    name: str
    make: Callable[[Sample], BatchSubmission]
    error: type[CounterfoilError]
    message: str
    hint: str = ""


def _members(sample: Sample, count: int = 3) -> list[Member]:
    return [sealed_for(sample.clinic, sample.record) for _ in range(count)]


def _good(sample: Sample) -> BatchSubmission:
    return batch_of(sample.clinic, _members(sample))


def _second(sample: Sample, **changes: object) -> BatchSubmission:
    """The second of three members has fields of its claim changed, and the root fits it."""
    members = _members(sample)
    claim, sealed = members[1]
    members[1] = (replace(claim, **changes), sealed)  # type: ignore[arg-type]
    return batch_of(sample.clinic, members)


def _raw_second(sample: Sample, position: int, value: int | bytes) -> BatchSubmission:
    """A raw field of the second member's claim, past the encoder; the root no longer fits."""
    batch = _good(sample)
    fields = list(CLAIM_STRUCT.unpack(batch.claims[1]))
    fields[position] = value
    return replace(batch, claims=_with(batch.claims, CLAIM_STRUCT.pack(*fields)))


def changed(blob: bytes) -> bytes:
    return blob[:-1] + bytes([blob[-1] ^ 1])


def _with(column: object, value: bytes) -> list[bytes]:
    assert isinstance(column, list)
    return [column[0], value, *column[2:]]


def _signature(sample: Sample) -> BatchSubmission:
    batch = _good(sample)
    return replace(batch, statement=batch.statement[:-1] + bytes([batch.statement[-1] ^ 1]))


def _repeated(sample: Sample) -> BatchSubmission:
    members = _members(sample)
    return batch_of(sample.clinic, [*members, members[0]])


def _own_id(sample: Sample) -> BatchSubmission:
    members = _members(sample)
    return batch_of(sample.clinic, members, entry_id=members[1][0].entry_id)


def _used_id(sample: Sample) -> BatchSubmission:
    at = sample.entry.statement.index(sample.log_id)
    return _second(sample, entry_id=sample.entry.statement[at + 64 : at + 80])


def _born(sample: Sample, offset: int) -> BatchSubmission:
    return _second(sample, entry_id=new_entry_id(now_ms() + offset))


def _accesses(sample: Sample, chain: ChainId) -> BatchSubmission:
    members = [(replace(claim, kind=Kind.ACCESS), one) for claim, one in _members(sample)]
    members[1] = (replace(members[1][0], chain=chain), members[1][1])
    return batch_of(sample.clinic, members, kind=Kind.ACCESS)


REFUSALS: Final = [
    Refusal("wrong signature", _signature, BadEvidence, "signature of author", "changed or signed"),
    Refusal(
        "single entry as a batch",
        lambda s: BatchSubmission(s.clinic.actor(s.record, b"x").statement, [], [], []),
        BadRequest,
        "not of a batch",
        "single entry",
    ),
    Refusal(
        "too few members",
        lambda s: replace(_good(s), claims=_good(s).claims[:2]),
        BadRequest,
        "names 3 members, 2 were handed in",
    ),
    Refusal(
        "too many members",
        lambda s: replace(_good(s), claims=[*_good(s).claims, b"x" * 170]),
        BadRequest,
        "names 3 members, 4 were handed in",
    ),
    Refusal(
        "a blob too few",
        lambda s: replace(_good(s), blobs=_good(s).blobs[:2]),
        BadRequest,
        "names 3 members",
    ),
    Refusal(
        "a key too few",
        lambda s: replace(_good(s), keys=_good(s).keys[:2]),
        BadRequest,
        "names 3 members",
    ),
    Refusal(
        "no members",
        lambda s: replace(_good(s), claims=[], blobs=[], keys=[]),
        BadRequest,
        "names 3 members, 0 were handed in",
    ),
    Refusal(
        "wrong root",
        lambda s: batch_of(s.clinic, _members(s), root=Hash(b"\1" * 32)),
        BadEvidence,
        "batch root",
    ),
    Refusal(
        "members in another order",
        lambda s: (
            lambda b: replace(b, claims=b.claims[::-1], blobs=b.blobs[::-1], keys=b.keys[::-1])
        )(_good(s)),
        BadEvidence,
        "batch root",
    ),
    Refusal(
        "a member cut short",
        lambda s: (lambda b: replace(b, claims=_with(b.claims, b.claims[1][:-1])))(_good(s)),
        BadRequest,
        "170 bytes",
    ),
    Refusal(
        "a member with a body",
        lambda s: (lambda b: replace(b, claims=_with(b.claims, b.claims[1] + b"x")))(_good(s)),
        BadRequest,
        "170 bytes",
    ),
    Refusal(
        "a member of version 2", lambda s: _raw_second(s, 0, 2), BadRequest, "member 1: version"
    ),
    Refusal(
        "a member of another kind",
        lambda s: _second(s, kind=Kind.ACCESS),
        BadRequest,
        "member 1: kind",
    ),
    Refusal(
        "a member of another author",
        lambda s: _second(s, author=s.hospital.id),
        BadRequest,
        "member 1: author",
    ),
    Refusal(
        "a member for another log",
        lambda s: _second(s, log=Hash(b"\1" * 32)),
        BadRequest,
        "member 1: log",
    ),
    Refusal(
        "a member that amends",
        lambda s: _raw_second(s, 10, b"\1" * 32),
        BadRequest,
        "member 1: amended hash",
    ),
    Refusal(
        "a member's id is no UUIDv7",
        lambda s: _raw_second(s, 5, b"\x4f" * 16),
        BadRequest,
        "member 1: entry id is not a UUIDv7",
    ),
    Refusal(
        "a member's time of 2^53", lambda s: _raw_second(s, 6, 1 << 53), BadRequest, "over its"
    ),
    Refusal(
        "a member without a blob", lambda s: _raw_second(s, 8, 0), BadRequest, "no sealed blob"
    ),
    Refusal(
        "a member's blob over the limit",
        lambda s: _raw_second(s, 8, (17 << 20) + 1),
        BadRequest,
        "over its limit",
    ),
    Refusal(
        "a member's blob changed",
        lambda s: (lambda b: replace(b, blobs=_with(b.blobs, changed(b.blobs[1]))))(_good(s)),
        BadRequest,
        "not the one that the claim names",
    ),
    Refusal(
        "blobs exchanged",
        lambda s: (lambda b: replace(b, blobs=b.blobs[::-1]))(_good(s)),
        BadRequest,
        "not the one that the claim names",
    ),
    Refusal(
        "keys exchanged",
        lambda s: (lambda b: replace(b, keys=b.keys[::-1]))(_good(s)),
        BadRequest,
        "content key is not the key",
    ),
    Refusal(
        "for another log",
        lambda s: batch_of(
            replace(s.clinic, log=Hash(b"\1" * 32)),
            [(replace(claim, log=Hash(b"\1" * 32)), one) for claim, one in _members(s)],
            chain=batch_chain(s.clinic),
        ),
        BadRequest,
        "for another log",
    ),
    Refusal(
        "on a record",
        lambda s: batch_of(s.clinic, _members(s), chain=s.record),
        BadRequest,
        "kind batch cannot stand on this chain (person)",
    ),
    Refusal(
        "on the own directory",
        lambda s: batch_of(s.clinic, _members(s), chain=s.clinic.directory),
        BadRequest,
        "kind batch cannot stand on this chain",
    ),
    Refusal(
        "on another's batch chain",
        lambda s: batch_of(s.clinic, _members(s), chain=batch_chain(s.hospital)),
        BadRequest,
        "only its owner",
    ),
    Refusal(
        "on a new chain",
        lambda s: batch_of(s.clinic, _members(s), chain=new_chain_id()),
        BadRequest,
        "is unknown",
    ),
    Refusal(
        "by an unknown author",
        lambda s: batch_of(
            s.stranger, [(replace(claim, author=s.stranger.id), one) for claim, one in _members(s)]
        ),
        BadRequest,
        "is not enrolled",
    ),
    Refusal("a member twice", _repeated, BadRequest, "twice in the batch"),
    Refusal("a member with the batch's id", _own_id, BadRequest, "twice in the batch"),
    Refusal(
        "a member with a used id",
        _used_id,
        Conflict,
        "used already; the batch is refused whole",
        "members that are new",
    ),
    Refusal("a member's id too old", lambda s: _born(s, -30 * DAY - MINUTE), BadRequest, "30 days"),
    Refusal("a member's id too new", lambda s: _born(s, 6 * MINUTE), BadRequest, "ahead"),
    Refusal(
        "a member from the future",
        lambda s: _second(s, authored_ms=now_ms() + 6 * MINUTE),
        BadRequest,
        "ahead of the log",
    ),
    Refusal(
        "a member that expired",
        lambda s: _second(s, expires_ms=now_ms() - 1),
        BadRequest,
        "has expired",
    ),
    Refusal(
        "expired itself",
        lambda s: batch_of(s.clinic, _members(s), expires_ms=now_ms() - 1),
        BadRequest,
        "has expired",
    ),
    Refusal(
        "own id too old",
        lambda s: batch_of(s.clinic, _members(s), entry_id=new_entry_id(now_ms() - 31 * DAY)),
        BadRequest,
        "30 days",
    ),
    Refusal(
        "a member on an unknown chain",
        lambda s: _second(s, chain=new_chain_id()),
        BadRequest,
        "is unknown",
        "open it first",
    ),
    Refusal(
        "a member on an actor's chain",
        lambda s: _second(s, chain=ChainId(s.clinic.id)),
        BadRequest,
        "cannot stand on this chain (actor)",
    ),
    Refusal(
        "a member on the log's chain",
        lambda s: _second(s, chain=s.log_chain),
        BadRequest,
        "cannot stand on this chain (log)",
    ),
    Refusal(
        "a member in another's directory",
        lambda s: _second(s, chain=s.hospital.directory),
        BadRequest,
        "is unknown",
    ),
    Refusal(
        "an access in a directory",
        lambda s: _accesses(s, s.clinic.directory),
        BadRequest,
        "only records stand on a directory",
    ),
]


@pytest.fixture(scope="module")
def shared(made_once: Sample) -> Iterator[tuple[Sample, Log]]:
    """One open ledger for all refusals, since each shows that it leaves it as it was."""
    with memory_directory() as place:
        sample = made_once.copied(place)
        with Log.open(sample.directory) as log:
            yield sample, log


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_refused_batch_changes_nothing(shared: tuple[Sample, Log], refusal: Refusal) -> None:
    sample, log = shared
    batch = refusal.make(sample)
    before = contents(log)
    error = refused(log.append_batch(batch))
    assert type(error) is refusal.error
    assert refusal.message in error.message
    assert refusal.hint in error.hint
    assert contents(log) == before


@pytest.mark.parametrize("count", [1, 2, 255, 4096])
def test_batch_of_any_size(log: Log, sample: Sample, count: int) -> None:
    drafts = [Draft(sample.record, b"%d" % number) for number in range(count)]
    appended = placed(log.append_batch(sample.clinic.batch(drafts)))
    assert (appended.index, appended.count) == (sample.size, 1 + count)
    assert log.reader.checkpoint.size == sample.size + 1 + count
    head = log.reader.head(sample.record)
    assert (head.length, head.at) == (3 + count, sample.size + count)
    for position in {0, count // 2, count - 1}:
        leaf = log.reader.entry(appended.index + 1 + position).leaf
        assert (leaf.batch_index, leaf.position, leaf.seq) == (
            appended.index,
            position,
            3 + position,
        )
    last = log.vault.use(appended.index + count, "test")
    assert last.content == b"%d" % (count - 1)


def test_batch_of_4097_is_refused_before_signing(sample: Sample) -> None:
    with pytest.raises(BadRequest, match=r"1 to 4,096"):
        sample.clinic.batch([Draft(sample.record, b"")] * 4097)


def test_batch_over_several_chains_and_a_new_directory(log: Log, sample: Sample) -> None:
    chains = [sample.record, sample.clinic.directory, sample.other, sample.clinic.directory]
    appended = placed(log.append_batch(sample.clinic.batch([Draft(one, b"") for one in chains])))
    assert log.reader.head(sample.clinic.directory).length == 2
    assert [log.reader.entry(appended.index + 1 + at).leaf.seq for at in range(4)] == [3, 0, 1, 1]


def test_batch_of_accesses(log: Log, sample: Sample) -> None:
    batch = sample.hospital.batch([Draft(sample.record, b"", kind=Kind.ACCESS)] * 2)
    assert placed(log.append_batch(batch)).count == 3


def test_same_batch_again_has_its_first_index(log: Log, sample: Sample) -> None:
    batch = _good(sample)
    first = placed(log.append_batch(batch))
    before = contents(log)
    again = placed(log.append_batch(batch))
    assert again == replace(first, known=True)
    assert contents(log) == before


def test_member_again_as_a_single_entry_has_its_first_index(log: Log, sample: Sample) -> None:
    batch = _good(sample)
    first = placed(log.append_batch(batch))
    claim = Claim.decode(batch.claims[1])
    single = sample.clinic.key.sign(claim)
    before = contents(log)
    outcome = log.append(
        [replace(sample.entry, statement=single, blob=batch.blobs[1], key=batch.keys[1])]
    )[0]
    assert placed(outcome).index == first.index + 2
    assert placed(outcome).known
    assert placed(outcome).leaf_hash == leaf_hash(log.reader.store.leaf(first.index + 2))
    assert contents(log) == before


def test_batch_with_a_member_of_an_earlier_batch_is_refused_whole(log: Log, sample: Sample) -> None:
    members = _members(sample)
    placed(log.append_batch(batch_of(sample.clinic, members)))
    before = contents(log)
    error = refused(log.append_batch(batch_of(sample.clinic, [*_members(sample), members[2]])))
    assert isinstance(error, Conflict)
    assert contents(log) == before


def test_id_of_another_author_does_not_stand_in_the_way(log: Log, sample: Sample) -> None:
    at = sample.entry.statement.index(sample.log_id)
    entry_id = sample.entry.statement[at + 64 : at + 80]
    claim, sealed = sealed_for(sample.hospital, sample.record)
    members = [(replace(claim, entry_id=entry_id), sealed)]  # type: ignore[arg-type]
    assert placed(log.append_batch(batch_of(sample.hospital, members))).count == 2


def test_batches_handed_in_together_are_chained(log: Log, sample: Sample) -> None:
    futures = [log.append_later(_good(sample)) for _ in range(8)]
    for future in futures:
        assert placed(future.result()[0]).count == 4
    chain = [entry.leaf for entry in log.reader.history(batch_chain(sample.clinic))]
    assert [leaf.seq for leaf in chain] == list(range(7, -1, -1))
    assert all(decode_leaf(entry.raw) == entry.leaf for entry in log.reader.history(sample.record))


def test_batch_by_an_author_whose_key_was_revoked(log: Log, sample: Sample) -> None:
    late = _good(sample)
    log.revoke(sample.clinic.id, sample.clinic.key.kid)
    before = contents(log)
    error = refused(log.append_batch(late))
    assert isinstance(error, BadRequest)
    assert contents(log) == before


def test_the_first_unknown_record_is_the_one_named(log: Log, sample: Sample) -> None:
    """Always the same one, whatever order sets have today."""
    unknown = [new_chain_id() for _ in range(12)]
    batch = sample.clinic.batch([Draft(chain, b"{}") for chain in (sample.record, *unknown)])
    assert unknown[0].hex() in refused(log.append_batch(batch)).message
