"""What goes on from one log of a line to the next: persons, actors, chains, and what was ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.author import Author, Draft
from ledger.errors import BadEvidence, BadRequest, Conflict
from ledger.heads import ChainType
from ledger.identity import Enrol, Governors, NewKey
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.wire import cbor
from ledger.wire.claim import Kind
from ledger.wire.erasure import Attest, EraseEntries, EraseRecord
from ledger.wire.ids import ActorId, ChainId, Hash, Position
from ledger.wire.keys import raw_public
from ledger.wire.note import parse_vkey
from ledger.wire.statement import StatementKey
from tests.log.governed import new_key, registered
from tests.log.lines import SECOND, THIRD, going_on, own_governor, problems, take_over
from tests.log.sample import LEAVER_KEY, Sample, entry_with, placed, refused

RECORD_AT = 6
ACCESS_AT = 7


class Line:
    """The sample's log, and one that took over from it, open."""

    def __init__(self, old: Sample, log: Log) -> None:
        self.old = old
        self.log = log
        self.clinic = going_on(old.clinic, log)
        self.hospital = going_on(old.hospital, log)
        self.governor = log.governor_with(own_governor(old.directory))

    def versions(self, chain: ChainId) -> list[int]:
        """First bytes of the chain's leaves in the new log, oldest first."""
        entries = [one for one in self.log.reader.history(chain) if not one.back]
        return [one.raw[0] for one in reversed(entries)]

    def add(self, author: Author, chain: ChainId, kind: Kind = Kind.RECORD) -> int:
        return placed(self.log.append([author.entry(Draft(chain, b"{}", kind=kind))])[0]).index


def begin(old: Path, name: str, origin: str, key: StatementKey) -> Path:
    return take_over(old, old.with_name(name), origin, [key])


@pytest.fixture
def line(sample: Sample) -> Iterator[Line]:
    key = own_governor(sample.directory)
    with Log.open(begin(sample.directory, "new", SECOND, key)) as log:
        yield Line(sample, log)
    assert problems(sample.directory.with_name("new")) == []
    with Log.open(sample.directory.with_name("new")):
        pass


# Chains


def test_a_persons_chain_goes_on(line: Line) -> None:
    line.add(line.clinic, line.old.record)
    line.add(line.hospital, line.old.record, Kind.ACCESS)
    history = list(line.log.reader.history(line.old.record))
    assert [(one.index, one.back) for one in history] == [(2, 0), (1, 0), (7, 1), (6, 1), (4, 1)]
    assert [one.leaf.seq for one in history] == [4, 3, 2, 1, 0]
    assert line.versions(line.old.record) == [0x81, 1]


def test_the_seam_inside_one_call(line: Line) -> None:
    """Both entries are placed in one draft: only the first of them crosses over."""
    entries = [line.clinic.entry(Draft(line.old.record, b"{}")) for _ in range(3)]
    for outcome in line.log.append(entries):
        placed(outcome)
    assert line.versions(line.old.record) == [0x81, 1, 1]


def test_a_refused_entry_does_not_use_up_the_seam(line: Line) -> None:
    """What is refused after its place was looked up must not take the mark from the next one."""
    bad = entry_with(line.clinic, line.old.record, kind=Kind.AMEND, amended=bytes(31) + b"x")
    good = line.clinic.entry(Draft(line.old.record, b"{}"))
    outcomes = line.log.append([bad, good])
    refused(outcomes[0])
    placed(outcomes[1])
    assert line.versions(line.old.record) == [0x81]


def test_an_actors_chain_goes_on(line: Line) -> None:
    new = new_key()
    old = line.clinic.key
    line.log.rotate(line.clinic.id, old.kid, registered(new), by=line.governor)
    assert line.versions(ChainId(line.clinic.id)) == [0x81]
    assert (
        "was replaced"
        in refused(line.log.append([line.clinic.entry(Draft(line.old.record, b"{}"))])[0]).message
    )
    rotated = replace(line.clinic, key=new)
    line.add(rotated, line.old.record)
    # It may change its own key, too.
    line.log.rotate(line.clinic.id, new.kid, registered(new_key()), by=rotated)
    assert line.versions(ChainId(line.clinic.id)) == [0x81, 1]


