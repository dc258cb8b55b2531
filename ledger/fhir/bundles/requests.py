"""A transaction or batch, read into its parts; resources stay the bytes that their author wrote.

Strict about the frame, since what is misread here is done: names that stand twice, members that a
request does not have, methods that do not fit, two parts with one fullUrl. What a resource holds is
for ``validate`` to say. FHIR R4, http.html#transaction and bundle.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from ledger.errors import BadRequest, Unreadable
from ledger.fhir import document, jsontext
from ledger.fhir.reading import MAX_DOCUMENT, MAX_RESOURCE

MAX_PARTS: Final = 4_096
MAX_URL: Final = 2_048
Kind = Literal["transaction", "batch"]
Method = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]
METHODS: Final[Mapping[str, Method]] = {
    "GET": "GET",
    "HEAD": "HEAD",
    "POST": "POST",
    "PUT": "PUT",
    "DELETE": "DELETE",
    "PATCH": "PATCH",
}
WITH_RESOURCE: Final = frozenset({"POST", "PUT", "PATCH"})
_ENTRY: Final = frozenset({"fullUrl", "resource", "request", "id", "link", "extension"})
_REQUEST: Final = frozenset(
    {"method", "url", "ifMatch", "ifNoneExist", "ifNoneMatch", "ifModifiedSince", "id", "extension"}
)
_URL: Final = re.compile(
    r"(?P<type>[A-Z][A-Za-z]{1,63})(?:/(?P<id>[A-Za-z0-9.\-]{1,64}))?"
    r"(?P<history>/_history(?:/(?P<version>[A-Za-z0-9.\-]{1,64}))?)?"
    r"(?:/(?P<operation>_search|\$[a-z][a-z\-]{1,63}))?(?:\?(?P<query>[!-~]*))?"
)


class Target(NamedTuple):
    """What a request's url names: ``Type/id/_history/version``, ``Type/id/$everything?query`` …"""

    resource_type: str
    id: str | None = None
    is_history: bool = False
    version: str | None = None
    operation: str | None = None
    """``_search`` or ``$name``."""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One request. ``resource`` is there with POST, PUT and PATCH, and only with them, but for a
    search or an operation by POST. The conditions are as written.
    """

    full_url: str | None
    method: Method
    url: str
    target: Target = field(repr=False)
    resource: bytes | None = field(repr=False)
    if_match: str | None = None
    if_none_exist: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None


@dataclass(frozen=True, slots=True)
class RequestBundle:
    type: Kind
    parts: tuple[Part, ...]


def read_request(raw: bytes) -> RequestBundle:
    """Raises BadRequest, whose message begins with the element that is wrong."""
    if len(raw) > MAX_DOCUMENT:
        raise BadRequest(f"Bundle is larger than {MAX_DOCUMENT >> 20} MiB", hint="split it")
    try:
        text = jsontext.decode(raw)
        found = document.scan(text)
    except Unreadable as error:
        raise Unreadable(f"Bundle {error.message}", hint=error.hint) from None
    if found.resource_type != "Bundle":
        raise BadRequest("what was sent is no Bundle", hint="send a transaction or a batch here")
    kind: Kind
    if found.type == "transaction":
        kind = "transaction"
    elif found.type == "batch":
        kind = "batch"
    else:
        raise BadRequest("Bundle.type is neither transaction nor batch", hint="send one of them")
    if not found.entries_are_a_list:
        raise BadRequest("Bundle.entry is not a list", hint="make it one")
    if len(found.entries) > MAX_PARTS:
        raise BadRequest(f"Bundle.entry has more than {MAX_PARTS} entries", hint="split it")
    parts = tuple(_part(text, number, span) for number, span in enumerate(found.entries))
    _check_full_urls(parts)
    return RequestBundle(kind, parts)


def _check_full_urls(parts: tuple[Part, ...]) -> None:
    seen: set[str] = set()
    for number, part in enumerate(parts):
        if part.full_url is not None and part.full_url in seen:
            raise BadRequest(
                f"Bundle.entry[{number}].fullUrl stands on another entry too",
                hint="give each entry one of its own",
            )
        seen.update(() if part.full_url is None else (part.full_url,))


def _part(text: str, number: int, span: document.EntrySpan) -> Part:
    place = f"Bundle.entry[{number}]"
    if not set(span.names) <= _ENTRY:
        raise BadRequest(f"{place} has a member that a request has not", hint="leave it out")
    if "fullUrl" in span.names and not 0 < len(span.full_url or "") <= MAX_URL:
        raise BadRequest(f"{place}.fullUrl is no URL", hint="write a URL or urn:uuid:…")
    request = _request(text, place, span)
    method = METHODS.get(_text(request, "method", place) or "")
    if method is None:
        raise BadRequest(
            f"{place}.request.method is missing or unknown", hint=f"use one of {', '.join(METHODS)}"
        )
    url = _text(request, "url", place)
    target = None if url is None else _target(url)
    if url is None or target is None:
        raise BadRequest(
            f"{place}.request.url is missing or names nothing here",
            hint="write Type, Type/id or Type?query, without the service's address",
        )
    return Part(
        span.full_url,
        method,
        url,
        target,
        _resource(text, place, span, method, target),
        _text(request, "ifMatch", place),
        _text(request, "ifNoneExist", place),
        _text(request, "ifNoneMatch", place),
        _text(request, "ifModifiedSince", place),
    )


def _request(text: str, place: str, span: document.EntrySpan) -> Mapping[str, Any]:
    start, end = span.request
    if start < 0:
        raise BadRequest(f"{place}.request is missing", hint="say method and url")
    try:
        request = jsontext.parse(text[start:end].encode("utf-8"))
    except Unreadable as error:
        raise Unreadable(f"{place}.request {error.message}", hint=error.hint) from None
    if not isinstance(request, dict) or not request.keys() <= _REQUEST:
        raise BadRequest(
            f"{place}.request is no request, or has a member that R4 does not know",
            hint="give method, url and conditions",
        )
    return request


def _text(request: Mapping[str, Any], name: str, place: str) -> str | None:
    value = request.get(name)
    if name in request and (
        not isinstance(value, str) or not 0 < len(value) <= MAX_URL or not value.isprintable()
    ):
        raise BadRequest(
            f"{place}.request.{name} is not a text of 1 to {MAX_URL} characters",
            hint="correct or leave it out",
        )
    return value


def _resource(
    text: str, place: str, span: document.EntrySpan, method: Method, target: Target
) -> bytes | None:
    if span.start < 0:
        if method in WITH_RESOURCE and target.operation is None:
            raise BadRequest(f"{place}.resource is missing", hint=f"{method} needs one")
        return None
    if method not in WITH_RESOURCE:
        raise BadRequest(f"{place}.resource is there", hint=f"{method} takes none")
    if text[span.start] != "{":
        raise BadRequest(f"{place}.resource is not an object", hint="give one resource")
    raw = text[span.start : span.end].encode("utf-8")
    if len(raw) > MAX_RESOURCE:
        raise BadRequest(
            f"{place}.resource is larger than {MAX_RESOURCE >> 20} MiB",
            hint="keep large attachments outside and refer to them by url and hash",
        )
    return raw


def _target(url: str) -> Target | None:
    match = _URL.fullmatch(url.removeprefix("/"))
    if match is None or (match["history"] and not match["id"]):
        return None
    return Target(
        match["type"],
        match["id"],
        match["history"] is not None,
        match["version"],
        match["operation"],
        match["query"] or "",
    )
