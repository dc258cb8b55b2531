"""Backups of log and vault, beside a writer; restored; older, damaged and foreign ones refused."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import backup as ledger_backup
from ledger.author import Draft
from ledger.backup import back_up_log, restore
from ledger.check import check_ledger
from ledger.errors import BadEvidence, BadRequest, CounterfoilError, LedgerFault
from ledger.founding import found
from ledger.layout import read_layout
from ledger.log import Log
from ledger.reader import open_reader
from ledger.store.files import copy_part
from ledger.store.store import Store
from ledger.vault import backup as vault_backup
from ledger.vault.backup import MANIFEST, Manifest, back_up_vault
from ledger.vault.drill import try_keys
from ledger.vault.keys import VaultKeys
from ledger.vault.master import new_file_master
from ledger.vault.opening import VaultPaths, open_vault, recover_master
from ledger.vault.period import PeriodKey
from tests.log.sample import ORIGIN, Sample, entry_with, placed
from tests.vault.test_opening import contents
from verifier.audit.lineaudit import audit_log
from verifier.fetch import open_source
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import policy_of_keys


class Backups:
    """Both backups of a ledger, in one directory."""

    def __init__(self, sample: Sample, place: Path, period: PeriodKey) -> None:
        self.place, self.period = place, period
        self.log, self.vault = place / "log-backup", place / "vault-backup"
        self.size = back_up_log(sample.directory, self.log)
        reader = open_reader(sample.directory)
        size = reader.checkpoint.size
        self.manifest = back_up_vault(
            reader.layout.vault, self.vault, reader.registry.log, ORIGIN, size
        )
        reader.store.close()

    def fill(self, paths: VaultPaths, manifest: Manifest) -> None:
        """As ``counterfoil restore`` does it, with what the shares gave."""
        assert manifest.period == self.period.number
        recover_master(paths, self.period, new_file_master())
        open_vault(paths).check_log(manifest.log)

    def restore(self, sample: Sample) -> Path:
        out = self.place / "restored"
        keys = sample.directory / "keys"
        restore(out, self.log, self.vault, self.fill, keys=keys, guard=sample.guard)
        return out


@pytest.fixture
def backups(sample: Sample, place: Path) -> Backups:
    return Backups(sample, place, open_vault(read_layout(sample.directory).vault).period)


def test_a_backup_holds_no_key_that_opens_it(sample: Sample, backups: Backups) -> None:
    master = json.loads((sample.directory / "vault/master.key").read_text())["key"]
    periods = (sample.directory / "vault/periods").read_bytes()[:4096]
    found = contents(backups.log) | contents(backups.vault)
    for data in found.values():
        assert backups.period.secret not in data and periods not in data
        assert master not in data.decode("latin-1") and b"PRIVATE KEY" not in data
    assert set(contents(backups.vault)) == {MANIFEST, "releases.log"} | {
        f"keys/00000001/{name}" for name in ("00000000.keys", "period.json")
    }
    assert not {"guard", "keys", "vault"} & {path.name for path in backups.log.iterdir()}
    for path in [*backups.log.rglob("*"), *backups.vault.rglob("*"), backups.log, backups.vault]:
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_a_restored_ledger_is_whole_and_goes_on(sample: Sample, backups: Backups) -> None:
    out = backups.restore(sample)
    assert check_ledger(out).problems == []
    with Log.open(out) as log:
        assert log.vault.use(6, "x").content == sample.content
        placed(log.append([entry_with(sample.clinic, sample.record)])[0])
    assert check_ledger(out).problems == []


def test_an_older_backup_beside_a_newer_guard_appends_nothing(
    sample: Sample, backups: Backups
) -> None:
    with Log.open(sample.directory) as log:
        placed(log.append([entry_with(sample.clinic, sample.record)])[0])
    out = backups.restore(sample)
    with pytest.raises(LedgerFault, match="its guard has seen 11"):
        Log.open(out)
    reader = open_reader(out)
    assert reader.checkpoint.size == 10
    reader.store.close()


def test_a_backup_is_audited_without_the_ledger(sample: Sample, backups: Backups) -> None:
    reader = open_reader(sample.directory)
    keys = [parse_verifier_key(key) for key in reader.registry.genesis.checkpoint_keys]
    reader.store.close()
    report = audit_log(open_source(str(backups.log)), policy_of_keys(keys))
    assert (report.verified, report.leaves) == (True, backups.size)


def test_backups_beside_a_busy_writer(sample: Sample, place: Path) -> None:
    period = open_vault(read_layout(sample.directory).vault).period
    stop = threading.Event()
    with Log.open(sample.directory) as log:

        def write() -> None:
            while not stop.is_set():
                placed(log.append_batch(sample.clinic.batch([Draft(sample.record, b"{}")] * 40)))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(4):
                at = place / str(number)
                at.mkdir()
                # LMDB opens an environment once in a process: the writer's own is copied.
                store = log.reader.store
                ledger_backup._copy(store, sample.directory, at / "log-backup")
                # What is committed may be ahead of the newest checkpoint that was answered with.
                size = store.state().size
                log_id = log.reader.registry.log
                back_up_vault(log.layout.vault, at / "vault-backup", log_id, ORIGIN, size)
        finally:
            stop.set()
            writer.join()
    for number in range(4):
        at = place / str(number)

        def fill(paths: VaultPaths, _: Manifest) -> None:
            recover_master(paths, period, new_file_master())

        guard = at / "guard"
        keys = sample.directory / "keys"
        restore(at / "out", at / "log-backup", at / "vault-backup", fill, keys=keys, guard=guard)
        wrong = [one.where for one in check_ledger(at / "out").problems]
        assert wrong == ["guard"]


Spoil = Callable[[Sample, Backups], None]


def _no_manifest(_: Sample, backups: Backups) -> None:
    (backups.vault / MANIFEST).unlink()


def _bad_manifest(_: Sample, backups: Backups) -> None:
    (backups.vault / MANIFEST).write_text("{}")


def _flipped(_: Sample, backups: Backups) -> None:
    path = backups.vault / "keys/00000001/00000000.keys"
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)


def _missing(_: Sample, backups: Backups) -> None:
    (backups.vault / "keys/00000001/00000000.keys").unlink()


def _older_vault(sample: Sample, backups: Backups) -> None:
    with Log.open(sample.directory) as log:
        placed(log.append([entry_with(sample.clinic, sample.record)])[0])
    shutil.rmtree(backups.log)
    back_up_log(sample.directory, backups.log)


def _other_log(_: Sample, backups: Backups) -> None:
    shutil.rmtree(backups.log)
    found(backups.place / "other", ORIGIN)
    back_up_log(backups.place / "other", backups.log)


def _cut_segment(_: Sample, backups: Backups) -> None:
    shutil.rmtree(backups.log)


def _wrong_key(_: Sample, backups: Backups) -> None:
    backups.period = PeriodKey.new(backups.period.log, 1)


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (_no_manifest, BadRequest, "is no backup of a vault"),
        (_bad_manifest, LedgerFault, "manifest.json is damaged"),
        (_flipped, LedgerFault, "00000000.keys is damaged"),
        (_missing, LedgerFault, "00000000.keys cannot be read"),
        (_older_vault, BadRequest, "lacks the keys of entries 10 to 10"),
        (_other_log, BadRequest, "the backup of the vault is of another log"),
        (_cut_segment, BadRequest, "is not a ledger"),
        (_wrong_key, LedgerFault, "do not belong together"),
    ],
)
def test_nothing_is_made_of_what_does_not_fit(
    sample: Sample,
    backups: Backups,
    spoil: Spoil,
    error: type[CounterfoilError],
    message: str,
) -> None:
    spoil(sample, backups)
    before = contents(backups.place)
    with pytest.raises(error) as caught:
        backups.restore(sample)
    assert message in caught.value.message
    assert caught.value.hint
    assert contents(backups.place) == before
    assert not (backups.place / "restored").exists()


def test_a_period_that_begins_meanwhile_is_noticed(
    sample: Sample, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = copy_part
    rotated: list[bool] = []

    def copy(source: Path, target: Path, size: int) -> str:
        digest = real(source, target, size)
        if not rotated:
            rotated.append(True)
            shutil.copytree(sample.directory / "vault/keys", place / "kept")
            with Log.open(sample.directory) as log:
                log.vault.new_period()
            shutil.copytree(place / "kept/00000001", sample.directory / "vault/keys/00000001")
        return digest

    monkeypatch.setattr(vault_backup, "copy_part", copy)
    layout = read_layout(sample.directory)
    with pytest.raises(LedgerFault, match="a new period began"):
        back_up_vault(layout.vault, place / "out", sample.log_id, ORIGIN, 9)
    assert not (place / "out").exists()


def test_a_place_that_is_taken(sample: Sample, backups: Backups) -> None:
    with pytest.raises(BadRequest, match="is there already"):
        back_up_log(sample.directory, backups.log)
    with pytest.raises(BadRequest, match="there is no directory"):
        back_up_log(sample.directory, backups.place / "no" / "x")


def test_a_drill_tries_keys_and_finds_the_wrong_one(sample: Sample, backups: Backups) -> None:
    store = Store(backups.log, writable=False)
    keys = VaultKeys(backups.vault / "keys", backups.period)
    before = contents(backups.vault)
    sampled = try_keys(store, keys, 9)
    assert (sampled.opened, sampled.destroyed) == (6, 0)
    assert contents(backups.vault) == before
    keys.destroy([6])
    sampled = try_keys(store, keys, 9)
    assert (sampled.opened, sampled.destroyed) == (5, 1)
    _flipped(sample, backups)
    with pytest.raises(BadEvidence, match="does not hold the key of payload 6"):
        try_keys(store, keys, 9)
    store.close()