@pytest.fixture
def busy(sample: Sample) -> Sample:
    """The old log has a batch and a resource in a directory."""
    with Log.open(sample.directory) as log:
        placed(log.append([sample.clinic.entry(Draft(sample.clinic.directory, b"{}"))])[0])
        placed(log.append_batch(sample.clinic.batch([Draft(sample.record, b"{}")])))
        log.publish()
    return sample


def test_directory_and_batches_go_on(busy: Sample, line: Line) -> None:
    """Derived ids come from the line's first log."""
    assert line.clinic.directory == busy.clinic.directory
    line.add(line.clinic, line.clinic.directory)
    members = [busy.record, busy.other, busy.record, line.clinic.directory]
    placed(line.log.append_batch(line.clinic.batch([Draft(one, b"{}") for one in members])))
    registry = line.log.reader.registry
    assert line.versions(line.clinic.directory) == [0x81, 2]
    assert line.versions(registry.batch_chain(line.clinic.id)) == [0x81]
    assert line.versions(busy.record) == [0x82, 2]
    assert line.versions(busy.other) == [0x82]
    types = {chain: line.log.reader.head(chain).type for chain in (busy.record, busy.other)}
    assert set(types.values()) == {ChainType.PERSON}


def test_chains_derived_from_the_new_log_are_nobodys(busy: Sample, line: Line) -> None:
    stray = replace(line.clinic, first_log=None)
    assert stray.directory != line.clinic.directory
    error = refused(line.log.append([stray.entry(Draft(stray.directory, b"{}"))])[0])
    assert "is unknown" in error.message


def test_nothing_of_an_earlier_log_is_opened_again(line: Line) -> None:
    open_again = line.clinic.entry(Draft(line.old.record, b"", kind=Kind.OPEN))
    assert "cannot stand on this chain" in refused(line.log.append([open_again])[0]).message
    body = Governors(line.log.reader.registry.governors, 1)
    with pytest.raises(BadRequest, match="cannot stand on this chain"):
        line.log.change(line.old.log_chain, body, by=line.governor)


def test_the_new_logs_own_chain(line: Line) -> None:
    line.log.govern(line.log.reader.registry.governors, by=line.governor)
    assert line.versions(line.log.reader.registry.log_chain) == [1, 1]


def test_claims_name_their_log(line: Line) -> None:
    """An entry that was made for the old log does not stand in the new one."""
    late = line.old.clinic.entry(Draft(line.old.record, b"{}"))
    assert "is for another log" in refused(line.log.append([late])[0]).message
    again = refused(line.log.append([line.old.entry])[0])
    assert "is for another log" in again.message


def test_an_entry_id_may_stand_in_both_logs(line: Line) -> None:
    old_id = line.log.reader.entry(RECORD_AT, 1).leaf.claim.entry_id
    same = entry_with(line.clinic, line.old.record, entry_id=old_id)
    first = placed(line.log.append([same])[0])
    again = placed(line.log.append([same])[0])
    assert (again.known, again.index) == (True, first.index)
    other = entry_with(line.clinic, line.old.record, entry_id=old_id, content=b"[]")
    assert isinstance(refused(line.log.append([other])[0]), Conflict)


def test_a_chain_that_rested_for_two_successions(sample: Sample) -> None:
    """The first leaf since then follows the last one, wherever that is."""
    key = own_governor(sample.directory)
    second = begin(sample.directory, "second", SECOND, key)
    with Log.open(second) as log:
        placed(log.append([going_on(sample.clinic, log).entry(Draft(sample.record, b"{}"))])[0])
    third = begin(second, "third", THIRD, key)
    with Log.open(third) as log:
        line = Line(sample, log)
        index = line.add(line.clinic, sample.other)
        leaf = log.reader.entry(index).leaf
        assert (leaf.seq, leaf.prev_index, leaf.continues) == (1, 5, True)
        line.add(line.clinic, sample.record)
        placed(
            log.append_batch(
                line.clinic.batch([Draft(sample.record, b"{}"), Draft(sample.other, b"{}")])
            )
        )
        assert line.versions(sample.other) == [0x81, 2]
        assert line.versions(sample.record) == [0x81, 2]
        history = [(one.index, one.back) for one in log.reader.history(sample.record)]
        assert history == [(4, 0), (2, 0), (1, 1), (7, 2), (6, 2), (4, 2)]
        assert line.clinic.first_log == sample.log_id
        line.add(line.clinic, line.clinic.directory)
        _amend(line, sample.record, Position(RECORD_AT, 2))
        _amend(line, sample.record, Position(1, 1))
    with Log.open(third) as log:
        assert log.reader.find_head(sample.other) is not None
    assert problems(third) == []


