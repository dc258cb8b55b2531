"""A vault that is not whole: said, and nothing written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.author import Draft
from ledger.check import check_ledger
from ledger.errors import BadRequest, CounterfoilError, LedgerFault
from ledger.founding import found
from ledger.keyfiles import Unlock
from ledger.log import Log
from ledger.vault import master as master_module
from ledger.vault.master import (
    TokenMaster,
    new_file_master,
    new_passphrase_master,
    new_token_master,
)
from ledger.vault.opening import VaultPaths, open_vault
from tests.log.sample import ORIGIN, Sample, entry_with, placed

SLOTS = "vault/keys/00000001/00000000.keys"


def contents(directory: Path) -> dict[str, bytes]:
    """Every file but LMDB's lock, in which readers leave their slot."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name not in ("lock.mdb", "lock")
    }


Spoil = Callable[[Sample], None]


def remove(name: str) -> Spoil:
    return lambda sample: (sample.directory / name).unlink()


def flip(name: str, at: int) -> Spoil:
    def spoil(sample: Sample) -> None:
        path = sample.directory / name
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.write_bytes(data)

    return spoil


def another(name: str) -> Spoil:
    """The file of another ledger that has the same origin."""

    def spoil(sample: Sample) -> None:
        other = sample.directory.with_name("other")
        found(other, ORIGIN)
        target = sample.directory / name
        if target.is_dir():
            shutil.rmtree(target)
            shutil.copytree(other / name, target)
        else:
            shutil.copyfile(other / name, target)

    return spoil


def another_key_of_the_same_id(sample: Sample) -> None:
    path = sample.directory / "vault/master.key"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"key": os.urandom(32).hex()}))


def older_vault(sample: Sample) -> None:
    old = sample.directory.with_name("old")
    shutil.copytree(sample.directory / "vault", old)
    with Log.open(sample.directory) as log:
        placed(log.append([entry_with(sample.clinic, sample.record)])[0])
    shutil.rmtree(sample.directory / "vault")
    shutil.move(old, sample.directory / "vault")


def older_period(sample: Sample) -> None:
    """The file of period keys from before a rotation."""
    path = sample.directory / "vault/periods"
    before = path.read_bytes()
    with Log.open(sample.directory) as log:
        log.vault.new_period()
    path.write_bytes(before)


def older_slots(sample: Sample) -> None:
    old = sample.directory.with_name("old")
    shutil.copytree(sample.directory / "vault/keys", old)
    with Log.open(sample.directory) as log:
        log.vault.new_period()
    shutil.rmtree(sample.directory / "vault/keys")
    shutil.move(old, sample.directory / "vault/keys")


