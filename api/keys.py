"""What every handler finds in ``request.app`` and in ``request``, beside BRIDGE and CALLER."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from api.metrics import Metrics
from api.settings import Settings
from ledger.author import Author

SETTINGS: Final = web.AppKey("settings", Settings)
GATEWAY: Final = web.AppKey("gateway", Author)
"""Signs for callers that cannot; the service's own author."""
STATE: Final = web.AppKey("state", Path)
"""Directory of what the service itself must remember."""
METRICS: Final = web.AppKey("metrics", Metrics)
LOG: Final = web.AppKey("log", structlog.typing.FilteringBoundLogger)
REQUEST_ID: Final = web.RequestKey("request_id", str)
"""A UUIDv7 that we make: it stands in the answer, in the log and in access entries."""
