"""A monitor: each state that a log shows must continue the last one that was seen here.

STATE/checkpoint     the last state that was right
STATE/lie/           evidence of the first lie (see `keeping`); after that nothing is watched
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from verifier.errors import BadArgument, NotVerified, Problem, Unreadable, quote
from verifier.fetch import read_file
from verifier.formats.claim import CLOCK_AHEAD_MS
from verifier.formats.note import ED25519, MAX_NOTE_BYTES, VerifierKey
from verifier.formats.policy import Policy
from verifier.formats.tiles import Source
from verifier.states.consistency import Signed, check_continues, open_signed
from verifier.states.keeping import SECOND, Recorded, keep_evidence, write

_CHECKPOINT, _LIE = "checkpoint", "lie"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the log brought."""

    seen: Signed | None = None
    before: Signed | None = None
    """The last state that was right, if this is not the first."""
    problem: Problem | None = None
    """A lie, of which evidence was kept; or, with a state seen, that it is too old."""


class Watch:
    def __init__(self, source: Source, policy: Policy, state: Path, max_age_ms: int | None) -> None:
        self._source = source
        self._policy = policy
        self._state = state
        self._max_age_ms = max_age_ms
        if max_age_ms is not None and all(key.type == ED25519 for key in _all_keys(policy)):
            raise BadArgument(
                "no key here signs a time, so no age can be told",
                "add the log's ML-DSA-44 key, or a cosigner's",
            )
        if (state / _LIE / SECOND).exists():
            raise BadArgument(
                f"{quote(str(state / _LIE))} holds evidence of a lie",
                "look into it, and watch on with a new --state that has a copy of its checkpoint",
            )
        self._last = self._load()

    @property
    def evidence(self) -> Path:
        return self._state / _LIE

    def look(self, now_ms: int) -> Look:
        """Raises Unreadable when the log does not answer: that is no lie."""
        recorded = Recorded(self._source)
        note = recorded.read(_CHECKPOINT, MAX_NOTE_BYTES)
        if note is None:
            raise Unreadable("no checkpoint there")
        before = self._last
        try:
            seen = open_signed(note, self._policy)
            if before is not None:
                check_continues(before, seen, recorded)
        except NotVerified as error:
            first = None if before is None else before.note
            keep_evidence(self.evidence, first, note, recorded.answers)
            return Look(None, before, error.problem)
        if before is None or note != before.note:
            write(self._state / _CHECKPOINT, note)
            self._last = seen
        return Look(seen, before, self._too_old(seen, now_ms))

    def _too_old(self, seen: Signed, now_ms: int) -> Problem | None:
        """By the newest time that anybody signed: the log, a witness, a custodian. A time ahead of
        the clock here says nothing: whoever signs one would never look old.
        """
        if self._max_age_ms is None:
            return None
        opened = seen.opened
        lines = [*opened.log_lines]
        for signer in (*opened.custodians, *opened.witnesses):
            lines += signer.lines
        latest = (now_ms + CLOCK_AHEAD_MS) // 1000
        newest = max((line.seconds for line in lines if line.seconds <= latest), default=0)
        age = now_ms // 1000 - newest
        if age * 1000 <= self._max_age_ms:
            return None
        return Problem("age", f"a checkpoint of the last {self._max_age_ms // 1000} s", f"{age} s")

    def _load(self) -> Signed | None:
        path = self._state / _CHECKPOINT
        raw = read_file(path, MAX_NOTE_BYTES)
        if raw is None:
            return None
        try:
            return open_signed(raw, self._policy)
        except NotVerified as error:
            raise BadArgument(
                f"the state in {quote(str(path))} is not of this log: {error}",
                "watch each log with a --state of its own",
            ) from None


def _all_keys(policy: Policy) -> list[VerifierKey]:
    return [*policy.log_keys, *policy.custodians, *policy.witnesses]
