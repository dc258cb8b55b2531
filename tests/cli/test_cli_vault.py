"""The vault's commands: what they refuse, their help, and that a drill writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.console import done, run
from tests.vault.test_opening import contents


@pytest.mark.parametrize(
    "command", ["new-period", "new-master", "backup", "escrow", "recover", "drill"]
)
def test_help_gives_an_example(command: str) -> None:
    assert f"  {command} " in done("vault", "--help").text
    assert f"  counterfoil vault {command} " in done("vault", command, "--help").text


def test_refusals(ledger: Path, tmp_path: Path) -> None:
    cases: list[tuple[list[str | Path], str]] = [
        (["vault", "recover", ledger], "no shares were given"),
        (["vault", "drill", tmp_path], "is not a ledger"),
        (["vault", "escrow", ledger, "--to", ledger], "is there already"),
        (
            ["vault", "escrow", ledger, "--to", tmp_path / "s", "--threshold", "6"],
            "cannot be split",
        ),
        (["vault", "backup", ledger, ledger], "is there already"),
        (["backup", ledger, ledger], "is there already"),
        (["restore", tmp_path / "o", "--log", ledger, "--vault", ledger], "a vault is opened by"),
    ]
    before = contents(tmp_path)
    for words, message in cases:
        ran = run(*words)
        assert ran.code == 2, ran.err
        assert message in ran.complaint
    assert contents(tmp_path) == before


def test_a_drill_writes_nothing_and_a_restore_takes_the_key_files(
    full: Path, tmp_path: Path
) -> None:
    done("vault", "escrow", full, "--to", tmp_path / "s", "--shares", "3", "--threshold", "2")
    log, vault = tmp_path / "log", tmp_path / "vault"
    size = done("backup", full, log, "--json").json["size"]
    assert done("vault", "backup", full, vault, "--json").json == {"size": size, "period": 1}
    shares: list[str | Path] = [
        word for n in (1, 3) for word in ("--share", tmp_path / "s" / f"share-{n}-of-3.txt")
    ]
    before = contents(tmp_path)
    assert done("vault", "drill", full, *shares, "--json").json["opened_keys"] > 50
    assert "not tried" in done("vault", "drill", vault, *shares).err
    assert contents(tmp_path) == before
    files: list[str | Path] = [
        "--master",
        full / "vault/master.key",
        "--periods",
        full / "vault/periods",
    ]
    guard: list[str | Path] = ["--guard", full.with_name("ledger.guard"), "--keys", full / "keys"]
    done("restore", tmp_path / "out", "--log", log, "--vault", vault, *files, *guard)
    assert done("check", tmp_path / "out").text == f"nothing wrong: {size} entries\n"


def test_a_vault_under_a_passphrase(ledger: Path, tmp_path: Path) -> None:
    for name, text in (("right", "correct horse"), ("wrong", "battery staple")):
        (tmp_path / name).write_text(f"{text}\n")
        (tmp_path / name).chmod(0o600)
    done("vault", "new-master", ledger, "--new-passphrase-file", tmp_path / "right")
    assert json.loads((ledger / "vault/master.key").read_text())["kind"] == "passphrase"
    before = contents(tmp_path)
    assert "under a passphrase" in run("checkpoint", ledger).complaint
    ran = run("checkpoint", ledger, "--passphrase-file", tmp_path / "wrong")
    assert (ran.code, "not the passphrase of the vault" in ran.complaint) == (2, True)
    assert contents(tmp_path) == before
    done("checkpoint", ledger, "--passphrase-file", tmp_path / "right")
