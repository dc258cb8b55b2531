"""Shares: any k of n open the vault, fewer or others do not, and what is wrong is said."""

from __future__ import annotations

import itertools
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.errors import BadRequest
from ledger.log import Log
from ledger.vault.escrow import combine, read_share, split, write_shares
from ledger.vault.master import new_file_master
from ledger.vault.opening import (
    VaultPaths,
    descriptions,
    open_vault,
    recover_master,
)
from ledger.vault.period import Description, PeriodKey, TagKey
from ledger.wire.ids import Hash
from tests.log.sample import Sample

LOG = Hash(bytes(range(32)))
PERIOD = PeriodKey.new(LOG, 3)
KNOWN = [Description.of(PERIOD, TagKey(bytes(32)))]


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return write_shares(tmp_path, split("log.example.org/x", PERIOD, 5, 3))


def test_any_three_of_five_give_the_key(paths: list[Path]) -> None:
    for chosen in itertools.permutations(paths, 3):
        assert combine(chosen).open(KNOWN) == PERIOD
    assert combine(paths).open(KNOWN) == PERIOD


def test_fewer_are_said_however_often_they_are_given(paths: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.txt"
    copy.write_bytes(paths[0].read_bytes())
    for chosen, count in (([], 0), (paths[:1], 1), ([paths[0], copy, paths[1]], 2)):
        with pytest.raises(BadRequest) as caught:
            combine(chosen)
        expected = f"3 different shares are needed, {count} were given" if count else "no shares"
        assert expected in caught.value.message


def test_a_share_says_what_it_is_and_only_its_owner_reads_it(paths: list[Path]) -> None:
    text = paths[1].read_text()
    for said in ("医療記録の鍵の分割片", "share: 2 of 5", "period: 3", "needed: 3", LOG.hex()):
        assert said in text
    assert PERIOD.secret.hex() not in text
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in paths)
    with pytest.raises(FileExistsError):
        write_shares(paths[0].parent, split("log.example.org/x", PERIOD, 5, 3))
    share = read_share(paths[1])
    assert share.words[5] not in repr(share)
    assert repr(PERIOD.secret)[2:-1] not in repr(combine(paths))


@pytest.mark.parametrize(("count", "needed"), [(5, 1), (1, 1), (17, 3), (3, 4), (0, 0)])
def test_numbers_that_cannot_be(count: int, needed: int) -> None:
    with pytest.raises(BadRequest, match="cannot be split"):
        split("x", PERIOD, count, needed)


def _other(period: PeriodKey) -> Callable[[list[Path]], None]:
    def change(paths: list[Path]) -> None:
        paths[1].write_text(split("log.example.org/y", period, 5, 3)[1].text())

    return change


def _words(change: Callable[[list[str]], None]) -> Callable[[list[Path]], None]:
    def spoil(paths: list[Path]) -> None:
        head, _, tail = paths[1].read_text().partition("words:\n")
        words = tail.split()
        change(words)
        paths[1].write_text(f"{head}words:\n{' '.join(words)}\n")

    return spoil


def _typo(words: list[str]) -> None:
    words[6] = words[6] + "x"


def _wrong_word(words: list[str]) -> None:
    words[6] = "academic" if words[6] != "academic" else "acid"


def _swapped(words: list[str]) -> None:
    words[20], words[21] = words[21] + "", words[20]
    words[19] = "academic" if words[19] != "academic" else "acid"


def _short(words: list[str]) -> None:
    words.pop()


def _with(data: bytes) -> Callable[[list[Path]], None]:
    def spoil(paths: list[Path]) -> None:
        paths[1].write_bytes(data)

    return spoil


CASES: list[tuple[str, Callable[[list[Path]], None], str]] = [
    ("other log", _other(PeriodKey.new(Hash(bytes(32)), 3)), "is of another log than share-1"),
    ("other period", _other(PeriodKey.new(LOG, 2)), "is of period 2, share-1-of-5.txt of period 3"),
    ("other set", _other(PeriodKey.new(LOG, 3)), "do not belong together"),
    ("typo", _words(_typo), "share-2-of-5.txt: word 7 is not in the list"),
    ("wrong word", _words(_wrong_word), "share-2-of-5.txt: a word is mistyped"),
    ("swapped", _words(_swapped), "share-2-of-5.txt: a word is mistyped"),
    ("short", _words(_short), "share-2-of-5.txt: a word is mistyped, missing"),
    ("no share", _with(b"\xff"), "is no share"),
    ("empty", _with(b""), "is no share"),
    ("gone", lambda paths: paths[1].unlink(), "cannot read share-2-of-5.txt"),
]


@pytest.mark.parametrize(("spoil", "message"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_is_wrong_with_which_is_said(
    paths: list[Path], spoil: Callable[[list[Path]], None], message: str
) -> None:
    words = read_share(paths[1]).words
    spoil(paths)
    with pytest.raises(BadRequest) as caught:
        combine(paths[:3])
    assert message in caught.value.message
    assert caught.value.hint
    assert not any(f" {word} " in str(caught.value) for word in words if len(word) > 7)


def test_shares_of_another_vault(paths: list[Path]) -> None:
    combined = combine(paths)
    other = Description.of(PeriodKey.new(Hash(bytes(32)), 3), TagKey(bytes(32)))
    with pytest.raises(BadRequest, match="this vault is of another"):
        combined.open([other])
    newer = Description.of(PeriodKey.new(LOG, 4), TagKey(bytes(32)))
    with pytest.raises(BadRequest, match="are of period 3, this vault is of period 4"):
        combined.open([newer])
    with pytest.raises(BadRequest, match="no slots of any period"):
        combined.open([])


@pytest.mark.parametrize("lost", ["master.key", "periods", "both"])
def test_recovery_after_a_loss(sample: Sample, tmp_path: Path, lost: str) -> None:
    vault = VaultPaths(sample.directory / "vault")
    shares = write_shares(tmp_path, split("x", open_vault(vault).period, 3, 2))
    old = vault.master.read_bytes()
    for path in (vault.master, vault.periods):
        if lost in (path.name, "both"):
            path.unlink()
    period = combine(shares[1:]).open(descriptions(vault.keys))
    recover_master(vault, period, new_file_master())
    with Log.open(sample.directory) as log:
        assert log.vault.use(6, "x").content == sample.content
    assert vault.master.read_bytes() != old
    assert not vault.next_master.exists()
