"""Two views of one log, by different routes: is one the beginning of the other?

A view is a place with tiles (a directory or URL), or what somebody kept: a checkpoint alone, a
receipt, an evidence file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from verifier.errors import NotVerified, Problem, Unreadable
from verifier.formats.note import MAX_NOTE_BYTES
from verifier.formats.policy import Policy
from verifier.formats.tiles import Source
from verifier.states.consistency import (
    Forked,
    Signed,
    check_continues,
    checkpoint_in,
    open_signed,
)
from verifier.states.keeping import Recorded


class View(NamedTuple):
    kept: bytes
    tiles: Recorded | None

    def note(self) -> bytes:
        return self.kept if self.tiles else checkpoint_in(self.kept)


@dataclass(slots=True)
class Comparison:
    older: Signed | None = None
    newer: Signed | None = None
    problem: Problem | None = None
    forked: bool = False
    """Both notes are rightly signed, and contradict each other."""


def view_of(source: Source) -> View:
    recorded = Recorded(source)
    note = recorded.read("checkpoint", MAX_NOTE_BYTES)
    if note is None:
        raise Unreadable("no checkpoint there: not a log in tlog-tiles layout")
    return View(note, recorded)


def compare(one: View, other: View, policy: Policy, tiles: Recorded | None = None) -> Comparison:
    """`tiles` serve where the larger view has none of its own. Raises only Unreadable."""
    result = Comparison()
    try:
        views = [(open_signed(view.note(), policy), view.tiles) for view in (one, other)]
        views.sort(key=lambda view: view[0].checkpoint.size)
        (older, _), (newer, own) = views
        result.older, result.newer = older, newer
        check_continues(older, newer, own or tiles)
    except NotVerified as error:
        result.problem = error.problem
        result.forked = isinstance(error, Forked)
    return result
