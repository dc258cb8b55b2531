"""Joining: two records that turn out to be one person's.

A link on each chain names the other record; both chains stay, and completeness stays a matter of
each. A join counts when both links stand, so one that was cut short joins nothing, and the same
command completes it.

    tag of each link     HMAC(vault key, "joined" ‖ the record it stands in ‖ the record it names)
"""

from __future__ import annotations

from typing import Final

from ledger.author import Author, Draft
from ledger.errors import BadRequest
from ledger.linkage.aliases import check_record, link_draft, newest, unlink_draft
from ledger.linkage.target import Target, append_all
from ledger.reader import Entry
from ledger.record.contents import LinkedRecord
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId

JOINED: Final = b"joined"


def join(log: Target, author: Author, one: ChainId, other: ChainId) -> list[int]:
    """Append the links that are missing; returns their indexes. Raises BadRequest."""
    if one == other:
        raise BadRequest("a record is not joined with itself", hint="name two records")
    drafts: list[Draft] = []
    for here, there in ((one, other), (other, one)):
        check_record(log.reader, here)
        if _standing_link(log, here, there) is None:
            drafts.append(link_draft(here, LinkedRecord(there), joined_tag(log, here, there)))
    return [appended.index for appended in append_all(log, author, drafts)]


def part(log: Target, author: Author, one: ChainId, other: ChainId, reason: str) -> list[int]:
    """End the links that stand; returns the indexes of the entries that do. Raises BadRequest."""
    drafts: list[Draft] = []
    for here, there in ((one, other), (other, one)):
        check_record(log.reader, here)
        link = _standing_link(log, here, there)
        if link is not None:
            tag = joined_tag(log, here, there)
            drafts.append(unlink_draft(link, LinkedRecord(there), tag, reason))
    if not drafts:
        raise BadRequest("these two records are not joined", hint="there is nothing to end")
    return [appended.index for appended in append_all(log, author, drafts)]


def _standing_link(log: Target, here: ChainId, there: ChainId) -> Entry | None:
    entry = newest(log.reader, joined_tag(log, here, there))
    return entry if entry is not None and entry.leaf.claim.kind is Kind.LINK else None


def joined_tag(log: Target, here: ChainId, there: ChainId) -> bytes:
    """The fingerprint of the link in one record that names the other."""
    return log.vault.tag(JOINED, here, there)
