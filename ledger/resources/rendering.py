"""Rendering: the author's text as the FHIR view of a resource."""

from __future__ import annotations

from ledger.fhir.view import view
from ledger.resources.leads import Leads
from ledger.resources.shelf import Stored, StoredVersion


def rendered(leads: Leads, stored: Stored, version: StoredVersion, content: bytes) -> bytes:
    """The text of a version, with id, meta and references put in. Raises BadRequest."""
    return view(
        content,
        stored.identity,
        version.number,
        version.received_ms,
        lambda reference: leads.of(version.writer, reference),
    )
