"""Views: the two sights of the same entries, as pure functions.

    institution   the working record: every version with its stage
    person        content from explicit approval on; deliberation and communication only when they
                  are shared; existence always

``timeline`` asks nobody: its entries, the standing of their authors and the time are given, so the
same arguments show the same record on any machine. What was received after the time is as if it
did not exist. The order of the entries in the argument does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from ledger.record.contents import LinkedIdentifier
from ledger.record.fold import FOLDED, Draft, Folded, fold
from ledger.record.header import RecordKind
from ledger.record.joined import ended_links, joined_records
from ledger.record.model import (
    Change,
    Document,
    Event,
    Hidden,
    Item,
    Opened,
    Retraction,
    Stage,
    Standing,
    Timeline,
    Version,
    Viewer,
)
from ledger.record.standing import signed
from ledger.wire.claim import Kind
from ledger.wire.ids import ChainId

_ON_REQUEST: Final = frozenset({RecordKind.DELIBERATION, RecordKind.COMMUNICATION})
"""Kinds that reach the person only when they are shared."""
_DONE: Final = frozenset({Stage.FINAL, Stage.APPROVED})


def timeline(
    record: ChainId,
    entries: Iterable[Opened],
    standing: Standing,
    viewer: Viewer,
    as_of_ms: int,
) -> Timeline:
    """The view of ``record``, with the records that were joined with it, at a time.

    ``entries`` may hold entries of other records too; they count as far as they were joined.
    """
    known = {one.position: one for one in entries if one.received_ms <= as_of_ms}
    ordered = [known[position] for position in sorted(known, key=lambda one: one.order)]
    records = joined_records(record, ordered)
    ordered = [one for one in ordered if one.chain in set(records)]
    ended = ended_links(ordered)
    items: list[Item] = [
        _event(one, standing, viewer, ended=one.hash in ended)
        for one in ordered
        if one.kind not in FOLDED
    ]
    folded = fold((one for one in ordered if one.kind in FOLDED), standing)
    items += [_document(one, standing, viewer, as_of_ms) for one in folded]
    items.sort(key=lambda item: item.first.order)
    return Timeline(viewer, as_of_ms, records, tuple(items))


def _event(entry: Opened, standing: Standing, viewer: Viewer, *, ended: bool) -> Event:
    linked = entry.linked
    if viewer is Viewer.PERSON and (ended or entry.kind is Kind.UNLINK):
        # An identifier whose link was ended is likely somebody else's.
        linked = None if isinstance(linked, LinkedIdentifier) else linked
    return Event(signed(entry, standing), entry.header, linked, ended)


def _document(document: Folded, standing: Standing, viewer: Viewer, as_of_ms: int) -> Document:
    retractions = [_retraction(one, document, standing) for one in document.retractions]
    # What stood there before it was moved away stays somebody else's, whatever came afterwards.
    # A retraction that cannot be read may be one of these: it hides too.
    away = [
        entry.position.order
        for entry in document.retractions
        if entry.header is None or entry.header.moved_away
    ]
    versions = []
    for draft in document.versions:
        gone = any(draft.entry.position.order < order for order in away)
        why = _hidden(draft, document, viewer, as_of_ms, away=gone)
        versions.append(_version(draft, standing, as_of_ms, why))
    nothing = all(one.hidden for one in versions)
    person = viewer is Viewer.PERSON
    retractions = [
        _without_reason(one) if nothing or (person and one.moved_away) else one
        for one in retractions
    ]
    return Document(document.versions[0].entry.chain, tuple(versions[::-1]), tuple(retractions))


def _hidden(
    draft: Draft, document: Folded, viewer: Viewer, as_of_ms: int, *, away: bool
) -> Hidden | None:
    """Why this viewer is not shown a version's content."""
    if draft.entry.malformed:
        return Hidden.MALFORMED
    if draft.entry.header is None:
        return Hidden.ERASED
    if viewer is Viewer.INSTITUTION:
        return None
    if away:
        return Hidden.MOVED_AWAY
    if draft.kind in _ON_REQUEST and not document.shared:
        return Hidden.NOT_SHARED
    if _is_done(draft, as_of_ms):
        return None
    later = document.versions[document.versions.index(draft) + 1 :]
    return Hidden.DRAFT if any(_is_done(one, as_of_ms) for one in later) else Hidden.PREPARING


def _is_done(draft: Draft, as_of_ms: int) -> bool:
    stage, _ = draft.stage(as_of_ms)
    return stage in _DONE


def _version(draft: Draft, standing: Standing, as_of_ms: int, hidden: Hidden | None) -> Version:
    entry, header = draft.entry, draft.entry.header
    stage, approved_ms = draft.stage(as_of_ms)
    shown = hidden is None
    return Version(
        signed=signed(entry, standing),
        amends=None if draft.parent is None else draft.parent.entry.position,
        stage=stage,
        approved_ms=approved_ms,
        approve_at_ms=draft.approve_at_ms if shown else None,
        machine=None if header is None else header.machine,
        kind=draft.kind if shown else None,
        source=draft.source if shown else None,
        header=header if shown else None,
        authored_ms=entry.authored_ms if shown else None,
        hidden=hidden,
        changes=tuple(_change(one, counts, standing, shown) for one, counts in draft.changes),
    )


def _change(entry: Opened, counts: bool, standing: Standing, shown: bool) -> Change:
    return Change(signed(entry, standing), entry.header if shown else None, counts)


def _retraction(entry: Opened, document: Folded, standing: Standing) -> Retraction:
    header = entry.header
    return Retraction(
        signed=signed(entry, standing),
        reason=None if header is None else header.reason,
        moved_away=header is not None and header.moved_away,
        stands=document.versions[-1].entry.position.order < entry.position.order,
        on_behalf_of=None if header is None else header.on_behalf_of,
    )


def _without_reason(retraction: Retraction) -> Retraction:
    """A reason tells of a content that is not shown."""
    return replace(retraction, reason=None)
