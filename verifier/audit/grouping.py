"""Batches and their members in a span, as its leaves come."""

from __future__ import annotations

from collections.abc import Callable

from verifier.errors import NotVerified
from verifier.formats.bodies import parse_batch
from verifier.formats.leaf import Leaf
from verifier.rules.batches import Batches, Lead, Members, Opened, member_hash


class Grouping:
    def __init__(self, report: Callable[[NotVerified, int | None], None]) -> None:
        self._report = report
        self._batches = Batches(lambda error: report(error, None))
        self.lead = Lead()
        self._leads = True
        """Nothing but members has come."""
        self.group: Members | None = None
        """Those that came last."""

    @property
    def opened(self) -> Opened | None:
        return self._batches.opened

    @property
    def between_batches(self) -> bool:
        """A leaf that is no member changes nothing."""
        return not self._leads and self.group is None and self._batches.opened is None

    def member(self, index: int, leaf: Leaf) -> None:
        member, group = leaf.member, self.group
        if member is None:
            return
        if group is None or not group.takes(member, leaf.claim, leaf.received_ms):
            self.end_group()
            group = self.group = Members(
                index,
                member.batch_index,
                member.position,
                leaf.received_ms,
                leaf.claim.kind,
                leaf.claim.author,
            )
        group.hashes.append(member_hash(leaf.claim_bytes))

    def unreadable(self, index: int) -> None:
        self._end_lead(index)
        self._batches.unreadable(index)

    def not_a_member(self, index: int) -> None:
        self._end_lead(index)
        self._batches.not_a_member(index)

    def batch(self, index: int, leaf: Leaf) -> None:
        try:
            batch = parse_batch(leaf.body)
        except NotVerified as error:
            self._report(error, index)
        else:
            self._batches.start(index, leaf.claim.author, leaf.received_ms, batch)

    def end_group(self) -> None:
        group, self.group = self.group, None
        if group is None:
            return
        if self._leads:
            self.lead.groups.append(group)
        else:
            self._batches.members(group)

    def _end_lead(self, index: int) -> None:
        self.end_group()
        if self._leads:
            self.lead.ended_at, self._leads = index, False
