"""Answers to what goes wrong: OperationOutcome under ``/fhir``, problem+json (RFC 9457) elsewhere.

    raised by a handler                      answered
    Refused                                  as it says
    CounterfoilError                         as ``api.errors`` has it by class
    web.HTTPException (404, 405, 413 …)      its status, in our form
    broken body (RequestPayloadError)        400
    anything else                            500 with the request's id; its place is logged

Nothing of a request stands in an answer to an error, and nothing of an unforeseen error's text in
the log: it may quote content.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from aiohttp import web

from api.caller import CALLER
from api.errors import Refused, not_found, refused
from api.keys import LOG, METRICS, REQUEST_ID
from api.routing import Handler
from ledger.author import FHIR_JSON
from ledger.errors import CounterfoilError, LedgerFault

FHIR: Final = "/fhir"
_CAUSES: Final = 5
PROBLEM_JSON: Final = "application/problem+json"
_CODES: Final = {
    400: "structure",
    401: "login",
    403: "forbidden",
    408: "timeout",
    410: "deleted",
    412: "conflict",
    413: "too-long",
    415: "not-supported",
    417: "not-supported",
    429: "throttled",
    503: "transient",
}
"""Of the value set IssueType of FHIR R4, where a status says enough."""
UNFORESEEN: Final = Refused(
    500,
    "something went wrong here",
    hint="try again later; tell the operator the request id",
    code="exception",
)


@web.middleware
async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever is raised into an answer."""
    try:
        return await handler(request)
    except Refused as error:
        if error.denied and CALLER in request:
            request.app[METRICS].denied.labels(error.denied).inc()
        return answer(request, error)
    except CounterfoilError as error:
        if isinstance(error, LedgerFault):
            log = request.app[LOG]
            log.error("ledger fault", why=error.message, request=request.get(REQUEST_ID, ""))
        return answer(request, refused(error))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return answer(request, _of_aiohttp(error))
    except web.RequestPayloadError as error:
        _let_go(error)
        return answer(request, broken_body())
    except (ConnectionError, asyncio.CancelledError) as error:
        _let_go(error)
        raise
    except Exception as error:
        request.app[METRICS].unforeseen.inc()
        request.app[LOG].error("unforeseen", request=request.get(REQUEST_ID, ""), **where(error))
        return answer(request, UNFORESEEN)


def _let_go(error: BaseException) -> None:
    """Of all that the frames hold in which it was raised: bodies, and what was to be sent. aiohttp
    keeps the error in a future or a stream that these frames hold, too, so nothing of it would go
    before somebody looks for cycles.
    """
    for cause in _causes(error):
        traceback.clear_frames(cause.__traceback__)


def answer(request: web.BaseRequest, error: Refused) -> web.Response:
    """The answer in the form of the surface that was asked."""
    fhir = is_fhir(request.path)
    body = _outcome(error) if fhir else _problem(error, request.get(REQUEST_ID, ""))
    response = web.Response(
        status=error.status,
        headers=error.headers,
        body=json.dumps(body, ensure_ascii=False).encode(),
        content_type=FHIR_JSON if fhir else PROBLEM_JSON,
    )
    if not request.content.is_eof():
        # What is still to come is no request; the connection cannot be used for another one.
        response.force_close()
    return response


def is_fhir(path: str) -> bool:
    """Whether a path is of the FHIR surface."""
    return path == FHIR or path.startswith(FHIR + "/")


def broken_body() -> Refused:
    """The answer to a body that breaks off or is not framed as HTTP says."""
    return Refused(
        400, "the body breaks off", hint="send all of it, as its headers say", code="structure"
    )


def where(error: BaseException) -> dict[str, object]:
    """Class and place of an error, and of what caused it, without its text."""
    causes: list[dict[str, object]] = []
    for cause in _causes(error):
        frames = traceback.extract_tb(cause.__traceback__)
        places = [f"{one.filename.rpartition('site-packages/')[2]}:{one.lineno}" for one in frames]
        causes.append({"error": type(cause).__name__, "trace": places[-20:]})
    return {"causes": causes}


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it. A few: nothing keeps errors from causing each other."""
    cause: BaseException | None = error
    for _ in range(_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def _of_aiohttp(error: web.HTTPException) -> Refused:
    """What aiohttp raises by itself, in our words."""
    match error:
        case web.HTTPNotFound():
            return not_found()
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return Refused(
                405,
                "this address does not take that method",
                hint=f"it takes {allowed}",
                code="not-supported",
                headers={"Allow": allowed},
            )
        case web.HTTPRequestEntityTooLarge():
            return Refused(413, "the body is too large", hint="send less", code="too-long")
        case _:
            phrase = HTTPStatus(error.status).phrase.lower()
            return Refused(error.status, phrase, code=_CODES.get(error.status, "processing"))


def _outcome(error: Refused) -> dict[str, object]:
    said = f"{error.message} ({error.hint})" if error.hint else error.message
    issue = {
        "severity": "fatal" if error.status >= 500 else "error",
        "code": error.code,
        "details": {"text": error.message},
        "diagnostics": said,
    }
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _problem(error: Refused, request_id: str) -> dict[str, object]:
    problem: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.message,
    }
    if error.hint:
        problem["hint"] = error.hint
    if request_id:
        problem["instance"] = f"urn:uuid:{request_id}"
    return problem
