"""An entry as Provenance: who wrote it, the signature that the author made, and the log's receipt.

The first signature is the author's COSE statement (docs/spec/statement.md), the second the receipt
(docs/spec/proof-and-receipt.md): the log's word about place and time. Both are as they stand, so
that ``counterfoil-verify`` takes them. Where a gateway signed for a client that cannot, the
signature is the gateway's and the author is whom it acts for.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ledger.fhir.actors import Actor, coding, concept
from ledger.fhir.instants import instant

_PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_SIGNATURE: Final = "urn:iso-astm:E1762-95:2013"
_AUTHORS: Final = coding(_SIGNATURE, "1.2.840.10065.1.12.1.1", "Author's Signature")
_TIMESTAMP: Final = coding(_SIGNATURE, "1.2.840.10065.1.12.1.15", "Timestamp Signature")
STATEMENT_FORMAT: Final = "application/cose"
RECEIPT_FORMAT: Final = "text/plain"


@dataclass(frozen=True, slots=True)
class Signed:
    """One entry of a document. ``target`` is the version that it made (``Type/id/_history/n``)."""

    id: str
    """Public id of the Provenance."""
    target: str = field(repr=False)
    activity: Literal["CREATE", "UPDATE", "DELETE"]
    author: Actor
    """Whose key signed."""
    signed_ms: int
    """By the author's clock."""
    received_ms: int
    """By the log's."""
    statement: bytes = field(repr=False)
    receipt: bytes | None = field(repr=False)
    log: str
    """The log's origin."""
    on_behalf_of: Actor | None = None
    previous: str | None = field(default=None, repr=False)
    """The version before it."""
    reason: str | None = field(default=None, repr=False)
    machine: str | None = None
    """Software that wrote the content."""
    media_type: str = "application/fhir+json"


def provenance(signed: Signed) -> dict[str, Any]:
    """A Provenance of R4; ``ledger.fhir.validate`` takes it."""
    found: dict[str, Any] = {
        "resourceType": "Provenance",
        "id": signed.id,
        "meta": {"versionId": "1", "lastUpdated": instant(signed.received_ms)},
        "target": [{"reference": signed.target}],
        "occurredDateTime": instant(signed.signed_ms),
        "recorded": instant(signed.received_ms),
    }
    if signed.reason:
        found["reason"] = [{"text": signed.reason}]
    found["activity"] = concept(_OPERATION, signed.activity)
    found["agent"] = list(_agents(signed))
    if signed.previous is not None:
        found["entity"] = [{"role": "revision", "what": {"reference": signed.previous}}]
    found["signature"] = list(_signatures(signed))
    return found


def _agents(signed: Signed) -> Iterator[dict[str, Any]]:
    if signed.on_behalf_of is None:
        yield _agent("author", signed.author.as_reference())
    else:
        principal = signed.on_behalf_of.as_reference()
        yield _agent("author", principal)
        # The one that signed entered it; what it says of the author is its word.
        yield {**_agent("enterer", signed.author.as_reference()), "onBehalfOf": principal}
    if signed.machine:
        yield _agent("assembler", {"type": "Device", "display": signed.machine})


def _agent(kind: str, who: dict[str, Any]) -> dict[str, Any]:
    return {"type": concept(_PARTICIPANT, kind), "who": who}


def _signatures(signed: Signed) -> Iterator[dict[str, Any]]:
    yield {
        "type": [_AUTHORS],
        "when": instant(signed.signed_ms),
        "who": signed.author.as_reference(),
        "targetFormat": signed.media_type,
        "sigFormat": STATEMENT_FORMAT,
        "data": b64encode(signed.statement).decode("ascii"),
    }
    if signed.receipt is not None:
        yield {
            "type": [_TIMESTAMP],
            "when": instant(signed.received_ms),
            "who": {"display": signed.log},
            "sigFormat": RECEIPT_FORMAT,
            "data": b64encode(signed.receipt).decode("ascii"),
        }
