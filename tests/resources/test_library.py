"""What is kept in memory is what the log says: after erasures, evictions, contests and failures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ledger.author import Draft
from ledger.erasing import order_entries
from ledger.linkage.target import Target
from ledger.log import Appended
from ledger.resources.index import ChainIndex
from ledger.resources.library import Library
from ledger.resources.opened import OpenedChain
from ledger.vault.door import Vault
from ledger.wire.ids import ChainId
from tests.resources.world import HOSPITAL_NUMBERS, World, observation, patient, world


@pytest.fixture
def place(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def patients(place: World, number: int) -> list[tuple[str, ChainId]]:
    """Ids and records of new patients."""
    return [
        place.create(place.hospital, patient(HOSPITAL_NUMBERS, str(one))) for one in range(number)
    ]


def add_observations(place: World, chain: ChainId, who: str, number: int) -> None:
    """Past the library, which hears of them when it is asked next."""
    for one in range(number):
        raw = json.dumps(observation({"reference": f"Patient/{who}"}, f"{one}.5")).encode()
        (outcome,) = place.log.append([place.hospital.entry(Draft(chain, raw))])
        assert isinstance(outcome, Appended)


@pytest.mark.parametrize("more", range(1, 8))
def test_behind_an_erasure_and_an_eviction_what_is_new_is_seen(place: World, more: int) -> None:
    """However many entries came: none of them makes the record look like the one that was read."""
    library = place.library = Library(place.log, ChainIndex(place.log, 1))
    (who, chain), (_, other) = patients(place, 2)
    identity, _ = place.create(place.hospital, observation({"reference": f"Patient/{who}"}))
    order = order_entries(place.log.reader, [place.stored(chain, identity).current.place], "x")
    place.log.append([place.hospital.entry(order)])
    library.shelf(chain)
    library.shelf(other)
    add_observations(place, chain, who, more)
    fresh = Library(place.log).shelf(chain)
    assert library.shelf(chain).resources.keys() == fresh.resources.keys()


def test_a_contest_reaches_what_was_read_before(place: World) -> None:
    (_, chain) = patients(place, 1)[0]
    assert place.library.relation(chain, place.hospital.id).linked
    place.log.contest(place.hospital.id, 0)
    assert not place.library.relation(chain, place.hospital.id).linked


def test_a_journal_that_failed_makes_no_access_count_twice(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, chain = patients(place, 1)[0]
    place.read(place.clinic, place.stored(chain, who))
    library = Library(place.log)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Vault, "use_all", full)
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                library.shelf(chain)
    assert len(library.accesses(chain)) == 1


def test_a_chain_that_went_while_it_was_read_leaves_no_weight(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = ChainIndex(place.log, 7)
    chains: Sequence[ChainId] = [chain for _, chain in patients(place, 6)]
    refresh = OpenedChain.refresh

    def slowly(self: OpenedChain, log: Target) -> None:
        if self.chain == chains[0]:
            for other in chains[1:4]:
                with index.open(other):
                    pass
        refresh(self, log)

    monkeypatch.setattr(OpenedChain, "refresh", slowly)
    for chain in chains:
        with index.open(chain):
            pass
    monkeypatch.undo()
    for chain in chains[:2]:
        with index.open(chain):
            pass
    kept = [opened for (opened, _), _ in index._kept._kept.values()]
    assert index.held == sum(len(opened.entries) for opened in kept) <= 7
