"""Conditions on versions: what a sender knows of a resource (FHIR R4, http.html#concurrency and
http.html#cread; RFC 9110, 13.1).

    If-Match           change it only if this is the current version, else 412
    If-None-Match: *   change it only if it is not there, else 412; an id that is not there is 404
    If-None-Match, If-Modified-Since    read it only if it is another version, else 304
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from api.errors import Refused
from ledger.resources.shelf import Stored, StoredVersion

_ETAG: Final = re.compile(r'(?:W/)?"([0-9]{1,9})"')
# fhirpy sends the version without what makes it an entity tag.
_KNOWN: Final = re.compile(r'(?:W/)?"?([0-9]{1,9})"?')


def check_match(if_match: str | None, if_none_match: str | None, stored: Stored) -> None:
    """Before a change. Raises Refused 412 when a condition does not hold, 400 when it is none."""
    if if_none_match is not None:
        if if_none_match.strip() != "*":
            raise _no_version("If-None-Match", "*")
        raise _failed("the resource is there already", "change it with If-Match instead")
    if if_match is None or if_match.strip() == "*":
        return
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise _no_version("If-Match", 'W/"1", as ETag has it')
    if int(match[1]) != stored.current.number:
        raise _failed(
            "the resource was changed meanwhile", "read it again, and change what is there now"
        )


def check_still(before: Stored | None, now: Stored | None) -> None:
    """Raises Refused 412 where a search finds another resource than it found before."""
    if (before and before.identity) != (now and now.identity):
        raise _failed("what the search finds was changed meanwhile", "send it again")


def is_known(
    if_none_match: str | None, if_modified_since: str | None, version: StoredVersion
) -> bool:
    """Whether a reader has this version already. A condition that cannot be read is none."""
    if if_none_match is not None:
        tags = (one.strip() for one in if_none_match.split(","))
        return any(
            tag == "*" or ((match := _KNOWN.fullmatch(tag)) and int(match[1]) == version.number)
            for tag in tags
        )
    since_ms = None if if_modified_since is None else _time_ms(if_modified_since)
    return since_ms is not None and version.received_ms // 1_000 * 1_000 <= since_ms


def _time_ms(text: str) -> int | None:
    """A date of HTTP, or an instant of FHIR, as a Bundle has it."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            when = read(text)
        except ValueError:
            continue
        return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1_000)
    return None


def _no_version(header: str, form: str) -> Refused:
    return Refused(400, f"{header} is no version", hint=f"write {form}", code="invalid")


def _failed(message: str, hint: str) -> Refused:
    return Refused(412, message, hint=hint, code="conflict")
