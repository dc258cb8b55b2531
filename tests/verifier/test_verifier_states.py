"""Signed states of a log against each other: `consistency`, `compare` and `watch`."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.verifier.cosigners import Cosigner
from tests.verifier.evidencemaker import HISTORY, prove
from tests.verifier.evidenceworld import World
from tests.verifier.formats import ACCESS, RECORD, b64, consistency
from tests.verifier.heads import add_epoch
from tests.verifier.logmaker import Log, Sample, write
from tests.verifier.test_verifier_cli import reply, served
from verifier.cli import main

Capture = pytest.CaptureFixture[str]


def grown(extra: int = 300, kind: int = RECORD) -> Sample:
    """The sample log and so many more entries: with another kind it is a fork of the same log."""
    log = Sample()
    for _ in range(extra):
        log.add(kind, log.person, log.clinic)
    return log


LOG, FORK = grown(), grown(kind=ACCESS)
SIZE = len(LOG.leaves)
KEYS = ["--vkey", LOG.vkeys[0], "--vkey", LOG.vkeys[1]]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Exports of the log at two sizes, of its fork, and their checkpoints as files."""
    write(LOG.files(), tmp_path / "new")
    write(LOG.files(100), tmp_path / "old")
    write(FORK.files(), tmp_path / "fork")
    write(FORK.files(200), tmp_path / "short-fork")
    (tmp_path / "small").write_bytes(LOG.checkpoint(15))
    (tmp_path / "large").write_bytes(LOG.checkpoint())
    return tmp_path


def run(place: Path, *words: str) -> int:
    """A word that names something in the place stands for it."""
    named = [str(place / word) if (place / word).exists() else word for word in words]
    return main([*named, *KEYS])


def test_a_state_continues_another(place: Path, capsys: Capture) -> None:
    assert run(place, "consistency", "small", "large", "--source", "new") == 0
    said = f'verified: log "log.example.com/one" at size {SIZE} continues its size 15\n'
    assert capsys.readouterr().out.startswith(said)
    assert run(place, "consistency", "small", "small") == 0
    assert "with the same root" in capsys.readouterr().out
    for size in (1, 2, 16, 255, 256, 257, SIZE - 1):
        (place / "older").write_bytes(LOG.checkpoint(size))
        assert run(place, "consistency", "older", "large", "--source", "new") == 0


def test_a_proof_in_a_file(place: Path, capsys: Capture) -> None:
    proof = "".join(f"{b64(item)}\n" for item in consistency(15, LOG.hashes))
    (place / "proof").write_text(proof)
    words = ["consistency", "small", "large", "--hashes", "proof"]
    assert run(place, *words) == 0
    for wrong in (proof[45:], proof + proof[:45], proof[:-1], "x" + proof, proof * 9, "é\n"):
        (place / "proof").write_text(wrong)
        assert run(place, *words) == 1, wrong
    capsys.readouterr()
    assert run(place, *words, "--json") == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["step"] == "consistency"


def test_states_that_do_not_continue(place: Path, capsys: Capture) -> None:
    (place / "forked").write_bytes(FORK.checkpoint(200))
    for words, step, code in (
        (["large", "small", "--source", "new"], "consistency", 1),
        (["forked", "large", "--source", "new"], "split view", 1),
        (["forked", "large", "--source", "fork"], "tile", 1),
        (["small", "large", "--source", "old"], "no tile/0/000", 3),
        (["small", "large"], "give the tiles", 3),
    ):
        assert run(place, "consistency", *words) == code
        assert step in capsys.readouterr().err


@pytest.mark.parametrize(
    ("one", "other"), [("old", "new"), ("new", "old"), ("small", "new"), ("new", "large")]
)
def test_views_that_agree(place: Path, capsys: Capture, one: str, other: str) -> None:
    assert run(place, "compare", one, other) == 0
    assert capsys.readouterr().out.startswith("verified: ")


def test_what_somebody_kept_is_compared(place: Path, capsys: Capture) -> None:
    """A receipt or an evidence file holds a checkpoint, which binds the log as any other."""
    log, fork = World(), World()
    for one, kind in ((log, RECORD), (fork, ACCESS)):
        one.add(kind, one.person, one.clinic)
        add_epoch(one)
        one.add(kind, one.person, one.clinic)
    (place / "receipt").write_bytes(log.proof(3, extra=log.leaves[3]))
    (place / "evidence").write_bytes(prove([log], HISTORY, log.person).render())
    write(fork.files(), place / "forged")
    log.add(RECORD, log.person, log.clinic)
    fork.add(RECORD, fork.person, fork.clinic)
    write(log.files(), place / "grown")
    for kept in ("receipt", "evidence"):
        assert run(place, "compare", kept, "grown") == 0
        assert run(place, "consistency", kept, "grown/checkpoint", "--source", "grown") == 0
        assert run(place, "compare", kept, "forged") == 1
        assert "split view" in capsys.readouterr().err
        raw = (place / kept).read_bytes()
        (place / kept).write_bytes(raw[:200])
        assert run(place, "compare", kept, "grown") == 1
        assert "split view" not in capsys.readouterr().err
    (place / "grown/checkpoint").write_bytes(raw)
    assert run(place, "compare", "grown", "grown") == 1


