"""The clock of transcripts: forward only, everybody's, and gone afterwards."""

import time

import pytest

from ledger.author import Author, Draft
from ledger.wire.claim import Claim
from ledger.wire.ids import ActorId, Hash, entry_id_time, new_chain_id
from ledger.wire.statement import parse_statement
from tests.cli.clock import clock
from tests.cli.transcripts import Session, stage
from tests.vectors.entries_world import CLINIC

MAY_2044 = 2_346_105_600


def test_it_is_set_and_put_back() -> None:
    before = time.time_ns()
    with clock() as ours:
        assert time.time_ns() - before < 60_000_000_000
        ours.set("2044-05-06")
        assert int(time.time()) == MAY_2044
        assert time.time_ns() < time.time_ns() < (MAY_2044 + 1) * 1_000_000_000
    assert time.time_ns() - before < 60_000_000_000


def test_only_forward() -> None:
    with clock() as ours:
        ours.set("2044-05-06")
        for earlier in ("2044-05-05", "2044-05-06", "2044-05-06T01:00:00+02:00"):
            with pytest.raises(AssertionError, match="forward"):
                ours.set(earlier)
        ours.set("2044-05-06T09:00:00+08:00")
        assert int(time.time()) == MAY_2044 + 3600


def test_what_is_made_has_its_time() -> None:
    with clock() as ours:
        ours.set("2044-05-06")
        author = Author(Hash(bytes(32)), ActorId(bytes(16)), CLINIC.key)
        entry = author.entry(Draft(new_chain_id(), b"{}"))
    claim = Claim.decode(parse_statement(entry.statement).claim)
    assert claim.authored_ms == entry_id_time(claim.entry_id) == MAY_2044 * 1000


def test_days_that_were_set_are_shown() -> None:
    with clock() as ours:
        today = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(time.time()))
        text = f"from {today} until 2044-05-06 00:00:00Z"
        assert ours.fixed(text) == "from 2026-01-01 00:00:00Z until 2026-01-01 00:00:00Z"
        ours.set("2044-05-06")
        assert ours.fixed(text) == "from 2026-01-01 00:00:00Z until 2044-05-06 00:00:00Z"


def test_in_a_transcript() -> None:
    text = "$ counterfoil init ledger --origin test.example/log > vkeys\n"
    text += "$ date -s 2044-05-06\n$ counterfoil enrol ledger clinic\n$ counterfoil show ledger 1\n"
    with stage(), clock() as ours:
        played = Session(ours).play(text)
    assert "$ date -s 2044-05-06\n$ counterfoil enrol" in played
    assert "received  2044-05-06 00:00:00Z (the log's word)" in played
