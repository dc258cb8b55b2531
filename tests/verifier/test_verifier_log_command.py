"""What `log` may be asked for beside a whole audit: a part, a report, an age, custodians."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.verifier.cosigners import Cosigner
from tests.verifier.evidenceworld import GUARD, SECOND, World
from tests.verifier.formats import DAY_MS, RECORD, sha256
from tests.verifier.heads import add_epoch
from tests.verifier.logmaker import Log, Sample, write
from verifier.cli import main
from verifier.cli.progress import progress_line

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def log() -> Sample:
    log = Sample()
    while len(log.leaves) < 1300:
        log.batch(log.clinic, [log.person, log.other] * 150)
        log.add(RECORD, log.person, log.pharmacy)
        add_epoch(log)
    return log


def vkeys(log: Log) -> list[str]:
    return [word for text in log.vkeys for word in ("--vkey", text)]


def changed(log: Sample, at: int, tmp_path: Path) -> Path:
    """A leaf is not what its author signed; tree and checkpoint are true to it."""
    twin = object.__new__(Sample)
    twin.__dict__.update(log.__dict__)
    twin.leaves, twin.hashes = list(log.leaves), list(log.hashes)
    raw = twin.leaves[at]
    # The blob hash of a member, or the end of a statement's signature.
    byte = 69 + 95 if raw[0] == 2 else len(raw) - 1
    twin.leaves[at] = raw[:byte] + bytes([raw[byte] ^ 1]) + raw[byte + 1 :]
    twin.hashes[at] = sha256(b"\x00" + twin.leaves[at])
    return write(twin.files(), tmp_path / "changed")


def run(capsys: Capture, *arguments: object) -> tuple[int, dict[str, object]]:
    code = main(["log", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_structure_only(log: Sample, tmp_path: Path, capsys: Capture) -> None:
    single = next(at for at in range(400, 1300) if log.leaves[at][0] == 1)
    files = changed(log, single, tmp_path)
    code, report = run(capsys, files, *vkeys(log), "--structure-only")
    steps = {one["step"] for one in report["problems"]}  # type: ignore[attr-defined]
    assert steps == {"chain", "epoch"}
    true = write(log.files(), tmp_path / "true")
    assert main(["log", str(true), *vkeys(log), "--structure-only"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("structure verified, without author signatures: ")
    assert "  not checked: the signatures of authors\n" in out
    assert code == 1


@pytest.mark.parametrize(
    ("part", "caught"),
    [
        (["--from", "700", "--to", "701"], True),
        (["--to", "600"], False),
        (["--from", "690"], True),
        (["--sample", "100"], True),
    ],
)
def test_a_part(
    log: Sample, tmp_path: Path, capsys: Capture, part: list[str], caught: bool
) -> None:
    """A member of a batch is checked with all of its batch."""
    member = next(at for at in range(700, 1300) if log.leaves[at][0] == 2)
    assert member == 700
    code, report = run(capsys, changed(log, member, tmp_path), *vkeys(log), *part)
    steps = [one["step"] for one in report["problems"]]  # type: ignore[attr-defined]
    assert (code, "batch" in steps) == (int(caught), caught)
    assert report["whole"] is False
    code, report = run(capsys, write(log.files(), tmp_path / "true"), *vkeys(log), *part)
    assert (code, report["problems"], report["leaves"]) == (0, [], len(log.leaves))
    # Whoever reads nothing but this word is not misled.
    assert report["verdict"] == "verified in part"
    assert any("what needs other leaves" in one for one in report["not_checked"])  # type: ignore[attr-defined]


def test_a_part_knows_who_may_sign(log: Sample, tmp_path: Path, capsys: Capture) -> None:
    """Though the entry that enrols somebody lies outside of it."""
    directory = write(log.files(), tmp_path)
    assert main(["log", str(directory), *vkeys(log), "--from", "1000", "--to", "1100"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("verified in part: ")
    assert f" of {len(log.leaves)} leaves of log" in out.splitlines()[0]


@pytest.mark.parametrize("at", [3, 500, 1299])
def test_every_leaf_is_in_the_tree_in_any_part(
    log: Sample, tmp_path: Path, capsys: Capture, at: int
) -> None:
    files = changed(log, at, tmp_path)
    (files / "checkpoint").write_bytes(log.checkpoint())
    code, report = run(capsys, files, *vkeys(log), "--from", "800", "--to", "900")
    steps = [one["step"] for one in report["problems"]]  # type: ignore[attr-defined]
    assert code == 1
    assert "root" in steps


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from", "5", "--to", "5"],
        ["--from", "-1"],
        ["--from", "x"],
        ["--sample", "0"],
        ["--sample", "5", "--from", "1"],
        ["--state", "x", "--sample", "5"],
        ["--disk", "1X"],
        ["--client-key", "x"],
        ["--bearer-file", "empty"],
        ["--report", "empty"],
        ["--max-age", "soon"],
    ],
)
def test_usage(
    log: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    write(log.files(300 - 285), tmp_path / "log")
    (tmp_path / "empty").touch()
    monkeypatch.chdir(tmp_path)
    try:
        code: object = main(["log", "log", *vkeys(log), *arguments])
    except SystemExit as exit_:
        code = exit_.code
    assert code == 2
    assert not (tmp_path / "x").exists()


def test_backup(log: Sample, tmp_path: Path, capsys: Capture) -> None:
    """The export that lies in a backup."""
    write(log.files(), tmp_path / "backup" / "tiles")
    assert main(["log", str(tmp_path / "backup"), *vkeys(log)]) == 0
    assert capsys.readouterr().out.startswith("verified: ")


def test_state(log: Sample, tmp_path: Path, capsys: Capture) -> None:
    directory, state = write(log.files(), tmp_path / "log"), tmp_path / "state"
    for times in range(2):
        assert main(["log", str(directory), *vkeys(log), "--state", str(state)]) == 0
        out = capsys.readouterr().out
        assert ("continues the checkpoint" in out) is (times == 1)
    assert main(["log", str(directory), *vkeys(log), "--disk", "10K"]) == 0
    assert (
        main(
            [
                "log",
                str(directory),
                *vkeys(log),
                "--disk",
                "10K",
                "--state",
                str(tmp_path / "other"),
            ]
        )
        == 3
    )
    assert not (tmp_path / "other").exists()


def test_age(log: Sample, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = write(log.files(), tmp_path)
    arguments = ["log", str(directory), *vkeys(log), "--max-age", "1h"]
    for later_ms, code in ((0, 0), (DAY_MS, 1), (-DAY_MS, 1)):
        now = (log.now + later_ms) * 1_000_000
        monkeypatch.setattr("time.time_ns", lambda now=now: now)
        assert main(arguments) == code, later_ms
        assert ("not verified: age" in capsys.readouterr().err) is bool(code)


def test_no_epoch_is_no_young_one(sample: Sample, tmp_path: Path, capsys: Capture) -> None:
    directory = write(sample.files(), tmp_path)
    assert main(["log", str(directory), *vkeys(sample), "--max-age", "1h"]) == 1
    assert "not verified: age" in capsys.readouterr().err


# Custodians


def signed(log: World, *signers: Cosigner) -> dict[str, bytes]:
    lines = [one.line("em", log.origin, len(log.leaves), log.root()) for one in signers]
    return log.files() | {"checkpoint": log.checkpoint() + b"".join(lines)}


def policy_of(log: Log, quorum: int, *signers: Cosigner) -> str:
    lines = [f"log {text}" for text in log.vkeys]
    lines += [f"custodian {key}" for one in signers for key in (one.ed_vkey, one.ml_vkey)]
    return "\n".join([*lines, f"quorum {quorum}", ""])


@pytest.mark.parametrize(
    ("signers", "word"),
    [
        ((GUARD, SECOND), "complete up to epoch"),
        ((GUARD,), "consistent; completeness asserted by the operator, up to epoch"),
        ((), "consistent; completeness asserted by the operator, up to epoch"),
    ],
)
def test_custodians(
    tmp_path: Path, capsys: Capture, signers: tuple[Cosigner, ...], word: str
) -> None:
    log = World()
    directory = write(signed(log, *signers), tmp_path / "log")
    (tmp_path / "policy").write_text(policy_of(log, 2, GUARD, SECOND))
    assert main(["log", str(directory), "--policy", str(tmp_path / "policy")]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert word in first
    assert ("by 2 custodians" in first) is (len(signers) == 2)
    assert any("of 2 that are needed" in line for line in rest) is (len(signers) < 2)


def test_a_custodian_that_the_registry_does_not_know(tmp_path: Path, capsys: Capture) -> None:
    """The audit has the whole registry: a key that is not in it is nobody's."""
    log, stranger = World(), Cosigner("stranger.example.org")
    directory = write(signed(log, stranger), tmp_path / "log")
    (tmp_path / "policy").write_text(policy_of(log, 1, stranger))
    assert main(["log", str(directory), "--policy", str(tmp_path / "policy")]) == 0
    out = capsys.readouterr().out
    assert "completeness asserted by the operator" in out.splitlines()[0]
    assert "does not count: its key is not registered" in out