def test_two_checkpoints_need_tiles(place: Path) -> None:
    assert run(place, "compare", "small", "large") == 3
    assert run(place, "compare", "small", "large", "--source", "new") == 0
    assert run(place, "compare", "large", "large") == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [("new", "fork"), ("fork", "large"), ("short-fork", "new"), ("new", "short-fork")],
)
def test_a_split_view_is_kept(place: Path, capsys: Capture, one: str, other: str) -> None:
    """What was kept convicts by itself: the same command says so again, with nothing else."""
    kept = place / "kept"
    assert run(place, "compare", one, other, "--keep", str(kept)) == 1
    out, err = capsys.readouterr()
    assert "both states are signed by its keys" in out
    assert "split view" in err
    for name in ("new", "old", "fork", "short-fork", "large", "small"):
        path = place / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = ["compare", str(kept / "first.checkpoint"), str(kept / "second.checkpoint")]
    source = ["--source", str(kept / "answers")] if (kept / "answers").exists() else []
    assert main([*again, *source, *KEYS]) == 1
    assert "split view" in capsys.readouterr().err
    assert main([*again, *source, "--keep", str(kept), *KEYS]) == 2


def test_tiles_that_are_damaged_are_no_split_view(place: Path, capsys: Capture) -> None:
    tile = place / "new/tile/0/000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    assert run(place, "compare", "small", "new", "--keep", str(place / "kept")) == 1
    out, err = capsys.readouterr()
    assert "not verified: tile" in err
    assert "both states" not in out
    assert not (place / "kept").exists()
    tile.write_bytes(bytes(31))
    assert run(place, "compare", "small", "new") == 1


def test_logs_that_are_not_the_same(place: Path, capsys: Capture) -> None:
    write(Sample(origin="log.example.com/two").files(), place / "other")
    assert run(place, "compare", "new", "other") == 1
    assert "origin" in capsys.readouterr().err


# The monitor


def watch(place: Path, *words: str, log: str = "watched") -> int:
    return main(
        ["watch", str(place / log), "--state", str(place / "state"), "--once", *words, *KEYS]
    )


def show(place: Path, log: Log, size: int | None = None) -> None:
    shutil.rmtree(place / "watched", ignore_errors=True)
    write(log.files(size), place / "watched")


def test_watching(tmp_path: Path, capsys: Capture) -> None:
    for size in (15, 15, 16, 256, 300, SIZE):
        show(tmp_path, LOG, size)
        assert watch(tmp_path) == 0
        assert f"at size {size}" in capsys.readouterr().out
    kept = (tmp_path / "state/checkpoint").read_bytes()
    assert kept == (tmp_path / "watched/checkpoint").read_bytes()
    assert watch(tmp_path, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["newer"]["size"]) == ("verified", SIZE)


@pytest.mark.parametrize(
    ("log", "size", "step"),
    [
        (FORK, SIZE, "split view"),
        (FORK, 300, "split view"),
        (FORK, 250, "split view"),
        (LOG, 200, "consistency"),
        (Sample(origin="log.example.com/two"), 15, "checkpoint"),
    ],
    ids=["another future", "a fork of another size", "a fork of the same size", "rolled back", "x"],
)
def test_a_lie_is_kept(tmp_path: Path, capsys: Capture, log: Log, size: int, step: str) -> None:
    show(tmp_path, LOG, 250)
    assert watch(tmp_path) == 0
    seen = (tmp_path / "state/checkpoint").read_bytes()
    show(tmp_path, log, size)
    assert watch(tmp_path) == 1
    assert f"not verified: {step}" in capsys.readouterr().err
    lie = tmp_path / "state/lie"
    assert (lie / "first.checkpoint").read_bytes() == seen
    told = (tmp_path / "watched/checkpoint").read_bytes()
    assert (lie / "second.checkpoint").read_bytes() == told
    assert (lie / "answers/checkpoint").read_bytes() == told
    assert (tmp_path / "state/checkpoint").read_bytes() == seen
    # The first lie stays, and is not forgotten because the log shows something else again.
    show(tmp_path, LOG, 250)
    assert watch(tmp_path) == 2
    assert "evidence of a lie" in capsys.readouterr().err
    assert (lie / "second.checkpoint").read_bytes() == told


def test_a_server_that_is_down_tells_no_lie(tmp_path: Path, capsys: Capture) -> None:
    show(tmp_path, LOG, 250)
    assert watch(tmp_path) == 0
    arguments = ["--state", str(tmp_path / "state"), "--once", *KEYS]
    assert main(["watch", "http://127.0.0.1:1/", *arguments]) == 3
    (tmp_path / "watched/checkpoint").unlink()
    assert watch(tmp_path) == 3
    show(tmp_path, LOG, 300)
    (tmp_path / "watched/tile/0/001.p/44").unlink()
    assert watch(tmp_path) == 3
    assert not (tmp_path / "state/lie").exists()
    show(tmp_path, LOG, 300)
    assert watch(tmp_path) == 0
    assert "no answer: " in capsys.readouterr().err


