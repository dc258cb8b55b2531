"""Audits by several processes, audits that go on where one ended, and what lies in between."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.verifier.formats import AMEND, RECORD, sha256, tile_path
from tests.verifier.heads import add_epoch
from tests.verifier.logmaker import Memory, Sample, write
from verifier.audit import Options, audit_log, reading
from verifier.audit.options import DISK_BYTES
from verifier.errors import Unreadable
from verifier.fetch import DirectorySource
from verifier.formats import keys
from verifier.formats.note import parse_verifier_key
from verifier.formats.policy import Policy, policy_of_keys
from verifier.formats.tiles import Source
from verifier.verdicts.logreport import LogReport

ALONE = Options(cores=1, in_memory=0)


def policy(log: Sample) -> Policy:
    return policy_of_keys(parse_verifier_key(text) for text in log.vkeys)


def audit(log: Sample, options: Options, source: Source | None = None) -> LogReport:
    return audit_log(source or Memory(log.files()), policy(log), options=options)


class Grown(Sample):
    """Of three spans and a half: batches over the borders, entries on few chains and on many."""

    def __init__(self) -> None:
        super().__init__()
        self.record = self.add(RECORD, self.person, self.clinic)
        while len(self.leaves) < 14_000:
            self.batch(self.clinic, [self.person, self.other, self.directory] * 400)
            self.open(f"person {len(self.leaves)}", self.pharmacy)
            self.enrol(f"actor {len(self.leaves)}", by=self.governor)
            self.add(AMEND, self.person, self.clinic, amended=self.hashes[self.record])
            add_epoch(self)


@pytest.fixture(scope="module")
def true_log() -> Grown:
    return Grown()


@pytest.fixture
def log(true_log: Grown) -> Grown:
    """A copy, to which lies may be added."""
    twin = object.__new__(Grown)
    twin.__dict__.update(true_log.__dict__)
    for name in ("leaves", "hashes"):
        setattr(twin, name, list(getattr(true_log, name)))
    twin.heads = dict(true_log.heads)
    return twin


def found(report: LogReport) -> tuple[object, ...]:
    return (
        report.verified,
        report.problems,
        report.leaves,
        dict(report.kinds),
        dict(report.authors),
        report.chains,
        report.actors,
        report.not_checked,
    )


def id_again(log: Grown) -> None:
    """Of the first record, four spans later."""
    entry_id = log.leaves[log.record][57 + 153 + 66 :][:16]
    assert log.entry_id(log.record)[6:] == entry_id[6:]
    log.add(RECORD, log.person, log.clinic, entry_id=entry_id)


def flipped(at: int) -> Callable[[Grown], None]:
    """A leaf changed afterwards: the tree is true to it, its author and its chain are not."""

    def lie(log: Grown) -> None:
        raw = log.leaves[at]
        log.leaves[at] = raw[:-1] + bytes([raw[-1] ^ 1])
        log.hashes[at] = sha256(b"\x00" + log.leaves[at])

    return lie


LIES: dict[str, Callable[[Grown], object]] = {
    "nothing": lambda log: None,
    "id used again": id_again,
    "amends nothing": lambda log: log.add(AMEND, log.person, log.clinic, amended=sha256(b"x")),
    "amends another's": lambda log: log.add(
        AMEND, log.other, log.clinic, amended=log.hashes[log.record]
    ),
    "chain begins anew": lambda log: log.add(
        RECORD, log.person, log.clinic, seq=0, prev=bytes(32), prev_index=0
    ),
    "wrong kind on a directory": lambda log: log.open("x", log.clinic, claim_chain=log.directory),
    "changed in a span's middle": flipped(5000),
    "changed at a border": flipped(4096),
    "changed before a border": flipped(8191),
    "time goes back": lambda log: log.add(RECORD, log.person, log.clinic, received=log.now - 1),
    "a false epoch": lambda log: add_epoch(log, edit=lambda listed: listed[:-1] + listed[:1]),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_one_process_or_several(log: Grown, lie: Callable[[Grown], object]) -> None:
    """In memory, with files, and by other processes: the same is found."""
    lie(log)
    reports = [
        audit(log, options)
        for options in (Options(in_memory=1 << 30), ALONE, Options(cores=3, in_memory=0))
    ]
    assert reports[0].verified is (lie is LIES["nothing"])
    assert found(reports[0]) == found(reports[1]) == found(reports[2])


@pytest.mark.parametrize("first", [0, 4096, 8192])
def test_a_missing_bundle_in_any_span(log: Grown, first: int) -> None:
    files = log.files()
    del files[tile_path("entries", first // 256 + 3)]
    reports = [audit(log, options, Memory(files)) for options in (ALONE, replace(ALONE, cores=2))]
    for report in reports:
        assert report.problems[0].step == "bundle"
        assert report.leaves == first + 768
        assert any(f"from {first + 768} on" in item for item in report.not_checked)
    assert found(reports[0]) == found(reports[1])


# State


class Interrupted(Exception):
    pass


def stop_at(leaves: int) -> Callable[[int, int], None]:
    def progress(done: int, size: int) -> None:
        if done >= leaves:
            raise Interrupted

    return progress


class Counting:
    """Says which bundles were read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.read_paths: list[str] = []

    def read(self, path: str, limit: int) -> bytes | None:
        self.read_paths.append(path)
        return self.source.read(path, limit)

    @property
    def bundles(self) -> set[str]:
        return {path for path in self.read_paths if "entries" in path}


def test_an_interrupted_audit_goes_on(log: Grown, tmp_path: Path) -> None:
    whole = audit(log, ALONE)
    state = tmp_path / "state"
    with pytest.raises(Interrupted):
        audit(log, replace(ALONE, state=state, progress=stop_at(8192)))
    source = Counting(Memory(log.files()))
    again = audit(log, replace(ALONE, state=state), source)
    assert found(again) == found(whole)
    assert tile_path("entries", 5) not in source.bundles
    assert tile_path("entries", 40) in source.bundles


