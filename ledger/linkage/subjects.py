"""Subjects: whether a FHIR resource may stand in a record, and what its bytes are known by."""

from __future__ import annotations

from typing import NamedTuple

from ledger.errors import BadRequest, Unreadable
from ledger.fhir import Directory, IsPatient, Resource, route, validate
from ledger.linkage.aliases import Linkage, LinkedElsewhere, Tagger
from ledger.linkage.sources import source_tag
from ledger.reader import Reader
from ledger.wire.ids import ActorId, ChainId


class Checked(NamedTuple):
    """A resource that may stand there."""

    resource: Resource
    tag: bytes
    """Of its bytes by this author: an import of the same adds nothing."""


def checked(
    reader: Reader, tagger: Tagger, author: ActorId, chain: ChainId, content: bytes
) -> Checked:
    """Raises BadRequest for what is not R4, names two patients, or is about a patient whose
    identifiers are linked to another record. A patient that nobody linked may be anybody's.
    """
    try:
        resource = validate(content)
    except Unreadable as error:
        # Whoever sent it sent an entry, which could be read.
        raise BadRequest(f"the content {error.message}", hint=error.hint) from None
    subject = route(resource)
    if chain == reader.registry.directory_chain(author):
        if not isinstance(subject, Directory):
            raise BadRequest(
                "the resource is about a patient", hint="append it to the patient's record"
            )
    elif not isinstance(subject, Directory):
        found = Linkage(reader, tagger).record_of(subject.identifiers)
        if found is not None and found != chain:
            what = "is" if isinstance(subject, IsPatient) else "is about"
            raise LinkedElsewhere(
                found, f"the resource {what} a patient of another record", hint="name that record"
            )
    return Checked(resource, source_tag(tagger, author, content))
