"""A timeline as rows for a person, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ledger.cli import words
from ledger.cli.session import place_json
from ledger.cli.terminal import Json, when
from ledger.cli.words import Language, say
from ledger.record.contents import LinkedIdentifier, LinkedRecord
from ledger.record.header import Header, RecordKind, Source
from ledger.record.model import (
    Change,
    Document,
    Event,
    Retraction,
    Signed,
    Stage,
    Timeline,
    Version,
    Viewer,
)
from ledger.wire.claim import Kind
from ledger.wire.ids import ActorId, Position

Row = tuple[str, str, str, str, str, str, str]
_SHORT: Final = 8


@dataclass(frozen=True, slots=True)
class Sight:
    """How a timeline is shown. ``titles`` are a few words of contents, by place."""

    timeline: Timeline
    language: Language
    names: Mapping[ActorId, str]
    titles: Mapping[Position, str]

    def rows(self) -> list[Row]:
        """One row for each entry; versions of a document stand together, newest first."""
        rows: list[Row] = []
        for item in self.timeline.items:
            if isinstance(item, Document):
                rows += self._document(item)
            else:
                rows.append(self._event(item))
        return rows

    def columns(self) -> list[str]:
        return [say(self.language, name) for name in words.COLUMNS]

    def _document(self, document: Document) -> Iterator[Row]:
        for retraction in document.retractions[::-1]:
            yield self._row(retraction.signed, *self._retraction(retraction, document))
        for at, version in enumerate(document.versions):
            for change in version.changes[::-1]:
                yield self._row(change.signed, *self._change(change, version))
            yield self._row(
                version.signed,
                self._title(version),
                self._stage(version),
                self._remarks(version, document, newest=at == 0),
            )

    def _row(self, signed: Signed, what: str, state: str, remarks: list[str]) -> Row:
        if signed.contested:
            remarks = [*remarks, self._say("signed with a key in doubt")]
        if signed.chain != self.timeline.records[0]:
            remarks = [*remarks, self._say("in record {record}", record=signed.chain.hex())]
        name = self._name(signed.author)
        place, written = str(signed.position), when(signed.authored_ms)
        return place, written, when(signed.received_ms), name, what, state, "; ".join(remarks)

    def _title(self, version: Version) -> str:
        if version.hidden is not None:
            return self._say(words.HIDDEN[version.hidden])
        known = self.titles.get(version.signed.position)
        return words.title(self.language, known) if known else self._say("document")

    def _stage(self, version: Version) -> str:
        if version.hidden is not None and self.timeline.viewer is Viewer.PERSON:
            return ""
        return self._say(words.STAGES[version.stage])

    def _remarks(self, version: Version, document: Document, *, newest: bool) -> list[str]:
        said = []
        if document.retracted is not None:
            said.append(self._say("retracted"))
        elif not newest:
            said.append(self._say("earlier version"))
        if version.amends is not None:
            said.append(self._say("replaces {index}", index=str(version.amends)))
        if version.kind not in (None, RecordKind.HEALTH):
            said.append(self._say(words.KINDS[version.kind]))
        if version.source not in (None, Source.CLINICAL):
            said.append(self._say(words.SOURCES[version.source]))
        if version.machine is not None:
            said.append(self._say("written by machine: {machine}", machine=version.machine))
        if version.approve_at_ms is not None and version.stage in (
            Stage.UNAPPROVED,
            Stage.AUTOMATIC,
        ):
            said.append(self._say("approved by time at {when}", when=when(version.approve_at_ms)))
        return said + self._from_header(version.header)

    def _from_header(self, header: Header | None) -> list[str]:
        if header is None:
            return []
        said = []
        if header.reason:
            said.append(self._say("reason: {reason}", reason=header.reason))
        if header.on_behalf_of is not None:
            actor = self._name(header.on_behalf_of)
            said.append(self._say("on behalf of {actor}", actor=actor))
        if header.moved_from is not None:
            said.append(self._say("moved here from another record"))
        if header.first_author is not None:
            actor = self._name(header.first_author)
            said.append(self._say("first written by {actor}", actor=actor))
        if header.labels:
            said.append(self._say("labels: {labels}", labels=", ".join(header.labels)))
        return said

    def _retraction(self, retraction: Retraction, document: Document) -> tuple[str, str, list[str]]:
        said = []
        if retraction.moved_away:
            said.append(self._say("moved to another record"))
        if not retraction.stands:
            said.append(self._say("brought back by a later version"))
        if retraction.reason:
            said.append(self._say("reason: {reason}", reason=retraction.reason))
        return self._say("retraction of {index}", index=str(document.first)), "", said

    def _change(self, change: Change, version: Version) -> tuple[str, str, list[str]]:
        said, header = [], change.header
        approves = header is not None and header.state is not None
        text = "approval of {index}" if approves else "change of {index}"
        if header is not None and header.shared is not None:
            said.append(self._say("shared" if header.shared else "no longer shared"))
        if not change.counts:
            said.append(self._say("does not count"))
        said += self._from_header(header)
        return self._say(text, index=str(version.signed.position)), "", said

    def _event(self, event: Event) -> Row:
        said: list[str] = []
        match event.linked:
            case LinkedIdentifier(system, value):
                said.append(self._say("number {system}|{value}", system=system, value=value))
            case LinkedRecord(record):
                said.append(self._say("linked to record {record}", record=record.hex()))
        if event.ended:
            said.append(self._say("ended"))
        if event.header is not None and event.header.purpose:
            purpose = words.purpose(self.language, event.header.purpose)
            said.append(self._say("for {purpose}", purpose=purpose))
        if event.signed.kind is Kind.ACCESS and event.header and event.header.first_author:
            actor = self._name(event.header.first_author)
            said.append(self._say("by {actor}, while it stood in another record", actor=actor))
        else:
            said += self._from_header(event.header)
        what = self._say(words.EVENTS.get(event.signed.kind, "unknown"))
        return self._row(event.signed, what, "", said)

    def _name(self, actor: ActorId) -> str:
        return self.names.get(actor, actor.hex()[:_SHORT])

    def _say(self, text: str, **values: str | int) -> str:
        return say(self.language, text, **values)


def as_json(sight: Sight) -> dict[str, Json]:
    """Everything that the rows say, for a program."""
    shown = sight.timeline
    return {
        "view": shown.viewer.value,
        "as_of_ms": shown.as_of_ms,
        "records": [chain.hex() for chain in shown.records],
        "items": [
            _document(item, sight) if isinstance(item, Document) else _event(item, sight)
            for item in shown.items
        ],
    }


def _document(document: Document, sight: Sight) -> dict[str, Json]:
    retracted = document.retracted
    return {
        "record": document.chain.hex(),
        "retracted": retracted is not None,
        "moved_away": retracted is not None and retracted.moved_away,
        "versions": [_version(version, sight) for version in document.versions],
        "retractions": [
            {**_signed(one.signed, sight), "reason": one.reason, "stands": one.stands}
            for one in document.retractions
        ],
    }


def _version(version: Version, sight: Sight) -> dict[str, Json]:
    return {
        **_signed(version.signed, sight),
        "stage": version.stage.value,
        "hidden": version.hidden.value if version.hidden else None,
        "title": None if version.hidden else sight.titles.get(version.signed.position),
        "amends": place_json(version.amends),
        "approved_ms": version.approved_ms,
        "approve_at_ms": version.approve_at_ms,
        "machine": version.machine,
        "kind": version.kind.value if version.kind else None,
        "source": version.source.value if version.source else None,
        **_header(version.header),
        "changes": [
            {**_signed(one.signed, sight), "counts": one.counts, **_header(one.header)}
            for one in version.changes
        ],
    }


def _event(event: Event, sight: Sight) -> dict[str, Json]:
    linked: dict[str, Json] = {}
    match event.linked:
        case LinkedIdentifier(system, value):
            linked = {"system": system, "value": value}
        case LinkedRecord(record):
            linked = {"record": record.hex()}
    return {
        **_signed(event.signed, sight),
        "linked": linked or None,
        "ended": event.ended,
        "purpose": event.header.purpose if event.header else None,
        **_header(event.header),
    }


def _signed(signed: Signed, sight: Sight) -> dict[str, Json]:
    return {
        "index": signed.position.at,
        "back": signed.position.back,
        "entry": signed.kind.name.lower(),
        "author": signed.author.hex(),
        "author_name": sight.names.get(signed.author),
        "authored_ms": signed.authored_ms,
        "received_ms": signed.received_ms,
        "contested": signed.contested,
    }


def _header(header: Header | None) -> dict[str, Json]:
    if header is None:
        return {}
    fields: dict[str, Json] = {
        "type": header.media_type,
        "reason": header.reason,
        "on_behalf_of": header.on_behalf_of.hex() if header.on_behalf_of else None,
        "labels": list(header.labels),
        "state": header.state.value if header.state else None,
        "shared": header.shared,
        "moved_from": header.moved_from.hex() if header.moved_from else None,
        "first_author": header.first_author.hex() if header.first_author else None,
        "file": header.file,
    }
    return {name: value for name, value in fields.items() if value not in (None, [])}
