"""A succession that is drafted and not finished, and what must hold when it is refused."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from ledger.errors import BadEvidence, BadRequest, CounterfoilError
from ledger.identity import Governor
from ledger.log import Log
from ledger.reader import Reader, open_reader
from ledger.succeeding import (
    Proposals,
    draft_succession,
    finish_succession,
    read_proposals,
)
from ledger.wire.statement import StatementKey
from tests.log.lines import SECOND, publish


def open_log(directory: Path) -> closing[Reader]:
    return closing(open_reader(directory))


class Taking:
    """A succession that is drafted and not finished."""

    def __init__(
        self,
        old: Path,
        keys: tuple[StatementKey, ...],
        governors: tuple[Governor, ...] = (),
        origin: str = SECOND,
    ) -> None:
        self.old = old
        self.keys = keys
        self.draft = old.with_name("draft")
        self.new = old.with_name("new")
        publish(old)
        self.asked: Proposals = draft_succession(old, self.draft, origin, governors=governors)

    def finish(self, founder: StatementKey, files: list[bytes]) -> None:
        finish_succession(self.old, self.draft, self.new, founder, files)

    def refused(self, founder: StatementKey, files: list[bytes], message: str) -> CounterfoilError:
        """Refused, and nothing has changed: the old log takes entries, the draft stays."""
        before = (self.old / "ledger.json").read_bytes()
        with pytest.raises((BadRequest, BadEvidence), match=message) as raised:
            self.finish(founder, files)
        assert (self.old / "ledger.json").read_bytes() == before
        assert read_proposals(self.draft) == self.asked
        assert not self.new.exists()
        assert sorted(path.name for path in self.old.parent.iterdir() if path.name[0] == ".") == []
        Log.open(self.old).close()
        return raised.value
