"""Slots of content keys: written, written again, partly, across units and files; zeros are none."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.vault import keys as module
from ledger.vault.keys import NO_KEY, SLOT, VaultKeys
from ledger.vault.period import PeriodKey
from ledger.wire.ids import Hash

UNIT = 128


LOG = Hash(bytes(range(32)))
FILE = "keys/00000001/00000000.keys"


@pytest.fixture
def vault(tmp_path: Path) -> VaultKeys:
    return new_vault(tmp_path)


def new_vault(place: Path) -> VaultKeys:
    (place / "keys" / "00000001").mkdir(parents=True)
    return VaultKeys(place / "keys", PeriodKey.new(LOG, 1))


def some(count: int, seed: int = 0) -> list[bytes]:
    rng = random.Random(seed)
    return [rng.choice([NO_KEY, rng.randbytes(SLOT), rng.randbytes(SLOT)]) for _ in range(count)]


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_order_of_writes_reads_as_a_list(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("vault")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FILE", 2 * UNIT)
        vault = new_vault(directory)
        model: list[bytes] = []
        for seed in range(data.draw(st.integers(1, 5))):
            start = data.draw(st.integers(0, len(model)))
            fresh = some(data.draw(st.integers(0, 300)), seed)
            vault.store(start, fresh)
            model[start : start + len(fresh)] = fresh
        for index, key in enumerate(model):
            assert vault.load(index) == (None if key == NO_KEY else key)
        for start in range(0, len(model), UNIT):
            count = min(UNIT, len(model) - start)
            expected = [None if key == NO_KEY else key for key in model[start : start + count]]
            assert vault.load_many(start, count) == expected
        vault.close()


def test_what_was_never_written_holds_no_key(vault: VaultKeys) -> None:
    assert vault.load(0) is None
    vault.store(0, [os.urandom(SLOT)])
    assert vault.load(1) is None
    assert vault.load(10**6) is None
    vault.store(5, [os.urandom(SLOT)])  # a hole before it
    assert vault.load(3) is None
    vault.close()


def test_a_slot_is_written_without_touching_its_neighbours(
    tmp_path: Path, vault: VaultKeys
) -> None:
    vault.store(0, [os.urandom(SLOT) for _ in range(UNIT)])
    path = tmp_path / FILE
    before = path.read_bytes()
    vault.store(7, [os.urandom(SLOT)])
    after = path.read_bytes()
    assert before[: 7 * SLOT] + before[8 * SLOT :] == after[: 7 * SLOT] + after[8 * SLOT :]
    assert before[7 * SLOT : 8 * SLOT] != after[7 * SLOT : 8 * SLOT]
    vault.store(7, [NO_KEY])
    assert path.read_bytes()[7 * SLOT : 8 * SLOT] == NO_KEY
    assert vault.load(7) is None
    vault.close()


def test_equal_keys_do_not_look_equal(tmp_path: Path, vault: VaultKeys) -> None:
    key = os.urandom(SLOT)
    vault.store(0, [key] * (2 * UNIT))
    raw = (tmp_path / FILE).read_bytes()
    slots = {raw[at : at + SLOT] for at in range(0, len(raw), SLOT)}
    assert len(slots) == 2 * UNIT and key not in raw
    vault.close()


def test_a_read_across_units_is_our_mistake(vault: VaultKeys) -> None:
    with pytest.raises(ValueError, match="data unit"):
        vault.load_many(UNIT - 1, 2)


def test_another_period_key_gives_other_keys(tmp_path: Path, vault: VaultKeys) -> None:
    fresh = [os.urandom(SLOT) for _ in range(3)]
    vault.store(0, [*fresh, NO_KEY])
    vault.close()
    other = VaultKeys(tmp_path / "keys", PeriodKey.new(LOG, 1))
    loaded = other.load_many(0, 4)
    assert loaded[3] is None
    assert not set(loaded[:3]) & {*fresh, None}


def test_a_half_written_slot_is_no_key_of_ours(tmp_path: Path, vault: VaultKeys) -> None:
    fresh = [os.urandom(SLOT) for _ in range(2)]
    vault.store(0, fresh)
    vault.close()
    os.truncate(tmp_path / FILE, SLOT + 10)
    assert vault.load(0) == fresh[0]
    assert vault.load(1) not in (None, fresh[1])


def test_the_name_of_a_new_file_is_made_durable_even_after_a_failure(
    vault: VaultKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []

    def failing(path: Path) -> None:
        synced.append(path)
        if len(synced) == 1:
            raise OSError("no")

    monkeypatch.setattr(module, "sync_directory", failing)
    with pytest.raises(OSError, match="no"):
        vault.store(0, [NO_KEY])
    vault.store(0, [NO_KEY])
    vault.store(1, [NO_KEY])
    assert len(synced) == 2
    vault.close()


@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_destroyed_slots_are_zeros_and_others_as_they_were(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("vault")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FILE", 2 * UNIT)
        vault = new_vault(directory)
        fresh = [os.urandom(SLOT) for _ in range(600)]
        vault.store(0, fresh)
        sizes = [path.stat().st_size for path in sorted((directory / "keys/00000001").iterdir())]
        doomed = data.draw(st.lists(st.integers(0, 5000), max_size=40))
        vault.destroy(doomed)
        for index, key in enumerate(fresh):
            assert vault.load(index) == (None if index in doomed else key)
        files = sorted((directory / "keys/00000001").iterdir())
        assert [path.stat().st_size for path in files] == sizes
        raw = b"".join(path.read_bytes() for path in files)
        for index in range(600):
            assert (raw[index * SLOT : (index + 1) * SLOT] == NO_KEY) == (index in doomed)
        vault.close()


def test_slots_are_destroyed_durably(
    tmp_path: Path, vault: VaultKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.store(0, [os.urandom(SLOT) for _ in range(3)])
    seen: list[bytes] = []
    real = os.fdatasync

    def fdatasync(handle: int) -> None:
        seen.append((tmp_path / FILE).read_bytes())
        real(handle)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    vault.destroy([1])
    assert [raw[SLOT : 2 * SLOT] for raw in seen] == [NO_KEY]
    vault.close()
