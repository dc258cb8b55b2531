"""A succession that everybody approved and that is false all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from ledger.errors import BadRequest
from ledger.identity import Genesis, Governor, Renewal, Succession
from ledger.identity.requests import Proposal, approve
from ledger.keyfiles import Unlock, load_log_keys
from ledger.log import Log
from ledger.succeeding import (
    NEW_PROPOSAL,
    OLD_PROPOSAL,
    Proposals,
    draft_succession,
    read_proposals,
)
from ledger.wire.ids import ZERO_HASH
from ledger.wire.statement import StatementKey
from tests.log.governed import Governed, governor_of, make_governed, new_key, registered
from tests.log.lines import THIRD, own_governor
from tests.log.sample import Sample, memory_directory
from tests.log.taking import Taking, open_log


@pytest.fixture
def governed() -> Iterator[Governed]:
    with memory_directory() as place:
        yield make_governed(place)


@pytest.fixture
def taking(governed: Governed) -> Taking:
    return Taking(governed.directory, governed.keys)


# Keys and ids of the old log


def _used(case: str, governed: Governed, log: Log) -> tuple[Governor, StatementKey]:
    """A governor that is not new, and the key that it approves with."""
    by = log.governor_with(governed.keys[0])
    key, fresh = new_key(), new_key()
    actor, _ = log.enrol("", "organisation", [registered(key)], by=by, approvers=governed.keys[1:])
    own = log.reader.registry.genesis.origin
    statement = StatementKey.of(load_log_keys(governed.directory, own, Unlock()).statement)
    id_ = governor_of(fresh).id
    return {
        "actor's key": (governor_of(key), key),
        "actor's id": (replace(governor_of(fresh), id=actor), fresh),
        "the log's key": (governor_of(statement), statement),
        "changed key": (replace(governor_of(fresh), id=governed.governors[1].id), fresh),
        "another id": (replace(governed.governors[1], id=id_), governed.keys[1]),
    }[case]


@pytest.mark.parametrize(
    "case", ["actor's key", "actor's id", "the log's key", "changed key", "another id"]
)
def test_new_governors_are_new(governed: Governed, case: str) -> None:
    """Refused before the old log is closed: nothing could be opened afterwards."""
    with Log.open(governed.directory) as log:
        used, key = _used(case, governed, log)
        log.publish()
    taking = Taking(governed.directory, governed.keys, (governed.governors[0], used))
    files = [approve(taking.asked.old, one) for one in governed.keys]
    files.append(approve(taking.asked.new, key))
    taking.refused(governed.keys[0], files, "was used before|already registered")


def _redrafted(taking: Taking, change: Callable[[Succession], Succession]) -> Taking:
    """The draft as somebody has edited it, who holds the keys of both quorums."""
    body = change(taking.asked.succession)
    edited = Proposals(
        Proposal(taking.asked.old.act._replace(change=body.change())),
        Proposal(taking.asked.new.act._replace(change=body.change())),
    )
    (taking.draft / OLD_PROPOSAL).write_bytes(edited.old.encode())
    (taking.draft / NEW_PROPOSAL).write_bytes(edited.new.encode())
    taking.asked = edited
    return taking


def _ended(body: Succession, **changes: Any) -> Succession:
    return replace(body, predecessor=replace(body.predecessor, **changes))


def _one_line(body: Succession, kept: int) -> Succession:
    """The checkpoint with one of its two signatures."""
    text, _, lines = body.predecessor.checkpoint.partition(b"\n\n")
    line = lines.splitlines(keepends=True)[kept]
    return _ended(body, checkpoint=text + b"\n\n" + line)


def _keys_again(body: Succession, old: Genesis) -> Succession:
    return replace(body, genesis=replace(body.genesis, statement_key=old.statement_key))


EDITS: dict[str, tuple[str, Callable[[Succession, Genesis], Succession]]] = {
    "another log": ("predecessor's log", lambda body, _: _ended(body, log=ZERO_HASH)),
    "another origin": ("predecessor's origin", lambda body, _: _ended(body, origin=THIRD)),
    "another size": ("predecessor's size", lambda body, _: _ended(body, size=9)),
    "another root": ("predecessor's root", lambda body, _: _ended(body, root=ZERO_HASH)),
    "no checkpoint": ("note", lambda body, _: _ended(body, checkpoint=b"")),
    "Ed25519 only": ("signature", lambda body, _: _one_line(body, 0)),
    "ML-DSA-44 only": ("signature", lambda body, _: _one_line(body, 1)),
    "a key of the old log": ("key of the new log was registered", _keys_again),
    "false renewal": (
        "renewed root",
        lambda body, _: replace(body, renewal=Renewal(bytes(32), bytes(32))),
    ),
}


@pytest.mark.parametrize("case", EDITS)
def test_approved_and_yet_false(governed: Governed, taking: Taking, case: str) -> None:
    """Both quorums approve what somebody edited: it is refused before the old log is closed."""
    message, edit = EDITS[case]
    with open_log(governed.directory) as reader:
        genesis = reader.registry.genesis
    _redrafted(taking, lambda body: edit(body, genesis))
    files = [approve(taking.asked.old, key) for key in governed.keys]
    files.append(approve(taking.asked.new, governed.keys[1]))
    taking.refused(governed.keys[0], files, message)


@pytest.mark.parametrize("where", ["record", "batches", "log"])
def test_the_new_logs_chain_is_new(sample: Sample, where: str) -> None:
    with open_log(sample.directory) as reader:
        chain = {
            "record": sample.record,
            "batches": reader.registry.batch_chain(sample.clinic.id),
            "log": sample.log_chain,
        }[where]
    key = own_governor(sample.directory)
    taking = Taking(sample.directory, (key,))
    new = Proposal(taking.asked.new.act._replace(chain=chain))
    (taking.draft / NEW_PROPOSAL).write_bytes(new.encode())
    taking.asked = replace(taking.asked, new=new)
    taking.refused(key, [approve(taking.asked.old, key)], "id that is in use already")


def test_two_proposals_of_two_successions(governed: Governed, taking: Taking) -> None:
    other = draft_succession(governed.directory, taking.draft.with_name("other"), THIRD)
    (taking.draft / NEW_PROPOSAL).write_bytes(other.new.encode())
    with pytest.raises(BadRequest, match="not of one succession"):
        taking.finish(governed.keys[0], [])


def test_without_a_draft(sample: Sample) -> None:
    with pytest.raises(BadRequest, match="holds no proposals"):
        read_proposals(sample.directory)
