"""Contract: every operation under ``/v1``, as ``openapi.json`` tells it. ``api.routes`` says which
function answers; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel

from api.auth.scopes import LEDGER_APPEND, LEDGER_READ
from api.v1.codec import MEDIA
from api.v1.models import (
    AccessList,
    BatchIn,
    BatchOut,
    EntryIn,
    EntryInfo,
    EntryList,
    EntryOut,
    LogInfo,
    PayloadOut,
)
from api.v1.parameters import Chunks, Nothing, Paging

OCTETS: Final = "application/octet-stream"
EVIDENCE: Final = "application/vnd.counterfoil.evidence"
"""Media type of an evidence file (docs/spec/evidence.md)."""
RECEIPT: Final = "text/plain"

HEADERS: Final = {
    "Request-Id": "id of the request, a UUIDv7; it stands in the access entry too",
    "Entry": "index of the entry that was appended, or stood already",
    "Location": "path of that entry",
    "Access-Entry": "index of the access entry that was appended for this answer",
    "ETag": "SHA-256 of the sealed blob",
    "Accept-Ranges": "bytes",
    "Content-Range": "which bytes these are, and of how many",
    "Content-Disposition": "attachment: nothing that an author sent is shown by a browser",
    "Receipt": "published, or provisional: its checkpoint is not published yet",
    "Evidence-Upto": "every leaf below this index is in the index that the file goes by",
    "Evidence-Newer": "entries of the chain that are logged since",
}
EVERYWHERE: Final = (400, 401, 403, 413, 429, 503)
"""Errors that any operation may answer with."""
_READS: Final = (404, 406)
_TAKES: Final = (404, 406, 408, 409, 415, 422)


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer that is no error."""

    text: str
    model: type[BaseModel] | None = None
    """In CBOR or JSON; else bytes of ``media``."""
    media: str = ""
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    name: str
    text: str
    answers: dict[int, Answered]
    scope: str = LEDGER_READ
    """Empty for what is answered without a token."""
    errors: tuple[int, ...] = _READS
    query: type[Nothing] = Nothing
    body: type[BaseModel] | None = None
    body_media: tuple[str, ...] = field(default=MEDIA)


_APPENDED: Final = ("Entry", "Location")
_FILE: Final = ("Content-Disposition", "Evidence-Upto", "Evidence-Newer")
_CONTENT: Final = ("Access-Entry", "ETag", "Accept-Ranges", "Content-Disposition")


def _evidence(text: str) -> dict[int, Answered]:
    return {200: Answered(text, media=EVIDENCE, headers=_FILE)}


OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/entries",
        "appendEntry",
        "Append one entry that its author sealed and signed. The same bytes again get the first "
        "answer.",
        {
            201: Answered("it is durable", EntryOut, headers=_APPENDED),
            200: Answered("it stood there before", EntryOut, headers=_APPENDED),
        },
        LEDGER_APPEND,
        _TAKES,
        body=EntryIn,
    ),
    Operation(
        "POST",
        "/v1/batches",
        "appendBatch",
        "Append up to 4,096 records, or accesses, under one signature: all of them, or none. "
        "Members are not opened.",
        {
            201: Answered("it is durable", BatchOut, headers=_APPENDED),
            200: Answered("it stood there before", BatchOut, headers=_APPENDED),
        },
        LEDGER_APPEND,
        _TAKES,
        body=BatchIn,
    ),
    Operation(
        "POST",
        "/v1/payloads",
        "uploadPayload",
        "Send the sealed chunks of a content over 16 MiB, one behind the other, before the entry "
        "that names them.",
        {201: Answered("they lie ready", PayloadOut)},
        LEDGER_APPEND,
        _TAKES,
        Chunks,
        body_media=(OCTETS,),
    ),
    Operation(
        "GET",
        "/v1/entries/{index}",
        "getEntry",
        "What an entry says of itself, without its content.",
        {200: Answered("the entry", EntryInfo)},
    ),
    Operation(
        "GET",
        "/v1/entries/{index}/content",
        "getContent",
        "The author's bytes, exactly. An access entry is durable before the first of them leaves; "
        "each request is a release of its own, a range too.",
        {
            200: Answered(
                "all of it, of the type that its author gave", media="*/*", headers=_CONTENT
            ),
            206: Answered("a range", media="*/*", headers=(*_CONTENT, "Content-Range")),
            304: Answered("the client has it: nothing is released", headers=("ETag",)),
        },
        errors=(404, 410, 416, 422),
    ),
    Operation(
        "GET",
        "/v1/entries/{index}/receipt",
        "getReceipt",
        "The leaf and its inclusion proof (docs/spec/proof-and-receipt.md).",
        {200: Answered("a tlog-proof file", media=RECEIPT, headers=("Receipt",))},
        errors=(404,),
    ),
    Operation(
        "GET",
        "/v1/entries/{index}/evidence",
        "getEntryEvidence",
        "That the entry is in the log and its author might sign it (docs/spec/evidence.md).",
        _evidence("an evidence file"),
        errors=(404, 409, 422),
    ),
    Operation(
        "GET",
        "/v1/records/{record}/entries",
        "listEntries",
        "A record's entries, newest first, without their content.",
        {200: Answered("a page", EntryList)},
        query=Paging,
    ),
    Operation(
        "GET",
        "/v1/records/{record}/accesses",
        "listAccesses",
        "Who read the record, when, and what for, newest first. Leaves an access entry itself.",
        {200: Answered("a page", AccessList, headers=("Access-Entry",))},
        query=Paging,
    ),
    Operation(
        "GET",
        "/v1/records/{record}/evidence",
        "getRecordEvidence",
        "That these are all entries of the record, up to the published epoch.",
        _evidence("an evidence file"),
        errors=(404, 409, 422),
    ),
    Operation(
        "GET",
        "/v1/records/{record}/absence",
        "getAbsence",
        "That there is no entry under this id, up to the published epoch. For custodians and "
        "auditors.",
        _evidence("an evidence file"),
        errors=(404, 409, 422),
    ),
    Operation(
        "GET",
        "/v1/log",
        "getLog",
        "The log: origin, id, verifier keys, size.",
        {200: Answered("the log", LogInfo)},
        errors=(406,),
    ),
    Operation(
        "GET",
        "/v1/openapi.json",
        "getOpenapi",
        "This document.",
        {200: Answered("OpenAPI 3.1", media="application/json")},
        "",
        (),
    ),
)