def test_a_log_that_grew(log: Grown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures are not checked again, not even in the span that was not whole."""
    options = replace(ALONE, state=tmp_path / "state")
    assert audit(log, options).verified
    old = len(log.leaves)
    for _ in range(3):
        log.add(RECORD, log.person, log.clinic)
    add_epoch(log)
    checked: list[bytes] = []

    def counted(key: object, signature: bytes, signed: bytes) -> bool:
        checked.append(signature)
        return true_verifies(key, signature, signed)  # type: ignore[arg-type]

    true_verifies = keys.verifies
    monkeypatch.setattr("verifier.audit.spanaudit.verifies", counted)
    report = audit(log, options)
    assert found(report) == found(audit(log, replace(ALONE, state=tmp_path / "other")))
    assert report.continues == old
    assert len(set(checked[:4])) == 4
    assert checked[4:].count(checked[0]) == 1  # only the other audit began anew


def test_a_lie_behind_what_was_audited(log: Grown, tmp_path: Path) -> None:
    options = replace(ALONE, state=tmp_path / "state")
    assert audit(log, options).verified
    log.add(RECORD, log.person, log.clinic, seq=3)
    flipped(len(log.leaves) - 1)(log)
    assert [one.step for one in audit(log, options).problems] == ["chain", "signature"]
    # It is still there when it is asked for once more.
    assert [one.step for one in audit(log, options).problems] == ["chain", "signature"]


@pytest.mark.parametrize("at", [100, 13_990])
def test_another_past(log: Grown, tmp_path: Path, at: int) -> None:
    """A log rewritten below what was audited, with a checkpoint that is true to it."""
    options = replace(ALONE, state=tmp_path / "state", signatures=False)
    assert audit(log, options).verified
    flipped(at)(log)
    for _ in range(3):
        log.add(RECORD, log.person, log.clinic)
    steps = [one.step for one in audit(log, options).problems]
    assert "root" in steps or "consistency" in steps
    # Read anew, as the state is of no use: it is still not the log that was audited before.
    assert "consistency" in [one.step for one in audit(log, options).problems]


def test_a_log_that_shrank(log: Grown, tmp_path: Path) -> None:
    options = replace(ALONE, state=tmp_path / "state", signatures=False)
    assert audit(log, options).verified
    with pytest.raises(Unreadable, match="fewer than"):
        audit(log, options, Memory(log.files(4000)))


def test_without_signatures_is_no_state_for_all(log: Grown, tmp_path: Path) -> None:
    """What was read without checking signatures is read again when they are asked for."""
    flipped(5)(log)
    structure = replace(ALONE, state=tmp_path / "state", signatures=False)
    assert "signature" not in [one.step for one in audit(log, structure).problems]
    full = audit(log, replace(structure, signatures=True))
    assert "signature" in [one.step for one in full.problems]


def test_damaged_state(true_log: Grown, tmp_path: Path) -> None:
    """Cut or changed files are noticed, and made again."""
    options = replace(ALONE, state=tmp_path / "state", signatures=False)
    wanted = found(audit(true_log, options))
    for number, path in enumerate(sorted((tmp_path / "state").rglob("span-*"))):
        raw = path.read_bytes()
        at = 70 + number * 997
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] if number % 2 else b"")
        assert found(audit(true_log, options)) == wanted
    (audited,) = (tmp_path / "state").rglob("audited")
    audited.write_bytes(audited.read_bytes()[:-4])
    report = audit(true_log, options)
    assert (report.verified, report.continues) == (True, None)


def test_state_in_use(true_log: Grown, tmp_path: Path) -> None:
    options = replace(ALONE, state=tmp_path / "state", signatures=False)

    def progress(done: int, size: int) -> None:
        with pytest.raises(Unreadable, match="another audit"):
            audit(true_log, options)
        raise Interrupted

    with pytest.raises(Interrupted):
        audit(true_log, replace(options, progress=progress))


def test_disk_budget(true_log: Grown, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="may write"):
        audit(true_log, replace(ALONE, disk=1_000_000))
    report = audit(true_log, replace(ALONE, disk=DISK_BYTES, signatures=False))
    assert report.verified


def test_a_process_that_is_killed(
    true_log: Grown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No verdict, and nobody waits for ever."""
    directory = write(true_log.files(), tmp_path / "log")
    with pytest.raises(Unreadable, match="killed"):
        audit_log(
            Deadly(directory),
            policy(true_log),
            options=Options(cores=2, in_memory=0),
        )


class Deadly(DirectorySource):
    """Kills the process that reads a bundle of the third span."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.main = os.getpid()

    def read(self, path: str, limit: int) -> bytes | None:
        if path == tile_path("entries", 35) and os.getpid() != self.main:
            os._exit(9)
        return super().read(path, limit)


def test_a_file_that_cannot_be_read(true_log: Grown) -> None:
    """Another process cannot read it: that is said here, and is no verdict."""
    with pytest.raises(Unreadable, match="no such disk"):
        audit(true_log, Options(cores=2, in_memory=0), Broken(true_log.files()))


class Broken(Memory):
    def read(self, path: str, limit: int) -> bytes | None:
        if path == tile_path("entries", 35):
            raise Unreadable("no such disk")
        return super().read(path, limit)


def test_bundles_too_large_to_keep(true_log: Grown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "KEPT_BYTES", 100)
    source = Counting(Memory(true_log.files()))
    assert audit(true_log, replace(ALONE, signatures=False), source).verified
    assert source.read_paths.count(tile_path("entries", 7)) == 2
