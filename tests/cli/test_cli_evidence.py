"""receipt, prove, checkpoint, export-tiles: what they write satisfies the independent verifier."""

import json
import os
import shutil
from pathlib import Path

import pytest

from ledger.author import Author, Draft
from ledger.cli import authors
from ledger.export import export_tiles
from ledger.log import Log
from ledger.reader import open_reader
from ledger.wire.tile import tiles_of
from tests.cli.console import DATA, HOSPITAL, done, run
from verifier.cli import main as verify

PERSON = f"{HOSPITAL}|POP-00261"


def keys(ledger: Path) -> list[str]:
    vkeys = done("stats", ledger, "--json").json["vkeys"]
    return [word for key in vkeys for word in ("--vkey", key)]


def files(export: Path) -> dict[str, bytes]:
    paths = [path for path in export.rglob("*") if path.is_file()]
    return {path.relative_to(export).as_posix(): path.read_bytes() for path in paths}


def test_init_prints_the_verifier_keys(tmp_path: Path) -> None:
    ran = done("init", tmp_path / "new", "--origin", "test.example/new")
    first, second = ran.text.splitlines()
    assert first.startswith("test.example/new+")
    assert len(first) < 100 < len(second)
    assert keys(tmp_path / "new") == ["--vkey", first, "--vkey", second]
    other = done("init", tmp_path / "b", "--origin", "x", "--guard", tmp_path / "g", "--json").json
    assert set(other) == {"origin", "vkeys", "guard"}
    assert (tmp_path / "g").exists()


