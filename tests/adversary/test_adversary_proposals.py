"""Files of proposals and approvals go from hand to hand: any of them may be anything."""

from __future__ import annotations

import json
import time
from typing import Any, Final

import pytest

from ledger.errors import CounterfoilError
from ledger.identity.approvals import Act
from ledger.identity.bodies import Contest
from ledger.identity.requests import Proposal, approve, collect
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId, Hash
from ledger.wire.statement import StatementKey
from tests.log.sample import CLINIC_KEY

KEY: Final = StatementKey.of(CLINIC_KEY)
ODD: Final[list[Any]] = [
    None,
    0,
    1.5,
    True,
    "",
    "zz",
    [],
    {},
    [[]],
    {"a": 1},
    "\ud800",
    "00" * 9999,
]


def proposal() -> Proposal:
    body = Contest(3).encode()
    expires = time.time_ns() // 1_000_000 + 60_000
    place = (Hash(bytes([1] * 32)), ChainId(bytes([2] * 16)), Hash(bytes([3] * 32)))
    return Proposal(Act(Kind.ACTOR, *place, body, expires), "a note")


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:12])
def test_odd_fields_are_refused(odd: Any) -> None:
    whole = json.loads(proposal().encode())
    for name in set(whole) - {"note", "expires_ms"}:
        with pytest.raises(CounterfoilError):
            Proposal.decode(json.dumps(whole | {name: odd}).encode())
    given = json.loads(approve(proposal(), KEY))
    for name in given:
        with pytest.raises(CounterfoilError):
            collect(proposal(), [json.dumps(given | {name: odd}).encode()], ())


@pytest.mark.parametrize("file", [b"[" * 200_000, b'{"a":' * 50_000, b"\xff", b""])
def test_what_is_no_file_of_ours_is_refused(file: bytes) -> None:
    with pytest.raises(CounterfoilError):
        Proposal.decode(file)
    with pytest.raises(CounterfoilError):
        collect(proposal(), [file], ())
