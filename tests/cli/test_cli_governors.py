"""Several governors, in files: the founding, proposals, approvals, and what is not taken."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.console import done, inside, run

NAMES = ("anna", "ben", "chie")


@pytest.fixture(scope="module")
def ceremony(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three governors' keys, and a founding that has begun."""
    home = tmp_path_factory.mktemp("ceremony")
    with inside(home):
        for name in NAMES:
            done("govern", "new-key", f"{name}.key")
        words = [word for name in NAMES for word in ("--governor", f"{name}.key.pub")]
        done("init", "ledger", "--origin", "test.example/three", *words)
        done(
            "govern",
            "approve",
            "ledger.founding/genesis.proposal",
            "--key",
            "ben.key",
            "-o",
            "ben.ok",
        )
    return home


@pytest.fixture
def begun(ceremony: Path, tmp_path: Path) -> Path:
    shutil.copytree(ceremony, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def three(begun: Path) -> Path:
    with inside(begun):
        done("init", "ledger", "--finish", "--governor-key", "anna.key", "--approval", "ben.ok")
    return begun


def approve(proposal: str, name: str) -> str:
    done("govern", "approve", proposal, "--key", f"{name}.key", "-o", f"{name}.{proposal}.ok")
    return f"{name}.{proposal}.ok"


def test_a_founding(three: Path) -> None:
    with inside(three):
        shown = done("govern", "show", "ledger", "--json").json
        assert (len(shown["governors"]), shown["threshold"]) == (3, 2)
        assert not Path("ledger.founding").exists()
        assert not Path("ledger/keys/governor.ed25519").exists()
        assert done("check", "ledger").text.startswith("nothing wrong")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--governor-key", "anna.key"], "0 governors approve"),
        (["--governor-key", "ben.key", "--approval", "ben.ok"], "this is not the key of the first"),
        (["--approval", "ben.ok"], "--finish goes with --governor-key"),
        (["--governor-key", "anna.key", "--approval", "anna.key"], "the file is no counterfoil"),
    ],
)
def test_a_founding_that_is_not_finished(begun: Path, words: list[str], message: str) -> None:
    with inside(begun):
        ran = run("init", "ledger", "--finish", *words)
        assert ran.code == 2
        assert ran.complaint.startswith(message)
        assert not Path("ledger").exists()
        done("init", "ledger", "--finish", "--governor-key", "anna.key", "--approval", "ben.ok")


def test_the_first_governors_own_approval_does_not_count(begun: Path) -> None:
    with inside(begun):
        proposal = "ledger.founding/genesis.proposal"
        done("govern", "approve", proposal, "--key", "anna.key", "-o", "anna.ok")
        ran = run(
            "init", "ledger", "--finish", "--governor-key", "anna.key", "--approval", "anna.ok"
        )
        assert ran.code == 2


def test_a_founding_is_begun_once(begun: Path) -> None:
    with inside(begun):
        words = ("--origin", "test.example/three", "--governor", "anna.key.pub")
        ran = run("init", "ledger", *words)
        assert ran.complaint.startswith("cannot make ledger.founding: file exists")


def test_nothing_was_begun(tmp_path: Path, begun: Path) -> None:
    with inside(begun):
        ran = run("init", "other", "--finish", "--governor-key", "anna.key")
        assert ran.complaint.startswith("other.founding holds no proposal")


def test_an_act_needs_a_proposal(three: Path) -> None:
    with inside(three):
        ran = run("enrol", "ledger", "hospital")
        assert ran.complaint == "2 of 3 governors must agree to this"
        done("enrol", "ledger", "hospital", "--propose", "p")
        ok = approve("p", "ben")
        words = ("govern", "enact", "ledger", "p", "--governor-key")
        for wrong in (["ben.key", "--approval", ok], ["anna.key", "--approval", "ben.ok"]):
            assert run(*words, *wrong).code == 2
        done(*words, "anna.key", "--approval", ok)
        (row,) = done("actors", "ledger", "--json").json["actors"]
        assert row["name"] == "hospital"
        assert run(*words, "anna.key", "--approval", ok).complaint.startswith("the proposal is st")


def test_a_proposal_whose_summary_lies(three: Path) -> None:
    with inside(three):
        done("enrol", "ledger", "hospital", "--propose", "p")
        document = json.loads(Path("p").read_text())
        document["summary"] = ["enrol nobody"]
        Path("p").write_text(json.dumps(document))
        ran = run("govern", "approve", "p", "--key", "ben.key", "-o", "ok")
        assert ran.code == 2
        assert "summary" in ran.complaint


def test_a_governor_with_another_key(three: Path) -> None:
    with inside(three):
        done("govern", "new-key", "ben2.key", "--alg", "ml-dsa-44")
        governors = [f"--governor={name}.key.pub" for name in ("anna", "ben2", "chie")]
        done("govern", "change", "ledger", *governors, "--propose", "p")
        before = done("govern", "show", "ledger", "--json").json["governors"]
        done(
            "govern",
            "enact",
            "ledger",
            "p",
            "--governor-key",
            "anna.key",
            "--approval",
            approve("p", "ben"),
        )
        after = done("govern", "show", "ledger", "--json").json["governors"]
        assert [one["id"] for one in after][::2] == [one["id"] for one in before][::2]
        assert after[1]["id"] != before[1]["id"]
        done("enrol", "ledger", "hospital", "--propose", "q")
        words = ("--governor-key", "anna.key", "--approval")
        assert run("govern", "enact", "ledger", "q", *words, approve("q", "ben")).code == 2
        done("govern", "enact", "ledger", "q", *words, approve("q", "ben2"))


def test_a_key_is_not_made_over_another(begun: Path) -> None:
    with inside(begun):
        ran = run("govern", "new-key", "anna.key")
        assert ran.complaint == "cannot make anna.key: file exists"
