"""The URL table: every route of every surface, on one page.

A row without ``open`` is answered to callers with a token only.
"""

from __future__ import annotations

from typing import Final

from api.operations import health
from api.routing import Route
from api.tiles import handlers as tiles

OPERATIONS: Final = (
    Route("GET", "/livez", health.livez, open=True, spare=True, head=True),
    Route("GET", "/readyz", health.readyz, open=True, spare=True, head=True),
    Route("GET", "/metrics", health.metrics, open=True, spare=True),
)

LOG: Final = (
    Route("GET", "/checkpoint", tiles.checkpoint, open=True, head=True),
    # A token for bundles alone, hence open here.
    Route("GET", "/tile/{tile:.+}", tiles.tile, open=True, head=True),
)

AUTH: Final[tuple[Route, ...]] = ()

V1: Final[tuple[Route, ...]] = ()

FHIR: Final[tuple[Route, ...]] = ()

TABLE: Final = (*OPERATIONS, *LOG, *AUTH, *V1, *FHIR)
