"""True evidence files, and what the verdict says of each."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path
from string import Formatter

import pytest

from tests.verifier.cosigners import Cosigner
from tests.verifier.evidencemaker import ABSENCE, ENTRY, HISTORY, Maker, prove
from tests.verifier.evidenceworld import (
    GUARD,
    SECOND,
    STRANGER,
    World,
    check,
    enrol_custodian,
    policy,
    seal,
    step,
)
from tests.verifier.formats import ACCESS, RECORD, sha256
from tests.verifier.heads import add_epoch, chain_of
from tests.verifier.logmaker import Log, Sample, new_governor
from verifier.cli import main
from verifier.evidence.verdict import in_words
from verifier.evidence.words import KINDS_JA, ROLES_JA, WORDS
from verifier.formats.claim import KINDS
from verifier.formats.policy import parse_policy
from verifier.formats.roles import ROLES

Capture = pytest.CaptureFixture[str]
WORLD = World()
BOTH = (WORLD.guard.id, WORLD.second.id)


def signed(what: int, chain: bytes, **options: object) -> Maker:
    """With both custodians' lines and enrolments."""
    return prove([WORLD], what, chain, custodians=(GUARD, SECOND), custodian_actors=BOTH, **options)  # type: ignore[arg-type]


def test_a_complete_history() -> None:
    report = check(signed(HISTORY, WORLD.person), policy(WORLD, GUARD, SECOND))
    assert report.problems == []
    indexes = [one.leaf_index for one in report.entries]
    assert indexes == [3, 5, 6, 7, 8, 11, 13, 14, WORLD.last_access]
    assert [one.role for one in report.entries][-1] == "practitioner"
    verdict, *rest = in_words(report, policy(WORLD, GUARD, SECOND)).splitlines()
    assert verdict == (
        f"verified: complete up to epoch {WORLD.epoch} of 2025-06-15 15:06:59Z by 2 custodians: "
        f"these are all 9 entries of record {WORLD.person.hex()}, among them 2 accesses"
    )
    assert '  custodians: "guard.example.org", "second.example.org"' in rest
    assert sum(line.startswith("  > 2025") for line in rest) == 2
    assert f"  not checked: entries from {WORLD.epoch} on: the epoch says nothing of them" in rest
    assert any(line.startswith("  limit: custodians' independence") for line in rest)
    japanese = in_words(report, policy(WORLD, GUARD, SECOND), "ja").splitlines()
    assert len(japanese) == len(rest) + 1
    assert japanese[0].startswith(f"検証済み: エポック {WORLD.epoch}（2025-06-15 15:06:59Z）まで")
    assert "全 9 件" in japanese[0]


def test_without_custodians_the_operator_asserts_it() -> None:
    report = check(prove([WORLD], HISTORY, WORLD.person), policy(WORLD))
    assert report.problems == []
    assert not report.complete
    verdict = in_words(report, policy(WORLD)).splitlines()[0]
    assert "consistent up to epoch" in verdict
    assert "completeness asserted by the operator: 9 entries of record" in verdict
    assert "all 9" not in verdict


def test_a_quorum_of_custodians() -> None:
    one = prove(
        [WORLD], HISTORY, WORLD.person, custodians=(GUARD,), custodian_actors=(WORLD.guard.id,)
    )
    assert check(one, policy(WORLD, GUARD)).complete
    assert check(one, policy(WORLD, GUARD, SECOND, quorum=1)).complete
    both = check(one, policy(WORLD, GUARD, SECOND))
    assert both.verified
    assert not both.complete
    assert "only 1 of the 2 custodians" in in_words(both, policy(WORLD, GUARD, SECOND))


@pytest.mark.parametrize("index", range(World().behind + 1))
def test_every_entry(index: int) -> None:
    chain = next(
        chain
        for chain in [*WORLD.heads, WORLD.derived("epoch", WORLD.chain)]
        if index in indexes_of(WORLD, chain)
    )
    for custodians in ((), (GUARD,)):
        file = prove([WORLD], ENTRY, chain, index, custodians=custodians)
        report = check(file, policy(WORLD, *custodians))
        assert report.problems == []
        assert [one.leaf_index for one in report.entries] == [index]
        assert report.behind_epoch is (index >= file.parts[0].covered)
        said = in_words(report, policy(WORLD, *custodians)).splitlines()[0]
        assert ("revocation not checked" in said) is report.behind_epoch


