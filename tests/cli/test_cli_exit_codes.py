"""Every exit code, every message with its hint, and no traceback ever."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import cli
from ledger.cli import outcome
from ledger.errors import BadEvidence, BadRequest, Conflict, LedgerFault
from ledger.log import Log
from ledger.store.environment import CommitFailed, StorageFull
from ledger.store.store import Store
from tests.cli.conftest import copy
from tests.cli.console import DATA, HOSPITAL, done, inside, real, run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadEvidence("x"), 1),
        (BadRequest("x"), 2),
        (Conflict("x"), 2),
        (LedgerFault("x"), 3),
        (StorageFull("x"), 3),
        (CommitFailed("x"), 3),
        (OSError("x"), 3),
        (RuntimeError("x"), 3),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_exit_code_follows_from_the_class(error: BaseException, code: int) -> None:
    assert outcome.exit_code(error) == code


def test_help_documents_the_exit_codes_and_gives_examples() -> None:
    ran = done("--help")
    for code in ("0 done", "1 something", "2 usage", "3 the ledger's", "4 some lines", "130"):
        assert code in " ".join(ran.text.split())
    commands = ["init", "enrol", "revoke", "import", "append", "show", "history", "receipt"]
    commands += ["prove", "checkpoint", "export-tiles", "check", "guard", "stats"]
    commands += ["backup", "restore"]
    for command in commands:
        assert f"  {command} " in ran.text, command
        assert f"  counterfoil {command} " in done(command, "--help").text, command


USAGE: list[tuple[list[str], str]] = [
    ([], "missing command"),
    (["xyzzy"], "no such command 'xyzzy'"),
    (["init"], "missing argument 'DIR'"),
    (["history", "L"], "missing argument 'RECORD'"),
    (["stats", "nowhere"], "nowhere is not a ledger: it has no ledger.json"),
    (["check", "nowhere"], "nowhere is not a ledger: it has no ledger.json"),
    (["import", "nowhere", "f", "--as", "x"], "nowhere is not a ledger: it has no ledger.json"),
    (["init", "L", "--origin", "x"], "L is not an empty directory"),
    (["init", "new", "--origin", "bad name"], ""),
    (["init", "no/such", "--origin", "x"], "there is no directory to make such in"),
    (["enrol", "L", "hospital"], "an author of this name is enrolled already"),
    (["enrol", "L", "x", "--role", "king"], "role king is unknown"),
    (["enrol", "L", "../x"], "this name of an author cannot be used"),
    (["enrol", "L", ".x"], "this name of an author cannot be used"),
    (["enrol", "L", "x.next"], "this name of an author cannot be used"),
    (["enrol", "L", "governor"], "this name of an author cannot be used"),
    (
        ["enrol", "L", "x", "--public-key", "none.pem"],
        "cannot read none.pem: no such file or directory",
    ),
    (["enrol", "L", "x", "--public-key", "L/ledger.json"], "the key file holds no public key"),
    (["revoke", "L", "nobody"], "no author of this name is known here"),
    (["import", "L", "f", "--as", "nobody"], "no author of this name is known here"),
    (["show", "L", "999"], "there is no entry 999"),
    (["show", "L", "-1"], ""),
    (["show", "L", "1", "--content"], "content is released to somebody for a purpose"),
    (["show", "L", "1", "--as", "clinic"], "--as and --purpose go with --content"),
    (
        ["show", "L", "1", "--content", "--as", "clinic", "--purpose", "because"],
        "--purpose is no code",
    ),
    (
        ["show", "L", "0", "--content", "--as", "clinic", "--purpose", "TREAT"],
        "entry 0 has no content to release",
    ),
    (["history", "L", "abc"], "a record's id is 32 hexadecimal digits"),
    (["history", "L", "00" * 16], f"record {'00' * 16} is unknown"),
    (["history", "L", "urn:x|y"], "this patient identifier is linked to no record"),
    (["receipt", "L", "999", "-o", "f"], "there is no entry 999"),
    (["receipt", "L", "1", "-o", "no/such/file"], "cannot write file: no such file or directory"),
    (["prove", "L", "--entry", "999", "-o", "f"], "there is no entry 999"),
    (["prove", "L", "--entry", "3", "-o", "f"], "entry 3 is not in the published checkpoint yet"),
    (["prove", "L", "-o", "f"], "prove one thing"),
    (["prove", "L", "--entry", "1", "--absent", "0" * 32, "-o", "f"], "prove one thing"),
    (["prove", "L", "--entry", "x", "-o", "f"], ""),
    (["prove", "L", "--absent", "0" * 32, "--disclose", "-o", "f"], "--disclose goes with --entry"),
    (
        ["prove", "L", "--entry", "1", "--as", "x", "-o", "f"],
        "--as and --purpose go with --disclose",
    ),
    (["prove", "L", "--entry", "1", "--disclose", "-o", "f"], "content is released to somebody"),
    (["history", "L", "0" * 32, "--evidence", "f"], "nothing is published that has an epoch"),
    (["export-tiles", "L", "L"], "L is neither empty nor an export of this log"),
    (["guard", "L"], "nothing to do"),
    (["guard", "L", "--renew"], "a new guard accepts this ledger as it is"),
    (["append", "L", "--as", "clinic", "--record", "0" * 32], "give a FILE"),
    (
        ["append", "L", "--as", "clinic", "--record", "0" * 32, "f", "--retracts", "1"],
        "give a FILE",
    ),
    (
        ["append", "L", "--as", "clinic", "--record", "0" * 32, "f"],
        "cannot read f: no such file or directory",
    ),
    (
        ["append", "L", "--as", "clinic", "--record", "0" * 32, "f", "--type", "x"],
        "--type is no media type",
    ),
]


@pytest.mark.parametrize(("words", "message"), USAGE, ids=[" ".join(w) for w, _ in USAGE])
def test_usage(founded: Path, tmp_path: Path, words: list[str], message: str) -> None:
    copy(founded, tmp_path).rename(tmp_path / "L")
    with inside(tmp_path):
        ran = run(*words)
    assert ran.code == 2, ran.err
    assert ran.out == b""
    assert ran.complaint.startswith(message)


def test_a_directory_by_a_path_without_a_name(ledger: Path, tmp_path: Path) -> None:
    with inside(ledger):
        assert done("stats", ".", "--json").json["size"] == 4
        assert run("stats", "..").complaint.startswith(f"{tmp_path.name} is not a ledger")


def test_a_directory_behind_a_link(ledger: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(ledger)
    assert done("checkpoint", link).text.startswith("test.example/log\n5\n")


def test_other_writer(ledger: Path) -> None:
    with Log.open(ledger):
        ran = run("import", ledger, DATA / "clinic_b.ndjson", "--as", "clinic")
        assert ran.code == 3
        assert ran.complaint
        # LMDB opens an environment once in a process.
        assert real("stats", ledger, "--json").json["size"] == 4


def test_read_only_directory(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions do not bind root, under which tests may run: the question is answered instead.
    if os.geteuid() == 0:
        access = os.access
        monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and access(path, mode))
    else:
        ledger.chmod(0o500)
    ran = run("checkpoint", ledger)
    ledger.chmod(0o700)
    assert (ran.code, ran.complaint) == (3, "ledger is read-only")


def _no_guard(ledger: Path) -> None:
    ledger.with_name("ledger.guard").unlink()


def _no_master_key(ledger: Path) -> None:
    (ledger / "vault" / "master.key").unlink()


def _no_json(ledger: Path) -> None:
    (ledger / "ledger.json").write_text("{")


def _no_data(ledger: Path) -> None:
    (ledger / "log" / "data.mdb").write_bytes(b"\0" * 8192)


def _no_signing_key(ledger: Path) -> None:
    (ledger / "keys" / "checkpoint.ed25519").write_text("nonsense")


@pytest.mark.parametrize("damage", [_no_guard, _no_master_key, _no_json, _no_data, _no_signing_key])
def test_damage_on_opening(ledger: Path, damage: Callable[[Path], None]) -> None:
    damage(ledger)
    ran = run("checkpoint", ledger)
    assert ran.code == 3
    assert ran.complaint


@pytest.mark.parametrize(
    ("damage", "hint"),
    [(_no_guard, "counterfoil guard DIR --renew"), (_no_master_key, "counterfoil vault recover")],
)
def test_the_check_says_what_to_do(ledger: Path, damage: Callable[[Path], None], hint: str) -> None:
    damage(ledger)
    ran = run("check", ledger)
    assert ran.code == 1
    assert hint in ran.err
    assert "restore from a backup or a mirror" not in ran.err


def test_no_governor_key(ledger: Path) -> None:
    (ledger / "keys" / "governor.ed25519").unlink()
    ran = run("enrol", ledger, "x")
    assert (ran.code, ran.complaint) == (2, "no governor's key lies with the ledger")
    assert "--governor-key" in ran.err


def test_damaged_author_file(ledger: Path) -> None:
    (ledger / "keys" / "authors" / "clinic.json").write_text("{}")
    ran = run("history", ledger, "00" * 16)
    assert ran.code == 2
    ran = run("show", ledger, "1")
    assert (ran.code, ran.complaint) == (3, "a file in keys/authors cannot be read")


def test_an_old_copy_is_refused(full: Path, founded: Path) -> None:
    shutil.rmtree(full / "log")
    shutil.copytree(founded / "log", full / "log")
    ran = run("checkpoint", full)
    assert ran.code == 3
    assert "old copy" in ran.complaint


def test_guard_renewed(ledger: Path) -> None:
    _no_guard(ledger)
    assert run("checkpoint", ledger).code == 3
    assert (
        done("guard", ledger, "--renew", "--yes").text == "ledger.guard now stands for 4 entries\n"
    )
    done("checkpoint", ledger)
    assert ledger.with_name("ledger.guard").stat().st_mode & 0o777 == 0o600


def test_check_finds_a_flipped_payload(full: Path) -> None:
    assert done("check", full).text.startswith("nothing wrong: ")
    segment = full / "payloads" / "00000000.seg"
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    ran = run("check", full)
    assert ran.code == 1
    assert "payload" in ran.text
    assert "hint" not in ran.text
    problems = run("check", full, "--json")
    assert (problems.code, len(problems.json["problems"])) == (1, 1)
    assert set(problems.json["problems"][0]) == {"where", "what"}


def test_disk_full_in_an_import(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_self: Store, _size: int) -> None:
        raise StorageFull("the disk is full", hint="make room and try again; nothing was written")

    monkeypatch.setattr(Store, "check_space", full_disk)
    file = str(DATA / "hospital_a.ndjson")
    words = ["import", str(ledger), file, "--as", "hospital", "--create"]
    ran = run(*words)
    assert (ran.code, ran.complaint) == (3, "the disk is full")
    monkeypatch.undo()
    assert "added                      44" in done(*words).text


def test_a_fault_of_our_own_is_one_line_without_its_text(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object) -> None:
        raise KeyError("林 拓也")

    monkeypatch.setattr("ledger.cli.upkeep._count", bug)
    ran = run("stats", ledger)
    assert ran.code == 3
    assert ran.complaint.startswith("unforeseen KeyError at ledger/cli/upkeep.py:")
    assert "林" not in ran.err


def test_interrupted(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ledger.cli.upkeep._count", interrupt)
    ran = run("stats", ledger)
    assert (ran.code, ran.complaint) == (130, "interrupted")


def test_clock_set_back(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hour_ago = time.time_ns() - 3600 * 10**9
    monkeypatch.setattr("time.time_ns", lambda: hour_ago)
    record = f"{HOSPITAL}|POP-00261"
    ran = run(
        "append", full, "--as", "hospital", "--record", record, "--retracts", "6", "--reason", "x"
    )
    assert ran.code == 3
    assert "the clock is" in ran.complaint


def test_interrupted_before_the_command_line_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "import_module", interrupt)
    assert cli.main() == 130
