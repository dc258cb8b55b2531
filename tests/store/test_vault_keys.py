"""Slots of content keys: written, written again, partly, across units and files; zeros are none."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LedgerFault
from ledger.vault import keys as module
from ledger.vault.keys import NO_KEY, SLOT, MasterKey, VaultKeys

UNIT = 128


@pytest.fixture
def master(tmp_path: Path) -> MasterKey:
    return MasterKey.create(tmp_path / "master.key")


@pytest.fixture
def vault(tmp_path: Path, master: MasterKey) -> VaultKeys:
    VaultKeys.create(tmp_path / "keys")
    return VaultKeys(tmp_path / "keys", master)


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
        VaultKeys.create(directory / "keys")
        vault = VaultKeys(directory / "keys", MasterKey.create(directory / "master.key"))
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
    path = tmp_path / "keys/00000000.keys"
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
    raw = (tmp_path / "keys/00000000.keys").read_bytes()
    slots = {raw[at : at + SLOT] for at in range(0, len(raw), SLOT)}
    assert len(slots) == 2 * UNIT and key not in raw
    vault.close()


def test_a_read_across_units_is_our_mistake(vault: VaultKeys) -> None:
    with pytest.raises(ValueError, match="data unit"):
        vault.load_many(UNIT - 1, 2)


def test_another_master_gives_other_keys(tmp_path: Path, vault: VaultKeys) -> None:
    fresh = [os.urandom(SLOT) for _ in range(3)]
    vault.store(0, [*fresh, NO_KEY])
    vault.close()
    other = VaultKeys(tmp_path / "keys", MasterKey.create(tmp_path / "other.key"))
    loaded = other.load_many(0, 4)
    assert loaded[3] is None
    assert not set(loaded[:3]) & {*fresh, None}


def test_a_half_written_slot_is_no_key_of_ours(tmp_path: Path, vault: VaultKeys) -> None:
    fresh = [os.urandom(SLOT) for _ in range(2)]
    vault.store(0, fresh)
    vault.close()
    os.truncate(tmp_path / "keys/00000000.keys", SLOT + 10)
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


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33)])
def test_a_master_key_of_a_wrong_size_is_refused(tmp_path: Path, secret: bytes) -> None:
    (tmp_path / "master.key").write_bytes(secret)
    with pytest.raises(LedgerFault, match="wrong size"):
        MasterKey.load(tmp_path / "master.key")


def test_a_missing_master_key_is_refused(tmp_path: Path, master: MasterKey) -> None:
    with pytest.raises(LedgerFault, match="cannot be read"):
        MasterKey.load(tmp_path / "no.key")
    with pytest.raises(FileExistsError):
        MasterKey.create(tmp_path / "master.key")
    assert "bytes" not in repr(master) and "b'" not in repr(master)


def test_tags_depend_on_every_part_and_its_borders(tmp_path: Path, master: MasterKey) -> None:
    asked = [
        (b"a",),
        (b"b",),
        (b"a", b"b"),
        (b"a", b"bc"),
        (b"a", b"b", b"c"),
        (b"ab",),
        (b"a", b""),
    ]
    tags = {master.tag(*parts) for parts in asked}
    assert len(tags) == len(asked) and {len(tag) for tag in tags} == {16}
    assert MasterKey.load(tmp_path / "master.key").tag(b"a", b"b") == master.tag(b"a", b"b")
    assert MasterKey.create(tmp_path / "other.key").tag(b"a", b"b") != master.tag(b"a", b"b")
