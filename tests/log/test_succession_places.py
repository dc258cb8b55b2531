"""A succession that was cut short, and a ledger whose predecessor is not what it was."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ledger import founding, succeeding
from ledger.errors import BadRequest, LedgerFault
from ledger.identity.requests import approve
from ledger.layout import read_layout
from ledger.log import Log
from ledger.reader import open_reader
from ledger.store.guard import Guard
from ledger.succeeding import Proposals, draft_succession, finish_succession
from ledger.wire.statement import StatementKey
from tests.log.governed import Governed, make_governed, new_key, registered
from tests.log.lines import SECOND, going_on, own_governor, problems, take_over
from tests.log.sample import ORIGIN, Sample, entry_with, memory_directory, placed
from tests.log.taking import Taking


@pytest.fixture
def governed() -> Iterator[Governed]:
    with memory_directory() as place:
        yield make_governed(place)


# Crashes


class Cut(Exception):
    """The process ends here; nothing is tidied up."""


class NoUndo(ExitStack):
    """What is to happen on the way out does not happen in a crash."""

    def callback(self, function: Any, /, *_: Any, **__: Any) -> Any:
        return function


CUTS: dict[str, tuple[object, str]] = {
    "before the keys": (succeeding, "_copy_keys"),
    "before the mark": (succeeding, "write_successor"),
    "before the first leaf": (founding, "_fill"),
    "before the guard": (Guard, "create"),
    "before the name": (os, "rename"),
    "before the draft goes": (shutil, "rmtree"),
}


@pytest.mark.parametrize("case", CUTS)
def test_finished_again_after_a_crash(
    sample: Sample, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = own_governor(sample.directory)
    taking = Taking(sample.directory, (key,))
    files = [approve(taking.asked.old, key)]

    def cut(*_: object, **__: object) -> object:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(founding, "ExitStack", NoUndo)
        patch.setattr(*CUTS[case], cut)
        with pytest.raises(Cut):
            taking.finish(key, files)
    marked = bool(read_layout(sample.directory).successor)
    assert marked is (list(CUTS).index(case) > 1)
    assert taking.draft.exists()
    guard = taking.new.with_name("new.guard")
    if case == "before the name":
        # As after the making of any ledger that was cut short just there.
        with pytest.raises(BadRequest, match=r"guard file new\.guard exists already"):
            taking.finish(key, files)
        guard.unlink()
    if taking.new.exists():
        with pytest.raises(BadRequest, match="not an empty directory"):
            taking.finish(key, files)
    else:
        taking.finish(key, files)
    with pytest.raises(BadRequest, match="takes no more entries"):
        Log.open(sample.directory)
    with Log.open(taking.new) as log:
        log.enrol("", "organisation", [registered(new_key())], by=log.governor_with(key))
    assert problems(taking.new) == []


# The predecessor's place


@pytest.fixture
def pair(sample: Sample) -> tuple[Sample, Path]:
    """A log, and one that took over from it and has an entry on an old chain."""
    key = own_governor(sample.directory)
    new = take_over(sample.directory, sample.directory.with_name("new"), SECOND, [key])
    with Log.open(new) as log:
        placed(log.append([entry_with(going_on(sample.clinic, log), sample.record)])[0])
    return sample, new


def _opens(directory: Path) -> None:
    for opened in (Log.open, open_reader):
        opened(directory).close()


def _refuses(directory: Path, message: str) -> None:
    for opened in (Log.open, open_reader):
        with pytest.raises(LedgerFault, match=message):
            opened(directory)
    assert problems(directory) != []


def _edit(directory: Path, **changes: str) -> None:
    path = directory / "ledger.json"
    document = json.loads(path.read_bytes()) | changes
    path.write_text(json.dumps({name: text for name, text in document.items() if text}))


def test_predecessor_is_missing(pair: tuple[Sample, Path]) -> None:
    old, new = pair
    away = old.directory.with_name("away")
    old.directory.rename(away)
    _refuses(new, "took over from is not at its place")
    _edit(new, predecessor="../away")
    _opens(new)


def test_predecessor_is_not_named(pair: tuple[Sample, Path]) -> None:
    _, new = pair
    _edit(new, predecessor="")
    _refuses(new, "first leaf is not a genesis")


def test_predecessor_is_another_ledger(
    pair: tuple[Sample, Path], governed: Governed, made_once: Sample
) -> None:
    """Another log; the same log when it was smaller; one with the same origin."""
    old, new = pair
    _edit(new, predecessor=os.path.relpath(governed.directory, new))
    _refuses(new, "predecessor's log")
    twin = old.directory.with_name("twin")
    founding.found(twin, ORIGIN)
    _edit(new, predecessor="../twin")
    _refuses(new, "predecessor's log")
    _edit(new, predecessor="../new")
    _refuses(new, "names a ledger that comes after it")


def test_predecessor_has_grown(pair: tuple[Sample, Path]) -> None:
    """Somebody took its mark away and appended: the two can no longer be one line."""
    old, new = pair
    _edit(old.directory, successor="")
    _opens(new)
    with Log.open(old.directory) as log:
        placed(log.append([entry_with(old.clinic, old.record)])[0])
    _refuses(new, "predecessor's size")


def test_predecessor_is_an_older_copy(sample: Sample) -> None:
    before = sample.directory.with_name("before")
    shutil.copytree(sample.directory, before)
    with Log.open(sample.directory) as log:
        placed(log.append([entry_with(sample.clinic, sample.record)])[0])
    key = own_governor(sample.directory)
    new = take_over(sample.directory, sample.directory.with_name("new"), SECOND, [key])
    _opens(new)
    _edit(new, predecessor="../before")
    _refuses(new, "predecessor's size")


def test_a_first_log_with_a_predecessor(pair: tuple[Sample, Path], governed: Governed) -> None:
    old, _ = pair
    _edit(governed.directory, predecessor=os.path.relpath(old.directory, governed.directory))
    _refuses(governed.directory, "first leaf is not a succession")


@pytest.mark.parametrize("origin", [SECOND, "test.example/other"])
def test_one_of_two_approved_drafts_is_finished(governed: Governed, origin: str) -> None:
    """The other would be a fork, also under the same name."""
    first, *_ = governed.keys
    taking = Taking(governed.directory, governed.keys)
    other = taking.draft.with_name("other")
    asked = draft_succession(governed.directory, other, origin)
    taking.finish(first, _approved(taking.asked, governed.keys))
    before = (governed.directory / "ledger.json").read_bytes()
    target = taking.new.with_name("fork")
    with pytest.raises(BadRequest, match="by another draft"):
        finish_succession(governed.directory, other, target, first, _approved(asked, governed.keys))
    assert (governed.directory / "ledger.json").read_bytes() == before
    assert not target.exists()
    assert not target.with_name("fork.guard").exists()


def _approved(asked: Proposals, keys: tuple[StatementKey, ...]) -> list[bytes]:
    files = [approve(asked.old, key) for key in keys]
    return [*files, *(approve(asked.new, key) for key in keys[1:])]
