"""Successors: two of one log, a closed log opened by hand, a ledger.json that points elsewhere."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from ledger.author import Draft
from ledger.errors import BadRequest, LedgerFault
from ledger.founding import found
from ledger.log import Log
from ledger.reader import open_reader
from ledger.wire.ids import Hash
from tests.log.lines import SECOND, THIRD, own_governor, problems, take_over
from tests.log.sample import Sample, placed


def edit(directory: Path, **fields: str | None) -> None:
    """ledger.json, by hand."""
    path = directory / "ledger.json"
    row = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({name: value for name, value in row.items() if value is not None}))


def log_id(directory: Path) -> Hash:
    with closing(open_reader(directory)) as reader:
        return reader.registry.log


@pytest.fixture
def renewed(sample: Sample, place: Path) -> Path:
    return take_over(sample.directory, place / "renewed", SECOND, [own_governor(sample.directory)])


def test_a_second_successor_takes_the_marker_and_a_quorum(
    sample: Sample, place: Path, renewed: Path
) -> None:
    """Both lines are whole then, as docs/spec/succession.md says: what is evidence is both."""
    key = own_governor(sample.directory)
    with pytest.raises(BadRequest):
        take_over(sample.directory, place / "refused", THIRD, [key])
    edit(sample.directory, successor=None)
    other = take_over(sample.directory, place / "other", THIRD, [key])
    assert problems(renewed) == problems(other) == []
    assert log_id(renewed) != log_id(other)


def test_an_old_log_that_went_on_is_noticed(sample: Sample, renewed: Path) -> None:
    edit(sample.directory, successor=None)
    with Log.open(sample.directory) as log:
        placed(log.append([sample.clinic.entry(Draft(sample.record, b"{}"))])[0])
        log.publish()
    with pytest.raises(LedgerFault, match="predecessor's size: expected 12, found 10"):
        Log.open(renewed)
    assert any("predecessor's size" in one for one in problems(renewed))


@pytest.mark.parametrize(
    "place_of_it", [None, "../stranger", ".", "../renewed", "../nothing", "/dev/null"]
)
def test_another_predecessor_is_refused(
    place: Path, renewed: Path, place_of_it: str | None
) -> None:
    found(place / "stranger", "example.org/stranger")
    edit(renewed, predecessor=place_of_it)
    with pytest.raises(LedgerFault):
        Log.open(renewed)
    assert problems(renewed)


def test_the_predecessor_may_lie_elsewhere(sample: Sample, place: Path, renewed: Path) -> None:
    shutil.copytree(sample.directory, place / "copy")
    edit(renewed, predecessor="../copy")
    assert problems(renewed) == []


def test_what_was_altered_behind_the_successor_is_found(sample: Sample, renewed: Path) -> None:
    segment = next((sample.directory / "payloads").glob("*.seg"))
    data = bytearray(segment.read_bytes())
    data[10] ^= 1
    segment.write_bytes(data)
    assert any("is not the one that its leaf names" in one for one in problems(renewed))
