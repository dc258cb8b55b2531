"""Ids: the vectors, and that fresh ones are of the right form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import BadRequest
from ledger.wire.ids import (
    BATCH_CHAIN,
    DIRECTORY_CHAIN,
    ActorId,
    EntryId,
    Hash,
    derived_chain,
    entry_id_time,
    is_entry_id,
    new_chain_id,
    new_entry_id,
)

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "ids.json").read_text())


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_entry_ids(case: dict[str, Any]) -> None:
    value = bytes.fromhex(case["entry_id"])
    assert is_entry_id(value) is case["valid"]
    if case["valid"]:
        assert entry_id_time(EntryId(value)) == case["unix_ms"]


@pytest.mark.parametrize("case", VECTORS["chains"], ids=lambda case: case["label"])
def test_derived_chains(case: dict[str, str]) -> None:
    log, owner = Hash(bytes.fromhex(case["log"])), ActorId(bytes.fromhex(case["owner"]))
    assert derived_chain(case["label"].encode(), log, owner).hex() == case["chain"]


def test_labels() -> None:
    labels = [case["label"].encode() for case in VECTORS["chains"]]
    assert labels[:2] == [BATCH_CHAIN, DIRECTORY_CHAIN]


@given(st.integers(0, 2**48 - 1))
def test_fresh_entry_ids(unix_ms: int) -> None:
    value = new_entry_id(unix_ms)
    assert is_entry_id(value)
    assert entry_id_time(value) == unix_ms


@pytest.mark.parametrize("unix_ms", [-1, 2**48])
def test_times_that_do_not_fit(unix_ms: int) -> None:
    with pytest.raises(BadRequest):
        new_entry_id(unix_ms)


def test_fresh_ids_differ() -> None:
    assert len({new_entry_id(0) for _ in range(1000)}) == 1000
    chains = {new_chain_id() for _ in range(1000)}
    assert len(chains) == 1000
    assert {len(chain) for chain in chains} == {16}
