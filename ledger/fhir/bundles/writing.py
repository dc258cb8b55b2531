"""Bundles as bytes, joined from the texts of their entries: no resource is written again.

``resource`` is always a FHIR view (``ledger.fhir.view``), as it stands. Dates are milliseconds
since 1970. Entries come in the order that they are given in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ledger.fhir.instants import instant

Link = tuple[str, str]
"""Relation (``self``, ``next`` …) and URL."""


@dataclass(frozen=True, slots=True)
class Match:
    full_url: str
    resource: bytes = field(repr=False)
    mode: Literal["match", "include", "outcome"] = "match"


@dataclass(frozen=True, slots=True)
class Past:
    """One version in a history; ``resource`` is None where it took the resource back."""

    full_url: str
    resource: bytes | None = field(repr=False)
    method: Literal["POST", "PUT", "DELETE"]
    url: str
    """``Type`` of a POST, else ``Type/id``."""
    status: str
    """``201``, ``200 OK`` …"""
    version: int
    updated_ms: int


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to one part of a request."""

    status: str
    location: str | None = None
    version: int | None = None
    updated_ms: int | None = None
    outcome: dict[str, Any] | None = field(default=None, repr=False)
    resource: bytes | None = field(default=None, repr=False)
    full_url: str | None = None


def searchset(
    entries: Iterable[Match], *, total: int | None = None, links: Sequence[Link] = ()
) -> bytes:
    return _bundle("searchset", (_match(entry) for entry in entries), total, links)


def history(
    entries: Iterable[Past], *, total: int | None = None, links: Sequence[Link] = ()
) -> bytes:
    return _bundle("history", (_past(entry) for entry in entries), total, links)


def response(kind: Literal["transaction", "batch"], entries: Iterable[Response]) -> bytes:
    return _bundle(f"{kind}-response", (_response(entry) for entry in entries), None, ())


def _match(entry: Match) -> Iterator[tuple[str, bytes]]:
    yield "fullUrl", _json(entry.full_url)
    yield "resource", entry.resource
    yield "search", _json({"mode": entry.mode})


def _past(entry: Past) -> Iterator[tuple[str, bytes]]:
    yield "fullUrl", _json(entry.full_url)
    if entry.resource is not None:
        yield "resource", entry.resource
    yield "request", _json({"method": entry.method, "url": entry.url})
    yield (
        "response",
        _json(
            {
                "status": entry.status,
                "etag": f'W/"{entry.version}"',
                "lastModified": instant(entry.updated_ms),
            }
        ),
    )


def _response(entry: Response) -> Iterator[tuple[str, bytes]]:
    if entry.full_url is not None:
        yield "fullUrl", _json(entry.full_url)
    if entry.resource is not None:
        yield "resource", entry.resource
    said: dict[str, Any] = {"status": entry.status}
    if entry.location is not None:
        said["location"] = entry.location
    if entry.version is not None:
        said["etag"] = f'W/"{entry.version}"'
    if entry.updated_ms is not None:
        said["lastModified"] = instant(entry.updated_ms)
    if entry.outcome is not None:
        said["outcome"] = entry.outcome
    yield "response", _json(said)


def _bundle(
    kind: str,
    entries: Iterable[Iterator[tuple[str, bytes]]],
    total: int | None,
    links: Sequence[Link],
) -> bytes:
    head: dict[str, Any] = {"resourceType": "Bundle", "type": kind}
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [{"relation": relation, "url": url} for relation, url in links]
    parts = [_json(head)[:-1]]
    written = [b"{" + b",".join(_member(*item) for item in entry) + b"}" for entry in entries]
    # FHIR knows no empty list.
    if written:
        parts += [b',"entry":[', b",".join(written), b"]"]
    parts.append(b"}")
    return b"".join(parts)


def _member(name: str, value: bytes) -> bytes:
    return b'"%b":%b' % (name.encode("ascii"), value)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
