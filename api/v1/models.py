"""Models: the bodies of ``/v1``, the same in CBOR and JSON. ``api.v1.openapi`` is made of them.

Ids of records, actors and entries are text in hexadecimal, as they stand in URLs. Everything else
that is bytes (hashes, statements, blobs, keys, receipts) is a byte string in CBOR and base64 (RFC
4648 section 4, padded) in JSON. Times are unix milliseconds. Members that are not known are
refused.
"""

from __future__ import annotations

import binascii
from base64 import b64encode
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)

from ledger.wire.erasure import MAX_ENTRIES
from ledger.wire.ids import MAX_INTEGER

FROM_JSON: Final = "from json"
"""Context of validation: bytes come as base64."""
MAX_BACK: Final = 999


def _bytes(value: Any, info: ValidationInfo) -> bytes:
    if not (info.context or {}).get(FROM_JSON):
        if not isinstance(value, bytes):
            raise ValueError("is no byte string")
        return value
    if not isinstance(value, str):
        raise ValueError("is no base64 text")
    try:
        raw = binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
    except ValueError as error:
        raise ValueError("is not base64 with its padding") from error
    # The last bits of the last character would be anything.
    tail = len(raw) % 3 or 3
    if b64encode(raw[-tail:]) != value[-4:].encode():
        raise ValueError("is not base64 as it is written")
    return raw


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


Bytes = Annotated[
    bytes,
    PlainValidator(_bytes),
    PlainSerializer(_base64, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$", description="16 bytes in hexadecimal")]
Number = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Back = Annotated[
    int,
    Field(ge=0, le=MAX_BACK, description="how many logs of the line lie between: 0 for this log"),
]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Place(_Model):
    """Where a leaf stands."""

    index: Number
    back: Back = 0


class EntryIn(_Model):
    """One entry that its author sealed and signed."""

    statement: Bytes = Field(description="COSE_Sign1 over the claim (docs/spec/statement.md)")
    blob: Bytes = Field(b"", description="the sealed blob that the claim names")
    key: Bytes = Field(b"", description="the content key of the blob")
    amends: Place | None = Field(
        None, description="where the leaf stands that an amendment, retraction or unlink names"
    )
    erases: list[Place] = Field(
        default_factory=list,
        max_length=MAX_ENTRIES,
        description="where the leaves stand that an erasure names, in its order",
    )


class BatchIn(_Model):
    """A batch: one statement, and its members one behind the other.

    Member n has bytes [170 n, 170 (n + 1)) of ``claims``, [32 n, 32 (n + 1)) of ``keys``, and of
    ``blobs`` as many as its claim says, behind those of the members before it.
    """

    statement: Bytes = Field(description="of the batch (docs/spec/batch.md)")
    claims: Bytes
    keys: Bytes
    blobs: Bytes


class EntryOut(_Model):
    """Where an entry stands, and its receipt."""

    index: Number
    leaf_hash: Bytes
    known: bool = Field(description="it stood there before: this is the first answer again")
    receipt: Bytes = Field(description="tlog-proof file with the leaf; provisional")


class BatchOut(_Model):
    """Where a batch stands: its entry at ``index``, its members behind it."""

    index: Number
    count: Number = Field(description="entries, the batch's own among them")
    leaf_hash: Bytes
    known: bool
    receipt: Bytes = Field(description="of the batch's own entry")


class EntryInfo(_Model):
    """What an entry says of itself; nothing of its content."""

    index: Number
    back: Back
    kind: str
    chain: Id
    seq: Number
    author: Id
    entry_id: Id
    authored_ms: Number = Field(description="the author's word")
    received_ms: Number = Field(description="the log's word")
    leaf_hash: Bytes
    prev_index: Number | None
    batch_index: Number | None = Field(description="of a member of a batch")
    amended: Bytes | None = Field(description="leaf hash of the entry that this one changes")
    sealed_bytes: Number
    sealed_hash: Bytes | None


class EntryList(_Model):
    """A page of a record's entries, newest first."""

    record: Id
    length: Number = Field(description="entries of the record by now")
    entries: list[EntryInfo]
    next: str | None = Field(description="`from` of the next page")


class AccessInfo(_Model):
    """One access entry with what its author sealed in it."""

    index: Number
    back: Back
    seq: Number
    received_ms: Number
    author: Id
    readable: bool = Field(description="false when it cannot be opened")
    on_behalf_of: Id | None
    purpose: str | None = Field(description="a v3 PurposeOfUse code")
    request: str | None
    query: str | None
    denied: bool = Field(description="asked for, and not released")
    entries: list[Bytes] = Field(description="leaf hashes of what it is about")


class AccessList(_Model):
    """A page of the accesses to a record, newest first. A page may be empty and not the last."""

    record: Id
    accesses: list[AccessInfo]
    next: str | None = Field(description="`from` of the next page")


class LogInfo(_Model):
    """The log that this service keeps."""

    origin: str
    log: str = Field(pattern="^[0-9a-f]{64}$", description="its id: the hash of leaf 0")
    size: Number
    published: Number = Field(description="size of the published checkpoint")
    vkeys: list[str] = Field(description="verifier keys, as its genesis names them")


class PayloadOut(_Model):
    """Chunks that lie ready for the entry that names them."""

    blob: str = Field(pattern="^[0-9a-f]{64}$")
    chunks: Number
    size: Number = Field(description="bytes of all sealed chunks")


class Problem(BaseModel):
    """RFC 9457: what is wrong, and what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    hint: str = ""
    instance: str = ""