def test_a_receipt_is_a_proof(full: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "r.tlog-proof"
    ran = done("receipt", full, "40", "-o", receipt, "--json")
    assert ran.json == {"index": 40, "file": "r.tlog-proof", "provisional": False}
    assert run("proof", receipt, *keys(full), command=verify).code == 0
    assert receipt.stat().st_mode & 0o777 == 0o600


def test_a_receipt_before_the_next_publication_is_provisional(full: Path, tmp_path: Path) -> None:
    words = (
        "append",
        full,
        "--as",
        "clinic",
        "--record",
        PERSON,
        "--retracts",
        "6",
        "--reason",
        "x",
    )
    index = done(*words).text.strip()
    out = tmp_path / "r"
    ran = done("receipt", full, index, "-o", out)
    assert "provisional" in ran.err
    assert run("proof", out, *keys(full)[:2], command=verify).code == 0
    assert run("proof", out, *keys(full), command=verify).code == 1
    assert run("prove", full, "--entry", index, "-o", out).code == 2
    done("checkpoint", full)
    assert done("receipt", full, index, "-o", out, "--json").json["provisional"] is False
    assert run("proof", out, *keys(full), command=verify).code == 0


def test_export_is_verified_whole(full: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = done("export-tiles", full, out, "--with-entries", "--json")
    assert ran.json["before"] == 0
    assert "personal data" in ran.err
    ran = run("log", out, *keys(full), "--json", command=verify)
    assert (ran.code, ran.json["verdict"]) == (0, "verified")
    assert (out / "tile" / "entries").stat().st_mode & 0o077 == 0


def test_without_entries_no_leaf_leaves(full: Path, tmp_path: Path) -> None:
    done("export-tiles", full, tmp_path / "out")
    size = done("stats", full, "--json").json["size"]
    wanted = {tile.path() for tile in tiles_of(size)} | {"checkpoint"}
    assert set(files(tmp_path / "out")) == wanted
    assert run("log", tmp_path / "out", *keys(full), command=verify).code == 1


def grow(ledger: Path, count: int) -> None:
    with Log.open(ledger) as log:
        author: Author = authors.signer(log, "hospital")
        drafts = [Draft(author.directory, b"x", "text/plain") for _ in range(count)]
        assert log.append_later(author.batch(drafts)).result()
        log.publish()


@pytest.mark.parametrize("with_entries", [False, True])
def test_export_into_an_earlier_one(full: Path, tmp_path: Path, with_entries: bool) -> None:
    options = ["--with-entries"] if with_entries else []
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    done("export-tiles", full, out, *options)
    first = files(out)
    assert "not published" not in done("export-tiles", full, out, *options).err
    grow(full, 500)
    ran = done("export-tiles", full, out, *options, "--json").json
    assert ran["written"] == (7 if with_entries else 4)
    done("export-tiles", full, fresh, *options)
    # The partial tiles of the earlier checkpoint stay: somebody may be reading it.
    assert files(out) == {**first, **files(fresh)}
    again = done("export-tiles", full, out, *options, "--json").json
    assert (again["written"], again["before"]) == (0, again["size"])
    if with_entries:
        assert run("log", out, *keys(full), command=verify).code == 0
    else:
        done("export-tiles", full, out, "--with-entries")
        assert run("log", out, *keys(full), command=verify).code == 0
        assert "--with-entries" in done("export-tiles", full, out).err


def test_an_export_says_what_is_not_published_yet(full: Path, tmp_path: Path) -> None:
    done("checkpoint", full)
    done("enrol", full, "newcomer")
    ran = done("export-tiles", full, tmp_path / "out")
    assert "1 more are not published yet: `counterfoil checkpoint` first" in ran.err


def test_an_export_cut_short_is_completed(full: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    grow(full, 600)
    with pytest.raises(KeyboardInterrupt):
        _export_and_stop(full, out, 2)
    assert not (out / "checkpoint").exists()
    done("export-tiles", full, out, "--with-entries")
    assert run("log", out, *keys(full), command=verify).code == 0


def _export_and_stop(ledger: Path, out: Path, after: int) -> None:
    def stop(done_: int, _total: int) -> None:
        if done_ == after:
            raise KeyboardInterrupt

    reader = open_reader(ledger)
    try:
        export_tiles(reader, out, with_entries=True, advance=stop)
    finally:
        reader.close()


def test_the_checkpoint_is_replaced_last(
    full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    replaced: list[str] = []
    replace = os.replace

    def watch(source: Path, target: Path) -> None:
        replaced.append(target.name)
        replace(source, target)

    monkeypatch.setattr("ledger.export.os.replace", watch)
    done("export-tiles", full, out, "--with-entries")
    assert replaced[-1] == "checkpoint"
    assert replaced.count("checkpoint") == 1


def test_foreign_directories_are_refused(full: Path, tmp_path: Path) -> None:
    for name, content in (("notes.txt", "mine"), ("checkpoint", "mine"), (".hidden", "")):
        out = tmp_path / f"of-{name}"
        out.mkdir()
        (out / name).write_text(content)
        assert run("export-tiles", full, out).code == 2
        assert {path.name for path in out.iterdir()} == {name}
    file = tmp_path / "file"
    file.write_text("")
    assert run("export-tiles", full, file).code == 2
    other = tmp_path / "other-ledger"
    done("init", other, "--origin", "test.example/log")
    done("export-tiles", other, tmp_path / "others")
    ran = run("export-tiles", full, tmp_path / "others")
    assert ran.complaint == "others is neither empty nor an export of this log"


def test_an_export_that_is_newer_than_the_ledger(full: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(full, old)
    grow(full, 10)
    done("export-tiles", full, tmp_path / "out")
    ran = run("export-tiles", old, tmp_path / "out")
    assert ran.code == 2
    assert "entries, the published checkpoint covers" in ran.complaint


def test_a_forked_log_is_false(full: Path, tmp_path: Path) -> None:
    fork = tmp_path / "fork"
    shutil.copytree(full, fork)
    document = json.loads((fork / "ledger.json").read_text())
    (fork / "ledger.json").write_text(json.dumps({**document, "guard": "../fork.guard"}))
    done("guard", fork, "--renew", "--yes")
    grow(full, 10)
    grow(fork, 20)
    done("export-tiles", full, tmp_path / "out")
    ran = run("export-tiles", fork, tmp_path / "out")
    assert ran.code == 1
    assert ran.complaint.startswith("checkpoint in out: expected a beginning of this log")


def test_nothing_damaged_is_exported(
    full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger.store.store import Store

    bundle = Store.bundle

    def damaged(self: Store, index: int, width: int) -> bytes:
        data = bytearray(bundle(self, index, width))
        data[60] ^= 1
        return bytes(data)

    monkeypatch.setattr(Store, "bundle", damaged)
    ran = run("export-tiles", full, tmp_path / "out", "--with-entries")
    assert (ran.code, ran.complaint) == (3, "store: leaf 0 does not have its hash")
    assert not (tmp_path / "out" / "checkpoint").exists()


def test_every_json_parses(full: Path, tmp_path: Path) -> None:
    commands: list[list[str | Path]] = [
        ["import", full, DATA / "clinic_b.ndjson", "--as", "clinic"],
        ["append", full, "--as", "clinic", "--record", PERSON, "--retracts", "6", "--reason", "x"],
        ["enrol", full, "new"],
        ["revoke", full, "new"],
        ["show", full, "3"],
        ["history", full, PERSON],
        ["receipt", full, "3", "-o", tmp_path / "r"],
        ["prove", full, "--entry", "3", "-o", tmp_path / "p"],
        ["history", full, PERSON, "--evidence", tmp_path / "h"],
        ["export-tiles", full, tmp_path / "out"],
        ["check", full],
        ["stats", full],
    ]
    for command in commands:
        ran = done(*command, "--json")
        assert isinstance(ran.json, dict), command
        assert ran.text.count("\n") == 1
        assert "PRIVATE" not in ran.text + ran.err