# Actors


def test_a_revoked_key_stays_revoked(line: Line) -> None:
    leaver = going_on(line.old.leaver, line.log)
    error = refused(line.log.append([leaver.entry(Draft(line.old.record, b"{}"))])[0])
    assert "was revoked" in error.message
    with pytest.raises(BadRequest, match="no key of this actor that is valid now"):
        line.log.rotate(leaver.id, leaver.key.kid, registered(new_key()), by=line.governor)


@pytest.mark.parametrize("whose", ["clinic", "leaver", "governor", "log", "checkpoint"])
def test_a_key_is_registered_once_in_a_line(line: Line, whose: str) -> None:
    before = line.log.reader.log_at(1).registry
    raw = {
        "clinic": line.clinic.key.public_key,
        "leaver": raw_public(LEAVER_KEY),
        "governor": before.governors[0].public_key,
        "log": before.genesis.statement_key,
        "checkpoint": parse_vkey(before.genesis.checkpoint_keys[0]).public_key,
    }[whose]
    with pytest.raises(BadRequest, match="already registered"):
        line.log.enrol("", "organisation", [NewKey(raw)], by=line.governor)
    with pytest.raises(BadRequest, match="already registered"):
        line.log.rotate(line.clinic.id, line.clinic.key.kid, NewKey(raw), by=line.governor)


def test_nobody_is_enrolled_twice(line: Line) -> None:
    body = Enrol("organisation", (registered(new_key()),))
    for chain in (line.clinic.id, line.governor.id, line.old.record):
        with pytest.raises(BadRequest):
            line.log.change(ChainId(chain), body, by=line.governor)


def test_whom_an_old_actor_enrols(line: Line) -> None:
    """Enrollers, and records that they are enrolled for, may be of the old log."""
    key = Ed25519PrivateKey.generate()
    person, _ = line.log.enrol(
        "", "person", [NewKey(raw_public(key))], by=line.clinic, record=line.old.record
    )
    author = Author(
        line.log.reader.registry.log, person, StatementKey.of(key), line.clinic.first_log
    )
    line.add(author, line.old.record)
    error = refused(line.log.append([author.entry(Draft(line.old.other, b"{}"))])[0])
    assert "acts in one record only" in error.message


