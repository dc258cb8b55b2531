"""Which format an answer may have: JSON is what there is (FHIR R4, http.html#mime-type).

``_format`` goes before ``Accept``. A whole FHIR version may be asked for too
(``application/fhir+json; fhirVersion=4.0``, versioning.html#mt-version).
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.errors import Refused

_JSON: Final = frozenset({"application/fhir+json", "application/json", "text/json"})
_ANY: Final = frozenset({"*/*", "application/*"})
_WORDS: Final = frozenset({"json", *_JSON})
FORM: Final = frozenset({"_format", "_pretty"})
"""Parameters that any request may have, and that say nothing of what it is about."""
_VERSIONS: Final = frozenset({"4.0", "4.0.1"})


def check_format(request: web.Request) -> None:
    """Raises Refused 406 where nothing but another format would do."""
    asked = request.query.get("_format")
    if asked is not None:
        check_word(asked)
    elif not _accepts(request.headers.getall("Accept", [])):
        raise _not_json()


def check_word(asked: str) -> None:
    """What ``_format`` says. Raises Refused 406."""
    # A plus sign that was not encoded arrives as a space.
    if asked.partition(";")[0].strip().lower().replace("fhir json", "fhir+json") not in _WORDS:
        raise _not_json()


def _accepts(headers: list[str]) -> bool:
    ranges = [one for header in headers for one in header.split(",") if one.strip()]
    return not ranges or any(_takes_json(one) for one in ranges)


def _takes_json(media_range: str) -> bool:
    media, *more = (one.strip().lower() for one in media_range.split(";"))
    given = {name.strip(): value.strip().strip('"') for name, _, value in _pairs(more)}
    if media not in _JSON | _ANY or given.get("fhirversion", "4.0") not in _VERSIONS:
        return False
    # "q=0" is what is not wanted (RFC 9110, 12.4.2).
    return given.get("q", "1").strip("0.") != ""


def _pairs(parameters: list[str]) -> list[tuple[str, str, str]]:
    return [one.partition("=") for one in parameters]


def _not_json() -> Refused:
    return Refused(
        406,
        "FHIR is answered in JSON alone, version 4.0",
        hint="accept application/fhir+json, or write _format=json",
        code="not-supported",
    )