def no_master_and_a_passphrase(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        log.vault.renew_master(new_passphrase_master(b"right"))


@dataclass(frozen=True)
class Case:
    name: str
    spoil: Spoil
    message: str
    error: type[CounterfoilError] = LedgerFault


CASES = [
    Case("master key lost", remove("vault/master.key"), "master key cannot be read"),
    Case("master key damaged", flip("vault/master.key", 0), "master key is damaged"),
    Case("other master key", another("vault/master.key"), "another master key than the vault's"),
    Case("same id", another_key_of_the_same_id, "not wrapped under this master key"),
    Case("locked", no_master_and_a_passphrase, "under a passphrase", BadRequest),
    Case("periods lost", remove("vault/periods"), "period keys cannot be read"),
    Case("periods damaged", flip("vault/periods", 90), "period keys is damaged"),
    Case("other periods", another("vault/periods"), "another master key than the vault's"),
    Case("older periods", older_period, "period 1, but not its slots"),
    Case("older slots", older_slots, "period 2, but not its slots"),
    Case("period.json", remove("vault/keys/00000001/period.json"), "period.json cannot be read"),
    Case("other slots", another("vault/keys"), "keys are those of another log"),
    Case("other vault", another("vault"), "vault of another log"),
    Case("vault is older", older_vault, "does not hold the key of payload 10"),
    Case("newest slot flipped", flip(SLOTS, 7 * 32), "does not hold the key of payload 7"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_what_is_wrong_is_said_and_nothing_is_written(sample: Sample, case: Case) -> None:
    case.spoil(sample)
    before = contents(sample.directory.parent)
    with pytest.raises(case.error) as caught:
        Log.open(sample.directory)
    assert case.message in caught.value.message
    assert caught.value.hint
    assert contents(sample.directory.parent) == before
    problems = check_ledger(sample.directory).problems
    assert problems and all(problem.where.split()[0] in ("vault", "key") for problem in problems)
    assert contents(sample.directory.parent) == before


def test_a_flipped_slot_deep_inside_is_named_by_the_check(sample: Sample) -> None:
    flip(SLOTS, 4 * 32)(sample)
    (problem,) = check_ledger(sample.directory).problems
    assert (problem.where, "does not hold the key" in problem.what) == ("key 4", True)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(master_module, "SCRYPT_N", 1 << 10)


@pytest.mark.usefixtures("cheap")
def test_a_master_key_under_a_passphrase(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        old = log.layout.vault.master.read_bytes()
        log.vault.renew_master(new_passphrase_master("合言葉".encode()))
        assert log.vault.use(6, "x").content == sample.content
    paths = VaultPaths(sample.directory / "vault")
    assert json.loads(old)["key"] not in paths.master.read_text()
    before = contents(sample.directory)
    with pytest.raises(BadRequest, match="not the passphrase of the vault's master key"):
        open_vault(paths, Unlock(ask=lambda _: "wrong"))
    assert contents(sample.directory) == before
    with Log.open(sample.directory, unlock=Unlock(ask=lambda _: "合言葉")) as log:
        assert log.vault.use(6, "x").content == sample.content
        log.vault.renew_master(new_file_master())
    with Log.open(sample.directory) as log:
        assert log.vault.use(6, "x").content == sample.content
    with pytest.raises(BadRequest, match="empty passphrase"):
        new_passphrase_master(b"")


class Token:
    """A token in memory: the small interface, over the library that software keys use."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}

    def generate_aes(self, label: str) -> None:
        if label in self.keys:
            raise BadRequest("taken")
        self.keys[label] = os.urandom(32)

    def encrypt(self, label: str, nonce: bytes, plain: bytes, context: bytes) -> bytes:
        return AESGCM(self.keys[label]).encrypt(nonce, plain, context)

    def decrypt(self, label: str, nonce: bytes, sealed: bytes, context: bytes) -> bytes | None:
        try:
            return AESGCM(self.keys[label]).decrypt(nonce, sealed, context)
        except InvalidTag:
            return None


def test_a_master_key_in_a_token(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    token = Token()
    asked = []

    def open_session(module: str, label: str, pin: str) -> Token:
        asked.append((module, label, pin))
        return token

    monkeypatch.setattr(master_module, "open_session", open_session)
    with Log.open(sample.directory) as log:
        log.vault.renew_master(new_token_master("lib.so", "vault", "master", token))
        log.vault.new_period()
    for path in (sample.directory / "vault").rglob("*"):
        assert path.is_dir() or token.keys["master"] not in path.read_bytes()
    with pytest.raises(BadRequest, match="asks for a PIN"):
        Log.open(sample.directory)
    with Log.open(sample.directory, unlock=Unlock(ask=lambda _: "1234")) as log:
        assert log.vault.use(6, "x").content == sample.content
    assert asked == [("lib.so", "vault", "1234")]
    token.keys["master"] = os.urandom(32)
    with pytest.raises(LedgerFault, match="not wrapped under this master key"):
        Log.open(sample.directory, unlock=Unlock(ask=lambda _: "1234"))


@pytest.mark.parametrize("context", [b"period 2", b"", b"period 11"])
def test_a_wrapped_key_is_bound_to_its_context(context: bytes) -> None:
    token = Token()
    for new in (new_file_master(), new_token_master("m", "t", "k", token)):
        wrapped = new.key.wrap(bytes(32), b"period 1")
        assert new.key.unwrap(wrapped, b"period 1") == bytes(32)
        with pytest.raises(LedgerFault, match="not wrapped under this master key"):
            new.key.unwrap(wrapped, context)
        assert "TokenMaster" not in repr(new) or isinstance(new.key, TokenMaster)


def test_the_old_period_key_opens_nothing_that_is_left(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        old = log.vault.secrets.period
        raw = (sample.directory / SLOTS).read_bytes()
        log.vault.new_period()
        assert log.vault.use(6, "x").content == sample.content
        placed(log.append([sample.clinic.entry(Draft(sample.record, b"{}"))])[0])
    now = contents(sample.directory)
    assert raw[6 * 32 : 7 * 32] not in b"".join(now.values())
    assert not any(old.secret in data for data in now.values())
    lines = [json.loads(line) for line in now["vault/releases.log"].splitlines()]
    assert {"period": 2, "replaces": 1}.items() <= lines[0].items()
    assert {"period": 1, "destroyed": "all"}.items() <= lines[1].items()
