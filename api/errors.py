"""Errors as answers: what a handler raises, and how each class of the ledger's errors is answered.

    Unreadable   400   bytes that are not JSON, or not strict JSON
    Misaddressed 400   another type or id than the URL has
    BadRequest   422   the entry, the resource or the rule that it breaks
    Conflict     409
    BadEvidence  422   a signature or proof that does not verify
    LedgerFault  503   the ledger cannot append, or a part of it is damaged
    Refused      its own status

``api.answers`` renders them: OperationOutcome under ``/fhir``, problem+json (RFC 9457) elsewhere.
No message carries health data, key material or tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from ledger.errors import (
    BadEvidence,
    BadRequest,
    Conflict,
    CounterfoilError,
    LedgerFault,
    Misaddressed,
    Unreadable,
)


class Refused(Exception):
    """A request that is not answered as it was meant.

    ``message`` is lower-case and says what is wrong, ``hint`` what to do about it. ``code`` is of
    the value set IssueType of FHIR R4. ``denied`` is the rule that refused an authenticated caller:
    it is counted, and never shown.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        hint: str = "",
        code: str = "processing",
        headers: Mapping[str, str] | None = None,
        denied: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint
        self.code = code
        self.headers = dict(headers or {})
        self.denied = denied


_ANSWERS: Final[tuple[tuple[type[CounterfoilError], int, str], ...]] = (
    (Conflict, 409, "conflict"),
    (Unreadable, 400, "structure"),
    (Misaddressed, 400, "invalid"),
    (BadRequest, 422, "invalid"),
    (BadEvidence, 422, "security"),
    (LedgerFault, 503, "transient"),
)


def refused(error: CounterfoilError) -> Refused:
    """The answer to an error of the ledger."""
    for kind, status, code in _ANSWERS:
        if isinstance(error, kind):
            return Refused(status, str(error), hint=error.hint, code=code)
    return Refused(500, "something went wrong here", hint="try again later", code="exception")


def not_found(denied: str = "") -> Refused:
    """The one answer for what is absent and for what this caller may not know of."""
    return Refused(
        404, "there is nothing here", hint="check the id", code="not-found", denied=denied
    )


def busy() -> Refused:
    """The answer to what there is no room for now."""
    return Refused(
        503,
        "the service has as much to do as it takes",
        hint="try again in a moment",
        code="throttled",
        headers={"Retry-After": "1"},
    )


def check_waited_for(request: web.Request) -> None:
    """To be asked before an access entry is appended: nothing is released to nobody, and under load
    nothing is done for those who gave up. Raises ConnectionError when the client is gone.
    """
    if request.transport is None:
        raise ConnectionResetError("nobody waits for this answer")