def test_a_log_that_stands_still(tmp_path: Path, capsys: Capture) -> None:
    """Its newest time is years ago. That is no lie: nothing is kept, and it may go on."""
    show(tmp_path, LOG, 250)
    assert watch(tmp_path, "--max-age", "24h") == 1
    assert "not verified: age" in capsys.readouterr().err
    assert not (tmp_path / "state/lie").exists()
    assert watch(tmp_path, "--max-age", "9999d") == 0


def test_a_time_that_is_not_yet_says_nothing(tmp_path: Path, capsys: Capture) -> None:
    """Signed once, it would keep the log young for ever."""
    later = int(time.time()) + 3_000_000
    note = (
        LOG.keys.checkpoint(SIZE, LOG.root(), "e")
        + LOG.keys.ml_line(SIZE, LOG.root(), later).encode()
    )
    write({**LOG.files(), "checkpoint": note}, tmp_path / "watched")
    assert watch(tmp_path) == 0
    assert watch(tmp_path, "--max-age", "1h") == 1
    assert "not verified: age" in capsys.readouterr().err


def test_an_age_needs_a_time(tmp_path: Path) -> None:
    show(tmp_path, LOG, 250)
    arguments = ["watch", str(tmp_path / "watched"), "--state", str(tmp_path / "state"), "--once"]
    assert main([*arguments, "--vkey", LOG.vkeys[0]]) == 0
    assert main([*arguments, "--vkey", LOG.vkeys[0], "--max-age", "1h"]) == 2


def test_the_state_of_another_log(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "state").mkdir()
    other = Sample(origin="log.example.com/two")
    (tmp_path / "state/checkpoint").write_bytes(other.checkpoint())
    show(tmp_path, LOG, 250)
    assert watch(tmp_path) == 2
    assert "is not of this log" in capsys.readouterr().err


def test_watching_goes_on_until_a_lie(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = iter([(LOG, 260), (LOG, 300), (FORK, SIZE)])
    show(tmp_path, LOG, 250)

    def wait(seconds: float) -> None:
        assert seconds == 300
        show(tmp_path, *next(states))

    monkeypatch.setattr("time.sleep", wait)
    arguments = ["watch", str(tmp_path / "watched"), "--state", str(tmp_path / "state")]
    assert main([*arguments, "--every", "5m", *KEYS]) == 1
    out = capsys.readouterr().out.splitlines()
    assert [line.partition(" at size ")[2].partition(",")[0] for line in out[:3]] == [
        "250",
        "260",
        "300",
    ]
    assert "false" in out[3]


def test_who_signed_is_said(tmp_path: Path, capsys: Capture) -> None:
    guard, witness = Cosigner("guard.example.org"), Cosigner("witness.example.org")
    files = LOG.files()
    files["checkpoint"] += guard.line("e", LOG.origin, SIZE, LOG.root())
    write(files, tmp_path / "watched")
    policy = tmp_path / "policy"
    lines = [*(f"log {vkey}" for vkey in LOG.vkeys), f"custodian {guard.ed_vkey}"]
    policy.write_text("".join(f"{line}\n" for line in [*lines, f"witness {witness.ed_vkey}"]))
    arguments = ["watch", str(tmp_path / "watched"), "--state", str(tmp_path / "state"), "--once"]
    assert main([*arguments, "--policy", str(policy)]) == 0
    out = capsys.readouterr().out
    assert '  custodians that signed: "guard.example.org", of 1' in out
    assert "  witnesses that signed: none, of 1" in out


# Credentials


@contextmanager
def asked(log: Log) -> Iterator[tuple[str, list[str | None]]]:
    """A server of the log, and what each request showed it."""
    files, shown = log.files(), list[str | None]()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        shown.append(handler.headers["Authorization"])
        raw = files.get(handler.path.removeprefix("/"))
        reply(handler, 404) if raw is None else reply(handler, 200, raw)

    with served(answer) as url:
        yield url, shown


def test_a_token_is_shown_to_one_server_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "old").write_bytes(LOG.checkpoint(15))
    token = ["--bearer-file", str(tmp_path / "token")]
    with asked(LOG) as (one, to_one), asked(LOG) as (other, to_other):
        assert main(["compare", one, other, "--source", other, *token, *KEYS]) == 0
        assert main(["compare", one, f"{one}/", *token, *KEYS]) == 0
        state = ["--state", str(tmp_path / "state"), "--once"]
        assert main(["watch", one, *state, *token, *KEYS]) == 0
        (tmp_path / "new").write_bytes(LOG.checkpoint())
        names = [str(tmp_path / "old"), str(tmp_path / "new")]
        assert main(["consistency", *names, "--source", one, *token, *KEYS]) == 0
    assert len(to_one) > 4
    assert set(to_one) == {"Bearer secret"}
    assert to_other
    assert set(to_other) == {None}
