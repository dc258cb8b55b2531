"""Many entries that name one far back in a long chain: anybody who may amend can append them."""

from __future__ import annotations

from typing import Final

import pytest

from ledger.author import Draft
from ledger.check import check_ledger
from ledger.log import Log
from ledger.store.store import Store
from ledger.wire.claim import Kind
from ledger.wire.ids import Position
from tests.log.sample import Sample, placed

MANY: Final = 600


def test_the_check_does_not_walk_the_chain_for_every_name(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read the half of all leaves for each of these entries: hours for a hundred thousand."""
    draft = Draft(
        sample.record, b"{}", kind=Kind.RETRACT, amended=sample.hash(6), amends=Position(6)
    )
    with Log.open(sample.directory) as log:
        for outcome in log.append([sample.clinic.entry(draft) for _ in range(MANY)]):
            placed(outcome)
    read = 0
    real = Store.leaf

    def leaf(store: Store, index: int) -> bytes:
        nonlocal read
        read += 1
        return real(store, index)

    monkeypatch.setattr(Store, "leaf", leaf)
    assert check_ledger(sample.directory).problems == []
    assert read < 3 * MANY