def indexes_of(log: Log, chain: bytes) -> set[int]:
    return {at for at, raw in enumerate(log.leaves) if chain_of(raw) == chain}


@pytest.mark.parametrize("chain", [WORLD.chain, WORLD.nurse.id, WORLD.guard.id, WORLD.other])
def test_the_history_of_any_chain(chain: bytes) -> None:
    report = check(signed(HISTORY, chain), policy(WORLD, GUARD, SECOND))
    assert report.problems == []
    assert {one.leaf_index for one in report.entries} == indexes_of(WORLD, chain)


def test_the_history_of_epochs_goes_by_the_last() -> None:
    chain = WORLD.derived("epoch", WORLD.chain)
    report = check(signed(HISTORY, chain), policy(WORLD, GUARD, SECOND))
    assert report.problems == []
    assert [one.leaf_index for one in report.entries] == [WORLD.old_epoch]
    assert report.parts[0].epoch_index == WORLD.epoch


def test_an_absence() -> None:
    for number in range(40):
        chain = sha256(b"nobody %d" % number)[:16]
        report = check(signed(ABSENCE, chain), policy(WORLD, GUARD, SECOND))
        assert report.problems == []
        said = in_words(report, policy(WORLD, GUARD, SECOND)).splitlines()[0]
        assert said.endswith(f"by 2 custodians: record {chain.hex()} has no entry")


def test_an_old_epoch_and_its_age() -> None:
    """It knows nothing of the last access, and says up to where it goes."""
    believed = policy(WORLD, GUARD, SECOND)
    file = signed(HISTORY, WORLD.person, epoch=WORLD.old_epoch)
    report = check(file, believed)
    assert report.problems == []
    assert len(report.entries) == 8
    made = report.parts[0].epoch_ms
    assert step(file, believed, now_ms=made + 60_000, max_age_ms=60_000) == ""
    assert step(file, believed, now_ms=made + 60_001, max_age_ms=60_000) == "age"
    assert step(file, believed, now_ms=made - 300_000, max_age_ms=60_000) == ""
    assert step(file, believed, now_ms=made - 300_001, max_age_ms=60_000) == "age"


def test_the_time_of_an_epoch_that_leaves_entries_out() -> None:
    log = World("lagging")
    add_epoch(log, to=[log.behind])
    believed = policy(log)
    file = prove([log], HISTORY, log.person)
    report = check(file, believed)
    assert (report.problems, report.parts[0].skipped) == ([], 1)
    assert "not checked: 1 of them came before the epoch's time" in in_words(report, believed)
    made = report.parts[0].epoch_ms
    assert step(file, believed, now_ms=made, max_age_ms=60_000) == "age"
    whole = prove([log], HISTORY, log.person, epoch=log.epoch)
    assert "came before" not in in_words(check(whole, believed), believed)


def test_a_contest_is_shown() -> None:
    log = World("contested")
    log.contest(log.nurse, log.last_access)
    add_epoch(log)
    report = check(prove([log], HISTORY, log.person), policy(log))
    assert report.problems == []
    assert report.contested == {(0, log.last_access)}
    assert sum("contested" in line for line in in_words(report, policy(log)).splitlines()) == 1


# Custodians


def test_a_custodian_that_is_not_in_the_file_does_not_count() -> None:
    file = prove([WORLD], HISTORY, WORLD.person, custodians=(GUARD,))
    report = check(file, policy(WORLD, GUARD))
    assert report.problems == []
    assert not report.complete
    said = in_words(report, policy(WORLD, GUARD))
    assert '"guard.example.org" does not count: its enrolment is not in the file' in said