# The report


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text())
    return reader


def test_report(tmp_path: Path) -> None:
    log = World()
    directory = write(signed(log, GUARD, SECOND), tmp_path / "log")
    (tmp_path / "policy").write_text(policy_of(log, 2, GUARD, SECOND))
    page = tmp_path / "report.html"
    arguments = ["log", str(directory), "--policy", str(tmp_path / "policy")]
    assert main([*arguments, "--report", str(page)]) == 0
    reader = read(page)
    for words in (
        "verified; complete up to epoch",
        log.root().hex(),
        log.clinic.kid.hex(),
        log.clinic.id.hex(),
        "Not checked",
        "Limits",
        "Signed off",
        "guard.example.org",
    ):
        assert words in reader.text, words
    # Nothing is run, and nothing is fetched.
    assert not {"script", "a", "img", "link", "iframe", "form"} & set(reader.tags)
    assert not {"src", "href", "style", "onload"} & {name for name, _ in reader.attributes}
    assert page.stat().st_mode & 0o077 == 0
    # It is not written over.
    assert main([*arguments, "--report", str(page)]) == 2


def test_report_of_a_lie(sample: Sample, tmp_path: Path) -> None:
    sample.add(RECORD, sample.person, sample.clinic, seq=7)
    page = tmp_path / "report.html"
    arguments = ["log", str(write(sample.files(), tmp_path / "log")), *vkeys(sample)]
    assert main([*arguments, "--report", str(page)]) == 1
    reader = read(page)
    assert "false: log" in reader.text
    assert "expected" not in reader.text.lower() or "seq 8" in reader.text


def evil(log: Log) -> str:
    return "<script>alert(1)</script>&\"'"


@pytest.mark.parametrize("make", [evil])
def test_report_escapes(make: Callable[[Log], str], tmp_path: Path) -> None:
    """An origin is whatever the operator wants it to be."""
    log = Sample(origin=make(Log()))
    page = tmp_path / "report.html"
    arguments = ["log", str(write(log.files(), tmp_path / "log")), *vkeys(log)]
    assert main([*arguments, "--report", str(page)]) == 0
    assert "script" not in read(page).tags
    assert "alert(1)" in read(page).text


def test_progress() -> None:
    assert progress_line(0, 100, 0, 1.0) == "0 of 100 leaves"
    line = progress_line(5_000_000, 10_000_000, 300_000, 3.0)
    assert line == "5,000,000 of 10,000,000 leaves, 100,000/s, 0:00:50 left"
    assert progress_line(100, 100, 50, 1.0).endswith("chains, entry ids and heads index")
