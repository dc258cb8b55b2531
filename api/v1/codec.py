"""Codec: bodies from and to CBOR (strict, ``ledger.wire.cbor``) and JSON (strict,
``ledger.fhir.jsontext``).

    400   not CBOR, or not JSON
    422   not of the shape
    406   neither is accepted

Answers in CBOR are deterministic too (RFC 8949 section 4.2.1); they alone have true, false and
null.
"""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import Final, TypeVar

import cbor2
from aiohttp import web
from pydantic import BaseModel, ValidationError

from api.errors import Refused
from api.v1.models import FROM_JSON
from ledger.errors import BadRequest
from ledger.fhir import jsontext
from ledger.wire import cbor

JSON: Final = "application/json"
CBOR: Final = "application/cbor"
MEDIA: Final = (CBOR, JSON)
_QUALITY: Final = re.compile(r"\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*", re.ASCII)
MOST_ITEMS: Final = 2_048
"""No body has more: a large one is large by its byte strings."""
M = TypeVar("M", bound=BaseModel)


class Form(Enum):
    """How a body is written."""

    JSON = JSON
    CBOR = CBOR


def form_of(request: web.Request) -> Form:
    """That of the request's body."""
    return Form.CBOR if request.content_type.lower() == CBOR else Form.JSON


def decoded(model: type[M], raw: bytes, form: Form) -> M:
    """A body of this shape. Raises Refused. For a thread: it may be large."""
    try:
        value: object
        if form is Form.CBOR:
            value = cbor.decode_map(raw, len(raw), MOST_ITEMS)
        else:
            value = _parsed(raw)
    except BadRequest as error:
        raise Refused(
            400,
            f"the body {error.message}".replace("the body cbor:", "the body is not our cbor:"),
            hint=error.hint or "deterministic CBOR, or JSON in UTF-8",
            code="structure",
        ) from error
    try:
        return model.model_validate(value, context={FROM_JSON: form is Form.JSON})
    except ValidationError as error:
        raise Refused(422, _wrong(error), hint="see /v1/openapi.json", code="invalid") from None


def _parsed(raw: bytes) -> object:
    # There is no comma in base64.
    if raw.count(b",") > MOST_ITEMS:
        raise BadRequest("has more members than any that is taken here")
    return jsontext.parse(raw)


def _wrong(error: ValidationError) -> str:
    """The first thing that is wrong, without anything that was sent."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "extra_forbidden":
        return "the body has a member that is not known"
    # Names in a place are those of the model, but for the last one of a member that is not known.
    place = ".".join(map(str, first["loc"])) or "the body"
    return f"{place}: {first['msg'].removeprefix('Value error, ').lower()}"


def accepted(request: web.Request) -> Form:
    """What the client takes best; JSON when it does not mind. Raises Refused 406."""
    header = ",".join(request.headers.getall("Accept", ["*/*"]))
    best, found = 0.0, None
    for form in (Form.JSON, Form.CBOR):
        quality = _quality(header, form.value)
        if quality > best:
            best, found = quality, form
    if found is None:
        raise Refused(
            406,
            "the answer has no form that is accepted",
            hint="accept application/json or application/cbor",
            code="not-supported",
        )
    return found


def _quality(header: str, media: str) -> float:
    """Of a media type by the most specific range that names it (RFC 9110 section 12.5.1)."""
    found: dict[int, float] = {}
    for item in header.split(","):
        range_, *parameters = item.split(";")
        specific = ("*/*", "application/*", media)
        if (name := range_.strip().lower()) not in specific:
            continue
        quality = 1.0
        for parameter in parameters:
            if match := _QUALITY.fullmatch(parameter):
                quality = float(match[1])
        found[specific.index(name)] = quality
    return found[max(found)] if found else 0.0


def answer(
    model: BaseModel, form: Form, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """The model as a response."""
    if form is Form.CBOR:
        body = cbor2.dumps(model.model_dump(), canonical=True)
    else:
        text = json.dumps(model.model_dump(mode="json"), ensure_ascii=False)
        body = text.encode()
    return web.Response(status=status, body=body, content_type=form.value, headers=headers)