def test_a_custodian_whose_key_ended_does_not_count() -> None:
    log = World("ended")
    log.revoke(log.guard, revoked=kid(GUARD.ed_public))
    add_epoch(log)
    file = prove([log], HISTORY, log.person, custodians=(GUARD,), custodian_actors=(log.guard.id,))
    report = check(file, policy(log, GUARD))
    assert report.problems == []
    assert not report.complete
    assert "its key ended at leaf" in in_words(report, policy(log, GUARD))


def test_a_witness_is_no_custodian() -> None:
    """Its key was registered for cosignatures of another use."""
    log = World("witnessed")
    witness = enrol_custodian(log, STRANGER, "cosign")
    log.add(ACCESS, log.person, witness)
    add_epoch(log)
    file = prove([log], HISTORY, log.person, custodians=(STRANGER,))
    report = check(file, policy(log, STRANGER))
    assert report.problems == []
    assert not report.complete
    assert "registered for use cosign" in in_words(report, policy(log, STRANGER))


def test_two_names_with_keys_of_one_actor_are_one_custodian() -> None:
    log, second_name = World("aliased"), Cosigner("alias.example.org", GUARD.name)
    size, root = len(log.leaves), log.root()
    file = prove([log], HISTORY, log.person, custodian_actors=(log.guard.id,))
    for signer, lines in ((GUARD, "e"), (second_name, "m")):
        file.checkpoint += signer.line(lines, log.origin, size, root)
    own = [f"log {vkey}" for vkey in log.vkeys]
    own += [f"custodian {GUARD.ed_vkey}", f"custodian {second_name.ml_vkey}"]
    believed = parse_policy("".join(f"{line}\n" for line in own).encode())
    counted = check(file, believed).custodians
    assert counted is not None
    assert (counted.names, counted.quorum, counted.complete) == ((GUARD.name,), 2, False)
    assert counted.refused == (
        'custodian "alias.example.org" does not count: it is custodian "guard.example.org"',
    )


def kid(public: bytes) -> bytes:
    return sha256(b"counterfoil/kid/v1" + b"\x32" + public)


# Lines of logs


def line() -> list[World]:
    old = World("old", origin="log.example.com/old")
    add_epoch(old)
    new = old.succeed("new", [new_governor("new")])
    new.add(RECORD, old.person, old.clinic)
    new.add(ACCESS, old.person, old.nurse)
    add_epoch(new)
    new.__dict__.update(person=old.person, other=old.other, clinic=old.clinic, nurse=old.nurse)
    return [new, old]  # type: ignore[list-item]


LINE = line()


@pytest.mark.parametrize("chain", [LINE[1].person, LINE[1].other, LINE[1].clinic.id])
def test_a_history_over_two_logs(chain: bytes) -> None:
    new, old = LINE
    report = check(prove(LINE, HISTORY, chain), policy(new))
    assert report.problems == []
    assert [(one.back, one.leaf_index) for one in report.entries] == [
        *((1, at) for at in sorted(indexes_of(old, chain))),
        *((0, at) for at in sorted(indexes_of(new, chain))),
    ]
    assert [part.origin for part in report.parts] == [new.origin, old.origin]
    said = in_words(report, policy(new))
    assert 'that no other log took over from "log.example.com/old"' in said


@pytest.mark.parametrize(("back", "index"), [(0, 0), (0, 1), (1, 0), (1, 3), (1, 11), (1, 21)])
def test_an_entry_of_either_log(back: int, index: int) -> None:
    chain = chain_of(LINE[back].leaves[index])
    report = check(prove(LINE, ENTRY, chain, index, back), policy(LINE[0]))
    assert report.problems == []
    assert not report.behind_epoch


def test_an_absence_in_two_logs() -> None:
    assert step(prove(LINE, ABSENCE, bytes(16)), policy(LINE[0])) == ""


# Several runs


@pytest.fixture(scope="module")
def large() -> Sample:
    """Two aligned runs and a short one; about 190 chains, so several pages."""
    log = Sample("large")
    people = [log.open(f"p{number}", log.clinic) for number in range(180)]
    while len(log.leaves) < 8300:
        count = min(200, 8300 - len(log.leaves))
        log.batch(log.clinic, [people[(len(log.leaves) + at) % 90] for at in range(count)])
    log.__dict__.update(people=people)
    add_epoch(log)
    return log


