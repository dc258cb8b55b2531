"""A backup that somebody else had in hand: restored, it touches nothing but its own place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.errors import CounterfoilError
from ledger.layout import read_layout
from ledger.vault.backup import MANIFEST, Manifest
from ledger.vault.opening import open_vault
from tests.log.sample import Sample
from tests.vault.test_backups import Backups

Damage = Callable[[Backups], None]


def _names(name: str) -> Damage:
    """The manifest names one more file, which is there."""

    def damage(backups: Backups) -> None:
        planted = backups.vault / name
        planted.parent.mkdir(parents=True, exist_ok=True)
        planted.write_bytes(b"planted")
        manifest = json.loads((backups.vault / MANIFEST).read_text())
        manifest["files"][name] = {"size": 7, "sha256": sha256(b"planted").hexdigest()}
        (backups.vault / MANIFEST).write_text(json.dumps(manifest))

    return damage


def _link(backups: Backups) -> None:
    (backups.place / "private").write_bytes(b"private")
    (backups.log / "payloads/00000009.seg").symlink_to(backups.place / "private")


def _linked_slots(backups: Backups) -> None:
    slots = backups.vault / "keys/00000001/00000000.keys"
    slots.rename(backups.place / "slots")
    slots.symlink_to(backups.place / "slots")


def _pipe(backups: Backups) -> None:
    os.mkfifo(backups.log / "heads/waits")


def _pipe_in_vault(backups: Backups) -> None:
    (backups.vault / "releases.log").unlink(missing_ok=True)
    os.mkfifo(backups.vault / "releases.log")


def _deep(name: str) -> Damage:
    def damage(backups: Backups) -> None:
        (backups.place / name).write_bytes(b"[" * 200_000)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        _names("../../outside"),
        _names("../keys/authors/clinic.json"),
        _names("../beside"),
        _names("master.key"),
        _names("keys/00000001/../../planted"),
        _link,
        _linked_slots,
        _pipe,
        _pipe_in_vault,
        _deep("vault-backup/manifest.json"),
        _deep("vault-backup/keys/00000001/period.json"),
        _deep("log-backup/ledger.json"),
    ],
)
def test_a_doctored_backup_is_refused(sample: Sample, place: Path, damage: Damage) -> None:
    inner = place / "inner"
    inner.mkdir()
    backups = Backups(sample, inner, open_vault(read_layout(sample.directory).vault).period)
    damage(backups)
    before = sorted(place.rglob("*"))
    with pytest.raises(CounterfoilError):
        backups.restore(sample)
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("damage", [_pipe_in_vault, _linked_slots])
def test_a_drill_waits_for_nothing(sample: Sample, place: Path, damage: Damage) -> None:
    backups = Backups(sample, place, open_vault(read_layout(sample.directory).vault).period)
    damage(backups)
    with pytest.raises(CounterfoilError):
        Manifest.read(backups.vault).check_files(backups.vault)
