"""Replies: resources and Bundles as answers, with the headers of FHIR R4 (http.html)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Final

from aiohttp import web

from api.errors import Refused
from api.fhir.visit import Visit
from ledger.author import FHIR_JSON
from ledger.fhir.outcome import Issue, outcome
from ledger.resources.shelf import Stored, StoredVersion

_REPRESENTATION: Final = "representation"


def etag(number: int) -> str:
    """The version of a resource, as HTTP has it."""
    return f'W/"{number}"'


def body(
    visit: Visit, content: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer with FHIR JSON. What is personal stays out of every cache."""
    return web.Response(
        status=status,
        body=content,
        content_type=FHIR_JSON,
        charset="utf-8",
        headers={"Cache-Control": "no-store", **visit.headers(), **(headers or {})},
    )


def resource(visit: Visit, version: StoredVersion, content: bytes) -> web.Response:
    """A version of a resource."""
    return body(visit, content, headers=_version_headers(version.number, version.received_ms))


def unchanged(visit: Visit, version: StoredVersion) -> web.Response:
    """The answer to who has that version already."""
    headers = _version_headers(version.number, version.received_ms)
    return web.Response(status=304, headers={**visit.headers(), **headers})


def written(
    visit: Visit,
    request: web.Request,
    entry: int,
    status: int,
    made: Made,
) -> web.Response:
    """The answer to a write, with as much as ``Prefer: return`` asks for."""
    headers = {
        "Location": f"{visit.base}/{made.reference}/_history/{made.number}",
        "Entry": str(entry),
        **_version_headers(made.number, made.received_ms),
    }
    wanted = prefer(request, "return", _REPRESENTATION)
    if wanted == "minimal":
        return web.Response(status=status, headers={**visit.headers(), **headers})
    content = made.view
    if wanted == "OperationOutcome":
        said = outcome(Issue("information", "informational", f"stands as entry {entry}"))
        content = as_bytes(said)
    return body(visit, content, status=status, headers=headers)


class Made:
    """What a write made."""

    __slots__ = ("number", "received_ms", "reference", "view")

    def __init__(self, reference: str, number: int, received_ms: int, view: bytes) -> None:
        self.reference = reference
        self.number = number
        self.received_ms = received_ms
        self.view = view


def gone(stored: Stored) -> Refused:
    """The answer to what was taken back, or whose content was destroyed."""
    if stored.current.deleted:
        message, hint = "the resource was retracted", "its history has what it said before"
    else:
        message, hint = "the content of the resource was erased", "nobody can open it any more"
    return Refused(410, message, hint=hint, code="deleted")


def prefer(request: web.Request, name: str, otherwise: str) -> str:
    """What ``Prefer`` says of a name (RFC 7240)."""
    for header in request.headers.getall("Prefer", []):
        for part in header.replace(";", ",").split(","):
            key, _, value = part.strip().partition("=")
            if key.strip().lower() == name:
                return value.strip().strip('"')
    return otherwise


def as_bytes(document: Mapping[str, Any]) -> bytes:
    """A resource that the service makes itself."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _version_headers(number: int, received_ms: int) -> dict[str, str]:
    return {
        "ETag": etag(number),
        "Last-Modified": formatdate(received_ms / 1000, usegmt=True),
    }
