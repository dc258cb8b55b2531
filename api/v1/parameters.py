"""Parameters: what stands in paths and queries of ``/v1``.

A path that names nothing is answered with 404; a query that is not understood with 400.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from api.errors import Refused, not_found
from ledger.serving.releasing import MOST_ACCESSES
from ledger.serving.uploads import MIN_CHUNK
from ledger.wire.ids import MAX_INTEGER, ChainId, Position
from ledger.wire.manifest import CHUNK, MAX_CHUNK

PLACE: Final = r"^[0-9]{1,15}(~[0-9]{1,3})?$"
RECORD: Final = r"^[0-9a-f]{32}$"
_PLACE: Final = re.compile(r"([0-9]{1,15})(?:~([0-9]{1,3}))?", re.ASCII)
_RECORD: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,15}", re.ASCII)


def _number(value: Any) -> int:
    if not isinstance(value, str) or _NUMBER.fullmatch(value) is None:
        raise ValueError("is no number")
    return int(value)


Number = Annotated[int, BeforeValidator(_number)]


class Nothing(BaseModel):
    """No query at all."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paging(Nothing):
    """Which page of a list."""

    start: str | None = Field(
        None,
        alias="from",
        pattern=PLACE,
        description="begin at this entry of the record, as `next` of the page before says",
    )
    limit: Number = Field(100, ge=1, le=MOST_ACCESSES, description="entries of a page")

    @property
    def position(self) -> Position | None:
        return None if self.start is None else parse_place(self.start)


class Chunks(Nothing):
    """What a payload's body consists of."""

    blob: str = Field(
        pattern="^[0-9a-f]{64}$",
        description="SHA-256 of the sealed blob that holds the manifest, in hexadecimal",
    )
    chunk: Number = Field(
        CHUNK, ge=MIN_CHUNK, le=MAX_CHUNK, description="bytes of text in each chunk but the last"
    )


Q = TypeVar("Q", bound=Nothing)


def query_of(request: web.Request, model: type[Q]) -> Q:
    """Raises Refused 400."""
    given = dict(request.query)
    if len(given) != len(request.query):
        raise _bad_query("a parameter stands twice in the query")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "extra_forbidden":
            raise _bad_query("the query has a parameter that is not known") from None
        name = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ").lower()
        raise _bad_query(f"query parameter {name}: {said}") from None


def _bad_query(message: str) -> Refused:
    return Refused(400, message, hint="see /v1/openapi.json", code="structure")


def parse_place(text: str) -> Position:
    """``34``, or ``34~1`` for entry 34 of the log before this one. Raises Refused 404."""
    match = _PLACE.fullmatch(text)
    if match is None or int(match[1]) > MAX_INTEGER:
        raise not_found()
    return Position(int(match[1]), int(match[2] or 0))


def place_of(request: web.Request) -> Position:
    """The entry that the path names."""
    return parse_place(request.match_info["index"])


def record_of(request: web.Request) -> ChainId:
    """The record that the path names."""
    text = request.match_info["record"]
    if _RECORD.fullmatch(text) is None:
        raise not_found()
    return ChainId(bytes.fromhex(text))
