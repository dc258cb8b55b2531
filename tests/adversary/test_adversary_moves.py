"""A move that was cut short, and then another command than the same one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from ledger.admission import Submission
from ledger.appender import Outcome
from ledger.author import Draft
from ledger.errors import BadRequest, LedgerFault
from ledger.linkage.moving import Mover
from ledger.log import Log
from ledger.merkle import leaf_hash
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId, Position
from tests.log.sample import Sample, placed

WRONG = Position(6)


def third(sample: Sample, log: Log) -> ChainId:
    chain, opening = sample.clinic.open_record()
    placed(log.append([opening])[0])
    return chain


def copies(log: Log, chain: ChainId) -> int:
    return sum(one.leaf.claim.kind is Kind.RECORD for one in log.reader.history(chain))


@pytest.mark.parametrize("stop", [2, 3, 4])
def test_a_move_cut_short_is_not_gone_on_with_to_another_record(
    sample: Sample, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the content stood in two records, and nobody knew of the first one any more."""
    real: Callable[[Log, Sequence[Submission]], list[Outcome]] = Log.append
    calls = 0

    def cut(log: Log, submissions: Sequence[Submission]) -> list[Outcome]:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise LedgerFault("the ledger has stopped")
        return real(log, submissions)

    with Log.open(sample.directory) as log:
        elsewhere = third(sample, log)
        monkeypatch.setattr(Log, "append", cut)
        with pytest.raises(LedgerFault):
            Mover(log, sample.clinic, [WRONG], sample.other, "misfiled").run()
        monkeypatch.undo()
        if stop > 2:
            with pytest.raises(BadRequest, match="another record"):
                Mover(log, sample.clinic, [WRONG], elsewhere, "misfiled")
            Mover(log, sample.clinic, [WRONG], sample.other, "misfiled").run()
        else:
            Mover(log, sample.clinic, [WRONG], elsewhere, "misfiled").run()
        assert copies(log, sample.other) + copies(log, elsewhere) == 1


def test_what_is_amended_after_a_move_goes_where_it_went(sample: Sample) -> None:
    with Log.open(sample.directory) as log:
        elsewhere = third(sample, log)
        Mover(log, sample.clinic, [WRONG], sample.other, "misfiled").run()
        amended = leaf_hash(log.reader.entry(6).raw)
        draft = Draft(sample.record, b"{}", kind=Kind.AMEND, amended=amended, amends=WRONG)
        late = Position(placed(log.append([sample.clinic.entry(draft)])[0]).index)
        with pytest.raises(BadRequest, match="another record"):
            Mover(log, sample.clinic, [late], elsewhere, "misfiled")
        moved = Mover(log, sample.clinic, [late], sample.other, "misfiled").run()
        assert (moved.appended, moved.retracted, copies(log, elsewhere)) == (1, 1, 0)


def test_a_document_that_cannot_be_moved_is_named(sample: Sample) -> None:
    """The header says a state that there is not."""
    with Log.open(sample.directory) as log:
        draft = Draft(sample.record, b"{}", header={"state": "signed"})
        bad = Position(placed(log.append([sample.clinic.entry(draft)])[0]).index)
        mover = Mover(log, sample.clinic, [WRONG, bad], sample.other, "misfiled")
        with pytest.raises(BadRequest, match=f"entry {bad} was sealed wrongly"):
            mover.run()
        Mover(log, sample.clinic, [WRONG], sample.other, "misfiled").run()
        assert copies(log, sample.other) == 1