def test_a_contest_of_the_new_log_does_not_reach_back(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        old_key, doubted_key = new_key(), new_key()
        nurse, _ = log.enrol("", "practitioner", [registered(old_key)], by=sample.clinic)
        doubted, _ = log.enrol("", "practitioner", [registered(doubted_key)], by=sample.hospital)
        log.contest(sample.hospital.id, 0)
    key = own_governor(sample.directory)
    new = begin(sample.directory, "new", SECOND, key)
    with Log.open(new) as log:
        line = Line(sample, log)
        log.contest(sample.clinic.id, 0, by=line.governor)
        late_key = new_key()
        late, _ = log.enrol("", "practitioner", [registered(late_key)], by=line.clinic)
        registry = log.reader.registry

        def author(id_: ActorId, key: StatementKey) -> Author:
            return Author(registry.log, id_, key, registry.first_log)

        line.add(author(nurse, old_key), sample.record)
        for who in (author(doubted, doubted_key), author(late, late_key)):
            error = refused(log.append([who.entry(Draft(sample.record, b"{}"))])[0])
            assert "has no effect" in error.message
        # The doubt that came with the old log can be taken back in the new one.
        log.contest(sample.hospital.id, log.reader.checkpoint.size, by=line.governor)
        line.add(author(doubted, doubted_key), sample.record)
    assert problems(new) == []


# What names other entries


def _amend(line: Line, chain: ChainId, at: Position, kind: Kind = Kind.AMEND) -> int:
    amended = leaf_hash(line.log.reader.entry(*at).raw)
    draft = Draft(chain, b"{}", kind=kind, amended=amended, amends=at)
    return placed(line.log.append([line.clinic.entry(draft)])[0]).index


def test_amend_and_retract_over_the_seam(line: Line) -> None:
    first = _amend(line, line.old.record, Position(RECORD_AT, 1))
    _amend(line, line.old.record, Position(first))
    _amend(line, line.old.record, Position(RECORD_AT, 1), Kind.RETRACT)
    with pytest.raises(AssertionError, match="only a record entry"):
        _amend(line, line.old.record, Position(ACCESS_AT, 1))
    with pytest.raises(AssertionError, match="only a record entry"):
        _amend(line, line.old.other, Position(RECORD_AT, 1))


def test_a_position_is_checked_against_the_hash(line: Line) -> None:
    amended = leaf_hash(line.old.leaves[RECORD_AT])
    for at, message in (
        (Position(RECORD_AT, 0), "there is no entry 6"),
        (Position(5, 1), "not the one that the claim names"),
        (Position(99, 1), "there is no entry 99"),
        (Position(RECORD_AT, 2), "no such earlier log"),
        (Position(-1, 1), "there is no entry -1"),
        (Position(RECORD_AT, -1), "no such earlier log"),
    ):
        draft = Draft(line.old.record, b"{}", kind=Kind.AMEND, amended=amended, amends=at)
        assert message in refused(line.log.append([line.clinic.entry(draft)])[0]).message


def test_unlink_over_the_seam(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        link = placed(
            log.append([sample.clinic.entry(Draft(sample.record, b"", kind=Kind.LINK))])[0]
        )
    new = begin(sample.directory, "new", SECOND, own_governor(sample.directory))
    with Log.open(new) as log:
        line = Line(sample, log)
        _amend(line, sample.record, Position(link.index, 1), Kind.UNLINK)
        with pytest.raises(AssertionError, match="only a link"):
            _amend(line, sample.record, Position(RECORD_AT, 1), Kind.UNLINK)
    assert problems(new) == []


def test_erasure_over_the_seam(sample: Sample) -> None:
    def order(body: bytes, *at: Position) -> Draft:
        return Draft(sample.record, b"", "application/cbor", Kind.ERASURE, body=body, erases=at)

    with Log.open(sample.directory) as log:
        old_order = placed(log.append([sample.clinic.entry(order(EraseRecord().encode()))])[0])
    new = begin(sample.directory, "new", SECOND, own_governor(sample.directory))
    with Log.open(new) as log:
        line = Line(sample, log)
        mine = line.add(line.clinic, sample.record)
        here = leaf_hash(log.reader.entry(mine).raw)
        named = sorted([(here, Position(mine)), (sample.hash(RECORD_AT), Position(RECORD_AT, 1))])
        body = EraseEntries(tuple(hash_ for hash_, _ in named)).encode()
        placed(log.append([line.clinic.entry(order(body, *(at for _, at in named)))])[0])
        attest = Attest(old_order.leaf_hash).encode()
        placed(log.append([line.clinic.entry(order(attest, Position(old_order.index, 1)))])[0])
        body = EraseEntries((Hash(sample.hash(5)),)).encode()
        error = refused(log.append([line.clinic.entry(order(body, Position(5, 1)))])[0])
        assert "only content of the same record" in error.message
        attest = Attest(sample.hash(RECORD_AT)).encode()
        error = refused(log.append([line.clinic.entry(order(attest, Position(RECORD_AT, 1)))])[0])
        assert "names an order" in error.message
    assert problems(new) == []


# Content


def test_old_content_against_a_new_access_entry(line: Line) -> None:
    header: dict[str, cbor.Value] = {"entries": [line.old.hash(RECORD_AT)]}
    access = Draft(line.old.record, b"", "application/cbor", Kind.ACCESS, header)
    index = placed(line.log.append([line.hospital.entry(access)])[0]).index
    receipt = line.log.reader.receipt(index)
    assert line.log.vault.release(RECORD_AT, receipt, back=1).content == line.old.content
    with pytest.raises(BadRequest, match="used already"):
        line.log.vault.release(RECORD_AT, receipt, back=1)


def test_old_content_not_against_an_old_access_entry(line: Line) -> None:
    receipt = line.log.reader.log_at(1).receipt(ACCESS_AT)
    with pytest.raises((BadRequest, BadEvidence), match="signature of a known key"):
        line.log.vault.release(RECORD_AT, receipt, back=1)


def test_tags_are_found_over_the_seam(line: Line) -> None:
    """The tag key goes on, so that a second import knows what is there."""
    old = line.log.reader.log_at(1)
    tag = line.log.vault.tag(b"test", b"x")
    assert old.tags.get(tag) is None
    draft = Draft(line.old.record, b"{}", tags=(tag,))
    index = placed(line.log.append([line.clinic.entry(draft)])[0]).index
    assert line.log.reader.find_tag(tag) == Position(index)
