"""OpenAPI: the contract as an OpenAPI 3.1 document, made of the models that check requests."""

from __future__ import annotations

import json
import re
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.answers import PROBLEM_JSON
from api.v1.codec import MEDIA
from api.v1.contract import EVERYWHERE, HEADERS, OPERATIONS, Answered, Operation
from api.v1.models import Problem
from api.v1.parameters import PLACE, RECORD, Nothing, query_of

_SCHEMA: Final = "#/components/schemas/"
_PATH: Final = {
    "index": (PLACE, "index of the entry; 34~1 is entry 34 of the log before this one"),
    "record": (RECORD, "id of the record, in hexadecimal"),
}
_ABOUT: Final = (
    "The ledger API of counterfoil. CBOR and JSON have the same shapes; what is base64 in JSON is "
    "a byte string in CBOR, which is deterministic (RFC 8949 section 4.2.1). Specifications of "
    "statements, blobs, receipts and evidence: docs/spec."
)


async def openapi(request: web.Request) -> web.Response:
    """The document."""
    query_of(request, Nothing)
    return web.Response(body=_encoded(), content_type="application/json")


@cache
def _encoded() -> bytes:
    return json.dumps(document(), ensure_ascii=False, indent=1).encode()


def document() -> dict[str, Any]:
    """The document as JSON has it."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    bearer = {"type": "http", "scheme": "bearer", "description": "SMART Backend Services"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "counterfoil /v1", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": {"token": bearer}},
    }


def _schemas() -> dict[str, Any]:
    taken = {one.body for one in OPERATIONS if one.body is not None}
    given = {answer.model for one in OPERATIONS for answer in one.answers.values() if answer.model}
    models: list[tuple[type[BaseModel], Any]] = [(one, "validation") for one in taken]
    models += [(one, "serialization") for one in given | {Problem}]
    models.sort(key=lambda pair: pair[0].__name__)
    _, schema = models_json_schema(models, ref_template=_SCHEMA + "{model}")
    definitions: dict[str, Any] = schema["$defs"]
    return definitions


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.text,
        "parameters": [*_path_parameters(operation.path), *_query_parameters(operation.query)],
        "responses": {
            **{str(status): _answer(one) for status, one in operation.answers.items()},
            **{str(status): _error(status) for status in sorted({*EVERYWHERE, *operation.errors})},
        },
    }
    if operation.scope:
        described["description"] = f"Needs the scope {operation.scope}."
    else:
        described["security"] = []
    if operation.method == "POST":
        described["requestBody"] = {"required": True, "content": _content(operation)}
    return described


def _content(operation: Operation) -> dict[str, Any]:
    if operation.body is None:
        return {media: {} for media in operation.body_media}
    return {media: {"schema": _ref(operation.body)} for media in operation.body_media}


def _answer(answer: Answered) -> dict[str, Any]:
    headers = {
        name: {"description": HEADERS[name], "schema": {"type": "string"}}
        for name in ("Request-Id", *answer.headers)
    }
    described: dict[str, Any] = {"description": answer.text, "headers": headers}
    if answer.model is not None:
        described["content"] = {media: {"schema": _ref(answer.model)} for media in MEDIA}
    elif answer.media:
        described["content"] = {answer.media: {}}
    return described


def _error(status: int) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase.lower()
    return {"description": phrase, "content": {PROBLEM_JSON: {"schema": _ref(Problem)}}}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _SCHEMA + model.__name__}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH[name][1],
            "schema": {"type": "string", "pattern": _PATH[name][0]},
        }
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _query_parameters(model: type[Nothing]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(by_alias=True)
    required = schema.get("required", ())
    found = []
    for name, property_ in schema.get("properties", {}).items():
        text = property_.pop("description", "")
        kinds = property_.pop("anyOf", None)
        if kinds:
            # What may be left out is not null in a query.
            property_ = next(one for one in kinds if one.get("type") != "null")
        property_.pop("title", None)
        found.append(
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "description": text,
                "schema": property_,
            }
        )
    return found