def test_runs_and_pages(large: Sample) -> None:
    people: list[bytes] = large.__dict__["people"]
    for chain in (people[0], people[100], people[179]):
        file = prove([large], HISTORY, chain)
        assert len(file.parts[0].runs) == 3
        assert step(file, policy(large)) == ""
    for number in range(30):
        assert step(prove([large], ABSENCE, sha256(b"%d" % number)[:16]), policy(large)) == ""


# The command


def write_policy(directory: Path, log: Log = WORLD) -> str:
    lines = [f"log {vkey}" for vkey in log.vkeys]
    lines += [f"custodian {GUARD.ed_vkey}", f"custodian {SECOND.ed_vkey}"]
    path = directory / "policy"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_the_command(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "mine.evidence"
    file.write_bytes(signed(HISTORY, WORLD.person).render())
    believed = ["--policy", write_policy(tmp_path)]
    assert main(["evidence", str(file), *believed]) == 0
    assert capsys.readouterr().out.startswith("verified: complete up to epoch ")
    assert main(["evidence", str(file), *believed, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["completeness"]) == ("verified", "custodians")
    assert said["accesses"] == 2
    assert [entry["index"] for entry in said["entries"]][-1] == WORLD.last_access
    assert main(["evidence", str(file), *believed, "--lang", "ja"]) == 0
    assert capsys.readouterr().out.startswith("検証済み")
    age = int(time.time()) - 1_750_000_000
    assert main(["evidence", str(file), *believed, "--max-age", f"{age + 3600}s"]) == 0
    assert main(["evidence", str(file), *believed, "--max-age", "30d"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("false: this file does not prove what it says")
    assert err.startswith("not verified: age\n  expected an epoch of the last 2592000 s\n")
    file.write_bytes(b"nonsense")
    assert main(["evidence", str(file), *believed]) == 1
    with pytest.raises(SystemExit) as exit_:
        main(["evidence", str(file), *believed, "--max-age", "1 year"])
    assert exit_.value.code == 2


def test_disclosed_content(tmp_path: Path, capsys: Capture) -> None:
    log = Sample("disclosed")
    content, key = b"blood group 0", bytes(range(32))
    entry_id = log.entry_id(4711)
    blob = seal(log.id + log.person + entry_id, content, key)
    index = log.add(
        RECORD, log.person, log.clinic, entry_id=entry_id, blob=sha256(blob), size=len(blob)
    )
    add_epoch(log)
    file = prove([log], ENTRY, log.person, index)
    file.disclosure = b"\x01" + key + len(blob).to_bytes(4, "big") + blob
    report = check(file, policy(log))
    assert report.problems == []
    assert report.content is not None
    assert (report.content.media_type, report.content.content) == ("text/plain", content)
    (tmp_path / "f").write_bytes(file.render())
    arguments = ["evidence", str(tmp_path / "f"), "--vkey", log.vkeys[0], "--vkey", log.vkeys[1]]
    written = tmp_path / "content"
    assert main([*arguments, "--content", str(written)]) == 0
    assert written.read_bytes() == content
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert 'content: 13 bytes of "text/plain"' in capsys.readouterr().out
    assert main([*arguments, "--content", str(written)]) == 2
    file.disclosure = b"\x00"
    (tmp_path / "f").write_bytes(file.render())
    assert main([*arguments, "--content", str(tmp_path / "other")]) == 2
    assert not (tmp_path / "other").exists()


# Words


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_say_the_same_facts(key: str) -> None:
    said = WORDS[key]
    assert placeholders(said.en) - {"s", "es", "ies"} == placeholders(said.ja)


def test_every_kind_and_role_has_a_word() -> None:
    assert set(KINDS_JA) == {rule.name for rule in KINDS.values()}
    assert set(ROLES_JA) == {*ROLES, "governors", "log"}
