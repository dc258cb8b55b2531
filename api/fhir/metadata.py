"""CapabilityStatement at ``/fhir/metadata``: open to all, and the same for all."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version
from time import time_ns
from typing import Final

from aiohttp import web

from api.address import ADDRESS
from api.fhir.formats import check_format
from api.fhir.replies import as_bytes
from api.fhir.visit import base_of
from ledger.author import FHIR_JSON
from ledger.fhir.capability import Instance, capability_statement

_SINCE_MS: Final = time_ns() // 1_000_000
"""When this program began: its statement is as old."""


async def metadata(request: web.Request) -> web.StreamResponse:
    """``GET /fhir/metadata``"""
    check_format(request)
    answer = web.Response(
        body=_statement(base_of(request), request.app[ADDRESS].token_url),
        content_type=FHIR_JSON,
        charset="utf-8",
        headers={"Cache-Control": "max-age=300"},
    )
    answer.enable_compression()
    return answer


@lru_cache(maxsize=16)
def _statement(base: str, token: str) -> bytes:
    return as_bytes(capability_statement(Instance(base, token, version("counterfoil"), _SINCE_MS)))
